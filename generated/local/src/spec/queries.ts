/** The SQL of every database method. */

import type { Query } from "../sql-methods.ts";

export const CREATE_ACCOUNT: Query = {
  statements: [
    {
      sql: `INSERT INTO accounts (api_key_hash, label, config)
VALUES (?1, ?2, ?3)
RETURNING id, label, config, created_at, updated_at`,
      order: [0, 1, 2],
    },
  ],
  rowsFrom: 0,
};

export const GET_ACCOUNT_BY_API_KEY: Query = {
  statements: [
    {
      sql: "SELECT id, label, config, created_at, updated_at FROM accounts WHERE api_key_hash = ?1",
      order: [0],
    },
  ],
  rowsFrom: 0,
};

export const GET_ACCOUNT: Query = {
  statements: [
    {
      sql: "SELECT id, label, config, created_at, updated_at FROM accounts WHERE id = ?1",
      order: [0],
    },
  ],
  rowsFrom: 0,
};

export const UPDATE_ACCOUNT_CONFIG: Query = {
  statements: [
    {
      sql: `UPDATE accounts
SET config = ?1,
    label = iif(json_type(?2, '$.label') IS NULL, label, ?2 ->> '$.label'),
    updated_at = datetime('now')
WHERE id = ?3`,
      order: [1, 2, 0],
    },
  ],
};

export const CLEAR_EMBED_HASHES: Query = {
  statements: [
    {
      sql: `UPDATE prs SET embed_hash = NULL
WHERE embed_hash IS NOT NULL AND repo_id IN (SELECT id FROM repos WHERE account_id = ?1)`,
      order: [0],
    },
  ],
};

export const CLEAR_REPO_EMBED_HASHES: Query = {
  statements: [
    {
      sql: `UPDATE prs SET embed_hash = NULL
WHERE embed_hash IS NOT NULL
  AND repo_id IN (SELECT id FROM repos WHERE id = ?1 AND account_id = ?2)`,
      order: [1, 0],
    },
  ],
};

export const CLEAR_ALL_EMBED_HASHES: Query = {
  statements: [
    {
      sql: "UPDATE prs SET embed_hash = NULL WHERE embed_hash IS NOT NULL",
      order: [],
    },
  ],
};

export const INSERT_REPO: Query = {
  statements: [
    {
      sql: `INSERT INTO repos (account_id, owner, name)
SELECT id, ?1, ?2 FROM accounts WHERE id = ?3
ON CONFLICT DO NOTHING
RETURNING id, owner, name, last_scan_at, created_at`,
      order: [1, 2, 0],
    },
  ],
  rowsFrom: 0,
};

export const GET_REPO: Query = {
  statements: [
    {
      sql: "SELECT id, owner, name, last_scan_at, created_at FROM repos WHERE id = ?1 AND account_id = ?2",
      order: [1, 0],
    },
  ],
  rowsFrom: 0,
};

export const GET_REPO_BY_OWNER_NAME: Query = {
  statements: [
    {
      sql: `SELECT id, owner, name, last_scan_at, created_at FROM repos
WHERE account_id = ?1 AND owner = ?2 AND name = ?3`,
      order: [0, 1, 2],
    },
  ],
  rowsFrom: 0,
};

export const LIST_REPOS: Query = {
  statements: [
    {
      sql: `SELECT repos.id, repos.owner, repos.name, repos.last_scan_at, repos.created_at,
       (SELECT count(*) FROM prs WHERE prs.repo_id = repos.id) AS pr_count,
       scans.status AS active_scan_status,
       scans.pr_count AS active_scan_pr_count,
       scans.dupe_group_count AS active_scan_dupe_group_count
FROM repos
LEFT JOIN scans ON scans.repo_id = repos.id AND scans.status NOT IN ('done', 'failed')
WHERE repos.account_id = ?1 AND repos.id > ?2
ORDER BY repos.id
LIMIT ?3`,
      order: [0, 1, 2],
    },
  ],
  rowsFrom: 0,
  page: { by: "id", size: 1000 },
};

export const DELETE_REPO: Query = {
  statements: [
    {
      sql: `INSERT INTO vector_purges (repo_id, number, vector_store)
SELECT prs.repo_id, prs.number, accounts.config -> '$.vector_store'
FROM prs JOIN repos ON repos.id = prs.repo_id JOIN accounts ON accounts.id = repos.account_id
WHERE repos.id = ?1 AND repos.account_id = ?2`,
      order: [1, 0],
    },
    {
      sql: "DELETE FROM repos WHERE id = ?1 AND account_id = ?2",
      order: [1, 0],
    },
  ],
};

export const UPDATE_REPO_LAST_SCAN_AT: Query = {
  statements: [
    {
      sql: "UPDATE repos SET last_scan_at = ?1 WHERE id = ?2",
      order: [1, 0],
    },
  ],
};

export const START_SCAN: Query = {
  statements: [
    {
      sql: `INSERT INTO repos (account_id, owner, name)
SELECT id, ?1, ?2 FROM accounts WHERE id = ?3
ON CONFLICT DO NOTHING`,
      order: [1, 2, 0],
    },
    {
      sql: `INSERT INTO scans (repo_id, account_id, phase_cursor)
SELECT id, account_id, ?1 FROM repos
WHERE account_id = ?2 AND owner = ?3 AND name = ?4
ON CONFLICT DO NOTHING
RETURNING id, repo_id, status, phase_cursor, pr_count, dupe_group_count, input_tokens, output_tokens,
          started_at, completed_at, error, progress`,
      order: [3, 0, 1, 2],
    },
    {
      sql: `INSERT INTO scan_steps (scan_id, step, phase, due_at)
SELECT scans.id, 1, ?1, ?2 FROM scans
JOIN repos ON repos.id = scans.repo_id
WHERE repos.account_id = ?3 AND repos.owner = ?4 AND repos.name = ?5
  AND scans.status = 'queued'
ON CONFLICT DO NOTHING`,
      order: [4, 5, 0, 1, 2],
    },
  ],
  rowsFrom: 1,
};

