-- What users prefer: answers that are kept for them to judge, what they say of them, and the pairs that come of it.
-- Times are milliseconds since 1970-01-01 UTC.

-- Answers that are kept. `record` is a JSON KeptCompletion of amend-trainer.
CREATE TABLE completions (
    seq     INTEGER PRIMARY KEY,              -- the order in which they were kept
    tenant  TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    user    TEXT,                             -- who asked, as the client names them
    at      INTEGER NOT NULL,
    record  TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX completions_by_id ON completions (tenant, id);
CREATE INDEX completions_by_user ON completions (tenant, user) WHERE user IS NOT NULL;
CREATE INDEX completions_by_tenant ON completions (tenant, seq);
CREATE INDEX completions_by_age ON completions (at);

-- What was said of them. `record` is a JSON Feedback.
CREATE TABLE feedback (
    seq        INTEGER PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    completion TEXT    NOT NULL,
    user       TEXT,                          -- the completion's user, for deletion
    at         INTEGER NOT NULL,
    prompt     TEXT,                          -- of a verdict: the key of its prompt
    verdict    TEXT,                          -- of a thumb or a rating: a JSON Verdict, until an opposite one comes
    record     TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX feedback_by_id ON feedback (tenant, id);
CREATE INDEX feedback_by_prompt ON feedback (tenant, prompt, seq) WHERE prompt IS NOT NULL;
CREATE INDEX feedback_by_completion ON feedback (tenant, completion);
CREATE INDEX feedback_by_user ON feedback (tenant, user) WHERE user IS NOT NULL;

-- The pairs. `record` is a JSON Pair.
CREATE TABLE pairs (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: a trainer remembers how far it read
    tenant     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    completion TEXT,
    user       TEXT,                          -- the completion's user, for deletion
    at         INTEGER NOT NULL,
    record     TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX pairs_by_id ON pairs (tenant, id);
CREATE INDEX pairs_by_tenant ON pairs (tenant, seq);
CREATE INDEX pairs_by_completion ON pairs (tenant, completion) WHERE completion IS NOT NULL;
CREATE INDEX pairs_by_user ON pairs (tenant, user) WHERE user IS NOT NULL;

-- Requests that were answered, so that sending one twice does it once.
CREATE TABLE answered (
    tenant TEXT    NOT NULL,
    route  TEXT    NOT NULL,                  -- what the key was sent to
    key    TEXT    NOT NULL,
    body   TEXT    NOT NULL,                  -- SHA-256 of the request, hexadecimal
    answer TEXT    NOT NULL,                  -- JSON: what was answered
    at     INTEGER NOT NULL,
    PRIMARY KEY (tenant, route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX answered_by_age ON answered (at);

-- What a tenant decided.
CREATE TABLE keeping (
    tenant TEXT    PRIMARY KEY,
    keep   TEXT    NOT NULL                   -- 'asked': only when a request says so; 'all': unless it says not to
) STRICT, WITHOUT ROWID;
