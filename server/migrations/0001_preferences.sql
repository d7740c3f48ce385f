-- What users prefer: answers that are kept for them to judge, what they say of them, and the pairs that come of it.
-- Times are milliseconds since 1970-01-01 UTC.

-- Answers that are kept.
CREATE TABLE completions (
    seq    INTEGER PRIMARY KEY,               -- the order in which they were kept
    tenant TEXT    NOT NULL,
    id     TEXT    NOT NULL,
    user   TEXT,                              -- who asked, as the client names them
    at     INTEGER NOT NULL,
    record TEXT    NOT NULL                   -- JSON: Kept
) STRICT;
CREATE UNIQUE INDEX completions_by_id ON completions (tenant, id);
CREATE INDEX completions_by_user ON completions (tenant, user) WHERE user IS NOT NULL;
CREATE INDEX completions_by_tenant ON completions (tenant, seq);
CREATE INDEX completions_by_age ON completions (at);

-- The newest of what was said of an answer. It goes with the completion.
CREATE TABLE feedback (
    seq        INTEGER PRIMARY KEY,
    completion INTEGER NOT NULL REFERENCES completions (seq) ON DELETE CASCADE,
    answer     INTEGER NOT NULL,              -- which answer, from 0
    kind       TEXT    NOT NULL,              -- 'verdict', 'correction' or 'choice'
    tenant     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    prompt     TEXT,                          -- of a verdict: the key of its prompt
    verdict    TEXT,                          -- of a verdict: JSON Verdict
    record     TEXT    NOT NULL,              -- JSON: Feedback
    pairs      TEXT    NOT NULL               -- JSON array: the ids of the pairs that it made
) STRICT;
CREATE UNIQUE INDEX feedback_by_answer ON feedback (completion, answer, kind);
CREATE INDEX feedback_by_prompt ON feedback (tenant, prompt, at) WHERE prompt IS NOT NULL;

-- The pairs. They stay when the completion goes, unless its user is forgotten.
CREATE TABLE pairs (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: a trainer remembers how far it read
    tenant     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    user       TEXT,                          -- who asked for the answers, for deletion
    other_user TEXT,                          -- the same, of the answer that an opposite verdict was about
    author     TEXT,                          -- who judged, for deletion
    at         INTEGER NOT NULL,
    record     TEXT    NOT NULL               -- JSON: Pair
) STRICT;
CREATE UNIQUE INDEX pairs_by_id ON pairs (tenant, id);
CREATE INDEX pairs_by_tenant ON pairs (tenant, seq);
CREATE INDEX pairs_by_user ON pairs (tenant, user) WHERE user IS NOT NULL;
CREATE INDEX pairs_by_other_user ON pairs (tenant, other_user) WHERE other_user IS NOT NULL;
CREATE INDEX pairs_by_author ON pairs (tenant, author) WHERE author IS NOT NULL;

-- How much a tenant holds.
CREATE TABLE tallies (
    tenant      TEXT    PRIMARY KEY,
    completions INTEGER NOT NULL DEFAULT 0,
    pairs       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TRIGGER completion_kept AFTER INSERT ON completions BEGIN
    INSERT INTO tallies (tenant, completions) VALUES (new.tenant, 1)
        ON CONFLICT (tenant) DO UPDATE SET completions = completions + 1;
END;
CREATE TRIGGER completion_gone AFTER DELETE ON completions BEGIN
    UPDATE tallies SET completions = completions - 1 WHERE tenant = old.tenant;
END;
CREATE TRIGGER pair_kept AFTER INSERT ON pairs BEGIN
    INSERT INTO tallies (tenant, pairs) VALUES (new.tenant, 1)
        ON CONFLICT (tenant) DO UPDATE SET pairs = pairs + 1;
END;
CREATE TRIGGER pair_gone AFTER DELETE ON pairs BEGIN
    UPDATE tallies SET pairs = pairs - 1 WHERE tenant = old.tenant;
END;

-- Requests that were answered, so that sending one twice does it once.
CREATE TABLE answered (
    tenant TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    body   TEXT    NOT NULL,                  -- SHA-256 of the request, hexadecimal
    answer TEXT    NOT NULL,                  -- JSON: what was answered
    at     INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX answered_by_age ON answered (at);

-- What a tenant decided.
CREATE TABLE keeping (
    tenant TEXT PRIMARY KEY,
    keep   TEXT NOT NULL                      -- 'asked': only when a request says so; 'all': unless it says not to
) STRICT, WITHOUT ROWID;