export const CREATE_SCAN: Query = {
  statements: [
    {
      sql: `INSERT INTO scans (repo_id, account_id)
SELECT id, account_id FROM repos WHERE id = ?1 AND account_id = ?2
ON CONFLICT DO NOTHING
RETURNING id, repo_id, status, phase_cursor, pr_count, dupe_group_count, input_tokens, output_tokens,
          started_at, completed_at, error, progress`,
      order: [1, 0],
    },
  ],
  rowsFrom: 0,
};

export const GET_SCAN: Query = {
  statements: [
    {
      sql: `SELECT scans.id, repo_id, status, phase_cursor, pr_count, dupe_group_count, input_tokens, output_tokens,
       started_at, completed_at, error, progress
FROM scans JOIN repos ON repos.id = scans.repo_id
WHERE scans.id = ?1 AND repos.account_id = ?2`,
      order: [1, 0],
    },
  ],
  rowsFrom: 0,
};

export const GET_ACTIVE_SCAN: Query = {
  statements: [
    {
      sql: `SELECT scans.id, repo_id, status, phase_cursor, pr_count, dupe_group_count, input_tokens, output_tokens,
       started_at, completed_at, error, progress
FROM scans JOIN repos ON repos.id = scans.repo_id
WHERE repo_id = ?1 AND repos.account_id = ?2 AND status NOT IN ('done', 'failed')`,
      order: [1, 0],
    },
  ],
  rowsFrom: 0,
};

export const GET_LATEST_COMPLETED_SCAN: Query = {
  statements: [
    {
      sql: `SELECT scans.id, repo_id, status, phase_cursor, pr_count, dupe_group_count, input_tokens, output_tokens,
       started_at, completed_at, error, progress
FROM scans JOIN repos ON repos.id = scans.repo_id
WHERE repo_id = ?1 AND repos.account_id = ?2 AND status = 'done'
ORDER BY scans.id DESC
LIMIT 1`,
      order: [1, 0],
    },
  ],
  rowsFrom: 0,
};

export const UPDATE_SCAN_STATUS: Query = {
  statements: [
    {
      sql: `UPDATE scans
SET status = ?1,
    error = iif(json_type(?2, '$.error') IS NULL, error, ?2 ->> '$.error'),
    completed_at = iif(json_type(?2, '$.completedAt') IS NULL, completed_at, ?2 ->> '$.completedAt'),
    phase_cursor = iif(json_type(?2, '$.phaseCursor') IS NULL, phase_cursor, ?2 ->> '$.phaseCursor'),
    progress = iif(json_type(?2, '$.progress') IS NULL, progress, ?2 ->> '$.progress'),
    pr_count = ifnull(?2 ->> '$.prCount', pr_count),
    dupe_group_count = ifnull(?2 ->> '$.dupeGroupCount', dupe_group_count)
WHERE id = ?3`,
      order: [1, 2, 0],
    },
  ],
};

export const ADD_SCAN_TOKENS: Query = {
  statements: [
    {
      sql: `UPDATE scans
SET input_tokens = input_tokens + ?1, output_tokens = output_tokens + ?2
WHERE id = ?3`,
      order: [1, 2, 0],
    },
  ],
};

export const FAIL_SCAN: Query = {
  statements: [
    {
      sql: `UPDATE scans SET status = 'failed', error = ?1, completed_at = ?2, progress = NULL
WHERE id = ?3 AND status NOT IN ('done', 'failed')`,
      order: [1, 2, 0],
    },
  ],
};

export const GET_SCAN_MESSAGE: Query = {
  statements: [
    {
      sql: `SELECT this.scan_id, this.step, this.phase, this.due_at, this.begun, this.failing, scans.status,
       scans.phase_cursor, scans.repo_id, scans.account_id, repos.owner, repos.name, accounts.config,
       next.step AS next_step, next.phase AS next_phase, next.due_at AS next_due_at, next.sent_at AS next_sent_at,
       next.batch_id AS next_batch_id
FROM scan_steps AS this
JOIN scans ON scans.id = this.scan_id
JOIN repos ON repos.id = scans.repo_id
JOIN accounts ON accounts.id = scans.account_id
LEFT JOIN scan_steps AS next ON next.scan_id = this.scan_id AND next.step = this.step + 1
WHERE this.scan_id = ?1 AND this.step = ?2 AND this.phase IS NOT NULL`,
      order: [0, 1],
    },
  ],
  rowsFrom: 0,
};

export const BEGIN_STEP: Query = {
  statements: [
    {
      sql: `UPDATE scan_steps SET begun = begun + 1, begun_at = ?1
WHERE scan_id = ?2 AND step = ?3 AND ifnull(begun_at, '') <= ?4 AND (failing IS NULL OR due_at <= ?1)
  AND NOT EXISTS (SELECT 1 FROM scan_steps AS next WHERE next.scan_id = ?2 AND next.step = ?3 + 1)
  AND EXISTS (SELECT 1 FROM scans WHERE id = ?2 AND status NOT IN ('done', 'failed'))`,
      order: [2, 0, 1, 3],
    },
    {
      sql: `SELECT this.scan_id, this.step, this.phase, this.due_at, this.begun, this.failing, scans.status,
       scans.phase_cursor, scans.repo_id, scans.account_id, repos.owner, repos.name, accounts.config,
       next.step AS next_step, next.phase AS next_phase, next.due_at AS next_due_at,
       next.sent_at AS next_sent_at, next.batch_id AS next_batch_id
FROM scan_steps AS this
JOIN scans ON scans.id = this.scan_id
JOIN repos ON repos.id = scans.repo_id
JOIN accounts ON accounts.id = scans.account_id
LEFT JOIN scan_steps AS next ON next.scan_id = this.scan_id AND next.step = this.step + 1
WHERE this.scan_id = ?1 AND this.step = ?2 AND this.phase IS NOT NULL`,
      order: [0, 1],
    },
  ],
  rowsFrom: 1,
};

