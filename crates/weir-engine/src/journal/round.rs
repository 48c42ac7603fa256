//! One round of the PostgreSQL journal: many changes, one statement, one commit.

use std::sync::Arc;

use uuid::Uuid;
use weir_base::{ExecutionId, Timestamp, WorkerId};
use weir_core::event::ExecutionStarted;
use weir_db::Row;
use weir_db::postgres::Session;
use weir_db::postgres::types::ToSql;

use super::rows::Rows;
use crate::executions::relation_word;

/// Takes a column of each table as an array, in the order [`arguments`] lists them.
const ROUND: &str = include_str!("round.sql");

/// What becomes of one execution.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) id: ExecutionId,
    pub(super) epoch: i64,
    /// The execution is new.
    pub(super) creation: Option<Creation>,
    pub(super) rows: Rows,
}

/// The part of an execution's row that never changes.
#[derive(Debug)]
pub(super) struct Creation {
    pub(super) started: Arc<ExecutionStarted>,
    pub(super) owner: Option<WorkerId>,
    pub(super) idempotency_key: Option<String>,
    pub(super) created_at: Timestamp,
}

/// Writes the changes, each of another execution; answers a row with the id of each that was kept.
pub(super) async fn write(session: &Session, changes: &[Change]) -> Result<Vec<Row>, weir_db::Error> {
    let arguments = arguments(changes);
    let borrowed: Vec<&(dyn ToSql + Sync)> = arguments.iter().map(|column| &**column as &(dyn ToSql + Sync)).collect();
    session.query(ROUND, &borrowed).await
}

type Column<'a> = Box<dyn ToSql + Send + Sync + 'a>;

fn column<'a, T, C: ToSql + Send + Sync + 'a>(rows: &[T], value: impl Fn(&T) -> C) -> Column<'a> {
    Box::new(rows.iter().map(value).collect::<Vec<C>>())
}

fn arguments(changes: &[Change]) -> Vec<Column<'_>> {
    let mut creations = Vec::new();
    let mut updates = Vec::new();
    for change in changes {
        match &change.creation {
            Some(creation) => creations.push((change, creation)),
            None => updates.push(change),
        }
    }
    // Two rounds that insert the same keys do so in the same order, so that neither waits for the other for ever.
    creations.sort_by_key(|(_, creation)| creation.idempotency_key.as_deref());

    let mut arguments = created(&creations);
    arguments.extend(updated(&updates));
    let events: Vec<_> = each(changes, |rows| &rows.events).collect();
    arguments.extend([
        column(&events, |(id, _)| *id),
        column(&events, |(_, event)| event.seq),
        column(&events, |(_, event)| event.kind),
        column(&events, |(_, event)| event.payload.as_str()),
        column(&events, |(_, event)| event.at),
    ]);
    let timers_set: Vec<_> = each(changes, |rows| &rows.timers_set).collect();
    let timers_gone: Vec<_> = each(changes, |rows| &rows.timers_gone).collect();
    // What has just been created has nothing in the tables that could be cleared.
    let ended: Vec<_> = updates.iter().filter(|change| change.rows.ended).collect();
    arguments.extend([
        column(&timers_set, |(id, _)| *id),
        column(&timers_set, |(_, set)| set.0),
        column(&timers_set, |(_, set)| set.1),
        column(&timers_gone, |(id, _)| *id),
        column(&timers_gone, |(_, timer)| **timer),
        column(&ended, |change| change.id.as_uuid()),
        column(&ended, |change| change.rows.execution.at),
    ]);
    arguments.extend(approvals(changes));
    let logs: Vec<_> = each(changes, |rows| &rows.logs).collect();
    arguments.extend([
        column(&logs, |(id, _)| *id),
        column(&logs, |(_, log)| log.path.as_str()),
        column(&logs, |(_, log)| log.level),
        column(&logs, |(_, log)| log.message.as_str()),
        column(&logs, |(_, log)| log.at),
    ]);
    let wakes: Vec<_> = each(changes, |rows| &rows.wakes).collect();
    let ends: Vec<_> = changes.iter().flat_map(|change| change.rows.wakes.iter().map(move |_| change)).collect();
    let heard: Vec<_> = each(changes, |rows| &rows.heard_of).collect();
    arguments.extend([
        column(&wakes, |(_, woken)| woken.as_uuid()),
        column(&wakes, |(id, _)| *id),
        column(&ends, |change| change.rows.execution.at),
        column(&heard, |(id, _)| *id),
        column(&heard, |(_, cause)| cause.as_uuid()),
    ]);
    let told: Vec<_> =
        changes.iter().filter_map(|change| change.rows.told.as_deref().map(|told| (change, told))).collect();
    arguments.extend([
        column(&told, |(change, _)| change.id.as_uuid()),
        column(&told, |(change, _)| change.rows.workspace.as_uuid()),
        column(&told, |(_, told)| *told),
        column(&told, |(change, _)| change.rows.execution.at),
    ]);
    arguments
}

