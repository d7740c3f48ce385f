-- Tenants, versions, provenance. What was written before belongs to the tenant 'default'.
ALTER TABLE edit_log ADD COLUMN tenant     TEXT NOT NULL DEFAULT 'default';
ALTER TABLE edit_log ADD COLUMN version    INTEGER;  -- the entry that wrote what stands after this one; NULL: this one
ALTER TABLE edit_log ADD COLUMN created_at INTEGER;  -- when the edit was first added; NULL: `at`
ALTER TABLE edit_log ADD COLUMN updated_at INTEGER;  -- when the version was written; NULL: `at`
ALTER TABLE edit_log ADD COLUMN details    TEXT;     -- JSON object: what else the edit says, when it says more
ALTER TABLE edit_log ADD COLUMN author     TEXT;     -- who asked for it, unless the version says so in its details
ALTER TABLE edit_log ADD COLUMN reason     TEXT;     -- why, likewise
ALTER TABLE edit_log ADD COLUMN displaced_by TEXT;   -- of a 'displace': the edit that this one gave way to
ALTER TABLE edit_log ADD COLUMN rolled_back_to INTEGER; -- of a rollback's entries: the entry that was asked for

-- op is 'add', 'supersede', 'restore' (with text, subject, details of the version that stands), 'retire' or 'displace'.

DROP INDEX edit_log_by_edit;
CREATE INDEX edit_log_by_edit ON edit_log (tenant, edit_id, seq);
CREATE INDEX edit_log_by_tenant ON edit_log (tenant, seq);

-- Every tenant chooses its keys for itself.
CREATE TABLE idempotency_of_tenants (
    tenant TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    body   TEXT    NOT NULL,                 -- SHA-256 of the request, hexadecimal
    seqs   TEXT    NOT NULL,                 -- JSON array: the log entries that it gave
    at     INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
INSERT INTO idempotency_of_tenants (tenant, key, body, seqs, at)
    SELECT 'default', key, body, seqs, at FROM idempotency;
DROP TABLE idempotency;
ALTER TABLE idempotency_of_tenants RENAME TO idempotency;
CREATE INDEX idempotency_by_age ON idempotency (at);