export const PUT_OFF_STEP: Query = {
  statements: [
    {
      sql: `UPDATE scans SET progress = json_set(ifnull(progress, '{"done":0,"total":0}'), '$.note', ?1)
WHERE id = ?2 AND status NOT IN ('done', 'failed')
  AND NOT EXISTS (SELECT 1 FROM scan_steps AS next WHERE next.scan_id = ?2 AND next.step = ?3 + 1)`,
      order: [4, 0, 1],
    },
    {
      sql: `UPDATE scan_steps
SET begun = max(begun - 1, 0), failing = ?1, due_at = ?2, sent_at = NULL, batch_id = NULL,
    batch_expires_at = NULL
WHERE scan_id = ?3 AND step = ?4
  AND NOT EXISTS (SELECT 1 FROM scan_steps AS next WHERE next.scan_id = ?3 AND next.step = ?4 + 1)
  AND EXISTS (SELECT 1 FROM scans WHERE id = ?3 AND status NOT IN ('done', 'failed'))`,
      order: [3, 2, 0, 1],
    },
  ],
};

export const EXCUSE_STEP: Query = {
  statements: [
    {
      sql: "UPDATE scan_steps SET begun = max(begun - 1, 0) WHERE scan_id = ?1 AND step = ?2",
      order: [0, 1],
    },
  ],
};

export const TAKE_STEP: Query = {
  statements: [
    {
      sql: `INSERT INTO scan_steps (scan_id, step, phase, due_at, sent_at, batch_id, batch_expires_at)
VALUES (
  (SELECT id FROM scans WHERE id = ?1 AND status NOT IN ('done', 'failed')),
  ?2, ?3, ?4, iif(?3 IS NULL, ?4, NULL), ?5, ?6
)`,
      order: [0, 1, 2, 3, 4, 5],
    },
  ],
};

export const MARK_STEP_SENT: Query = {
  statements: [
    {
      sql: "UPDATE scan_steps SET sent_at = ?1 WHERE scan_id = ?2 AND step = ?3",
      order: [2, 0, 1],
    },
  ],
};

export const CLAIM_SUBMISSION: Query = {
  statements: [
    {
      sql: `UPDATE scan_steps SET submitting_at = ?1
WHERE scan_id = ?2 AND step = ?3
  AND iif(?4 IS NULL, submitting_at IS NULL, submitting_at <= ?4)`,
      order: [2, 0, 1, 3],
    },
  ],
};

export const FORGET_SUBMISSION: Query = {
  statements: [
    {
      sql: "UPDATE scan_steps SET submitting_at = NULL WHERE scan_id = ?1 AND step = ?2",
      order: [0, 1],
    },
  ],
};

export const MARK_BATCH_ENDED: Query = {
  statements: [
    {
      sql: "UPDATE scan_steps SET batch_expires_at = min(batch_expires_at, ?1) WHERE scan_id = ?2 AND step = ?3",
      order: [2, 0, 1],
    },
  ],
};

export const LIST_STALLED_STEPS: Query = {
  statements: [
    {
      sql: `SELECT scan_steps.scan_id, scan_steps.step, scan_steps.phase, scan_steps.due_at, scan_steps.sent_at,
       scan_steps.batch_id, scan_steps.batch_expires_at, scan_steps.failing
FROM scans
JOIN scan_steps ON scan_steps.scan_id = scans.id
  AND scan_steps.step = (SELECT max(step) FROM scan_steps AS last WHERE last.scan_id = scans.id)
WHERE scans.status NOT IN ('done', 'failed', 'paused') AND scan_steps.phase IS NOT NULL
  AND iif(
    scan_steps.sent_at IS NULL,
    scan_steps.due_at < ?1,
    max(scan_steps.sent_at, ifnull(scan_steps.batch_expires_at, scan_steps.due_at)) < ?2
  )
ORDER BY scan_steps.due_at, scan_steps.scan_id
LIMIT ?3`,
      order: [0, 1, 2],
    },
  ],
  rowsFrom: 0,
};

export const UPSERT_PR: Query = {
  statements: [
    {
      sql: `INSERT INTO prs (repo_id, number, title, body, author, diff_hash, file_paths, state, github_etag, created_at, updated_at)
VALUES (?1, ?2 ->> '$.number', ?2 ->> '$.title', ?2 ->> '$.body', ?2 ->> '$.author', ?2 ->> '$.diffHash',
        ?2 ->> '$.filePaths', ?2 ->> '$.state', ?2 ->> '$.githubEtag', ?2 ->> '$.createdAt', ?2 ->> '$.updatedAt')
ON CONFLICT (repo_id, number) DO UPDATE SET
  title = excluded.title, body = excluded.body, author = excluded.author, diff_hash = excluded.diff_hash,
  file_paths = excluded.file_paths, state = excluded.state, github_etag = excluded.github_etag,
  created_at = excluded.created_at, updated_at = excluded.updated_at
RETURNING id, repo_id, number, title, body, author, diff_hash, file_paths, state, github_etag, embed_hash,
          created_at, updated_at`,
      order: [0, 1],
    },
  ],
  rowsFrom: 0,
};

export const UPSERT_PRS: Query = {
  statements: [
    {
      sql: `INSERT INTO prs (repo_id, number, title, body, author, diff_hash, file_paths, state, github_etag, created_at, updated_at)
SELECT ?1, value ->> '$.number', value ->> '$.title', value ->> '$.body', value ->> '$.author',
       value ->> '$.diffHash', value ->> '$.filePaths', value ->> '$.state', value ->> '$.githubEtag',
       value ->> '$.createdAt', value ->> '$.updatedAt'
FROM json_each(?2)
WHERE true
ON CONFLICT (repo_id, number) DO UPDATE SET
  title = excluded.title, body = excluded.body, author = excluded.author, diff_hash = excluded.diff_hash,
  file_paths = excluded.file_paths, state = excluded.state, github_etag = excluded.github_etag,
  created_at = excluded.created_at, updated_at = excluded.updated_at`,
      order: [0, 1],
    },
  ],
};

export const GET_PR: Query = {
  statements: [
    {
      sql: `SELECT prs.id, repo_id, number, title, body, author, diff_hash, file_paths, state, github_etag, embed_hash,
       prs.created_at, prs.updated_at
FROM prs JOIN repos ON repos.id = prs.repo_id
WHERE prs.id = ?1 AND repos.account_id = ?2`,
      order: [1, 0],
    },
  ],
  rowsFrom: 0,
};

