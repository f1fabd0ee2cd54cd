/** Copies the rows of an old data file, attached as `old`, into new tables, where every repository has one owner. */

import type { Database } from "bun:sqlite";
import { StartError } from "./errors.ts";
import { FIRST_PHASE } from "./spec/settings.ts";

/** What an import found and did. */
export interface ImportReport {
  /** Rows by table, as the new file holds them. */
  counts: Record<OldTable, number>;
  /** Repositories that were copied for a further account. */
  copiedRepos: number;
  /** Repositories that became part of another one, since their names differ only in case. */
  mergedRepos: number;
  restartedScans: number;
  /** Accounts whose configuration was unreadable, and is empty now. */
  emptiedAccounts: number[];
  /** Rows of the old file that pointed to rows which were gone already. */
  leftOut: number;
  /** The key of the account that was made for repositories which no account could own. */
  newApiKey: string | undefined;
}

// Longer than the sweep leaves a message to whoever is just about to send it.
const OVERDUE_MILLISECONDS = 120_000;

type OldTable = keyof typeof COLUMNS;

// The columns of each old table; the optional ones came with later versions of the old server.
const COLUMNS = {
  accounts: { required: ["id", "api_key", "label", "config", "created_at", "updated_at"], optional: [] },
  repos: { required: ["id", "owner", "name", "last_scan_at", "created_at"], optional: [] },
  prs: {
    required: [
      ...["id", "repo_id", "number", "title", "body", "author", "diff_hash", "file_paths", "state", "github_etag"],
      ...["created_at", "updated_at"],
    ],
    optional: ["embed_hash"],
  },
  scans: {
    required: [
      ...[
        "id",
        "repo_id",
        "account_id",
        "status",
        "pr_count",
        "dupe_group_count",
        "started_at",
        "completed_at",
        "error",
      ],
    ],
    optional: ["phase_cursor", "input_tokens", "output_tokens"],
  },
  dupe_groups: { required: ["id", "scan_id", "repo_id", "label", "pr_count"], optional: [] },
  dupe_group_members: { required: ["id", "group_id", "pr_id", "rank", "score", "rationale"], optional: [] },
  jobs: {
    required: [
      ...["id", "type", "payload", "status", "result", "error", "attempts", "max_retries", "run_after"],
      ...["created_at", "updated_at"],
    ],
    optional: [],
  },
} as const;

/** Refuses an old file that lacks tables or columns which every version of the old server had. */
export function refuseOtherTables(database: Database, source: string): void {
  const missing = Object.entries(COLUMNS).flatMap(([table, { required }]) => {
    const present = oldColumns(database, table);
    return required.filter((column) => !present.has(column)).map((column) => `${table}.${column}`);
  });
  if (missing.length === 0) return;
  throw new StartError(
    `The data file ${source} cannot be imported: it lacks ${missing.join(", ")}. It was left as it is; ` +
      "set DATABASE_PATH to another file to start afresh.",
  );
}

/** Copies everything, to be called inside a transaction; raises an error when a row would be lost. */
export function copyRows(database: Database, now: Date): ImportReport {
  const emptiedAccounts = copyAccounts(database);
  const newApiKey = adoptOrphans(database);
  findOwners(database);
  copyRepos(database);
  copyPRs(database);
  copyScans(database);
  const restartedScans = restartScans(database, now);
  copyGroups(database);
  copyJobs(database);
  return {
    counts: countRows(database),
    copiedRepos: count(database, "SELECT count(*) FROM temp.owners WHERE NOT is_first AND stays"),
    mergedRepos: count(database, "SELECT count(*) FROM temp.owners WHERE NOT stays"),
    restartedScans,
    emptiedAccounts,
    leftOut: refuseLoss(database, newApiKey === undefined ? 0 : 1),
    newApiKey,
  };
}

