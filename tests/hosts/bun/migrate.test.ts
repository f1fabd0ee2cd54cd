/** Opening database files: new ones, ours, and those of others. */

import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../../generated/local/src/database-file.ts";
import { applyMigrations } from "../../../generated/local/src/migrate.ts";
import { MIGRATIONS } from "../../../generated/local/src/spec/migrations.ts";
import { loadVectorExtension } from "../../../generated/local/src/vectors/extension.ts";
import { rows, temporaryFolder } from "./support.ts";

describe("openDatabase", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let path: string;

  beforeEach(() => {
    folder = temporaryFolder();
    path = join(folder.path, "data", "ossgard.db");
  });
  afterEach(() => folder.remove());

  /** A file with these tables, made by somebody else. */
  function writeFile(...statements: string[]): void {
    mkdirSync(join(folder.path, "data"), { recursive: true });
    const database = new Database(path, { create: true });
    for (const statement of statements) database.run(statement);
    database.close();
  }

  test("makes a new file, and its folder, with all migrations", () => {
    const told: string[] = [];
    const database = openDatabase(path, { tell: (line) => told.push(line) });
    const names = MIGRATIONS.map((migration) => migration.name);
    expect(rows(database, "SELECT name FROM d1_migrations ORDER BY id")).toEqual(names.map((name) => ({ name })));
    expect(told).toEqual([`Migrations applied: ${names.join(", ")}.`]);
    database.close();
  });

  test("sets up the connection: write-ahead log, foreign keys, waiting for locks", () => {
    const database = openDatabase(path);
    expect(database.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    expect(database.query("PRAGMA foreign_keys").get()).toEqual({ foreign_keys: 1 });
    expect(database.query("PRAGMA busy_timeout").get()).toEqual({ timeout: 5000 });
    database.close();
  });

  test("leaves a file that is up to date as it is", () => {
    openDatabase(path).close();
    const told: string[] = [];
    openDatabase(path, { tell: (line) => told.push(line) }).close();
    expect(told).toEqual([]);
  });

  test("applies what a file lacks, and keeps its rows", () => {
    writeFile(
      "CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP)",
    );
    const first = new Database(path);
    applyMigrations(first, MIGRATIONS.slice(0, 2));
    first.run("INSERT INTO jobs (id, type) VALUES ('kept', 'scan')");
    first.close();
    const database = openDatabase(path);
    expect(rows(database, "SELECT count(*) AS applied FROM d1_migrations")).toEqual([{ applied: MIGRATIONS.length }]);
    expect(rows(database, "SELECT id FROM jobs")).toEqual([{ id: "kept" }]);
    database.close();
  });

  test("applies what batch mode brought to a file with a scan under way", () => {
    const before = MIGRATIONS.findIndex(({ name }) => name === "0004_batches.sql");
    writeFile(
      "CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP)",
    );
    const first = new Database(path);
    applyMigrations(first, MIGRATIONS.slice(0, before));
    first.run("INSERT INTO accounts (id, api_key_hash) VALUES (1, 'hash')");
    first.run("INSERT INTO repos (id, account_id, owner, name) VALUES (1, 1, 'acme', 'rocket')");
    first.run("INSERT INTO scans (id, repo_id, account_id, status) VALUES (1, 1, 1, 'embedding')");
    first.run(
      "INSERT INTO scan_steps (scan_id, step, phase, due_at) VALUES (1, 8, 'embed', '2026-11-23T10:00:00.000Z')",
    );
    first.close();
    const database = openDatabase(path);
    expect(rows(database, "SELECT step, phase, batch_id, submitting_at FROM scan_steps")).toEqual([
      { step: 8, phase: "embed", batch_id: null, submitting_at: null },
    ]);
    expect(database.query("PRAGMA foreign_key_check").all()).toEqual([]);
    database.close();
  });

  test("keeps nothing of a migration that fails half-way", () => {
    const database = openDatabase(path);
    const broken = {
      name: "9999_broken.sql",
      statements: ["CREATE TABLE half (id)", "INSERT INTO missing VALUES (1)"],
    };
    expect(() => applyMigrations(database, [...MIGRATIONS, broken])).toThrow(
      /^The migration 9999_broken.sql cannot be applied: no such table: missing\. Nothing of it was kept\. /,
    );
    expect(rows(database, "SELECT name FROM sqlite_schema WHERE name = 'half'")).toEqual([]);
    expect(rows(database, "SELECT name FROM d1_migrations WHERE name = '9999_broken.sql'")).toEqual([]);
    database.close();
  });

  test("refuses a file of a newer ossgard, and says which migration it does not know", () => {
    const database = openDatabase(path);
    database.run("INSERT INTO d1_migrations (name) VALUES ('9999_future.sql')");
    database.close();
    expect(() => openDatabase(path)).toThrow("written by a newer ossgard: it holds the migration 9999_future.sql");
  });

  test("refuses tables that are not ossgard's", () => {
    writeFile("CREATE TABLE customers (id INTEGER PRIMARY KEY)");
    expect(() => openDatabase(path)).toThrow(`${path} holds tables that are not ossgard's. Set DATABASE_PATH`);
  });

  test("refuses a file that is no database", () => {
    mkdirSync(join(folder.path, "data"));
    writeFileSync(path, "just some text, and more than a hundred bytes of it. ".repeat(5));
    expect(() => openDatabase(path)).toThrow("file is not a database. Set DATABASE_PATH to an SQLite file");
  });

  test.each([
    ["in the middle", (bytes: Buffer) => bytes.fill(0xa5, 8192, bytes.length - 4096)],
    ["at its end, which is missing", (bytes: Buffer) => bytes.subarray(0, bytes.length - 20_000)],
    ["in its schema", (bytes: Buffer) => bytes.fill(0xff, 100, 300)],
  ])("refuses a file that is damaged %s", (_, damage) => {
    const database = openDatabase(path);
    database.run("PRAGMA wal_checkpoint(TRUNCATE)");
    database.close();
    writeFileSync(path, damage(readFileSync(path)));
    expect(() => openDatabase(path)).toThrow(
      /^The database .* Restore it from a backup, or set DATABASE_PATH to another file\.$/,
    );
  });

  test("opens a file that holds vectors, whose tables it cannot check", () => {
    const database = openDatabase(path);
    loadVectorExtension(database);
    database.run("CREATE VIRTUAL TABLE v USING vec0(id TEXT PRIMARY KEY, embedding FLOAT[3])");
    database.close();
    openDatabase(path).close();
  });

  test("says so when the folder cannot be written to", () => {
    writeFileSync(join(folder.path, "data"), "a file where a folder should be");
    chmodSync(join(folder.path, "data"), 0o400);
    expect(() => openDatabase(path)).toThrow("Set DATABASE_PATH to a file in a folder that you can write to.");
  });
});
