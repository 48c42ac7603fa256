-- A workflow whose draft is a live document, and the number of the newest row of its log. Who appends moves it on: so
-- nobody appends to a log that they have not read to its end, even after its older rows were removed.
CREATE TABLE collab_documents (
    workflow_id BLOB PRIMARY KEY,
    seq         INTEGER NOT NULL
) STRICT;

-- The log: one row an append, of one Yjs update or several.
CREATE TABLE collab_updates (
    workflow_id BLOB NOT NULL REFERENCES collab_documents (workflow_id) ON DELETE CASCADE,
    seq         INTEGER NOT NULL,
    update_data BLOB NOT NULL,
    authors     TEXT NOT NULL,      -- JSON
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (workflow_id, seq)
) STRICT;

-- The whole document after a row of the log. The newest is where reading begins, all of them are the history.
CREATE TABLE collab_snapshots (
    id          BLOB PRIMARY KEY,
    workflow_id BLOB NOT NULL REFERENCES collab_documents (workflow_id) ON DELETE CASCADE,
    seq         INTEGER NOT NULL,
    state       BLOB NOT NULL,
    name        TEXT,
    authors     TEXT NOT NULL,      -- JSON
    created_at  INTEGER NOT NULL,
    UNIQUE (workflow_id, seq)
) STRICT;
