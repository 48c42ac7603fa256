-- One round of changes. What is kept is decided by `created` and `updated`; the rest follows for what was kept.
WITH created AS (
    INSERT INTO executions (
        id, workspace_id, workflow_id, workflow_version, document, trigger, parent_id, parent_path, parent_relation,
        status, progress, nodes_done, nodes_known, seq, epoch, owner, error, idempotency_key, created_at, updated_at,
        finished_at
    )
    SELECT
        c.id, c.workspace_id, c.workflow_id, c.workflow_version, c.document, c.trigger, c.parent_id, c.parent_path,
        c.parent_relation, c.status, c.progress, c.nodes_done, c.nodes_known, c.seq, 1, c.owner, c.error,
        c.idempotency_key, c.created_at, c.updated_at, c.finished_at
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::text[],
        $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::uuid[], $16::text[], $17::text[],
        $18::timestamptz[], $19::timestamptz[], $20::timestamptz[]
    ) AS c (
        id, workspace_id, workflow_id, workflow_version, document, trigger, parent_id, parent_path, parent_relation,
        status, progress, nodes_done, nodes_known, seq, owner, error, idempotency_key, created_at, updated_at,
        finished_at
    )
    ON CONFLICT DO NOTHING
    RETURNING id
), updated AS (
    UPDATE executions AS e SET
        status = u.status, progress = u.progress, nodes_done = u.nodes_done, nodes_known = u.nodes_known, seq = u.seq,
        updated_at = u.at, finished_at = u.finished_at, error = u.error, dismissed = false,
        owner = CASE WHEN u.released THEN NULL ELSE e.owner END
    FROM unnest(
        $21::uuid[], $22::bigint[], $23::bigint[], $24::text[], $25::bigint[], $26::bigint[], $27::bigint[],
        $28::bigint[], $29::timestamptz[], $30::timestamptz[], $31::text[], $32::boolean[]
    ) AS u (
        id, epoch, seq_before, status, progress, nodes_done, nodes_known, seq, at, finished_at, error, released
    )
    WHERE e.id = ANY ($21) AND e.id = u.id AND e.epoch = u.epoch AND e.seq = u.seq_before
    RETURNING e.id
), kept AS (
    SELECT id FROM created UNION ALL SELECT id FROM updated
), recorded AS (
    INSERT INTO execution_events (execution_id, seq, kind, payload, at)
    SELECT v.*
    FROM unnest($33::uuid[], $34::bigint[], $35::text[], $36::text[], $37::timestamptz[])
        AS v (execution_id, seq, kind, payload, at)
    WHERE v.execution_id IN (SELECT id FROM kept)
), timers_set AS (
    INSERT INTO timers (execution_id, timer, due_at)
    SELECT t.*
    FROM unnest($38::uuid[], $39::bigint[], $40::timestamptz[]) AS t (execution_id, timer, due_at)
    WHERE t.execution_id IN (SELECT id FROM kept)
), timers_gone AS (
    DELETE FROM timers
    USING unnest($41::uuid[], $42::bigint[]) AS g (execution_id, timer)
    WHERE timers.execution_id = ANY ($41) AND timers.execution_id = g.execution_id AND timers.timer = g.timer
        AND g.execution_id IN (SELECT id FROM kept)
), timers_ended AS (
    DELETE FROM timers
    WHERE execution_id = ANY ($43) AND execution_id IN (SELECT id FROM kept)
), asked AS (
    INSERT INTO approvals (
        execution_id, workspace_id, path, title, description, form, assignee, deadline, status, decided_by, comment,
        decided_at, created_at
    )
    SELECT a.*
    FROM unnest(
        $45::uuid[], $46::uuid[], $47::text[], $48::text[], $49::text[], $50::text[], $51::text[], $52::timestamptz[],
        $53::text[], $54::text[], $55::text[], $56::timestamptz[], $57::timestamptz[]
    ) AS a (
        execution_id, workspace_id, path, title, description, form, assignee, deadline, status, decided_by, comment,
        decided_at, created_at
    )
    WHERE a.execution_id IN (SELECT id FROM kept)
    ON CONFLICT (execution_id, path) DO UPDATE SET
        title = excluded.title, description = excluded.description, form = excluded.form, assignee = excluded.assignee,
        deadline = excluded.deadline, status = excluded.status, decided_by = excluded.decided_by,
        comment = excluded.comment, decided_at = excluded.decided_at, created_at = excluded.created_at
), settled AS (
    -- A decision goes before the closing of everything that the end brings in the same change.
    UPDATE approvals AS p SET
        status = s.status, decided_by = s.decided_by, comment = s.comment, decided_at = s.decided_at
    FROM (
        SELECT DISTINCT ON (q.execution_id, q.path)
            q.execution_id, q.path, s.status, s.decided_by, s.comment, s.decided_at
        FROM (
            SELECT *
            FROM unnest($58::uuid[], $59::text[], $60::text[], $61::text[], $62::text[], $63::timestamptz[])
                AS s (execution_id, path, status, decided_by, comment, decided_at)
            UNION ALL
            SELECT x.execution_id, NULL, 'closed', NULL, NULL, x.at
            FROM unnest($43::uuid[], $44::timestamptz[]) AS x (execution_id, at)
        ) AS s
        JOIN approvals AS q ON q.execution_id = s.execution_id
            AND (s.path IS NULL OR q.path = s.path OR starts_with(q.path, s.path || '['))
        WHERE q.execution_id = ANY ($58 || $43) AND q.status = 'open' AND s.execution_id IN (SELECT id FROM kept)
        ORDER BY q.execution_id, q.path, s.path NULLS LAST
    ) AS s
    WHERE p.execution_id = s.execution_id AND p.path = s.path
), logged AS (
    INSERT INTO execution_logs (execution_id, path, level, message, at)
    SELECT l.execution_id, l.path, l.level, l.message, l.at
    FROM unnest($64::uuid[], $65::text[], $66::text[], $67::text[], $68::timestamptz[]) WITH ORDINALITY
        AS l (execution_id, path, level, message, at, place)
    WHERE l.execution_id IN (SELECT id FROM kept)
    ORDER BY l.place
), woken AS (
    INSERT INTO wakeups (execution_id, cause, at)
    SELECT w.*
    FROM unnest($69::uuid[], $70::uuid[], $71::timestamptz[]) AS w (execution_id, cause, at)
    WHERE w.cause IN (SELECT id FROM kept)
    ON CONFLICT DO NOTHING
), heard AS (
    DELETE FROM wakeups
    USING unnest($72::uuid[], $73::uuid[]) AS h (execution_id, cause)
    WHERE wakeups.execution_id = ANY ($72) AND wakeups.execution_id = h.execution_id AND wakeups.cause = h.cause
        AND h.execution_id IN (SELECT id FROM kept)
), told AS (
    INSERT INTO outbox (workspace_id, events, at)
    SELECT o.workspace_id, o.events, o.at
    FROM unnest($74::uuid[], $75::uuid[], $76::text[], $77::timestamptz[])
        AS o (execution_id, workspace_id, events, at)
    WHERE o.execution_id IN (SELECT id FROM kept)
)
SELECT id FROM kept
