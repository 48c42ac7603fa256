-- Domain events. Positions are given out before the commit, so that a reader may see 7 before 6. The transaction's id
-- helps: what belongs to transactions older than the oldest still running is complete and will not grow.
-- A row holds what one change told, as a JSON array.
CREATE TABLE outbox (
    position     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    workspace_id uuid,              -- null: of the installation
    events       text NOT NULL,
    at           timestamptz NOT NULL
);

CREATE INDEX outbox_by_commit ON outbox (transaction, position);
CREATE INDEX outbox_by_age ON outbox (at);
