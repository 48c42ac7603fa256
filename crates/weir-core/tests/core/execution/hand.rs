//! An execution driven by hand: every input given in the test, every effect looked at there.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};
use weir_base::Timestamp;
use weir_core::evaluator::References;
use weir_core::event::{Event, ExecutionStarted, JournalEvent, TimerPurpose};
use weir_core::execution::{Context, Effect, Execution, Input, Output, Refusal, Run, Status};
use weir_core::node_error::NodeError;
use weir_core::outcome::{Expansion, OnItemError, Outcome, Wait};
use weir_core::payload::Payload;
use weir_core::plan::Plan;

use super::drawing::{Drawing, plan};
use super::sim::{epoch, moment, started};

pub(super) struct Hand {
    pub(super) plan: Arc<Plan>,
    pub(super) execution: Execution,
    pub(super) journal: Vec<JournalEvent>,
    /// Everything to be done so far that was not looked at.
    pub(super) effects: Vec<Effect>,
    pub(super) runs: Vec<Run>,
    pub(super) now: Timestamp,
}

/// Nodes `(id, type, container, data)` joined by edges `(source, handle, target)`.
pub(super) fn document(nodes: &[(&str, &str, Option<&str>, Value)], edges: &[(&str, &str, &str)]) -> Value {
    let nodes: Vec<Value> = nodes
        .iter()
        .map(|(id, node_type, parent, data)| json!({"id": id, "type": node_type, "parentNode": parent, "data": data}))
        .collect();
    let edges: Vec<Value> = edges
        .iter()
        .enumerate()
        .map(|(place, (source, handle, target))| {
            json!({"id": format!("e{place}"), "source": source, "sourceHandle": handle, "target": target})
        })
        .collect();
    json!({"name": "by hand", "nodes": nodes, "edges": edges})
}

impl Hand {
    pub(super) fn start(document: Value) -> Self {
        let drawing = Drawing { plan: plan(document), acts: Default::default(), pins: Default::default() };
        let started = started(&drawing);
        Self::begin(drawing.plan, started)
    }

    pub(super) fn begin(plan: Arc<Plan>, started: ExecutionStarted) -> Self {
        let (execution, output) = Execution::start(plan.clone(), started, moment(epoch()));
        let (journal, effects, runs) = (Vec::new(), Vec::new(), Vec::new());
        let mut hand = Self { plan, execution, journal, effects, runs, now: epoch() };
        hand.take(output);
        hand
    }

    fn take(&mut self, output: Output) {
        self.journal.extend(output.events);
        for effect in output.effects {
            match effect {
                Effect::Run(run) => self.runs.push(run),
                other => self.effects.push(other),
            }
        }
    }

    pub(super) fn try_give(&mut self, input: Input) -> Result<(), Refusal> {
        self.now += TimeDelta::milliseconds(1);
        let output = self.execution.handle(moment(self.now), input)?;
        self.take(output);
        Ok(())
    }

    pub(super) fn give(&mut self, input: Input) {
        self.try_give(input).expect("the input is allowed");
    }

    /// What runs, in the order it was begun.
    pub(super) fn running(&self) -> Vec<&str> {
        self.runs.iter().map(|run| run.path.as_str()).collect()
    }

    fn take_run(&mut self, path: &str) -> Run {
        let place = self.runs.iter().position(|run| run.path.as_str() == path);
        self.runs.remove(place.unwrap_or_else(|| panic!("{path} does not run, only {:?}", self.running())))
    }

    pub(super) fn end(&mut self, path: &str, result: Result<Outcome, NodeError>) {
        let run = self.take_run(path);
        self.give(Input::NodeDone { path: run.path, attempt: run.attempt, result });
    }

    pub(super) fn done(&mut self, path: &str) {
        self.end(path, Ok(Outcome::done(json!({"of": path}))));
    }

    pub(super) fn by(&mut self, path: &str, handle: &str) {
        self.end(path, Ok(Outcome::by(handle, json!({"of": path}))));
    }

    pub(super) fn fail(&mut self, path: &str, error: NodeError) {
        self.end(path, Err(error));
    }

    pub(super) fn wait(&mut self, path: &str, wait: Wait) {
        self.end(path, Ok(Outcome::Wait(wait)));
    }

    pub(super) fn expand(&mut self, path: &str, items: Value, concurrency: u32, on_item_error: OnItemError) {
        let keys = items.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
        let count = keys.as_ref().map_or_else(|| items.as_array().map_or(0, Vec::len), Vec::len) as u32;
        let items = items.into();
        self.end(path, Ok(Outcome::Expand(Expansion { items, count, keys, concurrency, on_item_error })));
    }

    pub(super) fn iterate(&mut self, path: &str, again: bool) {
        self.end(path, Ok(Outcome::Iterate(again)));
    }

    pub(super) fn signal(&mut self, name: &str, data: Value) {
        self.give(Input::Signal { name: name.to_owned(), data: data.into() });
    }

    /// Lets the earliest timer fire; how many seconds it lay ahead and what it was for.
    pub(super) fn fire(&mut self) -> (f64, TimerPurpose) {
        let mut open: Vec<(Timestamp, u32, TimerPurpose, Timestamp)> = Vec::new();
        for recorded in &self.journal {
            match &recorded.event {
                Event::TimerSet { timer, due_at, purpose } => {
                    open.push((*due_at, *timer, purpose.clone(), recorded.at));
                }
                Event::TimerFired { timer } => open.retain(|(_, other, _, _)| other != timer),
                _ => {}
            }
        }
        for effect in &self.effects {
            if let Effect::ClearTimer { timer } = effect {
                open.retain(|(_, other, _, _)| other != timer);
            }
        }
        let (due_at, timer, purpose, set_at) =
            open.into_iter().min_by_key(|(due_at, timer, _, _)| (*due_at, *timer)).expect("a timer is set");
        self.now = self.now.max(due_at);
        self.give(Input::TimerDue { timer });
        ((due_at - set_at).as_seconds_f64(), purpose)
    }

    /// Dies, with everything durable, and is taken up again.
    pub(super) fn crash(&mut self) {
        self.runs.clear();
        self.effects.clear();
        self.execution = Execution::replay(self.plan.clone(), self.journal.iter().cloned()).expect("it replays");
        let output = self.execution.resume_work(moment(self.now));
        self.take(output);
    }

    pub(super) fn status(&self) -> Status {
        self.execution.status()
    }

    /// What the run at this path may see.
    pub(super) fn context(&self, path: &str) -> Context {
        let run = self.runs.iter().find(|run| run.path.as_str() == path).expect("it runs");
        self.execution.context(run, &References { any_step: true, ..References::default() })
    }

    pub(super) fn output(&self, of: &str) -> Value {
        let found = self.journal.iter().find_map(|recorded| match &recorded.event {
            Event::NodeCompleted { path, output, .. } if path.as_str() == of => Some(inline(output)),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("{of} did not finish"))
    }

    pub(super) fn result(&self) -> Value {
        match self.journal.last().map(|recorded| &recorded.event) {
            Some(Event::ExecutionCompleted { output }) => inline(output),
            other => panic!("it is not completed but at {other:?}"),
        }
    }

    pub(super) fn kinds(&self) -> Vec<String> {
        let kind = |recorded: &JournalEvent| {
            let event = serde_json::to_value(recorded).expect("events are JSON");
            event["kind"].as_str().unwrap_or_default().to_owned()
        };
        self.journal.iter().map(kind).collect()
    }
}

pub(super) fn inline(payload: &Payload) -> Value {
    (**payload.as_inline().expect("the value is inline")).clone()
}
