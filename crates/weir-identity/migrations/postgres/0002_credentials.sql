CREATE TABLE credentials (
    id           uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    name         text NOT NULL,
    name_key     text COLLATE "C" NOT NULL,  -- the name in lower case
    kind         text NOT NULL,
    hints        text NOT NULL,              -- JSON; what of it is no secret
    sealed       text NOT NULL,              -- the credential as JSON, sealed under a master key
    version      bigint NOT NULL,
    created_by   text NOT NULL,              -- an actor
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    last_used_at timestamptz
);

CREATE UNIQUE INDEX credentials_by_name ON credentials (workspace_id, name_key);

CREATE TABLE variables (
    workspace_id uuid NOT NULL,
    name         text COLLATE "C" NOT NULL,
    value        text NOT NULL,              -- JSON
    version      bigint NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, name)
);
