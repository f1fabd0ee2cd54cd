-- The pipeline's own tables: the steps of a scan, and the results that one phase hands to the next.

-- One row for each message of a scan: `step` counts them, `phase` says who handles it (NULL: the scan has ended).
-- The primary key makes every step happen once; a row without `sent_at` is still to be sent (an outbox).
CREATE TABLE scan_steps (
    scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    phase TEXT,
    due_at TEXT NOT NULL,
    sent_at TEXT,
    PRIMARY KEY (scan_id, step)
) WITHOUT ROWID;
CREATE INDEX scan_steps_unsent ON scan_steps (due_at) WHERE sent_at IS NULL;

-- What the listing of a scan has shown; `pending` are those whose files and diff are still to be read.
-- An open pull request that is stored but not listed has been closed, or has slipped between two pages.
CREATE TABLE listed_prs (
    scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    title TEXT NOT NULL,
    body TEXT,
    author TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    pending INTEGER NOT NULL,
    PRIMARY KEY (scan_id, number)
) WITHOUT ROWID;

-- Pairs of neighbours above a threshold, written by the slices of the cluster phase; pr_id < neighbour_id.
CREATE TABLE neighbour_edges (
    scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    pr_id INTEGER NOT NULL REFERENCES prs (id) ON DELETE CASCADE,
    neighbour_id INTEGER NOT NULL REFERENCES prs (id) ON DELETE CASCADE,
    signal TEXT NOT NULL,
    score REAL NOT NULL,
    PRIMARY KEY (scan_id, pr_id, neighbour_id, signal)
) WITHOUT ROWID;
CREATE INDEX neighbour_edges_by_pr ON neighbour_edges (pr_id);
CREATE INDEX neighbour_edges_by_neighbour ON neighbour_edges (neighbour_id);

-- Groups on their way through cluster, verify and rank; `pr_ids` is a JSON list.
CREATE TABLE candidate_groups (
    scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    stage TEXT NOT NULL,
    pr_ids TEXT NOT NULL,
    label TEXT,
    error TEXT,
    PRIMARY KEY (scan_id, stage, position)
) WITHOUT ROWID;

-- Pull requests whose vectors are to be deleted. They outlive the repository and the account that they belonged to, and so
-- keep the address of the account's own vector store, where it had one.
CREATE TABLE vector_purges (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repo_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    vector_store TEXT
);
CREATE INDEX vector_purges_by_pr ON vector_purges (repo_id, number);
