-- Documents by the hash of their content; never changed.
CREATE TABLE documents (
    hash TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- One row an execution; its history is in execution_events.
CREATE TABLE executions (
    id BLOB NOT NULL PRIMARY KEY,
    workflow_id BLOB,
    workflow_version INTEGER,
    document TEXT NOT NULL,
    "trigger" TEXT NOT NULL,
    parent_id BLOB,
    parent_path TEXT,
    parent_relation TEXT,
    status TEXT NOT NULL,
    progress INTEGER NOT NULL,
    nodes_done INTEGER NOT NULL,
    nodes_known INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    owner BLOB,
    error TEXT,
    idempotency_key TEXT,
    dismissed INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    finished_at INTEGER
) STRICT, WITHOUT ROWID;

-- Each index costs every execution a write, so they hold only the rows they are asked for.
CREATE INDEX executions_of_workflow ON executions (workflow_id, id) WHERE workflow_id IS NOT NULL;
CREATE INDEX executions_by_status ON executions (status, id) WHERE status <> 'completed';
CREATE INDEX executions_of_parent ON executions (parent_id, id) WHERE parent_id IS NOT NULL;
CREATE INDEX executions_owned ON executions (owner) WHERE owner IS NOT NULL;
CREATE UNIQUE INDEX executions_idempotency ON executions (idempotency_key, COALESCE(workflow_id, x''))
    WHERE idempotency_key IS NOT NULL;

-- The journal. The payload is the event as JSON, its kind included.
CREATE TABLE execution_events (
    execution_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (execution_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE timers (
    execution_id BLOB NOT NULL,
    timer INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (execution_id, timer)
) STRICT, WITHOUT ROWID;

CREATE INDEX timers_due ON timers (due_at);

CREATE TABLE approvals (
    execution_id BLOB NOT NULL,
    path TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT,
    form TEXT,
    assignee TEXT,
    deadline INTEGER,
    status TEXT NOT NULL,
    decided_by TEXT,
    comment TEXT,
    decided_at INTEGER,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (execution_id, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX approvals_newest ON approvals (created_at, execution_id, path);
CREATE INDEX approvals_open ON approvals (created_at, execution_id, path) WHERE status = 'open';

CREATE TABLE execution_logs (
    id INTEGER PRIMARY KEY,
    execution_id BLOB NOT NULL,
    path TEXT NOT NULL,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE INDEX execution_logs_of ON execution_logs (execution_id, id);

-- News that an execution has not taken in yet: the end of another it waits for.
CREATE TABLE wakeups (
    execution_id BLOB NOT NULL,
    cause BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (execution_id, cause)
) STRICT, WITHOUT ROWID;

-- Processes that drive executions, each alive until its lease runs out.
CREATE TABLE workers (
    id BLOB NOT NULL PRIMARY KEY,
    lease_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
