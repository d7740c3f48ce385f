-- Judgements of revisions. Whether one is under way is its job's word; what it found stays.
CREATE TABLE gates (
    id TEXT PRIMARY KEY,
    job TEXT NOT NULL UNIQUE,
    line TEXT NOT NULL,
    candidate TEXT NOT NULL,
    live TEXT,
    policy_name TEXT NOT NULL,
    policy_fingerprint TEXT NOT NULL,
    judges TEXT NOT NULL,
    on_verdict TEXT NOT NULL CHECK (on_verdict IN ('record', 'promote', 'roll_back')),
    origin TEXT NOT NULL CHECK (origin IN ('asked', 'trained', 'schedule')),
    verdict TEXT CHECK (verdict IN ('pass', 'fail', 'inconclusive')),
    reasons TEXT,
    decision TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;

CREATE INDEX gates_of ON gates (line, candidate, id);

-- What was found is not found otherwise later.
CREATE TRIGGER gates_stay BEFORE UPDATE ON gates WHEN old.verdict IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'the verdict of a gate is immutable');
END;

-- What let a revision through: a gate, or somebody who insisted.
ALTER TABLE revision_switches ADD COLUMN gate TEXT;
ALTER TABLE revision_switches ADD COLUMN forced INTEGER NOT NULL DEFAULT 0;