// SQL cannot compute a SHA-256, so accounts are copied one by one. What a configuration says is for the core to put
// right, once it has started; returned are the accounts whose configuration was no JSON object at all.
function copyAccounts(database: Database): number[] {
  const emptied: number[] = [];
  const insert = database.query(
    `INSERT INTO main.accounts (id, api_key_hash, label, config, created_at, updated_at)
     VALUES (?1, ?2, ?3, ?4, ifnull(?5, datetime('now')), ifnull(?6, datetime('now')))`,
  );
  const accounts = database.query<OldAccount, []>("SELECT * FROM old.accounts ORDER BY id").all();
  for (const { id, api_key, label, config, created_at, updated_at } of accounts) {
    if (!isObject(config)) emptied.push(id);
    insert.run(id, sha256(api_key), label, isObject(config) ? config : "{}", created_at, updated_at);
  }
  raiseSequence(database, "accounts");
  return emptied;
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

interface OldAccount {
  id: number;
  api_key: string;
  label: string | null;
  config: string;
  created_at: string | null;
  updated_at: string | null;
}

/** Without any account nobody could own the repositories, or ever see them again: makes one, and returns its key. */
function adoptOrphans(database: Database): string | undefined {
  const ownerless = count(database, "SELECT count(*) FROM old.repos WHERE NOT EXISTS (SELECT 1 FROM old.accounts)");
  if (ownerless === 0) return undefined;
  const apiKey = crypto.getRandomValues(new Uint8Array(32)).toHex();
  database.query("INSERT INTO main.accounts (api_key_hash, label) VALUES (?1, 'imported')").run(sha256(apiKey));
  return apiKey;
}

/**
 * Lists who gets each old repository: all who scanned it, the earliest first, or else the oldest account.
 *
 * Of an account's repositories whose names differ only in case, the one with the newest scan stays, for all of them.
 */
function findOwners(database: Database): void {
  database.run(`
    CREATE TEMP TABLE owners (
      old_repo_id INTEGER, account_id INTEGER, is_first INTEGER, stays INTEGER, repo_id INTEGER,
      PRIMARY KEY (old_repo_id, account_id)
    )`);
  database.run(`
    INSERT INTO temp.owners (old_repo_id, account_id, is_first)
    SELECT repo_id, account_id, row_number() OVER (PARTITION BY repo_id ORDER BY first_scan_id) = 1
    FROM (
      SELECT scans.repo_id, scans.account_id, min(scans.id) AS first_scan_id
      FROM old.scans AS scans
      JOIN old.repos ON repos.id = scans.repo_id
      JOIN old.accounts ON accounts.id = scans.account_id
      GROUP BY scans.repo_id, scans.account_id
    )`);
  database.run(`
    INSERT INTO temp.owners (old_repo_id, account_id, is_first)
    SELECT id, (SELECT min(id) FROM main.accounts), 1 FROM old.repos
    WHERE id NOT IN (SELECT old_repo_id FROM temp.owners)`);
  database.run(`
    UPDATE temp.owners SET stays = (same.place = 1)
    FROM (
      SELECT id, account_id, row_number() OVER (
        PARTITION BY account_id, lower(owner), lower(name)
        ORDER BY (SELECT max(scans.id) FROM old.scans AS scans WHERE scans.repo_id = repos.id) DESC, id
      ) AS place
      FROM old.repos AS repos JOIN temp.owners ON old_repo_id = id
    ) AS same
    WHERE same.id = old_repo_id AND same.account_id = owners.account_id`);
}

// The first owner keeps a repository's ids; the copies of others get ids that were never used before.
function copyRepos(database: Database): void {
  const columns = `owner, name, (
      SELECT max(same.last_scan_at) FROM old.repos AS same JOIN temp.owners AS its ON its.old_repo_id = same.id
      WHERE its.account_id = owners.account_id AND lower(same.owner) = lower(repos.owner)
        AND lower(same.name) = lower(repos.name)
    ), ifnull(created_at, datetime('now'))`;
  database.run(`
    INSERT INTO main.repos (id, account_id, owner, name, last_scan_at, created_at)
    SELECT repos.id, owners.account_id, ${columns}
    FROM old.repos JOIN temp.owners ON owners.old_repo_id = repos.id
    WHERE owners.is_first AND owners.stays
    ORDER BY repos.id`);
  raiseSequence(database, "repos");
  database.run(`
    INSERT INTO main.repos (account_id, owner, name, last_scan_at, created_at)
    SELECT owners.account_id, ${columns}
    FROM old.repos JOIN temp.owners ON owners.old_repo_id = repos.id
    WHERE NOT owners.is_first AND owners.stays
    ORDER BY repos.id, owners.account_id`);
  database.run(`
    UPDATE temp.owners SET repo_id = (
      SELECT copy.id FROM main.repos AS copy JOIN old.repos AS original
        ON copy.owner = original.owner COLLATE NOCASE AND copy.name = original.name COLLATE NOCASE
      WHERE original.id = owners.old_repo_id AND copy.account_id = owners.account_id
    )`);
}

// Vector ids hold the repository's id, so a copy has no vectors yet, and no embed hash. Neither has what comes to a
// repository from another that is the same; what it has already is at least as new. The vectors of the other are deleted.
function copyPRs(database: Database): void {
  const columns = "number, title, body, author, diff_hash, file_paths, state, github_etag, created_at, updated_at";
  const values = `number, title, body, author, diff_hash, ifnull(file_paths, '[]'), state, github_etag, created_at, updated_at`;
  const embedHash = oldColumns(database, "prs").has("embed_hash") ? "embed_hash" : "NULL";
  database.run(`
    INSERT INTO main.prs (id, repo_id, embed_hash, ${columns})
    SELECT id, owners.repo_id, ${embedHash}, ${values}
    FROM old.prs JOIN temp.owners ON owners.old_repo_id = prs.repo_id
    WHERE owners.is_first AND owners.stays
    ORDER BY id`);
  raiseSequence(database, "prs");
  database.run(`
    INSERT INTO main.prs (repo_id, embed_hash, ${columns})
    SELECT owners.repo_id, NULL, ${values}
    FROM old.prs JOIN temp.owners ON owners.old_repo_id = prs.repo_id
    WHERE NOT owners.is_first OR NOT owners.stays
    ORDER BY owners.repo_id, owners.stays DESC, id
    ON CONFLICT (repo_id, number) DO NOTHING`);
  database.run(`
    INSERT INTO main.vector_purges (repo_id, number, vector_store)
    SELECT prs.repo_id, prs.number, accounts.config -> '$.vector_store'
    FROM old.prs JOIN temp.owners ON owners.old_repo_id = prs.repo_id
    JOIN main.accounts ON accounts.id = owners.account_id
    WHERE owners.is_first AND NOT owners.stays`);
}

// A scan goes to the copy of the account that started it; one that nobody started, to the first owner's.
function copyScans(database: Database): void {
  const present = oldColumns(database, "scans");
  const older = (column: string, otherwise: string) =>
    present.has(column) ? `ifnull(scans.${column}, ${otherwise})` : otherwise;
  // Every unfinished scan is closed here, since only one of a repository may be active; see restartScans.
  database.run(`
    INSERT INTO main.scans (id, repo_id, account_id, status, phase_cursor, pr_count, dupe_group_count, input_tokens,
                            output_tokens, started_at, completed_at, error)
    SELECT scans.id, owners.repo_id, owners.account_id, iif(scans.status = 'done', 'done', 'failed'),
           ${older("phase_cursor", "NULL")}, ifnull(scans.pr_count, 0), ifnull(scans.dupe_group_count, 0),
           ${older("input_tokens", "0")}, ${older("output_tokens", "0")},
           ifnull(scans.started_at, datetime('now')), scans.completed_at, scans.error
    FROM old.scans AS scans
    JOIN temp.owners ON owners.old_repo_id = scans.repo_id
      AND iif(
        EXISTS (SELECT 1 FROM old.accounts WHERE id = scans.account_id),
        owners.account_id = scans.account_id,
        owners.is_first
      )
    ORDER BY scans.id`);
  raiseSequence(database, "scans");
}

/** Puts the newest unfinished scan of each repository back to its beginning, and fails the others. */
function restartScans(database: Database, now: Date): number {
  database.run(`
    CREATE TEMP TABLE unfinished AS
    SELECT scans.id, max(scans.id) OVER (PARTITION BY scans.repo_id) AS newest
    FROM main.scans JOIN old.scans AS original USING (id)
    WHERE original.status NOT IN ('done', 'failed')`);
  database
    .query(
      `UPDATE main.scans
       SET completed_at = ?1, phase_cursor = NULL,
           error = 'Ended when the data file was imported; scan ' || unfinished.newest || ' of this repository was started again.'
       FROM temp.unfinished
       WHERE unfinished.id = scans.id AND unfinished.id <> unfinished.newest`,
    )
    .run(now.toISOString());
  // What was asked of a scan stands in its jobs, in the first as in those of later phases.
  database.run(`
    CREATE TEMP TABLE asked AS
    SELECT payload ->> '$.scanId' AS scan_id,
           max(json_type(payload, '$.full') = 'true') AS full,
           max(iif(json_type(payload, '$.maxPrs') = 'integer' AND payload ->> '$.maxPrs' > 0, payload ->> '$.maxPrs', NULL))
             AS max_prs
    FROM (SELECT iif(json_valid(payload), payload, '{}') AS payload FROM old.jobs)
    GROUP BY scan_id`);
  database.run(`
    UPDATE main.scans
    SET status = 'queued', completed_at = NULL, error = NULL,
        phase_cursor = (
          SELECT json_object('full', json(iif(full, 'true', 'false')), 'maxPrs', max_prs)
          FROM temp.asked WHERE scan_id = scans.id AND (full OR max_prs)
        )
    WHERE id IN (SELECT newest FROM temp.unfinished)`);
  // Overdue already, so that the first sweep sends it.
  const due = new Date(now.getTime() - OVERDUE_MILLISECONDS).toISOString();
  return database
    .query(
      `INSERT INTO main.scan_steps (scan_id, step, phase, due_at)
       SELECT DISTINCT newest, 1, ?1, ?2 FROM temp.unfinished`,
    )
    .run(FIRST_PHASE, due).changes;
}

// Members point to the pull request of the same number in their group's own repository.
function copyGroups(database: Database): void {
  database.run(`
    INSERT INTO main.dupe_groups (id, scan_id, repo_id, label, pr_count)
    SELECT original.id, scans.id, scans.repo_id, original.label, ifnull(original.pr_count, 0)
    FROM old.dupe_groups AS original JOIN main.scans ON scans.id = original.scan_id
    ORDER BY original.id`);
  raiseSequence(database, "dupe_groups");
  database.run(`
    INSERT INTO main.dupe_group_members (id, group_id, pr_id, rank, score, rationale)
    SELECT members.id, dupe_groups.id, prs.id, members.rank, members.score, members.rationale
    FROM old.dupe_group_members AS members
    JOIN main.dupe_groups ON dupe_groups.id = members.group_id
    JOIN old.prs AS original ON original.id = members.pr_id
    JOIN main.prs ON prs.repo_id = dupe_groups.repo_id AND prs.number = original.number
    ORDER BY members.id`);
  raiseSequence(database, "dupe_group_members");
}

// The old server's jobs mean nothing to this one; the scans that they worked on are started again.
function copyJobs(database: Database): void {
  database.run(`
    INSERT INTO main.jobs (id, type, payload, status, result, error, attempts, max_retries, run_after, created_at, updated_at)
    SELECT id, type, payload, iif(status IN ('done', 'failed'), status, 'failed'), result,
           iif(status IN ('done', 'failed'), error, 'Closed when the data file was imported; its scan was started again.'),
           attempts, max_retries, run_after, ifnull(created_at, datetime('now')), ifnull(updated_at, datetime('now'))
    FROM old.jobs
    ORDER BY rowid`);
}

/** Lets a table's next id come after every id that the old file ever gave out. */
function raiseSequence(database: Database, table: OldTable): void {
  const given = database
    .query<{ seq: number }, [string]>("SELECT seq FROM old.sqlite_sequence WHERE name = ?1")
    .get(table);
  if (!given) return;
  const { changes } = database
    .query("UPDATE main.sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1")
    .run(table, given.seq);
  if (changes === 0)
    database.query("INSERT INTO main.sqlite_sequence (name, seq) VALUES (?1, ?2)").run(table, given.seq);
}

function countRows(database: Database): Record<OldTable, number> {
  const tables = Object.keys(COLUMNS) as OldTable[];
  const counts = tables.map((table) => [table, count(database, `SELECT count(*) FROM main.${table}`)] as const);
  return Object.fromEntries(counts) as Record<OldTable, number>;
}

/** Compares the new counts with the old ones; returns how many old rows belonged to nothing and were left out. */
function refuseLoss(database: Database, newAccounts: number): number {
  let leftOut = 0;
  for (const [table, { expected, reachable }] of Object.entries(EXPECTED)) {
    const copied = count(database, `SELECT count(*) FROM main.${table}`);
    const wanted = count(database, `SELECT count(*) FROM ${expected}`) + (table === "accounts" ? newAccounts : 0);
    if (copied !== wanted) throw new Error(`of ${wanted} rows for the table ${table}, ${copied} were copied`);
    leftOut +=
      count(database, `SELECT count(*) FROM old.${table}`) - count(database, `SELECT count(*) FROM ${reachable}`);
  }
  return leftOut;
}

// `reachable`: the old rows whose repository, scan and group exist. `expected`: those, once for each of their copies.
const REPO_ROWS = "JOIN old.repos ON repos.id =";
const GROUP_ROWS = `old.dupe_groups JOIN old.scans ON scans.id = dupe_groups.scan_id ${REPO_ROWS} scans.repo_id`;
const MEMBER_ROWS = `${GROUP_ROWS} JOIN old.dupe_group_members AS members ON members.group_id = dupe_groups.id
  JOIN old.prs ON prs.id = members.pr_id AND prs.repo_id = scans.repo_id`;
const EXPECTED: Record<OldTable, { expected: string; reachable: string }> = {
  accounts: { expected: "old.accounts", reachable: "old.accounts" },
  repos: { expected: "old.repos JOIN temp.owners ON old_repo_id = repos.id WHERE stays", reachable: "old.repos" },
  prs: {
    expected: `(SELECT DISTINCT owners.repo_id, number FROM old.prs JOIN temp.owners ON old_repo_id = prs.repo_id)`,
    reachable: `old.prs ${REPO_ROWS} prs.repo_id`,
  },
  scans: { expected: `old.scans ${REPO_ROWS} scans.repo_id`, reachable: `old.scans ${REPO_ROWS} scans.repo_id` },
  dupe_groups: { expected: GROUP_ROWS, reachable: GROUP_ROWS },
  dupe_group_members: { expected: MEMBER_ROWS, reachable: MEMBER_ROWS },
  jobs: { expected: "old.jobs", reachable: "old.jobs" },
};

function oldColumns(database: Database, table: string): Set<string> {
  const rows = database.query<{ name: string }, [string]>("SELECT name FROM pragma_table_info(?1, 'old')").all(table);
  return new Set(rows.map((row) => row.name));
}

function count(database: Database, sql: string): number {
  return database.query<{ "count(*)": number }, []>(sql).get()?.["count(*)"] ?? 0;
}

function sha256(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}
