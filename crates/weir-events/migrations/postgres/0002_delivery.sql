-- The order in which events are read. Neither positions nor transaction ids alone will do: a lower position may be
-- committed later, and of two transactions that change the same thing the one with the lower id may come second.
-- A row's turn is the newest transaction known to be finished when the row was written, and no less than the row's own
-- transaction. So whoever waited for another to let go of the thing has no lower turn than that one, and equal turns
-- are told apart by their positions. And once all transactions up to a turn are finished, no row of that turn or a
-- lower one can appear any more. Being volatile, the function sees the moment it is called in, not the statement's.
CREATE FUNCTION outbox_turn() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN GREATEST(
        pg_current_xact_id()::text::bigint,
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1);
END
$$;

DROP INDEX outbox_by_commit;
ALTER TABLE outbox ADD COLUMN turn bigint;
UPDATE outbox SET turn = transaction::text::bigint;
ALTER TABLE outbox ALTER COLUMN turn SET NOT NULL;
ALTER TABLE outbox ALTER COLUMN turn SET DEFAULT outbox_turn();
ALTER TABLE outbox DROP COLUMN transaction;
CREATE INDEX outbox_by_turn ON outbox (turn, position);

-- How far each reader has come; what it wrote because of the events is written together with this.
CREATE TABLE event_cursors (
    name      text PRIMARY KEY,
    turn      bigint NOT NULL,
    position  bigint NOT NULL
);

INSERT INTO event_cursors (name, turn, position) VALUES ('relay', 0, 0);

-- Who did what to which thing, when and from where.
CREATE TABLE audit_log (
    event_id     text PRIMARY KEY,
    workspace_id uuid,              -- null: of the installation
    actor        text NOT NULL,
    address      text,
    kind         text NOT NULL,
    subject      text NOT NULL,
    at           timestamptz NOT NULL,
    data         text NOT NULL,     -- JSON
    search       text NOT NULL
);

CREATE INDEX audit_log_by_time ON audit_log (workspace_id, at, event_id);
CREATE INDEX audit_log_by_actor ON audit_log (workspace_id, actor, at, event_id);
CREATE INDEX audit_log_by_subject ON audit_log (workspace_id, subject, at, event_id);
CREATE INDEX audit_log_by_age ON audit_log (at);

-- A row in here, which only its own transaction sees, lets that transaction remove what is past its time.
CREATE TABLE audit_purge (before timestamptz NOT NULL);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM audit_purge WHERE OLD.at < before) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;

CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_log_is_not_truncated BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CREATE TABLE webhooks (
    id               uuid PRIMARY KEY,
    workspace_id     uuid NOT NULL,
    url              text NOT NULL,
    description      text NOT NULL,
    events           text NOT NULL,     -- JSON: patterns of kinds
    enabled          boolean NOT NULL,
    disabled_because text,              -- when Weir did it
    secret           text NOT NULL,     -- sealed
    old_secret       text,              -- sealed; signs as well until it is forgotten
    old_secret_until timestamptz,
    version          bigint NOT NULL,   -- counts every change
    created_by       text NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL
);

CREATE INDEX webhooks_of_workspace ON webhooks (workspace_id, id);

CREATE TABLE notification_rules (
    id           uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    name         text NOT NULL,
    events       text NOT NULL,     -- JSON: patterns of kinds
    conditions   text NOT NULL,     -- JSON: fields of the data and what they must be
    channel      text NOT NULL,     -- JSON
    enabled      boolean NOT NULL,
    version      bigint NOT NULL,   -- counts every change
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL
);

CREATE INDEX notification_rules_of_workspace ON notification_rules (workspace_id, id);

-- An event on its way to a webhook or by a rule. The lowest position of a subject is sent first.
CREATE TABLE event_deliveries (
    position      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id  uuid NOT NULL,
    receiver      uuid NOT NULL,      -- a webhook or a rule
    event_id      text NOT NULL,
    kind          text NOT NULL,
    subject       text NOT NULL,
    event         text NOT NULL,      -- JSON
    status        text NOT NULL,      -- pending, delivered, failed
    attempts      bigint NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL,
    claim         uuid,               -- by whom it is being sent,
    claimed_until timestamptz,        -- and until when nobody else may
    last_status   bigint,
    last_error    text,
    response      text,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    UNIQUE (receiver, event_id)
);

CREATE INDEX event_deliveries_due ON event_deliveries (receiver, next_at, position) WHERE status = 'pending';
CREATE INDEX event_deliveries_in_order ON event_deliveries (receiver, subject, position) WHERE status = 'pending';
CREATE INDEX event_deliveries_of_receiver ON event_deliveries (receiver, position);
CREATE INDEX event_deliveries_by_age ON event_deliveries (created_at);