export const GET_PR_BY_NUMBER: Query = {
  statements: [
    {
      sql: `SELECT prs.id, repo_id, number, title, body, author, diff_hash, file_paths, state, github_etag, embed_hash,
       prs.created_at, prs.updated_at
FROM prs JOIN repos ON repos.id = prs.repo_id
WHERE repo_id = ?1 AND number = ?2 AND repos.account_id = ?3`,
      order: [1, 2, 0],
    },
  ],
  rowsFrom: 0,
};

export const GET_PRS_BY_IDS: Query = {
  statements: [
    {
      sql: `SELECT prs.id, repo_id, number, title, body, author, diff_hash, file_paths, state, github_etag, embed_hash,
       prs.created_at, prs.updated_at
FROM prs JOIN repos ON repos.id = prs.repo_id
WHERE prs.id IN (SELECT value FROM json_each(?1)) AND repos.account_id = ?2
ORDER BY prs.id`,
      order: [1, 0],
    },
  ],
  rowsFrom: 0,
};

export const GET_PRS_BY_NUMBERS: Query = {
  statements: [
    {
      sql: `SELECT prs.id, repo_id, number, title, body, author, diff_hash, file_paths, state, github_etag, embed_hash,
       prs.created_at, prs.updated_at
FROM prs JOIN repos ON repos.id = prs.repo_id
WHERE repo_id = ?1 AND number IN (SELECT value FROM json_each(?2)) AND repos.account_id = ?3
ORDER BY number`,
      order: [1, 2, 0],
    },
  ],
  rowsFrom: 0,
};

export const LIST_OPEN_PRS: Query = {
  statements: [
    {
      sql: `SELECT prs.id, repo_id, number, title, body, author, diff_hash, file_paths, state, github_etag, embed_hash,
       prs.created_at, prs.updated_at
FROM prs JOIN repos ON repos.id = prs.repo_id
WHERE repo_id = ?1 AND state = 'open' AND repos.account_id = ?2 AND number > ?3
ORDER BY number
LIMIT ?4`,
      order: [1, 0, 2, 3],
    },
  ],
  rowsFrom: 0,
  page: { by: "number", size: 200 },
};

export const COUNT_PRS: Query = {
  statements: [
    {
      sql: `SELECT count(*) AS pr_count FROM prs JOIN repos ON repos.id = prs.repo_id
WHERE repo_id = ?1 AND repos.account_id = ?2`,
      order: [1, 0],
    },
  ],
  rowsFrom: 0,
};

export const COUNT_OPEN_PRS: Query = {
  statements: [
    {
      sql: `SELECT count(*) AS pr_count FROM prs JOIN repos ON repos.id = prs.repo_id
WHERE repo_id = ?1 AND state = 'open' AND repos.account_id = ?2`,
      order: [1, 0],
    },
  ],
  rowsFrom: 0,
};

export const UPDATE_PR_ETAG: Query = {
  statements: [
    {
      sql: "UPDATE prs SET github_etag = ?1 WHERE id = ?2",
      order: [1, 0],
    },
  ],
};

export const UPDATE_PR_EMBED_HASH: Query = {
  statements: [
    {
      sql: "UPDATE prs SET embed_hash = ?1 WHERE id = ?2",
      order: [1, 0],
    },
  ],
};

export const INSERT_DUPE_GROUP: Query = {
  statements: [
    {
      sql: `INSERT INTO dupe_groups (scan_id, repo_id, label, pr_count) VALUES (?1, ?2, ?3, ?4)
RETURNING id, scan_id, repo_id, label, pr_count`,
      order: [0, 1, 2, 3],
    },
  ],
  rowsFrom: 0,
};

export const INSERT_DUPE_GROUP_MEMBER: Query = {
  statements: [
    {
      sql: `INSERT INTO dupe_group_members (group_id, pr_id, rank, score, rationale)
VALUES (?1, ?2, ?3, ?4, ?5)
RETURNING id, group_id, pr_id, rank, score, rationale`,
      order: [0, 1, 2, 3, 4],
    },
  ],
  rowsFrom: 0,
};

export const LIST_DUPE_GROUPS: Query = {
  statements: [
    {
      sql: `SELECT dupe_groups.id, scan_id, repo_id, label, pr_count
FROM dupe_groups JOIN repos ON repos.id = dupe_groups.repo_id
WHERE scan_id = ?1 AND repos.account_id = ?2
ORDER BY dupe_groups.id`,
      order: [1, 0],
    },
  ],
  rowsFrom: 0,
};

export const LIST_DUPE_GROUP_MEMBERS: Query = {
  statements: [
    {
      sql: `SELECT dupe_group_members.id, group_id, pr_id, rank, score, rationale
FROM dupe_group_members
JOIN dupe_groups ON dupe_groups.id = dupe_group_members.group_id
JOIN repos ON repos.id = dupe_groups.repo_id
WHERE group_id = ?1 AND repos.account_id = ?2
ORDER BY rank, dupe_group_members.id`,
      order: [1, 0],
    },
  ],
  rowsFrom: 0,
};

export const FIND_DUPE_GROUPS_BY_PR: Query = {
  statements: [
    {
      sql: `SELECT dupe_groups.id, scan_id, dupe_groups.repo_id, label, pr_count
FROM dupe_groups
JOIN dupe_group_members ON dupe_group_members.group_id = dupe_groups.id
JOIN repos ON repos.id = dupe_groups.repo_id
WHERE scan_id = ?1 AND pr_id = ?2 AND repos.account_id = ?3
ORDER BY dupe_groups.id`,
      order: [1, 2, 0],
    },
  ],
  rowsFrom: 0,
};

