-- Provider batches: a step of a scan may wait for one, and what was answered is kept until the phase has used it.

-- Set on a step whose message is sent when the batch has ended; until then a poller watches the batch.
ALTER TABLE scan_steps ADD COLUMN batch_id TEXT;
ALTER TABLE scan_steps ADD COLUMN batch_expires_at TEXT;
-- When the last attempt at a step began to submit a batch; NULL when none has.
ALTER TABLE scan_steps ADD COLUMN submitting_at TEXT;

-- What a chat model answered in a batch, by the position of the group that it was asked about.
CREATE TABLE batch_answers (
    scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    phase TEXT NOT NULL,
    position INTEGER NOT NULL,
    text TEXT NOT NULL,
    problem TEXT,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    PRIMARY KEY (scan_id, phase, position)
) WITHOUT ROWID;

-- The local host's pollers; on Cloudflare each is a Durable Object. A row outlives its scan, until the poller looks.
CREATE TABLE batch_polls (
    name TEXT NOT NULL PRIMARY KEY,
    batch_id TEXT NOT NULL,
    scan_id INTEGER NOT NULL,
    step INTEGER NOT NULL,
    phase TEXT NOT NULL,
    polls INTEGER NOT NULL DEFAULT 0,
    errors INTEGER NOT NULL DEFAULT 0,
    ended INTEGER NOT NULL DEFAULT 0,
    next_poll_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX batch_polls_due ON batch_polls (next_poll_at);
