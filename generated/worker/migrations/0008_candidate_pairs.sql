-- Pairs of pull requests that may be duplicates, and what tells pull requests apart beside their texts.

-- Pairs to be asked about, written by the cluster phase; pr_id < other_id. `score` adds up the places that each has in the
-- other's lists: greater is nearer. `certain`: equal diffs on one base branch.
CREATE TABLE candidate_pairs (
    scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    pr_id INTEGER NOT NULL REFERENCES prs (id) ON DELETE CASCADE,
    other_id INTEGER NOT NULL REFERENCES prs (id) ON DELETE CASCADE,
    score REAL NOT NULL,
    certain INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (scan_id, pr_id, other_id)
) WITHOUT ROWID;
CREATE INDEX candidate_pairs_by_pr ON candidate_pairs (pr_id);
CREATE INDEX candidate_pairs_by_other ON candidate_pairs (other_id);

-- NULL: of pull requests that were read before this; they are read once more. `head_ref` is NULL for a branch of another
-- repository, too.
ALTER TABLE prs ADD COLUMN base_ref TEXT;
ALTER TABLE prs ADD COLUMN head_ref TEXT;
ALTER TABLE prs ADD COLUMN is_draft INTEGER NOT NULL DEFAULT 0;
-- The numbers of the issues that its text closes or refers to (a JSON list).
ALTER TABLE prs ADD COLUMN closes TEXT NOT NULL DEFAULT '[]';
-- Its last commit is not younger than this.
ALTER TABLE prs ADD COLUMN committed_at TEXT;
-- Hashes of some of the lines that it changes (a JSON list); NULL: its diff is not known.
ALTER TABLE prs ADD COLUMN sketch TEXT;

ALTER TABLE listed_prs ADD COLUMN base_ref TEXT;
ALTER TABLE listed_prs ADD COLUMN head_ref TEXT;
ALTER TABLE listed_prs ADD COLUMN is_draft INTEGER NOT NULL DEFAULT 0;
ALTER TABLE listed_prs ADD COLUMN pushed_at TEXT;

-- The nearest others of a pull request by each signal (code, intent, words, lines), kept from scan to scan: `nearest` is a
-- JSON list of [id, score], the best first. No row: to be searched, since it is new or what it is searched by has changed.
CREATE TABLE neighbour_lists (
    pr_id INTEGER NOT NULL REFERENCES prs (id) ON DELETE CASCADE,
    signal TEXT NOT NULL,
    -- The scan that searched. Not a foreign key: the list outlives it.
    searched_in INTEGER NOT NULL,
    nearest TEXT NOT NULL,
    PRIMARY KEY (pr_id, signal)
) WITHOUT ROWID;
-- reason: these were handed from one slice to the next; a scan that runs meanwhile searches again.
DROP TABLE neighbour_edges;

-- Lines that many descriptions share (a JSON list), see pipeline/text_cleaning.py.
ALTER TABLE repos ADD COLUMN shared_lines TEXT NOT NULL DEFAULT '[]';
-- How the pairs of the last scan were chosen: pairs chosen in another way are not kept.
ALTER TABLE repos ADD COLUMN candidate_rule TEXT;
