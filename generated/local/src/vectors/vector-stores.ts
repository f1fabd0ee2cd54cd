/** Chooses where an account's vectors are kept. */

import type { Database } from "bun:sqlite";
import type { ConnectOptions } from "./qdrant-connection.ts";
import { QdrantStore } from "./qdrant-store.ts";
import { SqliteVecStore } from "./sqlite-vec-store.ts";
import type { VectorStore, Warn } from "./store.ts";

/** The part `vector_store` of an account's configuration, with the limits that the core sets to calls. */
export interface VectorStoreConfig {
  url: string;
  api_key?: string;
  max_bytes?: number;
  timeout_seconds?: number;
}

/** The stores of all accounts; each is made when it is first asked for. */
export class VectorStores {
  readonly #database: Database;
  readonly #warn: Warn;
  readonly #options: ConnectOptions;
  readonly #servers = new Map<string, QdrantStore>();
  #local: SqliteVecStore | undefined;

  /** @param database keeps the vectors of accounts that name no server. */
  constructor(database: Database, warn: Warn, options: ConnectOptions = {}) {
    this.#database = database;
    this.#warn = warn;
    this.#options = options;
  }

  /** The store of a configuration. */
  get(config: VectorStoreConfig | null): VectorStore {
    if (!config) {
      this.#local ??= new SqliteVecStore(this.#database, this.#warn);
      return this.#local;
    }
    const { url, api_key: apiKey = "", max_bytes: maxBytes, timeout_seconds: timeoutSeconds } = config;
    const key = JSON.stringify([url, apiKey]);
    const limits = { ...(maxBytes ? { maxBytes } : {}), ...(timeoutSeconds ? { timeoutSeconds } : {}) };
    const store = this.#servers.get(key) ?? new QdrantStore(url, apiKey, this.#warn, { ...limits, ...this.#options });
    this.#servers.set(key, store);
    return store;
  }
}
