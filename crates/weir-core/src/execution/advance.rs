//! Deciding what follows from the state: who is skipped, who runs, which body opens, when it is over.

use super::input::{Effect, Moment, Run};
use super::state::{Container, Ending, MapRun, NodeRef, Phase, Scope, ScopeId};
use super::{Execution, ROOT};
use crate::document::Join;
use crate::event::{Decision, Event};
use crate::node_error::{ErrorClass, NodeError};
use crate::node_type::Role;
use crate::outcome::Wait;
use crate::path::NodePath;
use crate::payload::Payload;
use crate::plan::NodeIx;

impl Execution {
    /// Works off the agenda until nothing follows by itself.
    pub(super) fn advance(&mut self, moment: Moment) {
        loop {
            while let Some(at) = self.agenda.pop_front() {
                self.consider(moment, at);
            }
            self.launch(moment);
            if self.agenda.is_empty() {
                break;
            }
        }
        self.finish(moment);
    }

    /// Emits again what ran when the journal ended: its result was not recorded.
    pub(super) fn restart_running(&mut self) {
        if self.terminal.is_some() {
            return;
        }
        let running: Vec<NodeRef> = self
            .scopes
            .iter()
            .filter(|(_, scope)| !scope.closed)
            .flat_map(|(&id, scope)| {
                let level = &self.plan.levels[scope.level];
                level.nodes.iter().map(move |&node| NodeRef { scope: id, node })
            })
            .collect();
        for at in running {
            let Some(node) = self.node(at) else { continue };
            let attempt = node.attempt;
            match &node.phase {
                Phase::Running => {
                    let run = self.run_of(at, attempt, None);
                    self.out.effects.push(Effect::Run(run));
                }
                Phase::Waiting { wait: Wait::Child(_), .. } => self.start_child(at),
                Phase::Expanded | Phase::Waiting { .. } => self.agenda.push_back(at),
                _ => {}
            }
        }
        self.restart_undoing();
    }

    /// Starts the execution a node waits for, as soon as new work may start.
    pub(super) fn start_child(&mut self, at: NodeRef) {
        if self.paused {
            self.held_children.push(at);
            return;
        }
        let Some(node) = self.node(at) else { return };
        if let Phase::Waiting { wait: Wait::Child(request), .. } = &node.phase {
            let effect = Effect::StartChild { path: self.path_of(at), attempt: node.attempt, request: request.clone() };
            self.out.effects.push(effect);
        }
    }

    fn consider(&mut self, moment: Moment, at: NodeRef) {
        if self.ending.is_some() || self.scopes.get(&at.scope).is_none_or(|scope| scope.closed || scope.parked) {
            return;
        }
        let Some(node) = self.node(at) else { return };
        match &node.phase {
            Phase::Idle => self.consider_idle(moment, at),
            Phase::Waiting { .. } => self.consider_waiting(moment, at),
            Phase::Expanded => self.consider_container(moment, at),
            _ => {}
        }
    }

    fn consider_idle(&mut self, moment: Moment, at: NodeRef) {
        let Some(node) = self.node(at) else { return };
        let plan_node = &self.plan.nodes[at.node];
        let all = plan_node.incoming.len() as u32;
        let resolved = node.taken + node.dead;
        let runs = match plan_node.join {
            Join::Any => node.taken > 0 || all == 0,
            Join::All => resolved == all && (node.taken > 0 || all == 0),
        };
        if runs {
            self.make_ready(moment, at);
        } else if resolved == all {
            let path = self.path_of(at);
            self.record(moment, Event::NodeSkipped { path });
        }
    }

    fn make_ready(&mut self, moment: Moment, at: NodeRef) {
        let pin = self.started.pins.get(&self.plan.nodes[at.node].id).cloned();
        if let Some(pin) = pin {
            let path = self.path_of(at);
            let output = Payload::from(pin.output);
            self.record(moment, Event::NodeCompleted { path, attempt: 0, handle: pin.handle, output, pinned: true });
            return;
        }
        if let Some(node) = self.node_mut(at) {
            node.phase = Phase::Ready;
        }
        self.queue(at);
    }

