/** Brings a database file's tables up to date, recorded in `d1_migrations` as Cloudflare's wrangler does for D1. */

import type { Database } from "bun:sqlite";
import { messageOf, StartError } from "./errors.ts";
import { MIGRATIONS, type Migration } from "./spec/migrations.ts";

const HISTORY = `
  CREATE TABLE IF NOT EXISTS d1_migrations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
  )`;

/** Whose tables a file holds: none yet, ours, those of the single-user server before us, or somebody else's. */
export type Shape = "empty" | "current" | "old" | "foreign";

/** The names of a file's tables, SQLite's own left out. */
export function tableNames(database: Database): string[] {
  const rows = database
    .query<{ name: string }, []>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'",
    )
    .all();
  return rows.map((row) => row.name);
}

/** The names of a table's columns; none when there is no such table. */
export function columnNames(database: Database, table: string): string[] {
  const rows = database.query<{ name: string }, [string]>("SELECT name FROM pragma_table_info(?1)").all(table);
  return rows.map((row) => row.name);
}

/** Tells whose tables a file holds. */
export function shapeOf(database: Database): Shape {
  const tables = tableNames(database);
  if (tables.length === 0) return "empty";
  if (tables.includes("d1_migrations")) return "current";
  return columnNames(database, "accounts").includes("api_key") && tables.includes("repos") ? "old" : "foreign";
}

/** Applies the migrations that a file lacks, each in one transaction; returns their names. */
export function applyMigrations(database: Database, migrations: readonly Migration[] = MIGRATIONS): string[] {
  database.run(HISTORY);
  refuseUnknown(appliedNames(database), migrations);
  const applied: string[] = [];
  const apply = database.transaction((migration: Migration) => {
    // Looked up inside the transaction: another process may be at it, too.
    if (appliedNames(database).includes(migration.name)) return;
    try {
      for (const statement of migration.statements) database.run(statement);
    } catch (error) {
      throw new StartError(
        `The migration ${migration.name} cannot be applied: ${messageOf(error)}. Nothing of it was kept. Put ` +
          "that right, or set DATABASE_PATH to another file.",
      );
    }
    database.query("INSERT INTO d1_migrations (name) VALUES (?1)").run(migration.name);
    applied.push(migration.name);
  });
  for (const migration of migrations) apply.immediate(migration);
  return applied;
}

function appliedNames(database: Database): string[] {
  const rows = database.query<{ name: string }, []>("SELECT name FROM d1_migrations ORDER BY id").all();
  return rows.map((row) => row.name);
}

function refuseUnknown(applied: string[], migrations: readonly Migration[]): void {
  const known = new Set(migrations.map((migration) => migration.name));
  const unknown = applied.filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  throw new StartError(
    `The database was written by a newer ossgard: it holds the migration ${unknown.join(", ")}, which this one does ` +
      "not know. Update ossgard, or set DATABASE_PATH to another file.",
  );
}