export const LIST_DUPES: Query = {
  statements: [
    {
      sql: `SELECT repos.id AS repo_id, scans.id AS scan_id, scans.completed_at,
       dupe_groups.id AS group_id, dupe_groups.label, dupe_groups.pr_count,
       prs.id AS pr_id, prs.number AS pr_number, prs.title, prs.author, prs.state,
       dupe_group_members.rank, dupe_group_members.score, dupe_group_members.rationale
FROM repos
LEFT JOIN scans ON scans.id = (
  SELECT max(id) FROM scans AS latest WHERE latest.repo_id = repos.id AND latest.status = 'done'
)
LEFT JOIN dupe_groups ON dupe_groups.scan_id = scans.id
LEFT JOIN dupe_group_members ON dupe_group_members.group_id = dupe_groups.id
LEFT JOIN prs ON prs.id = dupe_group_members.pr_id
WHERE repos.account_id = ?1 AND repos.owner = ?2 AND repos.name = ?3
ORDER BY dupe_groups.id, dupe_group_members.rank, dupe_group_members.id`,
      order: [0, 1, 2],
    },
  ],
  rowsFrom: 0,
};

export const LIST_REVIEW: Query = {
  statements: [
    {
      sql: `SELECT repos.id AS repo_id, scans.id AS scan_id,
       this.id AS this_id, this.title AS this_title, this.author AS this_author, this.state AS this_state,
       this.embed_hash AS this_embed_hash,
       dupe_groups.id AS group_id, dupe_groups.label, dupe_groups.pr_count,
       prs.id AS pr_id, prs.number AS pr_number, prs.title, prs.author, prs.state,
       dupe_group_members.rank, dupe_group_members.score, dupe_group_members.rationale
FROM repos
LEFT JOIN prs AS this ON this.repo_id = repos.id AND this.number = ?1
LEFT JOIN scans ON scans.id = (
  SELECT max(id) FROM scans AS latest WHERE latest.repo_id = repos.id AND latest.status = 'done'
)
LEFT JOIN dupe_groups ON dupe_groups.id IN (
  SELECT mine.group_id FROM dupe_group_members AS mine
  JOIN dupe_groups AS theirs ON theirs.id = mine.group_id
  WHERE mine.pr_id = this.id AND theirs.scan_id = scans.id
)
LEFT JOIN dupe_group_members ON dupe_group_members.group_id = dupe_groups.id
LEFT JOIN prs ON prs.id = dupe_group_members.pr_id
WHERE repos.account_id = ?2 AND repos.owner = ?3 AND repos.name = ?4
ORDER BY dupe_groups.id, dupe_group_members.rank, dupe_group_members.id`,
      order: [3, 0, 1, 2],
    },
  ],
  rowsFrom: 0,
};

export const DELETE_DUPE_GROUPS_BY_SCAN: Query = {
  statements: [
    {
      sql: "DELETE FROM dupe_groups WHERE scan_id = ?1",
      order: [0],
    },
  ],
};

export const INSERT_LISTED_PRS: Query = {
  statements: [
    {
      sql: `INSERT INTO listed_prs (scan_id, number, title, body, author, created_at, updated_at, pending)
SELECT ?1, value ->> '$.number', value ->> '$.title', value ->> '$.body', value ->> '$.author',
       value ->> '$.createdAt', value ->> '$.updatedAt',
       ?2 OR NOT EXISTS (
         SELECT 1 FROM prs
         WHERE prs.repo_id = ?3 AND prs.number = value ->> '$.number'
           AND prs.updated_at = value ->> '$.updatedAt' AND prs.state = 'open'
       )
FROM json_each(?4)
WHERE true
ON CONFLICT DO NOTHING`,
      order: [0, 2, 1, 3],
    },
  ],
};

export const COUNT_LISTED_PRS: Query = {
  statements: [
    {
      sql: "SELECT count(*) AS listed, ifnull(sum(pending), 0) AS pending FROM listed_prs WHERE scan_id = ?1",
      order: [0],
    },
  ],
  rowsFrom: 0,
};

export const LIST_PENDING_PRS: Query = {
  statements: [
    {
      sql: `SELECT listed_prs.number, listed_prs.title, listed_prs.body, listed_prs.author, listed_prs.created_at,
       listed_prs.updated_at, prs.diff_hash, prs.github_etag
FROM listed_prs
LEFT JOIN prs ON prs.repo_id = ?1 AND prs.number = listed_prs.number
WHERE scan_id = ?2 AND pending AND listed_prs.number > ?3
ORDER BY listed_prs.number
LIMIT ?4`,
      order: [1, 0, 2, 3],
    },
  ],
  rowsFrom: 0,
};

export const MARK_PRS_READ: Query = {
  statements: [
    {
      sql: `UPDATE listed_prs SET pending = 0
WHERE scan_id = ?1 AND number IN (SELECT value FROM json_each(?2))`,
      order: [0, 1],
    },
  ],
};

export const LIST_UNLISTED_PRS: Query = {
  statements: [
    {
      sql: `SELECT number FROM prs
WHERE repo_id = ?1 AND state = 'open' AND number > ?2
  AND NOT EXISTS (SELECT 1 FROM listed_prs WHERE listed_prs.scan_id = ?3 AND listed_prs.number = prs.number)
ORDER BY number
LIMIT ?4`,
      order: [1, 2, 0, 3],
    },
  ],
  rowsFrom: 0,
};

export const CLOSE_PRS: Query = {
  statements: [
    {
      sql: `INSERT INTO vector_purges (repo_id, number, vector_store)
SELECT prs.repo_id, prs.number, accounts.config -> '$.vector_store'
FROM prs
JOIN repos ON repos.id = prs.repo_id
JOIN accounts ON accounts.id = repos.account_id
WHERE prs.repo_id = ?1
  AND prs.number IN (SELECT value ->> '$.number' FROM json_each(?2))`,
      order: [0, 1],
    },
    {
      sql: `UPDATE prs
SET state = (SELECT value ->> '$.state' FROM json_each(?1) WHERE value ->> '$.number' = prs.number),
    embed_hash = NULL
WHERE repo_id = ?2 AND number IN (SELECT value ->> '$.number' FROM json_each(?1))`,
      order: [1, 0],
    },
  ],
};

