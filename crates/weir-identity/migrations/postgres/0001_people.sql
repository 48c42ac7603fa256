-- One row as soon as somebody administers the installation; its key lets only one of many first users be the first.
CREATE TABLE installation (
    id         bigint PRIMARY KEY,
    claimed_at timestamptz NOT NULL
);

CREATE TABLE users (
    id                   uuid PRIMARY KEY,
    email                text NOT NULL,  -- as its owner writes it
    email_key            text NOT NULL UNIQUE,  -- in lower case
    password_hash        text,  -- none for people who only come through an identity provider
    must_change_password boolean NOT NULL,
    name                 text NOT NULL,
    is_active            boolean NOT NULL,
    email_verified       boolean NOT NULL,
    is_operator          boolean NOT NULL,  -- may administer the installation
    version              bigint NOT NULL,
    last_login_at        timestamptz,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL
);

-- Failed logins by e-mail address, whether it has an account or not, so that answers do not tell which.
CREATE TABLE login_failures (
    email_hash   bytea PRIMARY KEY,
    failures     bigint NOT NULL,
    locked_until timestamptz,
    last_at      timestamptz NOT NULL
);
CREATE INDEX login_failures_by_time ON login_failures (last_at);

CREATE TABLE workspaces (
    id                 uuid PRIMARY KEY,
    name               text NOT NULL,
    slug               text NOT NULL,
    executions_per_day bigint,
    stored_bytes       bigint,
    version            bigint NOT NULL,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    deleted_at         timestamptz
);
CREATE UNIQUE INDEX workspaces_by_slug ON workspaces (slug) WHERE deleted_at IS NULL;

CREATE TABLE members (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    user_id      uuid NOT NULL REFERENCES users (id),
    role         text NOT NULL,
    permissions  text NOT NULL,  -- beyond those of the role, words between blanks
    version      bigint NOT NULL,
    joined_at    timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX members_by_user ON members (user_id, joined_at);

CREATE TABLE invitations (
    id           uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    email        text NOT NULL,
    email_key    text NOT NULL,
    role         text NOT NULL,
    token_hash   bytea NOT NULL UNIQUE,
    invited_by   uuid,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    accepted_at  timestamptz
);
CREATE INDEX invitations_by_workspace ON invitations (workspace_id, id);
CREATE INDEX invitations_by_email ON invitations (email_key);

CREATE TABLE sessions (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users (id),
    user_agent   text,
    address      text,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz
);
CREATE INDEX sessions_by_user ON sessions (user_id, id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- All refresh tokens of a session are one family: the use of one that was used before ends the session.
CREATE TABLE refresh_tokens (
    hash       bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    user_id      uuid NOT NULL REFERENCES users (id),
    name         text NOT NULL,
    prefix       text NOT NULL,
    secret_hash  bytea NOT NULL,
    scopes       text NOT NULL,  -- words between blanks
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX api_keys_by_workspace ON api_keys (workspace_id, id);
CREATE INDEX api_keys_by_user ON api_keys (user_id);

CREATE TABLE signing_keys (
    kid        text PRIMARY KEY,
    secret     text NOT NULL,  -- sealed
    created_at timestamptz NOT NULL,
    retires_at timestamptz NOT NULL
);

CREATE TABLE one_time_tokens (
    hash       bytea PRIMARY KEY,
    purpose    text NOT NULL,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX one_time_tokens_by_user ON one_time_tokens (user_id);

CREATE TABLE oidc_links (
    issuer     text NOT NULL,
    subject    text NOT NULL,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject)
);
