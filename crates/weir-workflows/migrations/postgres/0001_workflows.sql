CREATE TABLE workflows (
    id             uuid PRIMARY KEY,
    name           text NOT NULL,
    sort_name      text COLLATE "C" NOT NULL,  -- the name's beginning in lower case
    description    text,
    search         text NOT NULL,              -- name and description in lower case
    tags           text NOT NULL,              -- each between two line breaks
    status         text NOT NULL,
    draft          text NOT NULL,              -- JSON
    revision       bigint NOT NULL,            -- counts every change
    latest_version bigint,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    published_at   timestamptz,
    deleted_at     timestamptz
);

CREATE INDEX workflows_by_name ON workflows (sort_name, id);
CREATE INDEX workflows_by_creation ON workflows (created_at, id);
CREATE INDEX workflows_by_change ON workflows (updated_at, id);
CREATE INDEX workflows_deleted ON workflows (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE workflow_versions (
    workflow_id  uuid NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
    number       bigint NOT NULL,
    hash         text NOT NULL,         -- the document's name in the engine
    document     text NOT NULL,         -- JSON, as it was in the draft
    published_at timestamptz NOT NULL,
    PRIMARY KEY (workflow_id, number)
);