export const LIST_OPEN_PRS_AFTER: Query = {
  statements: [
    {
      sql: `SELECT prs.id, repo_id, number, title, body, author, diff_hash, file_paths, state, github_etag, embed_hash,
       prs.created_at, prs.updated_at
FROM prs JOIN repos ON repos.id = prs.repo_id
WHERE repo_id = ?1 AND state = 'open' AND repos.account_id = ?2 AND number > ?3
ORDER BY number
LIMIT ?4`,
      order: [1, 0, 2, 3],
    },
  ],
  rowsFrom: 0,
};

export const UPDATE_PR_EMBED_HASHES: Query = {
  statements: [
    {
      sql: `DELETE FROM vector_purges
WHERE (repo_id, number) IN (
  SELECT prs.repo_id, prs.number FROM json_each(?1) JOIN prs ON prs.id = value ->> '$.id'
)`,
      order: [0],
    },
    {
      sql: `UPDATE prs
SET embed_hash = (SELECT value ->> '$.embedHash' FROM json_each(?1) WHERE value ->> '$.id' = prs.id)
WHERE id IN (SELECT value ->> '$.id' FROM json_each(?1))`,
      order: [0],
    },
  ],
};

export const LIST_OPEN_PR_KEYS: Query = {
  statements: [
    {
      sql: `SELECT prs.id, number, diff_hash
FROM prs JOIN repos ON repos.id = prs.repo_id
WHERE repo_id = ?1 AND state = 'open' AND repos.account_id = ?2 AND number > ?3
ORDER BY number
LIMIT ?4`,
      order: [1, 0, 2, 3],
    },
  ],
  rowsFrom: 0,
};

export const INSERT_NEIGHBOUR_EDGES: Query = {
  statements: [
    {
      sql: `INSERT INTO neighbour_edges (scan_id, pr_id, neighbour_id, signal, score)
SELECT ?1, value ->> '$.prId', value ->> '$.neighbourId', value ->> '$.signal', value ->> '$.score'
FROM json_each(?2)
WHERE EXISTS (SELECT 1 FROM prs WHERE prs.id = value ->> '$.prId')
  AND EXISTS (SELECT 1 FROM prs WHERE prs.id = value ->> '$.neighbourId')
ON CONFLICT DO NOTHING`,
      order: [0, 1],
    },
  ],
};

export const LIST_NEIGHBOURS: Query = {
  statements: [
    {
      sql: `SELECT pr_id, json_group_array(json_object('id', neighbour_id, 'score', score)) AS neighbours
FROM (
  SELECT pr_id, neighbour_id, max(score) AS score FROM neighbour_edges
  WHERE scan_id = ?1 AND pr_id > ?2
  GROUP BY pr_id, neighbour_id
  ORDER BY pr_id, neighbour_id
)
GROUP BY pr_id
ORDER BY pr_id
LIMIT ?3`,
      order: [0, 1, 2],
    },
  ],
  rowsFrom: 0,
  page: { by: "pr_id", size: 2000 },
};

export const INSERT_CANDIDATE_GROUPS: Query = {
  statements: [
    {
      sql: `INSERT INTO candidate_groups (scan_id, stage, position, pr_ids, label)
SELECT ?1, ?2, value ->> '$.position', value ->> '$.prIds', value ->> '$.label'
FROM json_each(?3)
WHERE true
ON CONFLICT (scan_id, stage, position) DO UPDATE
SET pr_ids = excluded.pr_ids, label = excluded.label, error = NULL`,
      order: [0, 1, 2],
    },
  ],
};

export const LIST_CANDIDATE_GROUPS: Query = {
  statements: [
    {
      sql: `SELECT position, pr_ids, label, error FROM candidate_groups
WHERE scan_id = ?1 AND stage = ?2 AND position > ?3
ORDER BY position
LIMIT ?4`,
      order: [0, 1, 2, 3],
    },
  ],
  rowsFrom: 0,
};

export const COUNT_CANDIDATE_GROUPS: Query = {
  statements: [
    {
      sql: "SELECT count(*) AS groups FROM candidate_groups WHERE scan_id = ?1 AND stage = ?2",
      order: [0, 1],
    },
  ],
  rowsFrom: 0,
};

export const RECORD_GROUP_ERROR: Query = {
  statements: [
    {
      sql: `UPDATE candidate_groups SET error = ?1
WHERE scan_id = ?2 AND stage = ?3 AND position = ?4`,
      order: [3, 0, 1, 2],
    },
  ],
};

export const INSERT_BATCH_ANSWERS: Query = {
  statements: [
    {
      sql: `INSERT INTO batch_answers (scan_id, phase, position, text, problem, input_tokens, output_tokens)
SELECT scans.id, ?1, value ->> '$.position', value ->> '$.text', value ->> '$.problem',
       value ->> '$.inputTokens', value ->> '$.outputTokens'
FROM json_each(?2) JOIN scans ON scans.id = ?3
WHERE true
ON CONFLICT (scan_id, phase, position) DO UPDATE
SET text = excluded.text, problem = excluded.problem, input_tokens = excluded.input_tokens,
    output_tokens = excluded.output_tokens`,
      order: [1, 2, 0],
    },
  ],
};

export const LIST_BATCH_ANSWERS: Query = {
  statements: [
    {
      sql: `SELECT position, text, problem, input_tokens, output_tokens FROM batch_answers
WHERE scan_id = ?1 AND phase = ?2 AND position BETWEEN ?3 AND ?4
ORDER BY position`,
      order: [0, 1, 2, 3],
    },
  ],
  rowsFrom: 0,
};

export const INSERT_RANKED_GROUP: Query = {
  statements: [
    {
      sql: `INSERT INTO dupe_groups (scan_id, repo_id, label, pr_count)
SELECT ?1, ?2, ?3, count(*)
FROM json_each(?4) JOIN prs ON prs.id = value ->> '$.prId'`,
      order: [0, 1, 2, 3],
    },
    {
      sql: `INSERT INTO dupe_group_members (group_id, pr_id, rank, score, rationale)
SELECT (SELECT max(id) FROM dupe_groups WHERE scan_id = ?1), prs.id,
       value ->> '$.rank', value ->> '$.score', value ->> '$.rationale'
FROM json_each(?2) JOIN prs ON prs.id = value ->> '$.prId'`,
      order: [0, 3],
    },
  ],
};