    fn queue(&mut self, at: NodeRef) {
        let pure = self.plan.nodes[at.node].pure;
        (if pure { &mut self.ready_pure } else { &mut self.ready_effects }).push_back(at);
    }

    /// Ends a wait whose reason has come: the signal, the decision or the deadline.
    fn consider_waiting(&mut self, moment: Moment, at: NodeRef) {
        let Some(node) = self.node(at) else { return };
        let attempt = node.attempt;
        let Phase::Waiting { wait, expired, decided, .. } = &node.phase else { return };
        let (handle, output) = match wait {
            Wait::Timer { due_at } if *expired => (None, serde_json::json!({ "due_at": due_at }).into()),
            Wait::Signal { name, .. } => {
                let first_in_line = self.signal_waiters.get(name).and_then(|waiters| waiters.front()) == Some(&at);
                match self.signals.get(name).and_then(|buffered| buffered.front()) {
                    Some(signal) if first_in_line && !*expired => {
                        let received_at = serde_json::json!(signal.received_at);
                        let fields = [
                            ("name", Payload::from(serde_json::json!(name))),
                            ("data", signal.data.clone()),
                            ("received_at", received_at.into()),
                        ];
                        let fields = fields.map(|(name, value)| (name.to_owned(), value)).to_vec();
                        (None, Payload::object(fields))
                    }
                    _ if *expired => (Some("timeout"), serde_json::json!({ "name": name }).into()),
                    _ => return,
                }
            }
            Wait::Approval(_) => match decided {
                Some(decision) => {
                    let handle = if decision.approved { "approved" } else { "rejected" };
                    (Some(handle), decision_output(handle, Some(decision)))
                }
                None if *expired => (Some("expired"), decision_output("expired", None)),
                None => return,
            },
            Wait::Timer { .. } | Wait::Child(_) => return,
        };
        let next_waiter = match wait {
            Wait::Signal { name, .. } => Some(name.clone()),
            _ => None,
        };
        let path = self.path_of(at);
        let handle = handle.map(str::to_owned);
        self.record(moment, Event::NodeCompleted { path, attempt, handle, output, pinned: false });
        // Whoever stands in line behind may have a signal waiting, too.
        let next = next_waiter.and_then(|name| self.signal_waiters.get(&name)?.front().copied());
        self.agenda.extend(next);
    }

    fn consider_container(&mut self, moment: Moment, at: NodeRef) {
        let Some(container) = self.node_mut(at).and_then(|node| node.container.as_deref_mut()) else { return };
        if let Some(error) = container.failure().cloned() {
            let path = self.path_of(at);
            self.decide_failure(moment, at, path, 1, error);
            return;
        }
        match container {
            Container::Map(run) if run.done == run.count => {
                let output = map_output(run);
                let path = self.path_of(at);
                self.record(moment, Event::NodeCompleted { path, attempt: 1, handle: None, output, pinned: false });
            }
            Container::Map(_) => self.open_items(at),
            Container::Loop(run) if run.open.is_none() && !run.asked => self.queue(at),
            Container::Loop(_) => {}
        }
    }

    /// Lets as many items run as the `map` may at a time.
    fn open_items(&mut self, at: NodeRef) {
        let Some(Container::Map(run)) = self.node(at).and_then(|node| node.container.as_deref()) else { return };
        let is_parked = |id: &ScopeId| self.scopes.get(id).is_some_and(|scope| scope.parked);
        let parked: Vec<ScopeId> =
            if self.any_parked { run.open.values().copied().filter(is_parked).collect() } else { Vec::new() };
        let mut room = (run.concurrency as usize).saturating_sub(run.open.len() - parked.len());
        let (next, count) = (run.next, run.count);
        for scope in parked.into_iter().take(room) {
            self.unpark(scope);
            room -= 1;
        }
        let last = count.min(next.saturating_add(room as u32));
        for index in next..last {
            self.open_item(at, index);
        }
    }

