CREATE TABLE workflow_creations (
    idempotency_key text PRIMARY KEY,
    workflow_id     uuid NOT NULL,
    created_at      timestamptz NOT NULL
);

CREATE INDEX workflow_creations_by_age ON workflow_creations (created_at);
