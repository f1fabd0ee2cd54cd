/** Loads sqlite-vec into a connection; on macOS this needs another SQLite than Bun's own. */

import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { getLoadablePath } from "sqlite-vec";
import { messageOf, StartError } from "../errors.ts";
import { ExtensionMissing } from "./errors.ts";

// Where Homebrew puts the SQLite that loads extensions.
const HOMEBREW = ["/opt/homebrew/opt/sqlite/lib/libsqlite3.dylib", "/usr/local/opt/sqlite/lib/libsqlite3.dylib"];

const MACOS_ADVICE =
  "Install SQLite with `brew install sqlite`, or set SQLITE_LIBRARY to a libsqlite3.dylib that loads extensions, " +
  "then start ossgard again; or set vector_store to a Qdrant server";
const OTHER_ADVICE = "Run `make setup` and start ossgard again, or set vector_store to a Qdrant server";

/**
 * Chooses the SQLite of this process, to be called before its first connection.
 *
 * Apple's, which Bun uses on macOS, loads no extensions. Everywhere else Bun brings its own, which does.
 *
 * @param library the file of another SQLite (the variable SQLITE_LIBRARY); Homebrew's when left out.
 */
export function chooseSqlite(library?: string, platform: NodeJS.Platform = process.platform): void {
  const chosen = library || (platform === "darwin" ? HOMEBREW.find((path) => existsSync(path)) : undefined);
  if (!chosen) return;
  if (!existsSync(chosen)) throw new StartError(`SQLITE_LIBRARY names ${chosen}, but there is no such file.`);
  try {
    Database.setCustomSQLite(chosen);
  } catch (error) {
    // Chosen already: a process has one SQLite.
    if (messageOf(error).includes("already loaded")) return;
    throw new StartError(
      `The SQLite library ${chosen} cannot be used: ${messageOf(error)}. Set SQLITE_LIBRARY to another.`,
    );
  }
}

/** Makes the tables of sqlite-vec known to a connection; a second time does no harm. */
export function loadVectorExtension(database: Database, platform: NodeJS.Platform = process.platform): void {
  try {
    database.loadExtension(getLoadablePath());
  } catch (error) {
    throw new ExtensionMissing(messageOf(error), platform === "darwin" ? MACOS_ADVICE : OTHER_ADVICE);
  }
}
