-- Documents by the hash of their content; never changed.
CREATE TABLE documents (
    hash text PRIMARY KEY,
    body text NOT NULL,
    created_at timestamptz NOT NULL
);

-- One row an execution; its history is in execution_events. Room is left in each page so that the many updates that
-- change no indexed column stay within it.
CREATE TABLE executions (
    id uuid PRIMARY KEY,
    workflow_id uuid,
    workflow_version bigint,
    document text NOT NULL,
    "trigger" text NOT NULL,
    parent_id uuid,
    parent_path text,
    parent_relation text,
    status text NOT NULL,
    progress bigint NOT NULL,
    nodes_done bigint NOT NULL,
    nodes_known bigint NOT NULL,
    seq bigint NOT NULL,
    epoch bigint NOT NULL,
    owner uuid,
    error text,
    idempotency_key text,
    dismissed boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz
) WITH (fillfactor = 60);

-- Each index costs every execution a write, so they hold only the rows they are asked for.
CREATE INDEX executions_of_workflow ON executions (workflow_id, id) WHERE workflow_id IS NOT NULL;
CREATE INDEX executions_by_status ON executions (status, id) WHERE status <> 'completed';
CREATE INDEX executions_of_parent ON executions (parent_id, id) WHERE parent_id IS NOT NULL;
CREATE INDEX executions_owned ON executions (owner) WHERE owner IS NOT NULL;
CREATE UNIQUE INDEX executions_idempotency
    ON executions (idempotency_key, COALESCE(workflow_id, '00000000-0000-0000-0000-000000000000'::uuid))
    WHERE idempotency_key IS NOT NULL;

-- The journal. The payload is the event as JSON, its kind included.
CREATE TABLE execution_events (
    execution_id uuid NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    payload text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (execution_id, seq)
);

CREATE TABLE timers (
    execution_id uuid NOT NULL,
    timer bigint NOT NULL,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (execution_id, timer)
);

CREATE INDEX timers_due ON timers (due_at);

CREATE TABLE approvals (
    execution_id uuid NOT NULL,
    path text NOT NULL,
    title text NOT NULL,
    description text,
    form text,
    assignee text,
    deadline timestamptz,
    status text NOT NULL,
    decided_by text,
    comment text,
    decided_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (execution_id, path)
);

CREATE INDEX approvals_newest ON approvals (created_at, execution_id, path);
CREATE INDEX approvals_open ON approvals (created_at, execution_id, path) WHERE status = 'open';

CREATE TABLE execution_logs (
    execution_id uuid NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    path text NOT NULL,
    level text NOT NULL,
    message text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (execution_id, id)
);

-- News that an execution has not taken in yet: the end of another it waits for.
CREATE TABLE wakeups (
    execution_id uuid NOT NULL,
    cause uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (execution_id, cause)
);

-- Processes that drive executions, each alive until its lease runs out.
CREATE TABLE workers (
    id uuid PRIMARY KEY,
    lease_until timestamptz NOT NULL
);
