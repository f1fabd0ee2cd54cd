/** Vectors in the host's own SQLite file, through the extension sqlite-vec: one virtual table for each collection. */

import type { Database } from "bun:sqlite";
import { checkPoints, checkVector } from "./check.ts";
import { CollectionMissing, UnsupportedDimensions } from "./errors.ts";
import { loadVectorExtension } from "./extension.ts";
import type { VectorMatch, VectorPoint, VectorStore, Warn } from "./store.ts";

// Limits of sqlite-vec.
const MAX_DIMENSIONS = 8192;
const MAX_NEIGHBOURS = 4096;
// Vectors lie in blocks of this many, and each repository has its own: a small one would waste most of a large block.
const CHUNK_SIZE = 64;
// A search reads every vector of a repository: read through a mapping of the file it takes two thirds of the time.
const MAPPED_BYTES = 1024 ** 3;

interface Row {
  id: string;
  distance: number;
  prNumber: number;
  prId: number;
}

/** Keeps vectors beside the other tables, in the same connection. */
export class SqliteVecStore implements VectorStore {
  readonly #database: Database;
  readonly #warn: Warn;

  /** @param database must stay the only connection that writes vectors. */
  constructor(database: Database, warn: Warn) {
    loadVectorExtension(database);
    database.run(`PRAGMA mmap_size = ${MAPPED_BYTES}`);
    this.#database = database;
    this.#warn = warn;
  }

  async dimensions(collection: string): Promise<number | null> {
    return this.#dimensionsOf(tableOf(collection)) ?? null;
  }

  async ensureCollection(collection: string, dimensions: number): Promise<boolean> {
    if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > MAX_DIMENSIONS) {
      throw new UnsupportedDimensions(dimensions, MAX_DIMENSIONS);
    }
    const table = tableOf(collection);
    const present = this.#dimensionsOf(table);
    if (present === dimensions) return false;
    if (present !== undefined) {
      this.#warn(
        `the vector collection ${collection} is made anew, since embeddings have ${dimensions} dimensions now, ` +
          `not ${present}: its vectors are dropped`,
      );
    }
    this.#database.transaction(() => {
      if (present !== undefined) this.#database.run(`DROP TABLE ${table}`);
      this.#database.run(
        `CREATE VIRTUAL TABLE ${table} USING vec0(
          id TEXT PRIMARY KEY,
          repo_id INTEGER PARTITION KEY,
          embedding FLOAT[${dimensions}] DISTANCE_METRIC=cosine,
          +pr_number INTEGER,
          +pr_id INTEGER,
          CHUNK_SIZE=${CHUNK_SIZE}
        )`,
      );
    })();
    return present !== undefined;
  }

  async upsert(collection: string, points: readonly VectorPoint[]): Promise<void> {
    if (points.length === 0) return;
    const table = tableOf(collection);
    const dimensions = this.#dimensionsOf(table);
    if (dimensions === undefined) throw new CollectionMissing(collection);
    checkPoints(collection, dimensions, points);
    // sqlite-vec knows no REPLACE. An update in place leaves no holes in the blocks, as deleting first would.
    const update = this.#database.query(`UPDATE ${table} SET embedding = ?2, pr_number = ?3, pr_id = ?4 WHERE id = ?1`);
    const insert = this.#database.query(
      `INSERT INTO ${table} (id, embedding, pr_number, pr_id, repo_id) VALUES (?1, ?2, ?3, ?4, ?5)`,
    );
    this.#database.transaction(() => {
      for (const { id, values, repoId, prNumber, prId } of points) {
        // The id names the repository, so that a point never changes hands.
        if (update.run(id, values, prNumber, prId).changes === 0) insert.run(id, values, prNumber, prId, repoId);
      }
    })();
  }

  async search(collection: string, values: Float32Array, repoId: number, limit: number): Promise<VectorMatch[]> {
    const table = tableOf(collection);
    const dimensions = this.#dimensionsOf(table);
    if (dimensions === undefined) return [];
    checkVector(collection, dimensions, values, "the vector to search for");
    return this.#nearest(table, values, repoId, limit);
  }

  async searchById(collection: string, id: string, repoId: number, limit: number): Promise<VectorMatch[] | null> {
    const [vector] = this.#vectors(tableOf(collection), [id]);
    if (!vector) return null;
    const found = this.#nearest(tableOf(collection), vector.embedding, repoId, limit + 1);
    return found.filter((match) => match.id !== id).slice(0, limit);
  }

  async getVectors(collection: string, ids: readonly string[]): Promise<Map<string, Float32Array>> {
    const vectors = this.#vectors(tableOf(collection), ids);
    return new Map(vectors.map(({ id, embedding }) => [id, new Float32Array(embedding.slice().buffer)]));
  }

  async delete(collection: string, ids: readonly string[]): Promise<void> {
    const table = tableOf(collection);
    if (this.#dimensionsOf(table) === undefined) return;
    const remove = this.#database.query(`DELETE FROM ${table} WHERE id = ?1`);
    this.#database.transaction(() => {
      for (const id of ids) remove.run(id);
    })();
  }

  #nearest(table: string, vector: Uint8Array | Float32Array, repoId: number, limit: number): VectorMatch[] {
    // The distance to a vector of zeros is no number, and would come first.
    const rows = this.#database
      .query<Row, [Uint8Array | Float32Array, number, number]>(
        `SELECT id, distance, pr_number AS prNumber, pr_id AS prId FROM ${table}
         WHERE embedding MATCH ?1 AND k = ?2 AND repo_id = ?3 AND distance <= 2.5 ORDER BY distance`,
      )
      .all(vector, Math.min(limit, MAX_NEIGHBOURS), repoId);
    return rows.map(({ id, distance, prNumber, prId }) => ({ id, score: 1 - distance, prNumber, prId }));
  }

  #vectors(table: string, ids: readonly string[]): { id: string; embedding: Uint8Array }[] {
    if (this.#dimensionsOf(table) === undefined) return [];
    const query = this.#database.query<{ id: string; embedding: Uint8Array }, [string]>(
      `SELECT id, embedding FROM ${table} WHERE id = ?1`,
    );
    return ids.flatMap((id) => query.get(id) ?? []);
  }

  /** Of an existing table's vectors; undefined when there is no such table. */
  #dimensionsOf(table: string): number | undefined {
    const row = this.#database
      .query<{ sql: string }, [string]>("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1")
      .get(table);
    const dimensions = row?.sql.match(/float\[(\d+)\]/i)?.[1];
    return dimensions === undefined ? undefined : Number(dimensions);
  }
}

function tableOf(collection: string): string {
  // The name becomes part of SQL.
  if (!/^[a-z][a-z0-9-]*$/.test(collection)) throw new TypeError(`'${collection}' is not the name of a collection`);
  return `vectors_${collection.replaceAll("-", "_")}`;
}
