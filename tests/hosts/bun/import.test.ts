/** The import of a data file of the single-user server. */

import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../../generated/local/src/database-file.ts";
import { type ImportStep, importOldFile } from "../../../generated/local/src/import.ts";
import { writeOldFile, writeOldTables } from "./old-file.ts";
import { rows, temporaryFolder } from "./support.ts";

const NOW = new Date("2026-11-23T10:00:00.000Z");
const KILLER = join(import.meta.dir, "import-and-die.ts");

describe("the import of an old data file", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let path: string;
  let told: string[];

  beforeEach(() => {
    folder = temporaryFolder();
    path = join(folder.path, "ossgard.db");
    told = [];
  });
  afterEach(() => folder.remove());

  const open = () => openDatabase(path, { now: NOW, tell: (line) => told.push(line) });
  const files = () => readdirSync(folder.path).sort();

  /** The rows of a query on the imported file. */
  function imported(sql: string): Record<string, unknown>[] {
    const database = open();
    try {
      return rows(database, sql);
    } finally {
      database.close();
    }
  }

  test("keeps accounts, and of their keys the SHA-256", () => {
    writeOldFile(path);
    const sha256 = (key: string) => createHash("sha256").update(key).digest("hex");
    expect(imported("SELECT id, api_key_hash, label, config FROM accounts ORDER BY id")).toEqual([
      { id: 1, api_key_hash: sha256("key-of-one"), label: "one", config: '{"github":{"token":"ghp_1"}}' },
      { id: 3, api_key_hash: sha256("key-of-three"), label: null, config: "{}" },
    ]);
  });

  test("gives repositories to who scanned them, copied for a second account, or to the oldest account", () => {
    writeOldFile(path);
    expect(imported("SELECT id, account_id, owner, name, last_scan_at FROM repos ORDER BY id")).toEqual([
      { id: 1, account_id: 3, owner: "acme", name: "shared", last_scan_at: "2026-01-02" },
      { id: 2, account_id: 1, owner: "acme", name: "one", last_scan_at: null },
      { id: 3, account_id: 1, owner: "acme", name: "unscanned", last_scan_at: null },
      { id: 4, account_id: 1, owner: "ünï", name: 'no "account" %', last_scan_at: null },
      { id: 9, account_id: 1, owner: "acme", name: "shared", last_scan_at: "2026-01-02" },
    ]);
  });

  test("keeps every pull request; copies come without the embed hash", () => {
    writeOldFile(path);
    expect(imported("SELECT id, repo_id, number, embed_hash FROM prs ORDER BY id")).toEqual([
      { id: 1, repo_id: 1, number: 11, embed_hash: "hash-1" },
      { id: 2, repo_id: 1, number: 12, embed_hash: "hash-2" },
      { id: 5, repo_id: 2, number: 11, embed_hash: "hash-5" },
      { id: 6, repo_id: 3, number: 1, embed_hash: "hash-6" },
      { id: 21, repo_id: 9, number: 11, embed_hash: null },
      { id: 22, repo_id: 9, number: 12, embed_hash: null },
    ]);
    const columns =
      "id, repo_id, number, title, body, author, diff_hash, file_paths, state, github_etag, embed_hash, created_at, updated_at";
    expect(imported(`SELECT ${columns} FROM prs WHERE id = 1`)).toEqual([
      {
        ...{ id: 1, repo_id: 1, number: 11, title: "first", body: "a body", author: "ann", diff_hash: "d1" },
        ...{ file_paths: '["a.ts"]', state: "open", github_etag: 'W/"1"', embed_hash: "hash-1" },
        ...{ created_at: "2025-12-01", updated_at: "2025-12-02" },
      },
    ]);
  });

  test("keeps every scan under its id, in its account's copy of the repository", () => {
    writeOldFile(path);
    const columns = "id, repo_id, account_id, status, pr_count, dupe_group_count, input_tokens, output_tokens";
    expect(imported(`SELECT ${columns} FROM scans ORDER BY id`)).toEqual([
      scan(1, 1, 3, "done", 2, 1),
      scan(2, 9, 1, "done", 2, 1),
      scan(3, 2, 1, "failed", 0, 0),
      scan(4, 2, 1, "failed", 1, 0),
      scan(5, 2, 1, "queued", 1, 0),
      scan(6, 4, 1, "queued", 0, 0),
    ]);
  });

  function scan(id: number, repo: number, account: number, status: string, prs: number, groups: number) {
    return {
      ...{ id, repo_id: repo, account_id: account, status, pr_count: prs, dupe_group_count: groups },
      ...{ input_tokens: id * 100, output_tokens: id * 10 },
    };
  }

  test("starts the newest unfinished scan of a repository again, and fails the older ones", () => {
    writeOldFile(path);
    expect(imported("SELECT id, phase_cursor, completed_at, error FROM scans WHERE id >= 3 ORDER BY id")).toEqual([
      { id: 3, phase_cursor: '{"page":3}', completed_at: "2026-01-03", error: "no tokens left" },
      {
        ...{ id: 4, phase_cursor: null, completed_at: NOW.toISOString() },
        error: "Ended when the data file was imported; scan 5 of this repository was started again.",
      },
      { id: 5, phase_cursor: null, completed_at: null, error: null },
      { id: 6, phase_cursor: null, completed_at: null, error: null },
    ]);
    expect(imported("SELECT scan_id, step, phase, due_at, sent_at FROM scan_steps ORDER BY scan_id")).toEqual([
      { scan_id: 5, step: 1, phase: "scan", due_at: "2026-11-23T09:58:00.000Z", sent_at: null },
      { scan_id: 6, step: 1, phase: "scan", due_at: "2026-11-23T09:58:00.000Z", sent_at: null },
    ]);
  });

  test.each([
    [[], null],
    [['{"scanId":1,"maxPrs":30,"full":true}'], '{"full":true,"maxPrs":30}'],
    [['{"scanId":1}', '{"scanId":1,"maxPrs":30}'], '{"full":false,"maxPrs":30}'],
    [['{"scanId":1,"full":false}', '{"scanId":1,"full":true}'], '{"full":true,"maxPrs":null}'],
    [['{"scanId":2,"maxPrs":30,"full":true}', '{"scanId":1}'], null],
    [['{"scanId":1,"maxPrs":null,"full":null}'], null],
    [['{"scanId":1,"maxPrs":0,"full":1}'], null],
    [['{"scanId":1,"maxPrs":-5,"full":"yes"}'], null],
    [['{"scanId":1,"maxPrs":2.5}', '{"scanId":1,"maxPrs":"9"}'], null],
    [["no JSON", "[1]", '"text"', '{"maxPrs":3}'], null],
  ])("starts a scan again with what its jobs %p say", (payloads, cursor) => {
    writeOldTables(path, {
      statements: [
        "INSERT INTO accounts (api_key) VALUES ('key')",
        "INSERT INTO repos (owner, name) VALUES ('acme', 'app')",
        "INSERT INTO scans (repo_id, account_id, status) VALUES (1, 1, 'verifying')",
        ...payloads.map(
          (payload, id) => `INSERT INTO jobs (id, type, payload) VALUES ('${id}', 'ingest', '${payload}')`,
        ),
      ],
    });
    expect(imported("SELECT phase_cursor FROM scans")).toEqual([{ phase_cursor: cursor }]);
  });

  test("empties a configuration that is no JSON object, and says so", () => {
    const configs = ["{", "[]", "null", "5", '{"a":1}'];
    writeOldTables(path, {
      statements: configs.map((config, id) => `INSERT INTO accounts (api_key, config) VALUES ('${id}', '${config}')`),
    });
    expect(imported("SELECT config FROM accounts ORDER BY id").map((row) => row.config)).toEqual([
      ...["{}", "{}", "{}", "{}", '{"a":1}'],
    ]);
    expect(told.filter((line) => line.includes("could not be read"))).toHaveLength(4);
  });

  test("keeps groups and their members, pointing to the pull requests of their own copy", () => {
    writeOldFile(path);
    expect(imported("SELECT id, scan_id, repo_id, label, pr_count FROM dupe_groups ORDER BY id")).toEqual([
      { id: 1, scan_id: 1, repo_id: 1, label: "of three", pr_count: 2 },
      { id: 4, scan_id: 2, repo_id: 9, label: "of one", pr_count: 2 },
    ]);
    expect(imported("SELECT id, group_id, pr_id, rank, score, rationale FROM dupe_group_members ORDER BY id")).toEqual([
      { id: 1, group_id: 1, pr_id: 1, rank: 1, score: 90.5, rationale: "best" },
      { id: 2, group_id: 1, pr_id: 2, rank: 2, score: 10, rationale: null },
      { id: 5, group_id: 4, pr_id: 22, rank: 1, score: 80, rationale: null },
      { id: 6, group_id: 4, pr_id: 21, rank: 2, score: 70, rationale: null },
    ]);
  });

  test("keeps jobs as a record, and closes the unfinished ones", () => {
    writeOldFile(path);
    const closed = "Closed when the data file was imported; its scan was started again.";
    expect(imported("SELECT id, payload, status, result, error, attempts FROM jobs ORDER BY rowid")).toEqual([
      { id: "job-done", payload: '{"scanId":1}', status: "done", result: '{"ok":true}', error: null, attempts: 1 },
      {
        id: "job-failed",
        payload: '{"scanId":3}',
        status: "failed",
        result: null,
        error: "no tokens left",
        attempts: 3,
      },
      { id: "job-running", payload: '{"scanId":4}', status: "failed", result: null, error: closed, attempts: 1 },
      { id: "job-queued", payload: '{"scanId":5}', status: "failed", result: null, error: closed, attempts: 0 },
    ]);
  });

  test("never gives an id of a deleted row again", () => {
    writeOldFile(path);
    expect(
      imported("SELECT name, seq FROM sqlite_sequence WHERE seq AND name <> 'd1_migrations' ORDER BY name"),
    ).toEqual([
      { name: "accounts", seq: 9 },
      { name: "dupe_group_members", seq: 6 },
      { name: "dupe_groups", seq: 4 },
      { name: "prs", seq: 22 },
      { name: "repos", seq: 9 },
      { name: "scans", seq: 30 },
    ]);
  });

  test("imports a still older file, without the later columns", () => {
    writeOldFile(path, { later: false });
    expect(imported("SELECT count(*) AS prs, count(embed_hash) AS embedded FROM prs")).toEqual([
      { prs: 6, embedded: 0 },
    ]);
    expect(
      imported("SELECT DISTINCT phase_cursor, input_tokens, output_tokens, embedding_tokens, warnings FROM scans"),
    ).toEqual([{ phase_cursor: null, input_tokens: 0, output_tokens: 0, embedding_tokens: 0, warnings: "[]" }]);
  });

  test("makes one repository of those whose names differ only in case, and loses nothing of them", () => {
    writeOldFile(path);
    const old = new Database(path);
    // Account 1 scanned both spellings of one, account 3 one of them; nobody scanned the second spelling of the other.
    old.run(`
      INSERT INTO repos (id, owner, name, last_scan_at) VALUES
        (20, 'ACME', 'Shared', '2026-01-05'), (21, 'acme', 'ONE', NULL);
      INSERT INTO prs (id, repo_id, number, title, author, embed_hash, created_at, updated_at) VALUES
        (30, 20, 12, 'newer', 'ann', 'e', '', ''), (31, 20, 13, 'only here', 'ann', 'e', '', ''),
        (32, 21, 11, 'as stored', 'ann', 'e', '', ''), (33, 21, 99, 'only there', 'ann', 'e', '', '');
      INSERT INTO scans (id, repo_id, account_id, status) VALUES (31, 20, 1, 'done'), (32, 20, 1, 'ingesting');
      INSERT INTO dupe_groups (id, scan_id, repo_id, pr_count) VALUES (9, 31, 20, 2);
      INSERT INTO dupe_group_members (group_id, pr_id, rank, score) VALUES (9, 31, 1, 9), (9, 30, 2, 8);`);
    old.close();
    expect(imported("SELECT id, account_id, owner, name, last_scan_at FROM repos ORDER BY id")).toEqual([
      { id: 1, account_id: 3, owner: "acme", name: "shared", last_scan_at: "2026-01-02" },
      { id: 2, account_id: 1, owner: "acme", name: "one", last_scan_at: null },
      { id: 3, account_id: 1, owner: "acme", name: "unscanned", last_scan_at: null },
      { id: 4, account_id: 1, owner: "ünï", name: 'no "account" %', last_scan_at: null },
      { id: 20, account_id: 1, owner: "ACME", name: "Shared", last_scan_at: "2026-01-05" },
    ]);
    expect(told).toContain("Repositories whose names differ only in case became one: 2 fewer than before.");
    expect(imported("SELECT number, title, embed_hash FROM prs WHERE repo_id = 20 ORDER BY number")).toEqual([
      { number: 11, title: "first", embed_hash: null },
      { number: 12, title: "newer", embed_hash: "e" },
      { number: 13, title: "only here", embed_hash: "e" },
    ]);
    expect(imported("SELECT number, title, embed_hash FROM prs WHERE repo_id = 2 ORDER BY number")).toEqual([
      { number: 11, title: "other", embed_hash: "hash-5" },
      { number: 99, title: "only there", embed_hash: null },
    ]);
    expect(imported("SELECT id, status FROM scans WHERE repo_id = 20 ORDER BY id")).toEqual([
      { id: 2, status: "done" },
      { id: 31, status: "done" },
      { id: 32, status: "queued" },
    ]);
    const members = "SELECT prs.repo_id, number FROM dupe_group_members JOIN prs ON prs.id = pr_id WHERE group_id";
    expect(imported(`${members} = 4 ORDER BY rank`)).toEqual([
      { repo_id: 20, number: 12 },
      { repo_id: 20, number: 11 },
    ]);
    expect(imported("SELECT repo_id, number FROM vector_purges ORDER BY number")).toEqual([
      { repo_id: 21, number: 11 },
      { repo_id: 21, number: 99 },
    ]);
  });

  test("says what it did, and where the old file is", () => {
    writeOldFile(path);
    imported("SELECT 1");
    expect(told).toEqual([
      `Imported the data file ${path}: 2 accounts, 5 repos, 6 prs, 6 scans, 2 dupe groups, 4 dupe group members, 4 jobs.`,
      `The old file is kept as ${path}.backup-20261123T100000Z.`,
      "1 repository was copied, since more than one account scanned it.",
      "2 unfinished scans start again.",
    ]);
  });

  test("keeps the old file, whole, as a backup, and leaves nothing else behind", () => {
    writeOldFile(path);
    open().close();
    expect(files()).toEqual(["ossgard.db", "ossgard.db.backup-20261123T100000Z"]);
    const backup = new Database(join(folder.path, "ossgard.db.backup-20261123T100000Z"), { readonly: true });
    expect(rows(backup, "SELECT api_key FROM accounts ORDER BY id")).toEqual([
      { api_key: "key-of-one" },
      { api_key: "key-of-three" },
    ]);
    expect(rows(backup, "SELECT count(*) AS jobs FROM jobs WHERE status IN ('running', 'queued')")).toEqual([
      { jobs: 2 },
    ]);
    backup.close();
  });

  test("imports once", () => {
    writeOldFile(path);
    open().close();
    told = [];
    open().close();
    expect(told).toEqual([]);
    expect(files()).toHaveLength(2);
  });

  test("imports what the old server had written but not yet moved out of its log when it was killed", () => {
    const write = `
      import { Database } from "bun:sqlite";
      const database = new Database(${JSON.stringify(path)});
      database.run("PRAGMA wal_autocheckpoint = 0");
      database.run("INSERT INTO accounts (api_key) VALUES ('late')");
      process.kill(process.pid, "SIGKILL");`;
    writeOldFile(path);
    Bun.spawnSync([process.execPath, "-e", write]);
    expect(existsSync(`${path}-wal`)).toBe(true);
    expect(imported("SELECT count(*) AS accounts FROM accounts")).toEqual([{ accounts: 3 }]);
  });

  test("refuses, and changes nothing, while the old server still runs", () => {
    writeOldFile(path);
    const server = new Database(path);
    rows(server, "SELECT count(*) FROM accounts");
    expect(() => importOldFile(path, { now: NOW, busyMilliseconds: 0 })).toThrow(
      `${path} cannot be imported: database is locked. Stop the server that uses it, then start again.`,
    );
    expect(rows(server, "SELECT count(*) AS accounts FROM accounts")).toEqual([{ accounts: 2 }]);
    server.close();
    expect(files()).toEqual(["ossgard.db"]);
  });

  test("refuses, and changes nothing, when a column is missing that it knows no value for", () => {
    writeOldTables(path, { statements: ["ALTER TABLE prs DROP COLUMN title"] });
    expect(open).toThrow(`${path} cannot be imported: it lacks prs.title. It was left as it is`);
    expect(files().filter((name) => name.includes("backup"))).toEqual([]);
  });

  test("makes an account for repositories when the file holds none, and shows its key", () => {
    writeOldTables(path, { statements: ["INSERT INTO repos (owner, name) VALUES ('acme', 'app')"] });
    expect(imported("SELECT owner, label FROM repos JOIN accounts ON accounts.id = account_id")).toEqual([
      { owner: "acme", label: "imported" },
    ]);
    const key = told.join("\n").match(/Note its API key, which is shown only here: (\w+)/)?.[1] ?? "";
    const hash = createHash("sha256").update(key).digest("hex");
    expect(imported("SELECT api_key_hash FROM accounts")).toEqual([{ api_key_hash: hash }]);
  });

  test("imports an empty file", () => {
    writeOldTables(path);
    expect(imported("SELECT count(*) AS accounts FROM accounts")).toEqual([{ accounts: 0 }]);
  });

  test("leaves out, and counts, rows whose repository is gone", () => {
    writeOldTables(path, {
      statements: [
        "PRAGMA foreign_keys = OFF",
        "INSERT INTO accounts (api_key) VALUES ('key')",
        "INSERT INTO scans (repo_id, account_id) VALUES (77, 1)",
      ],
    });
    expect(imported("SELECT count(*) AS scans FROM scans")).toEqual([{ scans: 0 }]);
    expect(told.at(-1)).toStartWith("1 row belonged to repositories or groups that no longer exist");
  });

  test("replaces the file that a symbolic link leads to, not the link", () => {
    writeOldFile(join(folder.path, "real.db"));
    symlinkSync(join(folder.path, "real.db"), path);
    open().close();
    expect(files()).toEqual(["ossgard.db", "real.db", "real.db.backup-20261123T100000Z"]);
  });

  test("gives the new file the permissions of the old one", () => {
    writeOldFile(path);
    chmodSync(path, 0o600);
    open().close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("removes what a killed import left", () => {
    writeOldFile(path);
    writeFileSync(`${path}.import`, "half a database");
    writeFileSync(`${path}.import-journal`, "half a journal");
    expect(imported("SELECT count(*) AS accounts FROM accounts")).toEqual([{ accounts: 2 }]);
    expect(files()).toEqual(["ossgard.db", "ossgard.db.backup-20261123T100000Z"]);
  });

  const steps: ImportStep[] = ["locked", "created", "copied", "checked", "backed up", "swapped"];
  test.each(steps)("is simply done again, or is done, when it is killed after it has %s", (step) => {
    writeOldFile(path);
    const killed = Bun.spawnSync([process.execPath, KILLER, path, step]);
    expect(killed.signalCode).toBe("SIGKILL");
    const tables = ["accounts", "repos", "prs", "scans", "dupe_groups", "dupe_group_members", "jobs", "scan_steps"];
    const counts = tables.map((table) => `(SELECT count(*) FROM ${table}) AS ${table}`).join(", ");
    expect(imported(`SELECT ${counts}`)).toEqual([
      {
        ...{ accounts: 2, repos: 5, prs: 6, scans: 6, dupe_groups: 2, dupe_group_members: 4, jobs: 4, scan_steps: 2 },
      },
    ]);
    expect(files()).toEqual(["ossgard.db", "ossgard.db.backup-20261123T100000Z"]);
  });
});
