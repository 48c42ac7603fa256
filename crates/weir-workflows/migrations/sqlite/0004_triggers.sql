CREATE TABLE triggers (
    id              BLOB PRIMARY KEY,
    workspace_id    BLOB NOT NULL,
    workflow_id     BLOB NOT NULL,
    name            TEXT NOT NULL,
    kind            TEXT NOT NULL,
    config          TEXT NOT NULL,     -- JSON
    enabled         INTEGER NOT NULL,
    path            TEXT UNIQUE,       -- of webhooks and forms: one namespace for the installation
    next_at         INTEGER,           -- of schedules: when it fires next
    last_at         INTEGER,
    last_error      TEXT,              -- why it started nothing the last time
    listening_until INTEGER,           -- until when the test address runs the draft
    version         INTEGER NOT NULL,  -- counts every change
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX triggers_of_workspace ON triggers (workspace_id, id);
CREATE INDEX triggers_of_workflow ON triggers (workflow_id, id);
CREATE INDEX triggers_due ON triggers (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX triggers_of_events ON triggers (workspace_id) WHERE kind = 'event';

-- Events that are to start a workflow, until they have.
CREATE TABLE trigger_firings (
    trigger_id BLOB NOT NULL,
    event_id   TEXT NOT NULL,
    event      TEXT NOT NULL,          -- JSON
    at         INTEGER NOT NULL,
    PRIMARY KEY (trigger_id, event_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX trigger_firings_by_age ON trigger_firings (at);
