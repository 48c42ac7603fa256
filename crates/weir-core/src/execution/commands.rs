//! What people and programs may ask of an execution.

use super::Execution;
use super::input::{Moment, Refusal};
use super::state::{Phase, Status};
use crate::event::{Decision, Event};
use crate::node_error::NodeError;
use crate::outcome::Wait;
use crate::path::NodePath;
use crate::payload::Payload;

/// Unread signals of one name that are kept.
const SIGNALS_KEPT: usize = 1_000;

impl Execution {
    pub(super) fn pause(&mut self, moment: Moment) -> Result<(), Refusal> {
        if self.terminal.is_some() || self.paused || self.ending.is_some() {
            return Err(self.refuse("pause"));
        }
        self.record(moment, Event::Paused);
        Ok(())
    }

    pub(super) fn resume(&mut self, moment: Moment) -> Result<(), Refusal> {
        if !self.paused {
            return Err(self.refuse("resume"));
        }
        self.record(moment, Event::Resumed);
        for at in std::mem::take(&mut self.held_children) {
            self.start_child(at);
        }
        Ok(())
    }

    pub(super) fn cancel(&mut self, moment: Moment, reason: Option<String>) -> Result<(), Refusal> {
        if self.terminal.is_some() {
            return Err(self.refuse("cancel"));
        }
        if self.ending.is_none() {
            self.record(moment, Event::CancelRequested { reason });
        }
        Ok(())
    }

    pub(super) fn give_up(&mut self, moment: Moment, error: NodeError) -> Result<(), Refusal> {
        if self.terminal.is_some() {
            return Err(self.refuse("fail"));
        }
        if self.ending.is_none() {
            self.record(moment, Event::FailRequested { error });
        }
        Ok(())
    }

    pub(super) fn retry(&mut self, moment: Moment) -> Result<(), Refusal> {
        if !matches!(self.terminal, Some(Status::Failed | Status::Timeout)) {
            return Err(self.refuse("retry"));
        }
        if self.undone > 0 {
            return Err(Refusal::Compensated);
        }
        self.record(moment, Event::RetryRequested);
        self.park_surplus();
        self.set_execution_timer(moment);
        Ok(())
    }

    pub(super) fn signal(&mut self, moment: Moment, name: String, data: Payload) -> Result<(), Refusal> {
        if self.terminal.is_some() {
            return Err(self.refuse("signal"));
        }
        if self.signals.get(&name).is_some_and(|unread| unread.len() >= SIGNALS_KEPT) {
            return Err(Refusal::TooManySignals { name, limit: SIGNALS_KEPT });
        }
        self.record(moment, Event::SignalReceived { name, data });
        Ok(())
    }

    pub(super) fn decide(&mut self, moment: Moment, path: NodePath, decision: Decision) -> Result<(), Refusal> {
        let open = self.terminal.is_none()
            && self.locate(&path).and_then(|at| self.node(at)).is_some_and(|node| {
                matches!(&node.phase, Phase::Waiting { wait: Wait::Approval(_), expired: false, decided: None, .. })
            });
        if !open {
            return Err(Refusal::NoApproval { path });
        }
        self.record(moment, Event::ApprovalDecided { path, decision });
        Ok(())
    }

    fn refuse(&self, action: &'static str) -> Refusal {
        Refusal::Transition { action, status: self.status() }
    }
}
