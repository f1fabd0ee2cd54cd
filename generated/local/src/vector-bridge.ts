/**
 * The vector stores as the core in Pyodide calls them: JSON text each way.
 *
 * Vectors travel in it as base64 of their 32-bit floats, which Python writes more than ten times faster than numbers.
 */

import { DatabaseUnavailable, messageOf } from "./errors.ts";
import { asUnavailable } from "./sqlite-failure.ts";
import { VectorStoreError } from "./vectors/errors.ts";
import type { VectorStore } from "./vectors/store.ts";
import type { VectorStoreConfig, VectorStores } from "./vectors/vector-stores.ts";

/** A vector as it travels. */
type Encoded = string;

interface WirePoint {
  id: string;
  values: Encoded;
  repoId: number;
  prNumber: number;
  prId: number;
}

/** What the core may call; each takes its parameters as a list. */
const METHODS = {
  dimensions: (store: VectorStore, collection: string) => store.dimensions(collection),
  ensureCollection: (store: VectorStore, collection: string, dimensions: number) =>
    store.ensureCollection(collection, dimensions),
  upsert: async (store: VectorStore, collection: string, points: WirePoint[]) => {
    await store.upsert(
      collection,
      points.map((point) => ({ ...point, values: decode(point.values) })),
    );
  },
  search: (store: VectorStore, collection: string, values: Encoded, repoId: number, limit: number) =>
    store.search(collection, decode(values), repoId, limit),
  searchById: (store: VectorStore, collection: string, id: string, repoId: number, limit: number) =>
    store.searchById(collection, id, repoId, limit),
  getVectors: async (store: VectorStore, collection: string, ids: string[]) => {
    const vectors = await store.getVectors(collection, ids);
    return Object.fromEntries([...vectors].map(([id, values]) => [id, encode(values)]));
  },
  delete: (store: VectorStore, collection: string, ids: string[]) => store.delete(collection, ids),
};

type Method = (store: VectorStore, ...parameters: unknown[]) => Promise<unknown>;

/**
 * Calls a method of the store that a configuration names; errors are part of the answer.
 *
 * @param configJson an account's `vector_store`, or `null`.
 */
export async function callVectors(
  stores: VectorStores,
  configJson: string,
  method: string,
  argumentsJson: string,
): Promise<string> {
  try {
    if (!Object.hasOwn(METHODS, method)) throw new TypeError(`there is no vector method '${method}'`);
    const store = stores.get(JSON.parse(configJson) as VectorStoreConfig | null);
    const call = METHODS[method as keyof typeof METHODS] as Method;
    return JSON.stringify({ ok: (await call(store, ...(JSON.parse(argumentsJson) as unknown[]))) ?? null });
  } catch (thrown) {
    const error = asUnavailable(thrown);
    const kind = error instanceof VectorStoreError ? error.kind : "database";
    return JSON.stringify({
      error: { kind: error instanceof DatabaseUnavailable ? "unavailable" : kind, message: messageOf(error) },
    });
  }
}

function decode(text: Encoded): Float32Array {
  return new Float32Array(Uint8Array.fromBase64(text).buffer);
}

function encode(values: Float32Array): Encoded {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength).toBase64();
}
