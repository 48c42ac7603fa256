CREATE TABLE workflows (
    id             BLOB PRIMARY KEY,
    name           TEXT NOT NULL,
    sort_name      TEXT NOT NULL,     -- the name's beginning in lower case
    description    TEXT,
    search         TEXT NOT NULL,     -- name and description in lower case
    tags           TEXT NOT NULL,     -- each between two line breaks
    status         TEXT NOT NULL,
    draft          TEXT NOT NULL,     -- JSON
    revision       INTEGER NOT NULL,  -- counts every change
    latest_version INTEGER,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    published_at   INTEGER,
    deleted_at     INTEGER
) STRICT;

CREATE INDEX workflows_by_name ON workflows (sort_name, id);
CREATE INDEX workflows_by_creation ON workflows (created_at, id);
CREATE INDEX workflows_by_change ON workflows (updated_at, id);
CREATE INDEX workflows_deleted ON workflows (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE workflow_versions (
    workflow_id  BLOB NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    hash         TEXT NOT NULL,     -- the document's name in the engine
    document     TEXT NOT NULL,     -- JSON, as it was in the draft
    published_at INTEGER NOT NULL,
    PRIMARY KEY (workflow_id, number)
) STRICT;
