//! What a node may see when it runs.

use std::collections::BTreeMap;

use super::Execution;
use super::ROOT;
use super::input::Run;
use super::state::{Container, NodeRef, Phase, Scope};
use crate::evaluator::References;
use crate::path::NodePath;
use crate::payload::Payload;

/// The values a run refers to, still as payloads: whoever runs it fetches what is stored.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Outputs of finished nodes, by id.
    pub steps: BTreeMap<String, Payload>,
    /// What the container around gives.
    pub local: Option<LocalRef>,
    /// Nodes whose taken edges led here, with their outputs.
    pub incoming: Vec<(String, Payload)>,
    /// Steps recorded by earlier attempts.
    pub recorded: BTreeMap<String, Payload>,
}

/// What a container gives its body, as payloads.
#[derive(Debug, Clone)]
pub enum LocalRef {
    /// An item of a `map`.
    Item {
        /// All items; the one meant is at `index`.
        items: Payload,
        /// Its place.
        index: u32,
        /// The same of the container around.
        parent: Option<Box<Self>>,
    },
    /// An iteration of a `loop`.
    Iteration {
        /// From 0.
        iteration: u32,
        /// The result of the one before.
        previous: Payload,
        /// The same of the container around.
        parent: Option<Box<Self>>,
    },
}

impl Execution {
    /// What this run may see. Of the finished nodes only those that `references` names are given.
    pub fn context(&self, run: &Run, references: &References) -> Context {
        let Some(at) = self.locate_run(&run.path, run.node) else { return Context::default() };
        let mut context = Context {
            recorded: self.steps.get(&run.path).cloned().unwrap_or_default(),
            local: self.local_of(at, run.iteration),
            ..Context::default()
        };
        let mut around = Some(at.scope);
        while let Some(scope) = around.and_then(|id| self.scopes.get(&id)) {
            self.collect_steps(scope, references, &mut context.steps);
            around = scope.within.map(|(container, _)| container.scope);
        }
        if let Some(scope) = self.scopes.get(&at.scope) {
            let plan = &self.plan;
            context.incoming = plan.nodes[at.node]
                .incoming
                .iter()
                .filter(|edge| scope.nodes[plan.nodes[edge.node].slot].phase.left_by(&edge.handle))
                .filter_map(|edge| Some((plan.nodes[edge.node].id.clone(), self.output_in(scope, edge.node)?)))
                .collect();
        }
        context
    }

    fn collect_steps(&self, scope: &Scope, references: &References, steps: &mut BTreeMap<String, Payload>) {
        let level = &self.plan.levels[scope.level];
        if references.any_step {
            for &node in &level.nodes {
                if let Some(output) = self.output_in(scope, node) {
                    steps.entry(self.plan.nodes[node].id.clone()).or_insert(output);
                }
            }
            return;
        }
        for id in &references.steps {
            let Some(node) = self.plan.node_ix(id) else { continue };
            if self.plan.nodes[node].level == scope.level
                && let Some(output) = self.output_in(scope, node)
            {
                steps.entry(id.clone()).or_insert(output);
            }
        }
    }

    /// Where a run stands; a node that undoes another stands in that one's scope.
    fn locate_run(&self, path: &NodePath, node: usize) -> Option<NodeRef> {
        if let Some(undoing) = &self.undoing
            && self.plan.nodes[undoing.of.at.node].compensate == Some(node)
        {
            return Some(NodeRef { scope: undoing.of.at.scope, node });
        }
        self.locate(path)
    }

    fn local_of(&self, at: NodeRef, iteration: Option<u32>) -> Option<LocalRef> {
        let around = self.local_around(at.scope);
        let Some(iteration) = iteration else { return around };
        let previous = match self.node(at).and_then(|node| node.container.as_deref()) {
            Some(Container::Loop(run)) => run.last.clone(),
            _ => Payload::null(),
        };
        Some(LocalRef::Iteration { iteration, previous, parent: around.map(Box::new) })
    }

    fn local_around(&self, scope: u32) -> Option<LocalRef> {
        if scope == ROOT {
            return None;
        }
        let (container, index) = self.scopes.get(&scope)?.within?;
        let parent = self.local_around(container.scope).map(Box::new);
        let node = self.node(container)?;
        match node.container.as_deref() {
            Some(Container::Map(run)) => Some(LocalRef::Item { items: run.items.clone(), index, parent }),
            Some(Container::Loop(run)) => {
                let previous = run.earlier.get(&index).unwrap_or(&run.last).clone();
                Some(LocalRef::Iteration { iteration: index, previous, parent })
            }
            None => {
                debug_assert!(matches!(node.phase, Phase::Completed { .. }));
                None
            }
        }
    }
}
