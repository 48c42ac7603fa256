-- How far each reader has come; what it wrote because of the events is written together with this.
CREATE TABLE event_cursors (
    name      TEXT PRIMARY KEY,
    turn      INTEGER NOT NULL,         -- 0: positions are enough
    position  INTEGER NOT NULL
) STRICT;

INSERT INTO event_cursors (name, turn, position) VALUES ('relay', 0, 0);

-- Who did what to which thing, when and from where.
CREATE TABLE audit_log (
    event_id     TEXT PRIMARY KEY,
    workspace_id BLOB,              -- null: of the installation
    actor        TEXT NOT NULL,
    address      TEXT,
    kind         TEXT NOT NULL,
    subject      TEXT NOT NULL,
    at           INTEGER NOT NULL,
    data         TEXT NOT NULL,     -- JSON
    search       TEXT NOT NULL
) STRICT;

CREATE INDEX audit_log_by_time ON audit_log (workspace_id, at, event_id);
CREATE INDEX audit_log_by_actor ON audit_log (workspace_id, actor, at, event_id);
CREATE INDEX audit_log_by_subject ON audit_log (workspace_id, subject, at, event_id);
CREATE INDEX audit_log_by_age ON audit_log (at);

-- A row in here, which only its own transaction sees, lets that transaction remove what is past its time.
CREATE TABLE audit_purge (before INTEGER NOT NULL) STRICT;

CREATE TRIGGER audit_log_is_never_changed BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_log_is_kept BEFORE DELETE ON audit_log
WHEN NOT EXISTS (SELECT 1 FROM audit_purge WHERE OLD.at < before)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TABLE webhooks (
    id               BLOB PRIMARY KEY,
    workspace_id     BLOB NOT NULL,
    url              TEXT NOT NULL,
    description      TEXT NOT NULL,
    events           TEXT NOT NULL,     -- JSON: patterns of kinds
    enabled          INTEGER NOT NULL,
    disabled_because TEXT,              -- when Weir did it
    secret           TEXT NOT NULL,     -- sealed
    old_secret       TEXT,              -- sealed; signs as well until it is forgotten
    old_secret_until INTEGER,
    version          INTEGER NOT NULL,  -- counts every change
    created_by       TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;

CREATE INDEX webhooks_of_workspace ON webhooks (workspace_id, id);

CREATE TABLE notification_rules (
    id           BLOB PRIMARY KEY,
    workspace_id BLOB NOT NULL,
    name         TEXT NOT NULL,
    events       TEXT NOT NULL,     -- JSON: patterns of kinds
    conditions   TEXT NOT NULL,     -- JSON: fields of the data and what they must be
    channel      TEXT NOT NULL,     -- JSON
    enabled      INTEGER NOT NULL,
    version      INTEGER NOT NULL,  -- counts every change
    created_by   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX notification_rules_of_workspace ON notification_rules (workspace_id, id);

-- An event on its way to a webhook or by a rule. The lowest position of a subject is sent first.
CREATE TABLE event_deliveries (
    position      INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id  BLOB NOT NULL,
    receiver      BLOB NOT NULL,      -- a webhook or a rule
    event_id      TEXT NOT NULL,
    kind          TEXT NOT NULL,
    subject       TEXT NOT NULL,
    event         TEXT NOT NULL,      -- JSON
    status        TEXT NOT NULL,      -- pending, delivered, failed
    attempts      INTEGER NOT NULL DEFAULT 0,
    next_at       INTEGER NOT NULL,
    claim         BLOB,               -- by whom it is being sent,
    claimed_until INTEGER,            -- and until when nobody else may
    last_status   INTEGER,
    last_error    TEXT,
    response      TEXT,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    UNIQUE (receiver, event_id)
) STRICT;

CREATE INDEX event_deliveries_due ON event_deliveries (receiver, next_at, position) WHERE status = 'pending';
CREATE INDEX event_deliveries_in_order ON event_deliveries (receiver, subject, position) WHERE status = 'pending';
CREATE INDEX event_deliveries_of_receiver ON event_deliveries (receiver, position);
CREATE INDEX event_deliveries_by_age ON event_deliveries (created_at);
