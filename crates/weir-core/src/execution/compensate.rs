//! Undoing finished nodes in reverse order when an execution fails, times out or is cancelled (the saga pattern).

use super::input::{Effect, Moment, Run};
use super::state::{UndoPhase, Undoing};
use super::{Execution, after};
use crate::event::{AfterFailure, Event, TimerPurpose};
use crate::node_error::NodeError;
use crate::outcome::Outcome;
use crate::path::NodePath;
use crate::payload::Payload;
use crate::plan::NodeIx;

impl Execution {
    /// Undoes the next node; whether there is nothing left to undo.
    pub(super) fn undo(&mut self, moment: Moment) -> bool {
        let (of, attempt) = match &self.undoing {
            Some(Undoing { phase: UndoPhase::Due, of, attempt }) => (of.clone(), attempt + 1),
            Some(_) => return false,
            None => match self.undoable.last() {
                Some(of) => (of.clone(), 1),
                None => return true,
            },
        };
        let Some(by) = self.plan.nodes[of.at.node].compensate else { return true };
        let id = self.plan.nodes[by].id.clone();
        self.record(moment, Event::CompensationStarted { path: of.path.clone(), by: id, attempt });
        self.emit_undo(&of.path, by, attempt);
        false
    }

    /// Emits again the undoing that ran when the journal ended.
    pub(super) fn restart_undoing(&mut self) {
        if let Some(Undoing { of, attempt, phase: UndoPhase::Running }) = &self.undoing {
            let (path, attempt) = (of.path.clone(), *attempt);
            if let Some(by) = self.plan.nodes[of.at.node].compensate {
                self.emit_undo(&path, by, attempt);
            }
        }
    }

    fn emit_undo(&mut self, of: &NodePath, by: NodeIx, attempt: u32) {
        let path = self.sibling_path(of, by);
        // Never pure: that the undoing began must be known before it does anything.
        let undoes = Some(of.clone());
        self.out.effects.push(Effect::Run(Run { path, node: by, attempt, pure: false, iteration: None, undoes }));
    }

    /// The undoing whose node runs at this path.
    pub(super) fn undoing_at(&mut self, path: &NodePath) -> Option<&mut Undoing> {
        let undoing = self.undoing.as_ref()?;
        let by = self.plan.nodes[undoing.of.at.node].compensate?;
        let here = self.sibling_path(&undoing.of.path, by) == *path;
        self.undoing.as_mut().filter(|_| here)
    }

    pub(super) fn undo_done(
        &mut self,
        moment: Moment,
        path: &NodePath,
        attempt: u32,
        result: Result<Outcome, NodeError>,
    ) {
        let Some(undoing) = &self.undoing else { return };
        if undoing.phase != UndoPhase::Running {
            return;
        }
        let of = undoing.of.path.clone();
        let result = match result {
            Ok(Outcome::Done { output, .. }) => Ok(output),
            Ok(Outcome::Wait(_) | Outcome::Expand(_) | Outcome::Iterate(_)) => {
                Err(NodeError::invalid("a node that waits or has bodies cannot undo another"))
            }
            Err(error) => Err(error),
        };
        match result {
            Ok(output) => self.record(moment, Event::CompensationCompleted { path: of, output, error: None }),
            Err(error) => {
                let Some(node) = self.plan.node_ix(path.node_id()) else { return };
                if error.class.is_retried() && attempt < self.plan.nodes[node].retry.max_attempts {
                    let due_at = after(moment.now, self.retry_seconds(node, attempt, &error, moment));
                    let then = AfterFailure::Retry { at: due_at };
                    self.record(moment, Event::NodeFailed { path: path.clone(), attempt, error, then });
                    self.set_timer(moment, due_at, TimerPurpose::CompensationRetry { path: of });
                } else {
                    let output = Payload::null();
                    self.record(moment, Event::CompensationCompleted { path: of, output, error: Some(error) });
                }
            }
        }
    }
}
