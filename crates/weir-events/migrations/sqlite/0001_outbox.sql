-- Domain events in the order they were committed: SQLite has one writer, so a later position is a later commit.
-- A row holds what one change told, as a JSON array.
CREATE TABLE outbox (
    position     INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id BLOB,              -- null: of the installation
    events       TEXT NOT NULL,
    at           INTEGER NOT NULL
) STRICT;

CREATE INDEX outbox_by_age ON outbox (at);
