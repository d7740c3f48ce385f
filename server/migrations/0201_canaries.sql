-- Candidates that answered a share of the users. At most one runs.
CREATE TABLE canaries (
    id TEXT PRIMARY KEY,
    line TEXT NOT NULL,
    candidate TEXT NOT NULL,
    live TEXT NOT NULL,
    share REAL NOT NULL CHECK (share > 0 AND share <= 0.5),
    answers INTEGER NOT NULL,
    then_what TEXT NOT NULL CHECK (then_what IN ('hold', 'promote')),
    gate TEXT,
    state TEXT NOT NULL CHECK (state IN ('running', 'passed', 'promoted', 'aborted', 'stopped', 'superseded')),
    reason TEXT,
    -- What was counted when it was last looked, as JSON.
    of_live TEXT NOT NULL,
    of_candidate TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;

CREATE UNIQUE INDEX one_canary ON canaries (line) WHERE state = 'running';

-- How it ended is not how it ended later.
CREATE TRIGGER canaries_stay BEFORE UPDATE ON canaries WHEN old.state <> 'running'
BEGIN
    SELECT RAISE(ABORT, 'a canary that has ended is immutable');
END;
