/** Why SQLite cannot be used for now, in plain words. */

import { SQLiteError } from "bun:sqlite";
import { DatabaseUnavailable } from "./errors.ts";

const REASONS: Readonly<Record<string, string>> = {
  SQLITE_BUSY: "another process has locked it",
  SQLITE_LOCKED: "another connection has locked it",
  SQLITE_FULL: "its disk is full",
  SQLITE_IOERR: "its disk cannot be read or written",
  SQLITE_READONLY: "it cannot be written to",
  SQLITE_CANTOPEN: "its file cannot be opened",
};

/** The error as `DatabaseUnavailable` when it is one that may pass, else as it is. */
export function asUnavailable(error: unknown): unknown {
  if (!(error instanceof SQLiteError) || error.code === undefined) return error;
  // An extended code begins with the plain one: SQLITE_IOERR_WRITE.
  const reason = Object.entries(REASONS).find(([code]) => error.code?.startsWith(code))?.[1];
  return reason === undefined ? error : new DatabaseUnavailable(`The database cannot be used for now: ${reason}`);
}
