-- What is there belongs to the first workspace.
ALTER TABLE workflows ADD COLUMN workspace_id BLOB NOT NULL DEFAULT x'00000000000070008000000000000001';

DROP INDEX workflows_by_name;
CREATE INDEX workflows_by_name ON workflows (workspace_id, sort_name, id);
DROP INDEX workflows_by_creation;
CREATE INDEX workflows_by_creation ON workflows (workspace_id, created_at, id);
DROP INDEX workflows_by_change;
CREATE INDEX workflows_by_change ON workflows (workspace_id, updated_at, id);

-- A key stands for one workflow of its workspace.
ALTER TABLE workflow_creations RENAME TO workflow_creations_before;
CREATE TABLE workflow_creations (
    workspace_id    BLOB NOT NULL,
    idempotency_key TEXT NOT NULL,
    workflow_id     BLOB NOT NULL,
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, idempotency_key)
) STRICT, WITHOUT ROWID;
INSERT INTO workflow_creations (workspace_id, idempotency_key, workflow_id, created_at)
    SELECT x'00000000000070008000000000000001', idempotency_key, workflow_id, created_at FROM workflow_creations_before;
DROP TABLE workflow_creations_before;
CREATE INDEX workflow_creations_by_age ON workflow_creations (created_at);
