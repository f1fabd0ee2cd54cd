/**
 * Imports a data file of the single-user server that ossgard was: builds a new file beside it and swaps the names.
 *
 * Killed at any point, the import is simply done again: until the swap the old file is whole and in its place, and
 * after it the new one is. The old file stays beside it as a backup.
 */

import type { Database } from "bun:sqlite";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { connect } from "./connection.ts";
import { messageOf, StartError } from "./errors.ts";
import { copyRows, type ImportReport, refuseOtherTables } from "./import-rows.ts";
import { applyMigrations, shapeOf } from "./migrate.ts";

/** What has been done; told after each step. */
export type ImportStep = "locked" | "created" | "copied" | "checked" | "backed up" | "swapped";

export interface ImportOptions {
  now: Date;
  /** How long to wait for another process that has the file open. */
  busyMilliseconds?: number;
  onStep?: (step: ImportStep) => void;
}

/** Imports the file at `path`; returns what it did, for the console, and nothing when somebody else just did it. */
export function importOldFile(path: string, options: ImportOptions): string[] {
  const onStep = options.onStep ?? (() => {});
  // Behind a symbolic link, the file itself is replaced, not the link.
  const source = realpathSync(path);
  const lock = lockOldFile(source, options.busyMilliseconds);
  if (!lock) return [];
  try {
    onStep("locked");
    const target = `${source}.import`;
    for (const end of ["", "-journal", "-wal", "-shm"]) rmSync(target + end, { force: true });
    const report = build(target, source, options.now, onStep);
    const backup = keepBackup(source, options.now);
    onStep("backed up");
    renameSync(target, source);
    syncFolder(source);
    onStep("swapped");
    return describe(source, backup, report);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`The data file ${source} cannot be imported: ${messageOf(error)}. It was left as it is.`);
  } finally {
    lock.close();
  }
}

/** Keeps others from writing to the old file until the returned connection is closed; undefined when it is not old. */
function lockOldFile(path: string, busyMilliseconds?: number): Database | undefined {
  for (;;) {
    const before = statSync(path).ino;
    const lock = connect(path, busyMilliseconds);
    try {
      // Needs the file to itself, and leaves all of its content in one file, with no write-ahead log beside it.
      lock.run("PRAGMA journal_mode = DELETE");
      lock.run("BEGIN IMMEDIATE");
    } catch (error) {
      lock.close();
      const advice = "Stop the server that uses it, then start again.";
      throw new StartError(`The data file ${path} cannot be imported: ${messageOf(error)}. ${advice}`);
    }
    // Another process may have swapped the file while we waited for it.
    const swapped = statSync(path).ino !== before;
    if (!swapped && shapeOf(lock) === "old") return lock;
    lock.close();
    if (!swapped) return undefined;
  }
}

function build(target: string, source: string, now: Date, onStep: (step: ImportStep) => void): ImportReport {
  const database = connect(target);
  try {
    chmodSync(target, statSync(source).mode & 0o777);
    applyMigrations(database);
    onStep("created");
    database.query("ATTACH DATABASE ?1 AS old").run(source);
    refuseOtherTables(database, source);
    const report = database.transaction(() => copyRows(database, now))();
    onStep("copied");
    database.run("DETACH DATABASE old");
    refuseDamage(database);
    onStep("checked");
    return report;
  } finally {
    database.close();
  }
}

function refuseDamage(database: Database): void {
  const dangling = database.query("PRAGMA foreign_key_check").all().length;
  if (dangling > 0) throw new Error(`${dangling} rows of the copy point nowhere`);
  const row = database.query<{ integrity_check: string }, []>("PRAGMA integrity_check").get();
  if (row?.integrity_check !== "ok") throw new Error(`the copy is damaged: ${row?.integrity_check}`);
}

function keepBackup(path: string, now: Date): string {
  const linked = linkedBackup(path);
  if (linked) return linked;
  const wanted = `${path}.backup-${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
  let backup = wanted;
  for (let number = 2; existsSync(backup); number++) backup = `${wanted}-${number}`;
  try {
    linkSync(path, backup);
  } catch {
    // Some file systems know no hard links.
    copyFileSync(path, `${path}.import-backup`);
    renameSync(`${path}.import-backup`, backup);
  }
  return backup;
}

/** The backup that an import made which was killed just before the swap. */
function linkedBackup(path: string): string | undefined {
  const { ino, dev } = statSync(path);
  const prefix = `${basename(path)}.backup-`;
  const siblings = readdirSync(dirname(path)).filter((name) => name.startsWith(prefix));
  return siblings
    .map((name) => join(dirname(path), name))
    .find((sibling) => {
      const stats = statSync(sibling, { throwIfNoEntry: false });
      return stats?.ino === ino && stats.dev === dev;
    });
}

function syncFolder(path: string): void {
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function describe(path: string, backup: string, report: ImportReport): string[] {
  const counts = Object.entries(report.counts).map(([table, count]) => `${count} ${table.replaceAll("_", " ")}`);
  const lines = [`Imported the data file ${path}: ${counts.join(", ")}.`, `The old file is kept as ${backup}.`];
  const { copiedRepos, mergedRepos, restartedScans, emptiedAccounts, leftOut, newApiKey } = report;
  if (copiedRepos === 1) lines.push("1 repository was copied, since more than one account scanned it.");
  if (copiedRepos > 1) lines.push(`${copiedRepos} repositories were copied for each account that scanned them.`);
  if (mergedRepos > 0) {
    lines.push(`Repositories whose names differ only in case became one: ${mergedRepos} fewer than before.`);
  }
  if (restartedScans === 1) lines.push("1 unfinished scan starts again.");
  if (restartedScans > 1) lines.push(`${restartedScans} unfinished scans start again.`);
  for (const id of emptiedAccounts) {
    lines.push(`The configuration of account ${id} could not be read, and is empty now: it has to be set anew.`);
  }
  if (leftOut > 0) {
    const rows = leftOut === 1 ? "1 row" : `${leftOut} rows`;
    lines.push(`${rows} belonged to repositories or groups that no longer exist, and are in the backup only.`);
  }
  if (newApiKey !== undefined) {
    lines.push(
      "The file held repositories but no account; they belong to a new account now. " +
        `Note its API key, which is shown only here: ${newApiKey}`,
    );
  }
  return lines;
}
