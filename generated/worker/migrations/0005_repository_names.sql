-- GitHub takes the letters of a repository's name in either case, and gives each repository an id that outlives its name.

-- NULL until the first scan after this.
ALTER TABLE repos ADD COLUMN github_id INTEGER;

-- Repositories of an account whose names differ only in case are one. The one with the newest scan stays; what it lacks
-- of the others' pull requests comes to it, and their scans and groups, so that all that anybody was shown can be shown
-- again. What it has too is dropped: it is as new at least. Their vectors are deleted, since the ids hold the repository.
CREATE TABLE same_repos AS
SELECT id, first_value(id) OVER (
    PARTITION BY account_id, lower(owner), lower(name)
    ORDER BY (SELECT max(scans.id) FROM scans WHERE scans.repo_id = repos.id) DESC, id
) AS stays
FROM repos;
DELETE FROM same_repos WHERE id = stays;

-- reason: one scan of a repository is active at most, the newest.
DELETE FROM scan_steps WHERE scan_id IN (
    SELECT id FROM scans WHERE status NOT IN ('done', 'failed') AND repo_id IN (SELECT id FROM same_repos)
);
UPDATE scans
SET status = 'failed', progress = NULL, completed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
    error = 'This repository was tracked under two spellings of its name, which are one now. Start the scan again'
WHERE status NOT IN ('done', 'failed') AND repo_id IN (SELECT id FROM same_repos);

INSERT INTO vector_purges (repo_id, number, vector_store)
SELECT prs.repo_id, prs.number, accounts.config -> '$.vector_store'
FROM prs JOIN repos ON repos.id = prs.repo_id JOIN accounts ON accounts.id = repos.account_id
WHERE repos.id IN (SELECT id FROM same_repos);

-- Ignored: pull requests that have come from elsewhere already.
UPDATE OR IGNORE prs
SET repo_id = (SELECT stays FROM same_repos WHERE same_repos.id = prs.repo_id), embed_hash = NULL
WHERE repo_id IN (SELECT id FROM same_repos);
UPDATE dupe_group_members SET pr_id = (
    SELECT known.id FROM prs
    JOIN same_repos ON same_repos.id = prs.repo_id
    JOIN prs AS known ON known.repo_id = same_repos.stays AND known.number = prs.number
    WHERE prs.id = dupe_group_members.pr_id
)
WHERE pr_id IN (SELECT id FROM prs WHERE repo_id IN (SELECT id FROM same_repos));
UPDATE dupe_groups SET repo_id = (SELECT stays FROM same_repos WHERE same_repos.id = dupe_groups.repo_id)
WHERE repo_id IN (SELECT id FROM same_repos);
UPDATE scans SET repo_id = (SELECT stays FROM same_repos WHERE same_repos.id = scans.repo_id)
WHERE repo_id IN (SELECT id FROM same_repos);
UPDATE repos SET last_scan_at = (
    SELECT max(same.last_scan_at) FROM repos AS same
    WHERE same.account_id = repos.account_id AND lower(same.owner) = lower(repos.owner)
      AND lower(same.name) = lower(repos.name)
)
WHERE id IN (SELECT stays FROM same_repos);
-- reason: what was theirs has come to the one that stays.
DELETE FROM repos WHERE id IN (SELECT id FROM same_repos);
DROP TABLE same_repos;

-- reason: no two can be of one name or id from now on; an account has few.
CREATE UNIQUE INDEX repos_by_name ON repos (account_id, owner COLLATE NOCASE, name COLLATE NOCASE);
CREATE UNIQUE INDEX repos_by_github_id ON repos (account_id, github_id);

-- reason: what is deleted after a while is found by these: the last step of a scan that has ended, a repository's old groups, and
-- jobs that have ended.
CREATE INDEX scan_steps_ended ON scan_steps (due_at) WHERE phase IS NULL;
DROP INDEX dupe_groups_by_repo;
CREATE INDEX dupe_groups_by_repo ON dupe_groups (repo_id, scan_id);
CREATE INDEX jobs_ended ON jobs (status, updated_at);
