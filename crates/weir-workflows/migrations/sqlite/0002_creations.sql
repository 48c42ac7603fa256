CREATE TABLE workflow_creations (
    idempotency_key TEXT PRIMARY KEY,
    workflow_id     BLOB NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX workflow_creations_by_age ON workflow_creations (created_at);