    /// Holds back the items of running `map`s that a copied journal opened beyond their concurrency.
    pub(super) fn park_surplus(&mut self) {
        let mut surplus = Vec::new();
        for scope in self.scopes.values().filter(|scope| !scope.closed) {
            for node in scope.nodes.iter().filter(|node| matches!(node.phase, Phase::Expanded)) {
                if let Some(Container::Map(run)) = node.container.as_deref()
                    && run.open.len() > run.concurrency as usize
                {
                    // What is under way already goes on; of the others the first ones go first.
                    let (busy, still): (Vec<ScopeId>, Vec<ScopeId>) =
                        run.open.values().partition(|&&id| self.has_begun(id));
                    let room = (run.concurrency as usize).saturating_sub(busy.len());
                    surplus.extend(still.into_iter().skip(room));
                }
            }
        }
        self.any_parked = !surplus.is_empty();
        for id in surplus {
            if let Some(scope) = self.scopes.get_mut(&id) {
                scope.parked = true;
            }
        }
    }

    fn has_begun(&self, id: ScopeId) -> bool {
        self.scopes.get(&id).is_some_and(|scope| {
            scope.nodes.iter().any(|node| {
                matches!(
                    node.phase,
                    Phase::Running | Phase::BackingOff { .. } | Phase::Waiting { .. } | Phase::Expanded
                )
            })
        })
    }

    fn unpark(&mut self, id: ScopeId) {
        let Some(scope) = self.scopes.get_mut(&id) else { return };
        scope.parked = false;
        let level = scope.level;
        let nodes = self.plan.levels[level].nodes.iter();
        self.agenda.extend(nodes.map(|&node| NodeRef { scope: id, node }));
    }

    /// Starts what is ready while there are places.
    fn launch(&mut self, moment: Moment) {
        if self.paused || self.ending.is_some() {
            return;
        }
        while let Some(at) = self.ready_pure.pop_front() {
            self.launch_pure(at);
        }
        while self.running_effects < self.plan.max_parallel_nodes
            && let Some(at) = self.ready_effects.pop_front()
        {
            let Some(attempt) = self.next_attempt(at) else { continue };
            let path = self.path_of(at);
            self.record(moment, Event::NodeStarted { path, attempt });
            let run = self.run_of(at, attempt, None);
            self.out.effects.push(Effect::Run(run));
        }
    }

    /// The attempt to begin; `None` when the node was stopped since it became ready.
    fn next_attempt(&self, at: NodeRef) -> Option<u32> {
        let live = self.scopes.get(&at.scope).is_some_and(|scope| !scope.closed);
        self.node(at).filter(|node| live && matches!(node.phase, Phase::Ready)).map(|node| node.attempt + 1)
    }

    fn launch_pure(&mut self, at: NodeRef) {
        let mut iteration = (self.plan.nodes[at.node].role == Role::Loop).then_some(0);
        let attempt = match self.node_mut(at).map(|node| (&node.phase, node.container.as_deref_mut())) {
            // A loop is asked before each further iteration.
            Some((Phase::Expanded, Some(Container::Loop(run)))) => {
                if run.asked || run.open.is_some() {
                    return;
                }
                run.asked = true;
                iteration = Some(run.begun);
                self.running_pure += 1;
                1
            }
            _ => {
                let Some(attempt) = self.next_attempt(at) else { return };
                self.set_running(at, attempt);
                attempt
            }
        };
        let run = self.run_of(at, attempt, iteration);
        self.out.effects.push(Effect::Run(run));
    }

    fn run_of(&self, at: NodeRef, attempt: u32, iteration: Option<u32>) -> Run {
        let pure = self.plan.nodes[at.node].pure;
        Run { path: self.path_of(at), node: at.node, attempt, pure, iteration, undoes: None }
    }

