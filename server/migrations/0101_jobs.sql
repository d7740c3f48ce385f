-- What the daemon does in the background.
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'done', 'failed', 'cancelled')),
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    starts INTEGER NOT NULL DEFAULT 0,
    config TEXT NOT NULL,
    progress TEXT NOT NULL,
    result TEXT,
    reason TEXT
) STRICT;

CREATE INDEX jobs_open ON jobs (state, id) WHERE state IN ('queued', 'running', 'paused');

CREATE TABLE job_log (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL,
    at INTEGER NOT NULL,
    line TEXT NOT NULL
) STRICT;

CREATE INDEX job_log_of ON job_log (job, seq);
