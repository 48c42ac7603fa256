//! What an [`Append`] means in rows, the same for both stores: pure, so that the stores only put rows into tables.

use weir_base::{ExecutionId, Timestamp, WorkspaceId};
use weir_core::event::{AfterFailure, EVENT_VERSION, Event, JournalEvent};
use weir_core::outcome::Wait;
use weir_core::path::NodePath;
use weir_db::Row as DbRow;

use super::Append;
use crate::error::Error;
use crate::executions::ApprovalStatus;

/// The handle by which an approval leaves that nobody decided in time.
const EXPIRED_HANDLE: &str = "expired";

/// Everything one append adds to and takes from the tables.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) workspace: WorkspaceId,
    pub(super) execution: ExecutionRow,
    pub(super) events: Vec<EventRow>,
    /// Timers to insert: those set and not cleared within the same append.
    pub(super) timers_set: Vec<(i64, Timestamp)>,
    /// Timers to delete.
    pub(super) timers_gone: Vec<i64>,
    /// Approvals to insert, or to ask again.
    pub(super) asked: Vec<AskedRow>,
    /// Open approvals to settle. None of them is among `asked`.
    pub(super) settled: Vec<SettledRow>,
    pub(super) logs: Vec<LogRow>,
    /// Executions that must hear of this one's end.
    pub(super) wakes: Vec<ExecutionId>,
    /// Executions whose end was heard of.
    pub(super) heard_of: Vec<ExecutionId>,
    /// What the outside is told, as JSON.
    pub(super) told: Option<String>,
    /// The execution is over: all its timers go, and what is still asked is closed.
    pub(super) ended: bool,
}

/// The part of an execution's row that changes.
#[derive(Debug)]
pub(super) struct ExecutionRow {
    pub(super) status: &'static str,
    pub(super) progress: i64,
    pub(super) nodes_done: i64,
    pub(super) nodes_known: i64,
    /// The number of the last event before this append: another there means that the record went on elsewhere.
    pub(super) seq_before: i64,
    pub(super) seq: i64,
    pub(super) at: Timestamp,
    pub(super) finished_at: Option<Timestamp>,
    /// A `NodeError` as JSON.
    pub(super) error: Option<String>,
    pub(super) released: bool,
}

#[derive(Debug)]
pub(super) struct EventRow {
    pub(super) seq: i64,
    pub(super) kind: &'static str,
    /// The event as JSON, its kind included.
    pub(super) payload: String,
    pub(super) at: Timestamp,
}

#[derive(Debug)]
pub(super) struct AskedRow {
    pub(super) path: String,
    pub(super) title: String,
    pub(super) description: Option<String>,
    /// JSON.
    pub(super) form: Option<String>,
    pub(super) assignee: Option<String>,
    pub(super) deadline: Option<Timestamp>,
    pub(super) status: &'static str,
    pub(super) decided_by: Option<String>,
    pub(super) comment: Option<String>,
    pub(super) decided_at: Option<Timestamp>,
    pub(super) created_at: Timestamp,
}

/// Settles what is open at `path` and inside of it.
#[derive(Debug)]
pub(super) struct SettledRow {
    pub(super) path: String,
    pub(super) status: &'static str,
    pub(super) decided_by: Option<String>,
    pub(super) comment: Option<String>,
    pub(super) decided_at: Timestamp,
}

#[derive(Debug)]
pub(super) struct LogRow {
    pub(super) path: String,
    pub(super) level: &'static str,
    pub(super) message: String,
    pub(super) at: Timestamp,
}

impl Rows {
    pub(super) fn of(append: Append) -> Result<Self, Error> {
        let Append { workspace, events, row, cleared_timers, logs, wakes, heard_of, told } = append;
        let ended = row.status.is_terminal();
        debug_assert!(events.last().is_none_or(|last| last.seq == row.seq), "the row is not at the last event");
        let mut rows = Self {
            workspace,
            execution: ExecutionRow {
                status: row.status.as_str(),
                progress: row.progress.into(),
                nodes_done: signed(row.nodes_done),
                nodes_known: signed(row.nodes_known),
                seq_before: signed(events.first().map_or(row.seq, |first| first.seq - 1)),
                seq: signed(row.seq),
                at: row.at,
                finished_at: ended.then_some(row.at),
                error: row.error.as_ref().map(json).transpose()?,
                released: row.released,
            },
            events: Vec::with_capacity(events.len()),
            timers_set: Vec::new(),
            timers_gone: Vec::new(),
            asked: Vec::new(),
            settled: Vec::new(),
            logs: Vec::with_capacity(logs.len()),
            wakes,
            heard_of,
            told: if told.is_empty() { None } else { Some(json(&told)?) },
            ended,
        };
        for event in &events {
            rows.events.push(EventRow {
                seq: signed(event.seq),
                kind: event.event.kind(),
                payload: json(&event.event)?,
                at: event.at,
            });
            rows.follow(event)?;
        }
        cleared_timers.into_iter().for_each(|timer| rows.clear_timer(timer));
        rows.logs.extend(logs.into_iter().map(|line| LogRow {
            path: line.path.as_str().to_owned(),
            level: line.level.as_str(),
            message: without_nul(line.message),
            at: line.at,
        }));
        if ended {
            rows.end();
        }
        Ok(rows)
    }

