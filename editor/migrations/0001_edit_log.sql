-- The truth: every operation on edits, in order. Rows are never changed or deleted; the live set is derived.
CREATE TABLE edit_log (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    op      TEXT    NOT NULL,              -- 'add' or 'retire'; a version that does not know an op refuses to start
    edit_id TEXT    NOT NULL,
    text    TEXT,                          -- of an 'add'
    subject TEXT,                          -- of an 'add', when given
    at      INTEGER NOT NULL,              -- seconds since the Unix epoch
    batch   INTEGER NOT NULL               -- seq of the first operation of the same request
) STRICT;

CREATE INDEX edit_log_by_edit ON edit_log (edit_id, seq);

-- Answers to repeat when a request is sent again.
CREATE TABLE idempotency (
    key  TEXT    NOT NULL PRIMARY KEY,
    body TEXT    NOT NULL,                 -- SHA-256 of the request, hexadecimal
    seqs TEXT    NOT NULL,                 -- JSON array: the log entries that it gave
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_age ON idempotency (at);
