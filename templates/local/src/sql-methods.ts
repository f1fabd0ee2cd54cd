/** What every generated SQL method shares: binding values, reading rows, pages and transactions, over `bun:sqlite`. */

import { type Database, SQLiteError } from "bun:sqlite";
import { ConstraintError } from "./errors.ts";
import type { Row } from "./spec/rows.ts";
import type { Write } from "./spec/types.ts";
import { asUnavailable } from "./sqlite-failure.ts";

/** SQL with `?1`, `?2`, ...; `order` gives the position in the call of the value for each. */
export interface Statement {
  sql: string;
  order: readonly number[];
}

/** The SQL of a method: which of its statements returns rows, and how a long list is read. */
export interface Query {
  statements: readonly Statement[];
  rowsFrom?: number;
  page?: { by: string; size: number };
}

type SqlValue = null | number | string;

/** Runs the queries of a generated database class. */
export abstract class SqlMethods {
  readonly #database: Database;
  readonly #writes: Readonly<Record<string, Query>>;

  /**
   * @param database the open database.
   * @param writes every query that may be part of a batch, by its method's name.
   */
  constructor(database: Database, writes: Readonly<Record<string, Query>>) {
    this.#database = database;
    this.#writes = writes;
  }

  async batch(writes: readonly Write[]): Promise<void> {
    this.#transaction(() => {
      for (const { method, parameters } of writes) {
        const query = this.#writes[method];
        if (query === undefined) throw new TypeError(`there is no write '${method}'`);
        this.#execute(query, parameters);
      }
    });
  }

  protected async run(query: Query, parameters: readonly unknown[]): Promise<number> {
    return this.#run(query, parameters).changes;
  }

  protected async one<T>(query: Query, parameters: readonly unknown[], read: (row: Row) => T): Promise<T> {
    const [row] = this.#run(query, parameters).rows;
    if (row === undefined) throw new RangeError("no row came back: a parameter is out of range, or its owner is gone");
    return read(row);
  }

  protected async first<T>(query: Query, parameters: readonly unknown[], read: (row: Row) => T): Promise<T | null> {
    const [row] = this.#run(query, parameters).rows;
    return row === undefined ? null : read(row);
  }

  protected async list<T>(query: Query, parameters: readonly unknown[], read: (row: Row) => T): Promise<T[]> {
    return this.#run(query, parameters).rows.map(read);
  }

  protected async pages<T>(query: Query, parameters: readonly unknown[], read: (row: Row) => T): Promise<T[]> {
    const { by, size } = query.page ?? { by: "", size: Number.MAX_SAFE_INTEGER };
    const found: T[] = [];
    for (let after: unknown = -1; ; ) {
      const { rows } = this.#run(query, [...parameters, after, size]);
      for (const row of rows) found.push(read(row));
      if (rows.length < size) return found;
      after = rows.at(-1)?.[by];
    }
  }

  protected async value<T>(query: Query, parameters: readonly unknown[]): Promise<T> {
    return this.one(query, parameters, (row) => Object.values(row)[0] as T);
  }

  protected async firstValue<T>(query: Query, parameters: readonly unknown[]): Promise<T | null> {
    return this.first(query, parameters, (row) => Object.values(row)[0] as T | null);
  }

  protected async values<T>(query: Query, parameters: readonly unknown[]): Promise<T[]> {
    return this.list(query, parameters, (row) => Object.values(row)[0] as T);
  }

  #run(query: Query, parameters: readonly unknown[]): { rows: Row[]; changes: number } {
    if (query.statements.length === 1) return this.#guarded(() => this.#execute(query, parameters));
    return this.#transaction(() => this.#execute(query, parameters));
  }

  /** Runs a query's statements: the rows of the one that returns some, and how many the last one changed. */
  #execute(query: Query, parameters: readonly unknown[]): { rows: Row[]; changes: number } {
    const values = parameters.map(encode);
    // Integers beyond 2^53-1 were rounded on their way: no row can hold them.
    if (values.some((value) => typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value))) {
      return { rows: [], changes: 0 };
    }
    let rows: Row[] = [];
    let changes = 0;
    for (const [index, { sql, order }] of query.statements.entries()) {
      const statement = this.#database.query<Row, SqlValue[]>(sql);
      const bound = order.map((position) => values[position] ?? null);
      if (index === query.rowsFrom) rows = statement.all(...bound);
      else changes = statement.run(...bound).changes;
    }
    return { rows, changes };
  }

  #transaction<T>(work: () => T): T {
    return this.#guarded(() => this.#database.transaction(work).immediate());
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof SQLiteError && error.code?.startsWith("SQLITE_CONSTRAINT")) {
        throw new ConstraintError(error.message);
      }
      throw asUnavailable(error);
    }
  }
}

/** A parameter as SQLite takes it: lists and objects become JSON text, booleans 0 and 1. */
function encode(parameter: unknown): SqlValue {
  if (parameter === null || parameter === undefined) return null;
  if (typeof parameter === "number" || typeof parameter === "string") return parameter;
  if (typeof parameter === "boolean") return Number(parameter);
  return JSON.stringify(parameter);
}