    /// Ends the execution when nothing is left to do.
    fn finish(&mut self, moment: Moment) {
        if self.terminal.is_some() {
            return;
        }
        let Some(ending) = self.ending.clone() else {
            if self.scopes.get(&ROOT).is_some_and(|root| root.unresolved == 0) {
                let output = self.level_result(ROOT);
                self.record(moment, Event::ExecutionCompleted { output });
            }
            return;
        };
        if self.paused && (self.undoing.is_some() || !self.undoable.is_empty()) {
            // Undoing is new work, too: it begins when the execution is resumed.
            return;
        }
        if !self.undo(moment) {
            return;
        }
        let last = match ending {
            Ending::Cancelled => Event::ExecutionCancelled,
            Ending::Failed { error, path } => Event::ExecutionFailed { error, path, timeout: false },
            Ending::TimedOut => {
                let seconds = self.plan.document.settings.timeout_seconds.unwrap_or_default();
                let message = format!("the execution did not end within {seconds} seconds");
                let error = NodeError::new(ErrorClass::Timeout, message);
                Event::ExecutionFailed { error, path: None, timeout: true }
            }
        };
        self.record(moment, last);
    }

    /// A level's result: what its `end` node put out (by node id when several ran); without an `end`, the same of the
    /// nodes nothing follows.
    pub(super) fn level_result(&self, id: ScopeId) -> Payload {
        let Some(scope) = self.scopes.get(&id) else { return Payload::null() };
        let level = &self.plan.levels[scope.level];
        let last: Vec<NodeIx> = if level.ends.is_empty() {
            level.nodes.iter().copied().filter(|&node| self.plan.nodes[node].is_sink()).collect()
        } else {
            level.ends.clone()
        };
        let mut outputs: Vec<(String, Payload)> = last
            .into_iter()
            .filter_map(|node| Some((self.plan.nodes[node].id.clone(), self.output_in(scope, node)?)))
            .collect();
        match outputs.len() {
            0 => Payload::null(),
            1 => outputs.swap_remove(0).1,
            _ => Payload::object(outputs),
        }
    }

    /// What a node of this scope put out, when it finished.
    pub(super) fn output_in(&self, scope: &Scope, node: NodeIx) -> Option<Payload> {
        match &scope.nodes.get(self.plan.nodes[node].slot)?.phase {
            Phase::Completed { output, .. } => Some(output.clone()),
            _ => None,
        }
    }

    /// The path of a node beside the one at `path`.
    pub(super) fn sibling_path(&self, path: &NodePath, node: NodeIx) -> NodePath {
        let id = &self.plan.nodes[node].id;
        match path.container() {
            Some((container, index)) => container.child(index, id),
            None => NodePath::root(id),
        }
    }
}

fn decision_output(word: &str, decision: Option<&Decision>) -> Payload {
    serde_json::json!({
        "decision": word,
        "data": decision.map(|decision| &decision.data),
        "by": decision.and_then(|decision| decision.by.as_ref()),
        "comment": decision.and_then(|decision| decision.comment.as_ref()),
    })
    .into()
}

/// `{results, errors, count}`: results in item order (`null` where an item failed), or by key.
fn map_output(run: &mut MapRun) -> Payload {
    let results = std::mem::take(&mut run.results).into_iter().map(Option::unwrap_or_default);
    let results = match &run.keys {
        Some(keys) => Payload::object(keys.iter().cloned().zip(results).collect()),
        None => Payload::array(results.collect()),
    };
    let errors: Vec<_> =
        run.errors.iter().map(|(index, error)| serde_json::json!({ "index": index, "error": error })).collect();
    Payload::object(vec![
        ("results".to_owned(), results),
        ("errors".to_owned(), serde_json::Value::Array(errors).into()),
        ("count".to_owned(), serde_json::json!(run.count).into()),
    ])
}
