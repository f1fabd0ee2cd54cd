/** Why SQLite cannot be used for now, in plain words. */

import { SQLiteError } from "bun:sqlite";
import { DatabaseUnavailable } from "./errors.ts";

/** By SQLite's code, and by its words: sqlite-vec hands on no more than these, at the end of a sentence of its own. */
const REASONS: readonly (readonly [code: string, words: string, reason: string])[] = [
  ["SQLITE_BUSY", "database is locked", "another process has locked it"],
  ["SQLITE_LOCKED", "database table is locked", "another connection has locked it"],
  ["SQLITE_FULL", "database or disk is full", "its disk is full"],
  ["SQLITE_IOERR", "disk I/O error", "its disk cannot be read or written"],
  ["SQLITE_READONLY", "attempt to write a readonly database", "it cannot be written to"],
  ["SQLITE_CANTOPEN", "unable to open database file", "its file cannot be opened"],
];

// What sqlite-vec says when SQLite fails below it, and no more: neither code nor words get through.
const HIDDEN = "Internal sqlite-vec error";

/** The error as `DatabaseUnavailable` when it is one that may pass, else as it is. */
export function asUnavailable(error: unknown): unknown {
  if (!(error instanceof SQLiteError)) return error;
  // An extended code begins with the plain one: SQLITE_IOERR_WRITE.
  const known = REASONS.find(([code, words]) => error.code?.startsWith(code) || error.message.endsWith(words));
  const hidden = error.message.startsWith(HIDDEN)
    ? "its vectors cannot be read or written, as when its disk is full"
    : undefined;
  const reason = known?.[2] ?? hidden;
  return reason === undefined ? error : new DatabaseUnavailable(`The database cannot be used for now: ${reason}`);
}