    /// The number and the content of the last event.
    pub(super) fn last_event(&self) -> Option<(i64, String)> {
        self.events.last().map(|last| (last.seq, last.payload.clone()))
    }

    /// About how many bytes the rows hold.
    pub(super) fn size(&self) -> usize {
        let events: usize = self.events.iter().map(|event| event.payload.len() + 64).sum();
        let logs: usize = self.logs.iter().map(|log| log.message.len() + 64).sum();
        let asked: usize = self.asked.iter().map(|asked| asked.form.as_ref().map_or(0, String::len) + 256).sum();
        256 + events + logs + asked + self.told.as_ref().map_or(0, String::len)
    }

    fn follow(&mut self, recorded: &JournalEvent) -> Result<(), Error> {
        match &recorded.event {
            Event::TimerSet { timer, due_at, .. } => self.timers_set.push((i64::from(*timer), *due_at)),
            Event::TimerFired { timer } => self.clear_timer(*timer),
            Event::NodeWaiting { path, wait: Wait::Approval(request) } => {
                self.asked.retain(|asked| asked.path != path.as_str());
                self.asked.push(AskedRow {
                    path: path.as_str().to_owned(),
                    title: without_nul(request.title.clone()),
                    description: request.description.clone().map(without_nul),
                    form: request.form.as_ref().map(json).transpose()?,
                    assignee: request.assignee.clone().map(without_nul),
                    deadline: request.deadline,
                    status: ApprovalStatus::Open.as_str(),
                    decided_by: None,
                    comment: None,
                    decided_at: None,
                    created_at: recorded.at,
                });
            }
            Event::ApprovalDecided { path, decision } => {
                let status = if decision.approved { ApprovalStatus::Approved } else { ApprovalStatus::Rejected };
                let by = decision.by.clone().map(without_nul);
                self.settle(path, status, by, decision.comment.clone().map(without_nul), recorded.at);
            }
            // Only approvals leave by this handle; for any other node there is no row to settle.
            Event::NodeCompleted { path, handle: Some(handle), .. } if handle == EXPIRED_HANDLE => {
                self.settle(path, ApprovalStatus::Expired, None, None, recorded.at);
            }
            Event::NodeFailed { path, then, .. } if !matches!(then, AfterFailure::Retry { .. }) => {
                self.settle(path, ApprovalStatus::Closed, None, None, recorded.at);
            }
            _ => {}
        }
        Ok(())
    }

    fn clear_timer(&mut self, timer: u32) {
        let timer = i64::from(timer);
        let before = self.timers_set.len();
        self.timers_set.retain(|(set, _)| *set != timer);
        if self.timers_set.len() == before {
            self.timers_gone.push(timer);
        }
    }

    fn settle(
        &mut self,
        path: &NodePath,
        status: ApprovalStatus,
        decided_by: Option<String>,
        comment: Option<String>,
        at: Timestamp,
    ) {
        let open = ApprovalStatus::Open.as_str();
        let mut here = false;
        for asked in &mut self.asked {
            here |= asked.path == path.as_str();
            if asked.status == open && path.contains(&NodePath::from(asked.path.as_str())) {
                asked.status = status.as_str();
                asked.decided_by.clone_from(&decided_by);
                asked.comment.clone_from(&comment);
                asked.decided_at = Some(at);
            }
        }
        if !here && !self.settled.iter().any(|settled| settled.path == path.as_str()) {
            let path = path.as_str().to_owned();
            self.settled.push(SettledRow { path, status: status.as_str(), decided_by, comment, decided_at: at });
        }
    }

    fn end(&mut self) {
        self.timers_set.clear();
        self.timers_gone.clear();
        let (open, closed) = (ApprovalStatus::Open.as_str(), ApprovalStatus::Closed.as_str());
        for asked in self.asked.iter_mut().filter(|asked| asked.status == open) {
            asked.status = closed;
            asked.decided_at = Some(self.execution.at);
        }
    }
}

/// The columns [`event`] reads, in its order.
pub(crate) const EVENT_COLUMNS: &str = "seq, payload, at, kind";

/// An event as it was recorded.
pub(crate) fn event(execution: ExecutionId, row: &DbRow) -> Result<JournalEvent, Error> {
    let seq: i64 = row.get(0)?;
    let corrupt = |message: String| Error::Corrupt { what: format!("event {seq} of execution {execution}"), message };
    let event: Event = serde_json::from_str(row.get(1)?).map_err(|error| {
        let kind = row.get::<&str>(3).unwrap_or("?");
        corrupt(format!("kind {kind:?}, which this weir cannot read (a newer one may have written it): {error}"))
    })?;
    if let Event::ExecutionStarted(started) = &event
        && started.version > EVENT_VERSION
    {
        return Err(corrupt(format!(
            "written by a newer weir: its events have version {}, this one reads up to {EVENT_VERSION}",
            started.version
        )));
    }
    Ok(JournalEvent { seq: seq.unsigned_abs(), at: row.get(2)?, event })
}

/// A text as every store takes it: without NUL characters, which PostgreSQL refuses.
pub(super) fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|error| Error::Corrupt { what: "a value to be recorded".to_owned(), message: error.to_string() })
}

/// Counts in the stores are signed; none comes near the limit.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
