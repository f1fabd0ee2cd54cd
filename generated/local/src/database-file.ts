/** Opens the database file of the local host: creates, imports or migrates it, as its tables ask for. */

import type { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { connect } from "./connection.ts";
import { messageOf, StartError } from "./errors.ts";
import { importOldFile } from "./import.ts";
import { applyMigrations, type Shape, shapeOf } from "./migrate.ts";

const DAMAGED = "Restore it from a backup, or set DATABASE_PATH to another file.";

export interface OpenOptions {
  now?: Date;
  /** Told, in plain words, what was done to the file. */
  tell?: (line: string) => void;
}

/** Opens a database file, ready for use; raises `StartError` when it cannot be. */
export function openDatabase(path: string, options: OpenOptions = {}): Database {
  const tell = options.tell ?? (() => {});
  try {
    // API keys of other services are in the file, so a new folder is its owner's alone.
    if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (shapeOfFile(path) === "old") {
      for (const line of importOldFile(path, { now: options.now ?? new Date() })) tell(line);
    }
    return openCurrent(path, tell);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`The database ${path} cannot be opened: ${messageOf(error)}. ${adviceFor(error)}`);
  }
}

function openCurrent(path: string, tell: (line: string) => void): Database {
  const database = connect(path);
  try {
    database.run("PRAGMA journal_mode = WAL");
    const applied = applyMigrations(database);
    if (applied.length > 0) tell(`Migrations applied: ${applied.join(", ")}.`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function shapeOfFile(path: string): Shape {
  const database = connect(path);
  try {
    refuseDamage(database, path);
    const shape = shapeOf(database);
    if (shape !== "foreign") return shape;
    throw new StartError(
      `The database ${path} holds tables that are not ossgard's. Set DATABASE_PATH to another file.`,
    );
  } finally {
    database.close();
  }
}

/** Reads the whole file, so that damage is told now, and not by whatever meets it first. */
function refuseDamage(database: Database, path: string): void {
  const found = database.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get()?.quick_check;
  if (found !== "ok") throw new StartError(`The database ${path} is damaged: ${found}. ${DAMAGED}`);
}

function adviceFor(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code.startsWith("SQLITE_BUSY")) return "Stop the other process that uses it.";
  if (code.startsWith("SQLITE_CORRUPT")) return DAMAGED;
  if (code.startsWith("SQLITE_FULL")) return "Make room on its disk.";
  if (code.startsWith("SQLITE_NOTADB")) return "Set DATABASE_PATH to an SQLite file or to a new name.";
  if (code.startsWith("SQLITE_CONSTRAINT"))
    return "Its rows do not fit this version; set DATABASE_PATH to another file.";
  return "Set DATABASE_PATH to a file in a folder that you can write to.";
}
