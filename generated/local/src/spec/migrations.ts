/** The migrations of the database, in order, as the statements of each. */

export interface Migration {
  name: string;
  statements: readonly string[];
}

export const MIGRATIONS: readonly Migration[] = [
  {
    name: "0001_initial.sql",
    statements: [
      `CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    api_key TEXT NOT NULL UNIQUE,
    label TEXT,
    config TEXT NOT NULL DEFAULT '{}',
    created_at TEXT DEFAULT (datetime('now')),
    updated_at TEXT DEFAULT (datetime('now'))
);`,
      `CREATE TABLE IF NOT EXISTS repos (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    last_scan_at TEXT,
    created_at TEXT DEFAULT (datetime('now')),
    UNIQUE (owner, name)
);`,
      `CREATE TABLE IF NOT EXISTS prs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    title TEXT NOT NULL,
    body TEXT,
    author TEXT NOT NULL,
    diff_hash TEXT,
    file_paths TEXT NOT NULL DEFAULT '[]',
    state TEXT NOT NULL DEFAULT 'open',
    github_etag TEXT,
    embed_hash TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (repo_id, number)
);`,
      `CREATE TABLE IF NOT EXISTS scans (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
    account_id INTEGER REFERENCES accounts (id),
    status TEXT NOT NULL DEFAULT 'queued',
    phase_cursor TEXT,
    pr_count INTEGER NOT NULL DEFAULT 0,
    dupe_group_count INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    started_at TEXT DEFAULT (datetime('now')),
    completed_at TEXT,
    error TEXT
);`,
      `CREATE TABLE IF NOT EXISTS dupe_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    repo_id INTEGER NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
    label TEXT,
    pr_count INTEGER NOT NULL DEFAULT 0
);`,
      `CREATE TABLE IF NOT EXISTS dupe_group_members (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL REFERENCES dupe_groups (id) ON DELETE CASCADE,
    pr_id INTEGER NOT NULL REFERENCES prs (id) ON DELETE CASCADE,
    rank INTEGER NOT NULL,
    score REAL NOT NULL,
    rationale TEXT,
    UNIQUE (group_id, pr_id)
);`,
      `CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    payload TEXT NOT NULL DEFAULT '{}',
    status TEXT NOT NULL DEFAULT 'queued',
    result TEXT,
    error TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    max_retries INTEGER NOT NULL DEFAULT 3,
    run_after TEXT,
    created_at TEXT DEFAULT (datetime('now')),
    updated_at TEXT DEFAULT (datetime('now'))
);`,
    ],
  },
  {
    name: "0002_account_ownership.sql",
    statements: [
      "CREATE TABLE migration_guard (row_count INTEGER NOT NULL CHECK (row_count = 0));",
      "INSERT INTO migration_guard (row_count) SELECT count(*) FROM accounts;",
      "INSERT INTO migration_guard (row_count) SELECT count(*) FROM repos;",
      "INSERT INTO migration_guard (row_count) SELECT count(*) FROM jobs;",
      "DROP TABLE migration_guard;",
      "DROP TABLE dupe_group_members;",
      "DROP TABLE dupe_groups;",
      "DROP TABLE scans;",
      "DROP TABLE prs;",
      "DROP TABLE repos;",
      "DROP TABLE accounts;",
      "DROP TABLE jobs;",
      `CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    api_key_hash TEXT NOT NULL UNIQUE,
    label TEXT,
    config TEXT NOT NULL DEFAULT '{}',
    created_at TEXT NOT NULL DEFAULT (datetime('now')),
    updated_at TEXT NOT NULL DEFAULT (datetime('now'))
);`,
      `CREATE TABLE repos (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    last_scan_at TEXT,
    created_at TEXT NOT NULL DEFAULT (datetime('now')),
    UNIQUE (account_id, owner, name)
);`,
      `CREATE TABLE prs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    title TEXT NOT NULL,
    body TEXT,
    author TEXT NOT NULL,
    diff_hash TEXT,
    file_paths TEXT NOT NULL DEFAULT '[]',
    state TEXT NOT NULL DEFAULT 'open',
    github_etag TEXT,
    embed_hash TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (repo_id, number)
);`,
      "CREATE INDEX prs_by_state ON prs (repo_id, state, number);",
      `CREATE TABLE scans (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    status TEXT NOT NULL DEFAULT 'queued',
    phase_cursor TEXT,
    progress TEXT,
    pr_count INTEGER NOT NULL DEFAULT 0,
    dupe_group_count INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    started_at TEXT NOT NULL DEFAULT (datetime('now')),
    completed_at TEXT,
    error TEXT
);`,
      "CREATE UNIQUE INDEX scans_active ON scans (repo_id) WHERE status NOT IN ('done', 'failed');",
      "CREATE INDEX scans_by_repo ON scans (repo_id, status, id);",
      "CREATE INDEX scans_by_account ON scans (account_id);",
      `CREATE TABLE dupe_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    repo_id INTEGER NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
    label TEXT,
    pr_count INTEGER NOT NULL DEFAULT 0
);`,
      "CREATE INDEX dupe_groups_by_scan ON dupe_groups (scan_id);",
      "CREATE INDEX dupe_groups_by_repo ON dupe_groups (repo_id);",
      `CREATE TABLE dupe_group_members (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL REFERENCES dupe_groups (id) ON DELETE CASCADE,
    pr_id INTEGER NOT NULL REFERENCES prs (id) ON DELETE CASCADE,
    rank INTEGER NOT NULL,
    score REAL NOT NULL,
    rationale TEXT,
    UNIQUE (group_id, pr_id)
);`,
      "CREATE INDEX dupe_group_members_by_pr ON dupe_group_members (pr_id);",
      `CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY,
    type TEXT NOT NULL,
    payload TEXT NOT NULL DEFAULT '{}',
    status TEXT NOT NULL DEFAULT 'queued',
    result TEXT,
    error TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    max_retries INTEGER NOT NULL DEFAULT 3,
    run_after TEXT,
    created_at TEXT NOT NULL DEFAULT (datetime('now')),
    updated_at TEXT NOT NULL DEFAULT (datetime('now'))
);`,
      "CREATE INDEX jobs_due ON jobs (status, run_after);",
    ],
  },
  {
    name: "0003_pipeline.sql",
    statements: [
      `CREATE TABLE scan_steps (
    scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    phase TEXT,
    due_at TEXT NOT NULL,
    sent_at TEXT,
    PRIMARY KEY (scan_id, step)
) WITHOUT ROWID;`,
      "CREATE INDEX scan_steps_unsent ON scan_steps (due_at) WHERE sent_at IS NULL;",
      `CREATE TABLE listed_prs (
    scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    title TEXT NOT NULL,
    body TEXT,
    author TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    pending INTEGER NOT NULL,
    PRIMARY KEY (scan_id, number)
) WITHOUT ROWID;`,
      `CREATE TABLE neighbour_edges (
    scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    pr_id INTEGER NOT NULL REFERENCES prs (id) ON DELETE CASCADE,
    neighbour_id INTEGER NOT NULL REFERENCES prs (id) ON DELETE CASCADE,
    signal TEXT NOT NULL,
    score REAL NOT NULL,
    PRIMARY KEY (scan_id, pr_id, neighbour_id, signal)
) WITHOUT ROWID;`,
      "CREATE INDEX neighbour_edges_by_pr ON neighbour_edges (pr_id);",
      "CREATE INDEX neighbour_edges_by_neighbour ON neighbour_edges (neighbour_id);",
      `CREATE TABLE candidate_groups (
    scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    stage TEXT NOT NULL,
    pr_ids TEXT NOT NULL,
    label TEXT,
    error TEXT,
    PRIMARY KEY (scan_id, stage, position)
) WITHOUT ROWID;`,
      `CREATE TABLE vector_purges (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    vector_store TEXT
);`,
      "CREATE INDEX vector_purges_by_pr ON vector_purges (repo_id, number);",
    ],
  },
  {
    name: "0004_batches.sql",
    statements: [
      "ALTER TABLE scan_steps ADD COLUMN batch_id TEXT;",
      "ALTER TABLE scan_steps ADD COLUMN batch_expires_at TEXT;",
      "ALTER TABLE scan_steps ADD COLUMN submitting_at TEXT;",
      `CREATE TABLE batch_answers (
    scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    phase TEXT NOT NULL,
    position INTEGER NOT NULL,
    text TEXT NOT NULL,
    problem TEXT,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    PRIMARY KEY (scan_id, phase, position)
) WITHOUT ROWID;`,
      `CREATE TABLE batch_polls (
    name TEXT NOT NULL PRIMARY KEY,
    batch_id TEXT NOT NULL,
    scan_id INTEGER NOT NULL,
    step INTEGER NOT NULL,
    phase TEXT NOT NULL,
    polls INTEGER NOT NULL DEFAULT 0,
    errors INTEGER NOT NULL DEFAULT 0,
    ended INTEGER NOT NULL DEFAULT 0,
    next_poll_at TEXT NOT NULL
) WITHOUT ROWID;`,
      "CREATE INDEX batch_polls_due ON batch_polls (next_poll_at);",
    ],
  },
  {
    name: "0005_patience.sql",
    statements: [
      "ALTER TABLE scan_steps ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;",
      "ALTER TABLE scan_steps ADD COLUMN begun_at TEXT;",
      "ALTER TABLE scan_steps ADD COLUMN failing TEXT;",
      "ALTER TABLE vector_purges ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;",
      "ALTER TABLE batch_polls ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;",
    ],
  },
];
