-- What is there belongs to the first workspace.
ALTER TABLE executions ADD COLUMN workspace_id uuid NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001';
ALTER TABLE approvals ADD COLUMN workspace_id uuid NOT NULL DEFAULT '00000000-0000-7000-8000-000000000001';

-- Lists are asked for by workspace; only who drives looks over all of them.
CREATE INDEX executions_of_workspace ON executions (workspace_id, id);
DROP INDEX executions_of_workflow;
CREATE INDEX executions_of_workflow ON executions (workspace_id, workflow_id, id) WHERE workflow_id IS NOT NULL;
DROP INDEX executions_of_parent;
CREATE INDEX executions_of_parent ON executions (workspace_id, parent_id, id) WHERE parent_id IS NOT NULL;

-- Most executions are only ever on their way or completed: they cost the index of the others nothing.
DROP INDEX executions_by_status;
CREATE INDEX executions_to_drive ON executions (status, id) WHERE status IN ('pending', 'running');
CREATE INDEX executions_by_status ON executions (workspace_id, status, id)
    WHERE status NOT IN ('pending', 'running', 'completed');

DROP INDEX executions_idempotency;
CREATE UNIQUE INDEX executions_idempotency ON executions
    (workspace_id, idempotency_key, COALESCE(workflow_id, '00000000-0000-0000-0000-000000000000'::uuid))
    WHERE idempotency_key IS NOT NULL;

DROP INDEX approvals_newest;
CREATE INDEX approvals_newest ON approvals (workspace_id, created_at, execution_id, path);
DROP INDEX approvals_open;
CREATE INDEX approvals_open ON approvals (workspace_id, created_at, execution_id, path) WHERE status = 'open';
