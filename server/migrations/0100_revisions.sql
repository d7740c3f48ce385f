-- The versions of the served model. What identifies one never changes; only its state does.
CREATE TABLE revisions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    -- The base model's files, by hash: revisions of one base are one line.
    line TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('base', 'trained')),
    state TEXT NOT NULL CHECK (state IN ('candidate', 'gated', 'live', 'retired', 'rejected')),
    created_at INTEGER NOT NULL,
    provenance TEXT NOT NULL
) STRICT;

-- Never two live revisions, whatever the code does.
CREATE UNIQUE INDEX revisions_one_live ON revisions (line) WHERE state = 'live';

CREATE TRIGGER revisions_stay BEFORE UPDATE OF seq, id, line, kind, created_at, provenance ON revisions
BEGIN
    SELECT RAISE(ABORT, 'a revision is immutable');
END;

-- How the live revision changed.
CREATE TABLE revision_switches (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    line TEXT NOT NULL,
    from_id TEXT,
    to_id TEXT NOT NULL,
    how TEXT NOT NULL CHECK (how IN ('start', 'promote', 'rollback', 'fallback')),
    at INTEGER NOT NULL
) STRICT;

CREATE INDEX revision_switches_to ON revision_switches (line, to_id, seq);
