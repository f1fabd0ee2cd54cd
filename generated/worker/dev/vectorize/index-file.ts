/** A Vectorize index in an SQLite file: its vectors, and the mutations that do not show yet. */
import type { Database } from "bun:sqlite";
import type { Definition, Metadata, Scalar, Vector } from "./refusals.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS indexes (
    name TEXT PRIMARY KEY, dimensions INTEGER NOT NULL, processed TEXT, processed_created_at INTEGER
  );
  CREATE TABLE IF NOT EXISTS vectors (
    index_name TEXT NOT NULL, id TEXT NOT NULL, namespace TEXT, metadata TEXT, indexed TEXT NOT NULL, "values" BLOB NOT NULL,
    PRIMARY KEY (index_name, id)
  );
  CREATE TABLE IF NOT EXISTS mutations (
    number INTEGER PRIMARY KEY AUTOINCREMENT, index_name TEXT NOT NULL, id TEXT NOT NULL, created_at INTEGER NOT NULL,
    kind TEXT NOT NULL, vectors TEXT NOT NULL, "values" BLOB NOT NULL
  );
`;

export type MutationKind = "insert" | "upsert" | "delete";

/** A vector as an index holds it, with what its metadata indexes took from it. */
export interface StoredVector extends Vector {
  indexed: Record<string, Scalar>;
}

export interface Mutation {
  kind: MutationKind;
  vectors: Vector[];
}

interface VectorRow {
  id: string;
  namespace: string | null;
  metadata: string | null;
  indexed: string;
  values: Uint8Array;
}

interface MutationRow {
  number: number;
  id: string;
  created_at: number;
  kind: MutationKind;
  vectors: string;
  values: Uint8Array;
}

export class IndexFile {
  readonly #database: Database;
  readonly #name: string;

  /** @throws when the file holds vectors of other dimensions. */
  constructor(database: Database, { index, dimensions }: Definition) {
    this.#database = database;
    this.#name = index;
    database.run(SCHEMA);
    database.run("INSERT OR IGNORE INTO indexes (name, dimensions) VALUES (?, ?)", [index, dimensions]);
    const present = database
      .query<{ dimensions: number }, [string]>("SELECT dimensions FROM indexes WHERE name = ?")
      .get(index);
    if (present?.dimensions !== dimensions) {
      throw new Error(
        `The index '${index}' was made for ${present?.dimensions} dimensions, not ${dimensions}. ` +
          `Delete ${database.filename} to make it anew`,
      );
    }
  }

  *vectors(): Generator<StoredVector> {
    const rows = this.#database.query<VectorRow, [string]>("SELECT * FROM vectors WHERE index_name = ?");
    for (const { id, namespace, metadata, indexed, values } of rows.iterate(this.#name)) {
      const vector: StoredVector = { id, values: floats(values), indexed: JSON.parse(indexed) };
      if (namespace !== null) vector.namespace = namespace;
      if (metadata !== null) vector.metadata = JSON.parse(metadata) as Metadata;
      yield vector;
    }
  }

  put({ id, values, namespace, metadata, indexed }: StoredVector): void {
    this.#database
      .query(`INSERT OR REPLACE INTO vectors (index_name, id, namespace, metadata, indexed, "values")
              VALUES (?, ?, ?, ?, ?, ?)`)
      .run(
        this.#name,
        id,
        namespace ?? null,
        metadata === undefined ? null : JSON.stringify(metadata),
        JSON.stringify(indexed),
        octets(values),
      );
  }

  remove(id: string): void {
    this.#database.query("DELETE FROM vectors WHERE index_name = ? AND id = ?").run(this.#name, id);
  }

  /** Note down a mutation that is to show later; the answer is its id. */
  queue(kind: MutationKind, vectors: Vector[], createdAt: number): string {
    const id = crypto.randomUUID();
    const rest = vectors.map(({ values, ...rest }) => ({ ...rest, length: values.length }));
    const values = Buffer.concat(vectors.map((vector) => octets(vector.values)));
    this.#database
      .query(`INSERT INTO mutations (index_name, id, created_at, kind, vectors, "values") VALUES (?, ?, ?, ?, ?, ?)`)
      .run(this.#name, id, createdAt, kind, JSON.stringify(rest), values);
    return id;
  }

  /** Work off the mutations up to a moment, in order; those that are applied are forgotten with it. */
  process(upTo: number, apply: (mutation: Mutation) => void): void {
    const due = this.#database.query<MutationRow, [string, number]>(
      "SELECT * FROM mutations WHERE index_name = ? AND created_at <= ? ORDER BY number LIMIT 1",
    );
    const processed = this.#database.query("UPDATE indexes SET processed = ?, processed_created_at = ? WHERE name = ?");
    const forget = this.#database.query("DELETE FROM mutations WHERE number = ?");
    for (let row = due.get(this.#name, upTo); row !== null; row = due.get(this.#name, upTo)) {
      const { number, id, created_at, kind, vectors, values } = row;
      this.#database.transaction(() => {
        apply({ kind, vectors: unpack(vectors, values) });
        processed.run(id, created_at, this.#name);
        forget.run(number);
      })();
    }
  }

  /** The last mutation that shows. */
  lastProcessed(): { id: string | null; createdAt: number | null } {
    const row = this.#database
      .query<{ id: string | null; createdAt: number | null }, [string]>(
        "SELECT processed AS id, processed_created_at AS createdAt FROM indexes WHERE name = ?",
      )
      .get(this.#name);
    return row ?? { id: null, createdAt: null };
  }
}

function unpack(vectors: string, values: Uint8Array): Vector[] {
  const all = floats(values);
  let offset = 0;
  return (JSON.parse(vectors) as (Omit<Vector, "values"> & { length: number })[]).map(({ length, ...rest }) => {
    const vector = { ...rest, values: all.subarray(offset, offset + length) };
    offset += length;
    return vector;
  });
}

function octets(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** A copy, since SQLite's bytes lie anywhere in memory, and floats must not. */
function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}
