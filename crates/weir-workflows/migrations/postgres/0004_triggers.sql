CREATE TABLE triggers (
    id              uuid PRIMARY KEY,
    workspace_id    uuid NOT NULL,
    workflow_id     uuid NOT NULL,
    name            text NOT NULL,
    kind            text NOT NULL,
    config          text NOT NULL,     -- JSON
    enabled         boolean NOT NULL,
    path            text UNIQUE,       -- of webhooks and forms: one namespace for the installation
    next_at         timestamptz,       -- of schedules: when it fires next
    last_at         timestamptz,
    last_error      text,              -- why it started nothing the last time
    listening_until timestamptz,       -- until when the test address runs the draft
    version         bigint NOT NULL,   -- counts every change
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);

CREATE INDEX triggers_of_workspace ON triggers (workspace_id, id);
CREATE INDEX triggers_of_workflow ON triggers (workflow_id, id);
CREATE INDEX triggers_due ON triggers (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX triggers_of_events ON triggers (workspace_id) WHERE kind = 'event';

-- Events that are to start a workflow, until they have.
CREATE TABLE trigger_firings (
    trigger_id uuid NOT NULL,
    event_id   text NOT NULL,
    event      text NOT NULL,          -- JSON
    at         timestamptz NOT NULL,
    PRIMARY KEY (trigger_id, event_id)
);

CREATE INDEX trigger_firings_by_age ON trigger_firings (at);