export const COUNT_DUPE_GROUPS: Query = {
  statements: [
    {
      sql: "SELECT count(*) AS groups FROM dupe_groups WHERE scan_id = ?1",
      order: [0],
    },
  ],
  rowsFrom: 0,
};

export const CLEAR_SCRATCH: Query = {
  statements: [
    {
      sql: "DELETE FROM listed_prs WHERE scan_id IN (SELECT id FROM scans WHERE repo_id = ?1)",
      order: [0],
    },
    {
      sql: "DELETE FROM batch_answers WHERE scan_id IN (SELECT id FROM scans WHERE repo_id = ?1)",
      order: [0],
    },
    {
      sql: "DELETE FROM neighbour_edges WHERE scan_id IN (SELECT id FROM scans WHERE repo_id = ?1)",
      order: [0],
    },
    {
      sql: `DELETE FROM candidate_groups
WHERE error IS NULL AND scan_id IN (SELECT id FROM scans WHERE repo_id = ?1)`,
      order: [0],
    },
  ],
};

export const LIST_VECTOR_PURGES: Query = {
  statements: [
    {
      sql: "SELECT id, repo_id, number, vector_store, begun FROM vector_purges WHERE id > ?1 ORDER BY id LIMIT ?2",
      order: [0, 1],
    },
  ],
  rowsFrom: 0,
};

export const MARK_VECTOR_PURGES: Query = {
  statements: [
    {
      sql: "UPDATE vector_purges SET begun = iif(?1, begun + 1, 0) WHERE id IN (SELECT value FROM json_each(?2))",
      order: [1, 0],
    },
  ],
};

export const DELETE_VECTOR_PURGES: Query = {
  statements: [
    {
      sql: "DELETE FROM vector_purges WHERE id IN (SELECT value FROM json_each(?1))",
      order: [0],
    },
  ],
};

export const CLEAR_SCANS: Query = {
  statements: [
    {
      sql: "UPDATE repos SET last_scan_at = NULL WHERE account_id = ?1",
      order: [0],
    },
    {
      sql: "DELETE FROM scans WHERE repo_id IN (SELECT id FROM repos WHERE account_id = ?1)",
      order: [0],
    },
  ],
};

export const CLEAR_REPOS: Query = {
  statements: [
    {
      sql: `INSERT INTO vector_purges (repo_id, number, vector_store)
SELECT prs.repo_id, prs.number, accounts.config -> '$.vector_store'
FROM prs JOIN repos ON repos.id = prs.repo_id JOIN accounts ON accounts.id = repos.account_id
WHERE repos.account_id = ?1`,
      order: [0],
    },
    {
      sql: "DELETE FROM repos WHERE account_id = ?1",
      order: [0],
    },
  ],
};

export const RESET_ALL: Query = {
  statements: [
    {
      sql: `INSERT INTO vector_purges (repo_id, number, vector_store)
SELECT prs.repo_id, prs.number, accounts.config -> '$.vector_store'
FROM prs JOIN repos ON repos.id = prs.repo_id JOIN accounts ON accounts.id = repos.account_id
WHERE repos.account_id = ?1`,
      order: [0],
    },
    {
      sql: "DELETE FROM accounts WHERE id = ?1",
      order: [0],
    },
  ],
};

export const INSERT_JOB: Query = {
  statements: [
    {
      sql: `INSERT INTO jobs (id, type, payload, max_retries, run_after)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (id) DO UPDATE
SET status = 'queued', attempts = 0, result = NULL, error = NULL, run_after = excluded.run_after,
    updated_at = datetime('now')
WHERE status IN ('done', 'failed')`,
      order: [0, 1, 2, 3, 4],
    },
  ],
};

export const GET_JOB: Query = {
  statements: [
    {
      sql: `SELECT id, type, payload, status, result, error, attempts, max_retries, run_after, created_at, updated_at
FROM jobs WHERE id = ?1`,
      order: [0],
    },
  ],
  rowsFrom: 0,
};

export const CLAIM_JOB: Query = {
  statements: [
    {
      sql: `UPDATE jobs SET status = 'running', attempts = attempts + 1, updated_at = datetime('now')
WHERE id = (
  SELECT waiting.id FROM jobs AS waiting
  LEFT JOIN scans AS mine ON mine.id = waiting.payload ->> '$.scanId'
  WHERE waiting.status = 'queued' AND (waiting.run_after IS NULL OR waiting.run_after <= ?1)
    AND NOT EXISTS (
      SELECT 1 FROM jobs AS busy
      WHERE busy.status = 'running' AND busy.payload ->> '$.scanId' = waiting.payload ->> '$.scanId'
    )
    AND ?2 > (
      SELECT count(*) FROM jobs AS busy JOIN scans AS other ON other.id = busy.payload ->> '$.scanId'
      WHERE busy.status = 'running' AND other.account_id = mine.account_id
    )
  ORDER BY (SELECT key FROM json_each(?3) WHERE value = ifnull(mine.account_id, 0)), waiting.created_at,
           waiting.rowid
  LIMIT 1
)
RETURNING id, type, payload, status, result, error, attempts, max_retries, run_after, created_at, updated_at`,
      order: [0, 1, 2],
    },
  ],
  rowsFrom: 0,
};

export const GET_JOB_ACCOUNT: Query = {
  statements: [
    {
      sql: "SELECT scans.account_id FROM jobs JOIN scans ON scans.id = jobs.payload ->> '$.scanId' WHERE jobs.id = ?1",
      order: [0],
    },
  ],
  rowsFrom: 0,
};

export const COMPLETE_JOB: Query = {
  statements: [
    {
      sql: "UPDATE jobs SET status = 'done', result = ?1, error = NULL, updated_at = datetime('now') WHERE id = ?2",
      order: [1, 0],
    },
  ],
};

export const RETRY_JOB: Query = {
  statements: [
    {
      sql: "UPDATE jobs SET status = 'queued', error = ?1, run_after = ?2, updated_at = datetime('now') WHERE id = ?3",
      order: [1, 2, 0],
    },
  ],
};

