-- What was said of pairs and groups of pull requests, kept from scan to scan so that nothing is asked twice.

-- One row for each pair and source (`model` or `person`); pr_id < other_id. Of a model's verdict: the hashes of what the
-- question showed of the two, the model, and the version of the question; it stands while all of these are the same.
-- Of a person's: `keep_id`, the one of the two to merge; it stands until the person takes it back.
CREATE TABLE verdicts (
    pr_id INTEGER NOT NULL REFERENCES prs (id) ON DELETE CASCADE,
    other_id INTEGER NOT NULL REFERENCES prs (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    verdict TEXT NOT NULL,
    confidence REAL NOT NULL,
    reason TEXT,
    pr_hash TEXT,
    other_hash TEXT,
    model TEXT,
    question_version INTEGER,
    keep_id INTEGER REFERENCES prs (id) ON DELETE SET NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (pr_id, other_id, source)
) WITHOUT ROWID;
CREATE INDEX verdicts_by_other ON verdicts (other_id);
CREATE INDEX verdicts_by_keep ON verdicts (keep_id) WHERE keep_id IS NOT NULL;

-- Hash of what a question about pairs shows of a pull request, as of the last scan.
ALTER TABLE prs ADD COLUMN shown_hash TEXT;

-- What a model answered to questions about groups, by a hash of the question and the model.
CREATE TABLE group_answers (
    repo_id INTEGER NOT NULL REFERENCES repos (id) ON DELETE CASCADE,
    question_hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    used_at TEXT NOT NULL,
    PRIMARY KEY (repo_id, question_hash)
) WITHOUT ROWID;
CREATE INDEX group_answers_unused ON group_answers (used_at);

-- What is known of a group on its way, beside its members (JSON).
ALTER TABLE candidate_groups ADD COLUMN notes TEXT;

-- A group has the id of the one in the scan before that most of its members were in; NULL: it is new, and has its own.
-- `merged_number` is the member that was the best and has been merged.
ALTER TABLE dupe_groups ADD COLUMN lasting_number INTEGER;
ALTER TABLE dupe_groups ADD COLUMN merged_number INTEGER;
ALTER TABLE dupe_group_members ADD COLUMN relationship TEXT;
ALTER TABLE dupe_group_members ADD COLUMN confidence REAL;
ALTER TABLE dupe_group_members ADD COLUMN reason TEXT;
ALTER TABLE dupe_group_members ADD COLUMN is_new INTEGER NOT NULL DEFAULT 0;
