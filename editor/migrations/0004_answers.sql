-- What else a request that is sent again is answered, and reading what stood in the order of versions.
ALTER TABLE idempotency ADD COLUMN conflicts TEXT NOT NULL DEFAULT '[]'; -- JSON array: the conflicts that were told

CREATE INDEX edit_log_by_version ON edit_log (tenant, coalesce(version, seq));