/// The rows of one sort, each with its execution.
fn each<'a, T: 'a>(changes: &'a [Change], rows: impl Fn(&'a Rows) -> &'a [T]) -> impl Iterator<Item = (Uuid, &'a T)> {
    changes.iter().flat_map(move |change| rows(&change.rows).iter().map(|row| (change.id.as_uuid(), row)))
}

fn created<'a>(creations: &[(&'a Change, &'a Creation)]) -> Vec<Column<'a>> {
    vec![
        column(creations, |(change, _)| change.id.as_uuid()),
        column(creations, |(change, _)| change.rows.workspace.as_uuid()),
        column(creations, |(_, new)| new.started.workflow_id.map(|id| id.as_uuid())),
        column(creations, |(_, new)| new.started.workflow_version.map(i64::from)),
        column(creations, |(_, new)| new.started.document.as_str()),
        column(creations, |(_, new)| new.started.trigger.as_str()),
        column(creations, |(_, new)| new.started.parent.as_ref().map(|parent| parent.execution_id.as_uuid())),
        column(creations, |(_, new)| new.started.parent.as_ref().map(|parent| parent.path.as_str())),
        column(creations, |(_, new)| new.started.parent.as_ref().map(|parent| relation_word(parent.relation))),
        column(creations, |(change, _)| change.rows.execution.status),
        column(creations, |(change, _)| change.rows.execution.progress),
        column(creations, |(change, _)| change.rows.execution.nodes_done),
        column(creations, |(change, _)| change.rows.execution.nodes_known),
        column(creations, |(change, _)| change.rows.execution.seq),
        column(creations, |(_, new)| new.owner.map(|owner| owner.as_uuid())),
        column(creations, |(change, _)| change.rows.execution.error.as_deref()),
        column(creations, |(_, new)| new.idempotency_key.as_deref()),
        column(creations, |(_, new)| new.created_at),
        column(creations, |(change, _)| change.rows.execution.at),
        column(creations, |(change, _)| change.rows.execution.finished_at),
    ]
}

fn updated<'a>(updates: &[&'a Change]) -> Vec<Column<'a>> {
    vec![
        column(updates, |change| change.id.as_uuid()),
        column(updates, |change| change.epoch),
        column(updates, |change| change.rows.execution.seq_before),
        column(updates, |change| change.rows.execution.status),
        column(updates, |change| change.rows.execution.progress),
        column(updates, |change| change.rows.execution.nodes_done),
        column(updates, |change| change.rows.execution.nodes_known),
        column(updates, |change| change.rows.execution.seq),
        column(updates, |change| change.rows.execution.at),
        column(updates, |change| change.rows.execution.finished_at),
        column(updates, |change| change.rows.execution.error.as_deref()),
        column(updates, |change| change.rows.execution.released),
    ]
}

fn approvals(changes: &[Change]) -> Vec<Column<'_>> {
    let asked: Vec<_> = each(changes, |rows| &rows.asked).collect();
    let asking = changes.iter().flat_map(|change| change.rows.asked.iter().map(move |_| change)).collect::<Vec<_>>();
    let settled: Vec<_> = each(changes, |rows| &rows.settled).collect();
    vec![
        column(&asked, |(id, _)| *id),
        column(&asking, |change| change.rows.workspace.as_uuid()),
        column(&asked, |(_, asked)| asked.path.as_str()),
        column(&asked, |(_, asked)| asked.title.as_str()),
        column(&asked, |(_, asked)| asked.description.as_deref()),
        column(&asked, |(_, asked)| asked.form.as_deref()),
        column(&asked, |(_, asked)| asked.assignee.as_deref()),
        column(&asked, |(_, asked)| asked.deadline),
        column(&asked, |(_, asked)| asked.status),
        column(&asked, |(_, asked)| asked.decided_by.as_deref()),
        column(&asked, |(_, asked)| asked.comment.as_deref()),
        column(&asked, |(_, asked)| asked.decided_at),
        column(&asked, |(_, asked)| asked.created_at),
        column(&settled, |(id, _)| *id),
        column(&settled, |(_, settled)| settled.path.as_str()),
        column(&settled, |(_, settled)| settled.status),
        column(&settled, |(_, settled)| settled.decided_by.as_deref()),
        column(&settled, |(_, settled)| settled.comment.as_deref()),
        column(&settled, |(_, settled)| settled.decided_at),
    ]
}
