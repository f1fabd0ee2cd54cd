/** Connections to SQLite files, with the settings that every part of the local host counts on. */

import { Database } from "bun:sqlite";

const BUSY_MILLISECONDS = 5_000;

/** Connects to a database file, and makes an empty one when there is none. */
export function connect(path: string, busyMilliseconds = BUSY_MILLISECONDS): Database {
  const database = new Database(path, { create: true, readwrite: true, strict: true });
  database.run(`PRAGMA busy_timeout = ${busyMilliseconds}`);
  database.run("PRAGMA foreign_keys = ON");
  return database;
}
