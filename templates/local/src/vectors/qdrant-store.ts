/** Vectors on a Qdrant server, through its own client. */

import type { QdrantClient } from "@qdrant/js-client-rest";
import { checkPoints, checkVector } from "./check.ts";
import { CollectionMissing, VectorServerRefusal } from "./errors.ts";
import { type ConnectOptions, connectToQdrant, notQdrant, translateError } from "./qdrant-connection.ts";
import type { VectorMatch, VectorPoint, VectorStore, Warn } from "./store.ts";

// Vectors are some 20 bytes a dimension in JSON; Qdrant takes 32 MB a request.
const POINTS_A_REQUEST = 100;
const IDS_A_REQUEST = 1000;
// The first version of Qdrant with `/points/query`.
const OLDEST = "1.10.0";

/** A collection as it is on the server. */
interface Found {
  /** 0 when its vectors are not of our kind. */
  dimensions: number;
  indexed: boolean;
}

/** Keeps vectors on a server of the account's choice. */
export class QdrantStore implements VectorStore {
  readonly #client: QdrantClient;
  readonly #server: string;
  readonly #timeoutSeconds: number;
  readonly #warn: Warn;
  // Dimensions of collections that were seen ready; the server refuses what no longer fits.
  readonly #dimensions = new Map<string, number>();

  /** Raises `VectorServerRefusal` when the address or the key cannot be used; connects to nothing yet. */
  constructor(url: string, apiKey: string, warn: Warn, options: ConnectOptions = {}) {
    const { client, server, timeoutSeconds } = connectToQdrant(url, apiKey, options);
    this.#client = client;
    this.#server = server;
    this.#timeoutSeconds = timeoutSeconds;
    this.#warn = warn;
  }

  async dimensions(collection: string): Promise<number | null> {
    return (await this.#find(collection))?.dimensions ?? null;
  }

  async ensureCollection(collection: string, dimensions: number): Promise<boolean> {
    const found = await this.#find(collection);
    if (found?.dimensions === dimensions) {
      if (!found.indexed) await this.#index(collection);
      this.#dimensions.set(collection, dimensions);
      return false;
    }
    if (found) {
      const reason = found.dimensions
        ? `embeddings have ${dimensions} dimensions now, not ${found.dimensions}`
        : "it holds vectors of another kind";
      this.#warn(
        `the vector collection ${collection} of ${this.#server} is made anew, since ${reason}: its vectors are dropped`,
      );
      await this.#ask(this.#client.deleteCollection(collection));
    }
    await this.#create(collection, dimensions);
    this.#dimensions.set(collection, dimensions);
    return found !== undefined;
  }

