-- One row as soon as somebody administers the installation; its key lets only one of many first users be the first.
CREATE TABLE installation (
    id         INTEGER PRIMARY KEY,
    claimed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id                   BLOB PRIMARY KEY,
    email                TEXT NOT NULL,  -- as its owner writes it
    email_key            TEXT NOT NULL UNIQUE,  -- in lower case
    password_hash        TEXT,  -- none for people who only come through an identity provider
    must_change_password INTEGER NOT NULL,
    name                 TEXT NOT NULL,
    is_active            INTEGER NOT NULL,
    email_verified       INTEGER NOT NULL,
    is_operator          INTEGER NOT NULL,  -- may administer the installation
    version              INTEGER NOT NULL,
    last_login_at        INTEGER,
    created_at           INTEGER NOT NULL,
    updated_at           INTEGER NOT NULL
) STRICT;

-- Failed logins by e-mail address, whether it has an account or not, so that answers do not tell which.
CREATE TABLE login_failures (
    email_hash   BLOB PRIMARY KEY,
    failures     INTEGER NOT NULL,
    locked_until INTEGER,
    last_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX login_failures_by_time ON login_failures (last_at);

CREATE TABLE workspaces (
    id                 BLOB PRIMARY KEY,
    name               TEXT NOT NULL,
    slug               TEXT NOT NULL,
    executions_per_day INTEGER,
    stored_bytes       INTEGER,
    version            INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    deleted_at         INTEGER
) STRICT;
CREATE UNIQUE INDEX workspaces_by_slug ON workspaces (slug) WHERE deleted_at IS NULL;

CREATE TABLE members (
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    user_id      BLOB NOT NULL REFERENCES users (id),
    role         TEXT NOT NULL,
    permissions  TEXT NOT NULL,  -- beyond those of the role, words between blanks
    version      INTEGER NOT NULL,
    joined_at    INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
) STRICT;
CREATE INDEX members_by_user ON members (user_id, joined_at);

CREATE TABLE invitations (
    id           BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    email        TEXT NOT NULL,
    email_key    TEXT NOT NULL,
    role         TEXT NOT NULL,
    token_hash   BLOB NOT NULL UNIQUE,
    invited_by   BLOB,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    accepted_at  INTEGER
) STRICT;
CREATE INDEX invitations_by_workspace ON invitations (workspace_id, id);
CREATE INDEX invitations_by_email ON invitations (email_key);

CREATE TABLE sessions (
    id           BLOB PRIMARY KEY,
    user_id      BLOB NOT NULL REFERENCES users (id),
    user_agent   TEXT,
    address      TEXT,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id, id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- All refresh tokens of a session are one family: the use of one that was used before ends the session.
CREATE TABLE refresh_tokens (
    hash       BLOB PRIMARY KEY,
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE api_keys (
    id           BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL REFERENCES workspaces (id),
    user_id      BLOB NOT NULL REFERENCES users (id),
    name         TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    secret_hash  BLOB NOT NULL,
    scopes       TEXT NOT NULL,  -- words between blanks
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT;
CREATE INDEX api_keys_by_workspace ON api_keys (workspace_id, id);
CREATE INDEX api_keys_by_user ON api_keys (user_id);

CREATE TABLE signing_keys (
    kid        TEXT PRIMARY KEY,
    secret     TEXT NOT NULL,  -- sealed
    created_at INTEGER NOT NULL,
    retires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE one_time_tokens (
    hash       BLOB PRIMARY KEY,
    purpose    TEXT NOT NULL,
    user_id    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
CREATE INDEX one_time_tokens_by_user ON one_time_tokens (user_id);

CREATE TABLE oidc_links (
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    user_id    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT;
