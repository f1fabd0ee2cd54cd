-- What a scan did not do, one entry a kind (a JSON list of `ScanWarning`), and the tokens of its embeddings.
ALTER TABLE scans ADD COLUMN warnings TEXT NOT NULL DEFAULT '[]';
ALTER TABLE scans ADD COLUMN embedding_tokens INTEGER NOT NULL DEFAULT 0;
