CREATE TABLE credentials (
    id           BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL,
    name         TEXT NOT NULL,
    name_key     TEXT NOT NULL,     -- the name in lower case
    kind         TEXT NOT NULL,
    hints        TEXT NOT NULL,     -- JSON; what of it is no secret
    sealed       TEXT NOT NULL,     -- the credential as JSON, sealed under a master key
    version      INTEGER NOT NULL,
    created_by   TEXT NOT NULL,     -- an actor
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;

CREATE UNIQUE INDEX credentials_by_name ON credentials (workspace_id, name_key);

CREATE TABLE variables (
    workspace_id BLOB NOT NULL,
    name         TEXT NOT NULL,
    value        TEXT NOT NULL,     -- JSON
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, name)
) STRICT, WITHOUT ROWID;