export const FAIL_JOB: Query = {
  statements: [
    {
      sql: "UPDATE jobs SET status = 'failed', error = ?1, updated_at = datetime('now') WHERE id = ?2",
      order: [1, 0],
    },
  ],
};

export const PAUSE_JOB: Query = {
  statements: [
    {
      sql: `UPDATE jobs SET status = 'queued', attempts = max(attempts - 1, 0), run_after = ?1, updated_at = datetime('now')
WHERE id = ?2`,
      order: [1, 0],
    },
  ],
};

export const RECOVER_RUNNING_JOBS: Query = {
  statements: [
    {
      sql: "UPDATE jobs SET status = 'queued', run_after = NULL, updated_at = datetime('now') WHERE status = 'running'",
      order: [],
    },
  ],
};

export const NEXT_JOB_AT: Query = {
  statements: [
    {
      sql: "SELECT min(run_after) AS next_at FROM jobs WHERE status = 'queued' AND run_after > ?1",
      order: [0],
    },
  ],
  rowsFrom: 0,
};

export const START_BATCH_POLL: Query = {
  statements: [
    {
      sql: `INSERT INTO batch_polls (name, batch_id, scan_id, step, phase, next_poll_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (name) DO UPDATE
SET step = iif(batch_id = excluded.batch_id, max(step, excluded.step), excluded.step),
    batch_id = excluded.batch_id, ended = 0,
    next_poll_at = iif(ended, excluded.next_poll_at, next_poll_at),
    polls = iif(ended, 0, polls), begun = iif(ended, 0, begun), errors = iif(ended, 0, errors)
WHERE ended OR batch_id = excluded.batch_id`,
      order: [0, 1, 2, 3, 4, 5],
    },
  ],
};

export const GET_BATCH_POLL: Query = {
  statements: [
    {
      sql: "SELECT batch_id, scan_id, step, phase, polls, begun, errors, ended FROM batch_polls WHERE name = ?1",
      order: [0],
    },
  ],
  rowsFrom: 0,
};

export const SAVE_BATCH_POLL: Query = {
  statements: [
    {
      sql: `UPDATE batch_polls
SET polls = ?1, begun = ?2, errors = ?3, ended = ?4, next_poll_at = ?5
WHERE name = ?6 AND batch_id = ?7 AND step = ?8`,
      order: [3, 4, 5, 6, 7, 0, 1, 2],
    },
  ],
};

export const DELETE_BATCH_POLL: Query = {
  statements: [
    {
      sql: "DELETE FROM batch_polls WHERE name = ?1 AND batch_id = ?2 AND step = ?3",
      order: [0, 1, 2],
    },
  ],
};

export const LIST_BATCH_POLLS: Query = {
  statements: [
    {
      sql: "SELECT name, next_poll_at FROM batch_polls ORDER BY next_poll_at, name LIMIT ?1",
      order: [0],
    },
  ],
  rowsFrom: 0,
};

/** Every query that may be part of a batch, by its method. */
export const WRITES: Readonly<Record<string, Query>> = {
  createAccount: CREATE_ACCOUNT,
  updateAccountConfig: UPDATE_ACCOUNT_CONFIG,
  clearEmbedHashes: CLEAR_EMBED_HASHES,
  clearRepoEmbedHashes: CLEAR_REPO_EMBED_HASHES,
  clearAllEmbedHashes: CLEAR_ALL_EMBED_HASHES,
  insertRepo: INSERT_REPO,
  deleteRepo: DELETE_REPO,
  updateRepoLastScanAt: UPDATE_REPO_LAST_SCAN_AT,
  startScan: START_SCAN,
  createScan: CREATE_SCAN,
  updateScanStatus: UPDATE_SCAN_STATUS,
  addScanTokens: ADD_SCAN_TOKENS,
  failScan: FAIL_SCAN,
  beginStep: BEGIN_STEP,
  putOffStep: PUT_OFF_STEP,
  excuseStep: EXCUSE_STEP,
  takeStep: TAKE_STEP,
  markStepSent: MARK_STEP_SENT,
  claimSubmission: CLAIM_SUBMISSION,
  forgetSubmission: FORGET_SUBMISSION,
  markBatchEnded: MARK_BATCH_ENDED,
  upsertPR: UPSERT_PR,
  upsertPRs: UPSERT_PRS,
  updatePREtag: UPDATE_PR_ETAG,
  updatePREmbedHash: UPDATE_PR_EMBED_HASH,
  insertDupeGroup: INSERT_DUPE_GROUP,
  insertDupeGroupMember: INSERT_DUPE_GROUP_MEMBER,
  deleteDupeGroupsByScan: DELETE_DUPE_GROUPS_BY_SCAN,
  insertListedPRs: INSERT_LISTED_PRS,
  markPRsRead: MARK_PRS_READ,
  closePRs: CLOSE_PRS,
  updatePREmbedHashes: UPDATE_PR_EMBED_HASHES,
  insertNeighbourEdges: INSERT_NEIGHBOUR_EDGES,
  insertCandidateGroups: INSERT_CANDIDATE_GROUPS,
  recordGroupError: RECORD_GROUP_ERROR,
  insertBatchAnswers: INSERT_BATCH_ANSWERS,
  insertRankedGroup: INSERT_RANKED_GROUP,
  clearScratch: CLEAR_SCRATCH,
  markVectorPurges: MARK_VECTOR_PURGES,
  deleteVectorPurges: DELETE_VECTOR_PURGES,
  clearScans: CLEAR_SCANS,
  clearRepos: CLEAR_REPOS,
  resetAll: RESET_ALL,
  insertJob: INSERT_JOB,
  claimJob: CLAIM_JOB,
  completeJob: COMPLETE_JOB,
  retryJob: RETRY_JOB,
  failJob: FAIL_JOB,
  pauseJob: PAUSE_JOB,
  recoverRunningJobs: RECOVER_RUNNING_JOBS,
  startBatchPoll: START_BATCH_POLL,
  saveBatchPoll: SAVE_BATCH_POLL,
  deleteBatchPoll: DELETE_BATCH_POLL,
};
