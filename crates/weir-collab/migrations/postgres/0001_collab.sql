-- A workflow whose draft is a live document, and the number of the newest row of its log. Who appends moves it on: so
-- nobody appends to a log that they have not read to its end, even after its older rows were removed.
CREATE TABLE collab_documents (
    workflow_id uuid PRIMARY KEY,
    seq         bigint NOT NULL
);

-- The log: one row an append, of one Yjs update or several.
CREATE TABLE collab_updates (
    workflow_id uuid NOT NULL REFERENCES collab_documents (workflow_id) ON DELETE CASCADE,
    seq         bigint NOT NULL,
    update_data bytea NOT NULL,
    authors     text NOT NULL,      -- JSON
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (workflow_id, seq)
);

-- The whole document after a row of the log. The newest is where reading begins, all of them are the history.
CREATE TABLE collab_snapshots (
    id          uuid PRIMARY KEY,
    workflow_id uuid NOT NULL REFERENCES collab_documents (workflow_id) ON DELETE CASCADE,
    seq         bigint NOT NULL,
    state       bytea NOT NULL,
    name        text,
    authors     text NOT NULL,      -- JSON
    created_at  timestamptz NOT NULL,
    UNIQUE (workflow_id, seq)
);
