-- How the scope of edits is decided, where that differs from what the editor was opened with.
CREATE TABLE scope (
    tenant   TEXT NOT NULL PRIMARY KEY,      -- '' for all tenants
    settings TEXT NOT NULL,                  -- JSON: top_k, threshold, models
    at       INTEGER NOT NULL                -- seconds since the Unix epoch
) STRICT, WITHOUT ROWID;
