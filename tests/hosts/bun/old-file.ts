/** Builds data files as the single-user server wrote them, for the tests of the import. */

import { Database } from "bun:sqlite";

const TABLES = (later: boolean) => `
  CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, api_key TEXT NOT NULL UNIQUE, label TEXT, config TEXT NOT NULL DEFAULT '{}',
    created_at TEXT DEFAULT (datetime('now')), updated_at TEXT DEFAULT (datetime('now')));
  CREATE TABLE repos (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, name TEXT NOT NULL, last_scan_at TEXT,
    created_at TEXT DEFAULT (datetime('now')), UNIQUE (owner, name));
  CREATE TABLE prs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, repo_id INTEGER NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
    number INTEGER NOT NULL, title TEXT NOT NULL, body TEXT, author TEXT NOT NULL, diff_hash TEXT, file_paths TEXT,
    state TEXT NOT NULL DEFAULT 'open', github_etag TEXT, ${later ? "embed_hash TEXT," : ""}
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE (repo_id, number));
  CREATE TABLE scans (
    id INTEGER PRIMARY KEY AUTOINCREMENT, repo_id INTEGER NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
    account_id INTEGER REFERENCES accounts (id), status TEXT NOT NULL DEFAULT 'queued',
    ${later ? "phase_cursor TEXT, input_tokens INTEGER DEFAULT 0, output_tokens INTEGER DEFAULT 0," : ""}
    pr_count INTEGER DEFAULT 0, dupe_group_count INTEGER DEFAULT 0,
    started_at TEXT DEFAULT (datetime('now')), completed_at TEXT, error TEXT);
  CREATE TABLE dupe_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT, scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    repo_id INTEGER NOT NULL REFERENCES repos (id) ON DELETE CASCADE, label TEXT, pr_count INTEGER DEFAULT 0);
  CREATE TABLE dupe_group_members (
    id INTEGER PRIMARY KEY AUTOINCREMENT, group_id INTEGER NOT NULL REFERENCES dupe_groups (id) ON DELETE CASCADE,
    pr_id INTEGER NOT NULL REFERENCES prs (id) ON DELETE CASCADE, rank INTEGER NOT NULL, score REAL NOT NULL,
    rationale TEXT, UNIQUE (group_id, pr_id));
  CREATE TABLE jobs (
    id TEXT PRIMARY KEY, type TEXT NOT NULL, payload TEXT NOT NULL DEFAULT '{}', status TEXT NOT NULL DEFAULT 'queued',
    result TEXT, error TEXT, attempts INTEGER NOT NULL DEFAULT 0, max_retries INTEGER NOT NULL DEFAULT 3, run_after TEXT,
    created_at TEXT DEFAULT (datetime('now')), updated_at TEXT DEFAULT (datetime('now')));`;

// Repository 1 is scanned by both accounts, account 2 first; 2 by account 1 only; 3 by nobody; 4 by nobody in
// particular (its scan has no account). The ids have gaps, and the highest of each table was deleted.
const ROWS = `
  INSERT INTO accounts (id, api_key, label, config) VALUES
    (1, 'key-of-one', 'one', '{"github":{"token":"ghp_1"}}'), (3, 'key-of-three', NULL, '{}'), (9, 'gone', NULL, '{}');
  INSERT INTO repos (id, owner, name, last_scan_at) VALUES
    (1, 'acme', 'shared', '2026-01-02'), (2, 'acme', 'one', NULL), (3, 'acme', 'unscanned', NULL),
    (4, 'ünï', 'no "account" %', NULL), (8, 'acme', 'gone', NULL);
  INSERT INTO prs (id, repo_id, number, title, body, author, diff_hash, file_paths, state, github_etag, created_at, updated_at)
    VALUES (1, 1, 11, 'first', 'a body', 'ann', 'd1', '["a.ts"]', 'open', 'W/"1"', '2025-12-01', '2025-12-02'),
           (2, 1, 12, 'second', NULL, 'bob', NULL, '[]', 'merged', NULL, '2025-12-01', '2025-12-02'),
           (5, 2, 11, 'other', NULL, 'cy', NULL, '[]', 'open', NULL, '2025-12-01', '2025-12-02'),
           (6, 3, 1, 'unscanned', NULL, 'cy', NULL, '[]', 'closed', NULL, '2025-12-01', '2025-12-02'),
           (20, 8, 1, 'gone', NULL, 'cy', NULL, '[]', 'closed', NULL, '2025-12-01', '2025-12-02');
  INSERT INTO scans (id, repo_id, account_id, status, pr_count, dupe_group_count, completed_at, error) VALUES
    (1, 1, 3, 'done', 2, 1, '2026-01-01', NULL), (2, 1, 1, 'done', 2, 1, '2026-01-02', NULL),
    (3, 2, 1, 'failed', 0, 0, '2026-01-03', 'no tokens left'), (4, 2, 1, 'ingesting', 1, 0, NULL, NULL),
    (5, 2, 1, 'paused', 1, 0, NULL, NULL), (6, 4, NULL, 'embedding', 0, 0, NULL, NULL), (30, 8, 1, 'done', 0, 0, NULL, NULL);
  INSERT INTO dupe_groups (id, scan_id, repo_id, label, pr_count) VALUES (1, 1, 1, 'of three', 2), (4, 2, 1, 'of one', 2);
  INSERT INTO dupe_group_members (id, group_id, pr_id, rank, score, rationale) VALUES
    (1, 1, 1, 1, 90.5, 'best'), (2, 1, 2, 2, 10, NULL), (5, 4, 2, 1, 80, NULL), (6, 4, 1, 2, 70, NULL);
  INSERT INTO jobs (id, type, payload, status, result, error, attempts) VALUES
    ('job-done', 'scan', '{"scanId":1}', 'done', '{"ok":true}', NULL, 1),
    ('job-failed', 'ingest', '{"scanId":3}', 'failed', NULL, 'no tokens left', 3),
    ('job-running', 'ingest', '{"scanId":4}', 'running', NULL, NULL, 1),
    ('job-queued', 'ingest', '{"scanId":5}', 'queued', NULL, NULL, 0);
  DELETE FROM accounts WHERE id = 9;
  DELETE FROM repos WHERE id = 8;`;

const LATER_ROWS = `
  UPDATE prs SET embed_hash = 'hash-' || id;
  UPDATE scans SET phase_cursor = '{"page":3}', input_tokens = id * 100, output_tokens = id * 10;`;

/** Writes a filled data file; `later: false` leaves out the columns that came with later versions. */
export function writeOldFile(path: string, options: { later?: boolean } = {}): void {
  const later = options.later ?? true;
  writeOldTables(path, { later, statements: [ROWS, later ? LATER_ROWS : ""] });
}

/** Writes a data file with these rows only. */
export function writeOldTables(path: string, options: { later?: boolean; statements?: string[] } = {}): void {
  const database = new Database(path, { create: true });
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA foreign_keys = ON");
  for (const script of [TABLES(options.later ?? true), ...(options.statements ?? [])]) {
    for (const statement of script.split(/;\s*$/m)) if (statement.trim()) database.run(statement);
  }
  database.close();
}
