-- A gate may begin a canary: SQLite changes a CHECK only with its table.
CREATE TABLE gates_anew (
    id TEXT PRIMARY KEY,
    job TEXT NOT NULL UNIQUE,
    line TEXT NOT NULL,
    candidate TEXT NOT NULL,
    live TEXT,
    policy_name TEXT NOT NULL,
    policy_fingerprint TEXT NOT NULL,
    judges TEXT NOT NULL,
    on_verdict TEXT NOT NULL CHECK (on_verdict IN ('record', 'promote', 'canary', 'roll_back')),
    origin TEXT NOT NULL CHECK (origin IN ('asked', 'trained', 'schedule')),
    verdict TEXT CHECK (verdict IN ('pass', 'fail', 'inconclusive')),
    reasons TEXT,
    decision TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;

INSERT INTO gates_anew (id, job, line, candidate, live, policy_name, policy_fingerprint, judges, on_verdict, origin,
    verdict, reasons, decision, created_at, ended_at)
SELECT id, job, line, candidate, live, policy_name, policy_fingerprint, judges, on_verdict, origin,
    verdict, reasons, decision, created_at, ended_at FROM gates;

DROP TABLE gates;

ALTER TABLE gates_anew RENAME TO gates;

CREATE INDEX gates_of ON gates (line, candidate, id);

-- What was found is not found otherwise later.
CREATE TRIGGER gates_stay BEFORE UPDATE ON gates WHEN old.verdict IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'the verdict of a gate is immutable');
END;
