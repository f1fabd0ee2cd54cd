-- How often a piece of work was tried: counted before it begins, so that one which ends the process is not begun for ever.

-- Attempts at a step that were begun and have neither committed nor told an error, and when the last one began.
ALTER TABLE scan_steps ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
ALTER TABLE scan_steps ADD COLUMN begun_at TEXT;
-- How long a step has been put off after errors that may pass (JSON); NULL: it has not been.
ALTER TABLE scan_steps ADD COLUMN failing TEXT;

-- Attempts at deleting vectors, and at asking for a batch, of which nothing was heard.
ALTER TABLE vector_purges ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batch_polls ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