  async upsert(collection: string, points: readonly VectorPoint[]): Promise<void> {
    if (points.length === 0) return;
    const dimensions = await this.#dimensionsOf(collection);
    if (dimensions === undefined) throw new CollectionMissing(collection);
    checkPoints(collection, dimensions, points);
    for (const chunk of chunks(points, POINTS_A_REQUEST)) {
      const stored = await this.#askForCollection(
        collection,
        this.#client.upsert(collection, { wait: true, points: chunk.map(wirePoint) }),
      );
      if (stored === undefined) throw new CollectionMissing(collection);
    }
  }

  async search(collection: string, values: Float32Array, repoId: number, limit: number): Promise<VectorMatch[]> {
    const dimensions = await this.#dimensionsOf(collection);
    if (dimensions === undefined) return [];
    checkVector(collection, dimensions, values, "the vector to search for");
    return (await this.#query(collection, [...values], repoId, limit)) ?? [];
  }

  async searchById(collection: string, id: string, repoId: number, limit: number): Promise<VectorMatch[] | null> {
    // The server leaves the point itself out.
    return this.#query(collection, uuidOf(id), repoId, limit);
  }

  async getVectors(collection: string, ids: readonly string[]): Promise<Map<string, Float32Array>> {
    const idOf = new Map(ids.map((id) => [uuidOf(id), id]));
    const vectors = new Map<string, Float32Array>();
    for (const chunk of chunks([...idOf.keys()], POINTS_A_REQUEST)) {
      const asked = this.#client.retrieve(collection, { ids: chunk, with_vector: true, with_payload: false });
      for (const { id, vector } of this.#listed(await this.#askForCollection(collection, asked))) {
        const known = idOf.get(String(id));
        if (known === undefined) continue;
        if (!(Array.isArray(vector) && vector.every(Number.isFinite))) throw notQdrant(this.#server);
        vectors.set(known, new Float32Array(vector));
      }
    }
    return vectors;
  }

  async delete(collection: string, ids: readonly string[]): Promise<void> {
    for (const chunk of chunks(ids, IDS_A_REQUEST)) {
      const points = chunk.map(uuidOf);
      await this.#askForCollection(collection, this.#client.delete(collection, { wait: true, points }));
    }
  }

  /** The nearest points; null when the collection, or the point to start from, is not there: the server answers 404. */
  async #query(
    collection: string,
    query: number[] | string,
    repoId: number,
    limit: number,
  ): Promise<VectorMatch[] | null> {
    const asked = this.#client.query(collection, {
      query,
      filter: { must: [{ key: "repoId", match: { value: repoId } }] },
      // A repository's points are few: comparing them all costs little and misses none.
      params: { exact: true },
      limit,
      with_payload: true,
    });
    const answer = await this.#askForCollection(collection, asked).catch((error) => this.#explain(error));
    if (answer === undefined) return null;
    return this.#listed(answer.points).map(({ score, payload }) => {
      // What a point carries; the shape of collections that older versions made.
      const { repoId, prNumber, prId } = Object(payload) as Record<string, unknown>;
      if (!(isWhole(repoId) && isWhole(prNumber) && isWhole(prId) && Number.isFinite(score))) {
        throw notQdrant(this.#server);
      }
      return { id: pointId(collection, repoId, prNumber), score: Number(score), prNumber, prId };
    });
  }

  /** The objects of a list in an answer; the client checks nothing. */
  #listed(items: unknown = []): Record<string, unknown>[] {
    if (!Array.isArray(items)) throw notQdrant(this.#server);
    return items.map((item) => Object(item) as Record<string, unknown>);
  }

  /** Raises what a search failed with, or that the server is too old to search so. */
  async #explain(error: unknown): Promise<never> {
    if (!(error instanceof VectorServerRefusal && error.isUnknownPath)) throw error;
    const { title, version } = await this.#ask(this.#client.versionInfo());
    if (!/qdrant/i.test(title) || !/^\d/.test(version) || Bun.semver.satisfies(version, `>=${OLDEST}`)) throw error;
    throw new VectorServerRefusal(
      this.#server,
      `is Qdrant ${version.slice(0, 20)}, which is too old: ossgard needs ${OLDEST} or later (/points/query)`,
      "Upgrade it, or use another server and change vector_store.url",
    );
  }

  async #find(collection: string): Promise<Found | undefined> {
    const info = await this.#askForCollection(collection, this.#client.getCollection(collection));
    if (info === undefined) return undefined;
    // A collection of another kind is dropped; one that is not described must not be taken for such.
    if (typeof info.config?.params !== "object" || info.config.params === null) throw notQdrant(this.#server);
    const { vectors } = info.config.params;
    const ours = typeof vectors?.size === "number" && vectors.distance === "Cosine";
    return {
      dimensions: ours ? Number(vectors.size) : 0,
      indexed: info.payload_schema?.repoId !== undefined,
    };
  }

  async #create(collection: string, dimensions: number): Promise<void> {
    try {
      await this.#ask(this.#client.createCollection(collection, { vectors: { size: dimensions, distance: "Cosine" } }));
    } catch (error) {
      // Another process may have made the same collection in this moment.
      if (!(error instanceof VectorServerRefusal) || error.status !== 409) throw error;
      if ((await this.#find(collection))?.dimensions !== dimensions) throw error;
    }
    await this.#index(collection);
  }

  async #index(collection: string): Promise<void> {
    await this.#ask(
      this.#client.createPayloadIndex(collection, { field_name: "repoId", field_schema: "integer", wait: true }),
    );
  }

  async #dimensionsOf(collection: string): Promise<number | undefined> {
    const known = this.#dimensions.get(collection) ?? (await this.#find(collection))?.dimensions;
    if (known !== undefined) this.#dimensions.set(collection, known);
    return known;
  }

  async #ask<Answer>(asked: Promise<Answer>): Promise<Answer> {
    try {
      return await asked;
    } catch (error) {
      throw translateError(error, this.#server, this.#timeoutSeconds);
    }
  }

  /** The answer, or undefined when the server does not have the collection, or the point that was asked for. */
  async #askForCollection<Answer>(collection: string, asked: Promise<Answer>): Promise<Answer | undefined> {
    try {
      return await this.#ask(asked);
    } catch (error) {
      // Somebody else may have removed the collection, or made it anew.
      this.#dimensions.delete(collection);
      if (!(error instanceof VectorServerRefusal) || error.status !== 404 || error.isUnknownPath) throw error;
      return undefined;
    }
  }
}

/** Qdrant wants UUIDs: the MD5 of the id, written as one. */
export function uuidOf(id: string): string {
  const hex = new Bun.CryptoHasher("md5").update(id).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** The id whose MD5 the server holds; the payloads of older versions do not repeat it. */
function pointId(collection: string, repoId: number, prNumber: number): string {
  return `${repoId}-${prNumber}-${collection.slice(collection.lastIndexOf("-") + 1)}`;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function wirePoint({ id, values, repoId, prNumber, prId }: VectorPoint) {
  return { id: uuidOf(id), vector: [...values], payload: { repoId, prNumber, prId } };
}

function* chunks<Item>(items: readonly Item[], size: number): Generator<Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
