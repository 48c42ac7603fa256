-- What is there belongs to the first workspace.
ALTER TABLE workflows ADD COLUMN workspace_id uuid NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001';

DROP INDEX workflows_by_name;
CREATE INDEX workflows_by_name ON workflows (workspace_id, sort_name, id);
DROP INDEX workflows_by_creation;
CREATE INDEX workflows_by_creation ON workflows (workspace_id, created_at, id);
DROP INDEX workflows_by_change;
CREATE INDEX workflows_by_change ON workflows (workspace_id, updated_at, id);

-- A key stands for one workflow of its workspace.
ALTER TABLE workflow_creations ADD COLUMN workspace_id uuid NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001';
ALTER TABLE workflow_creations DROP CONSTRAINT workflow_creations_pkey;
ALTER TABLE workflow_creations ADD PRIMARY KEY (workspace_id, idempotency_key);
