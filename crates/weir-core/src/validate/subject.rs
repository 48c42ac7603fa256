//! The document under examination, with ids resolved and levels told apart once for all rules.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::nearest::suggestion;
use crate::document::{Document, Edge, Node, Reading};
use crate::evaluator::Evaluator;
use crate::node_type::{Catalog, NodeTypeInfo, Role};
use crate::problem::Problem;

/// What the rules look at.
pub(super) struct Subject<'a> {
    pub(super) document: &'a Document,
    pub(super) catalog: &'a Catalog,
    pub(super) evaluator: &'a dyn Evaluator,
    /// Every readable node.
    pub(super) nodes: Vec<NodeView<'a>>,
    /// Every readable edge.
    pub(super) edges: Vec<EdgeView<'a>>,
    /// The first node of each id.
    pub(super) by_id: BTreeMap<&'a str, usize>,
    /// The nodes named by some node's `compensate`.
    pub(super) compensations: BTreeSet<&'a str>,
    /// For each node, the nodes that its proper edges lead to: on its level, not itself, each once.
    pub(super) following: Vec<Vec<usize>>,
    /// The same edges, backwards.
    pub(super) preceding: Vec<Vec<usize>>,
    /// How often a node's id may still be searched for something similar.
    searches: Cell<usize>,
}

/// A document of nothing but wrong ids would be searched for hours; its author is served by the first hints.
const MAX_SEARCHES: usize = 25;

/// A node with what is known about it.
pub(super) struct NodeView<'a> {
    pub(super) node: &'a Node,
    /// JSON pointer to it.
    pub(super) at: String,
    /// Its type, if that is known.
    pub(super) info: Option<&'a NodeTypeInfo>,
    pub(super) level: Level,
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Outermost,
    /// In the container of this index.
    Inside(usize),
    /// In a container that is not there or lies in itself.
    Lost,
}

/// An edge with its ends resolved.
pub(super) struct EdgeView<'a> {
    pub(super) edge: &'a Edge,
    /// JSON pointer to it.
    pub(super) at: String,
    pub(super) source: Option<usize>,
    pub(super) target: Option<usize>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(reading: &'a Reading, catalog: &'a Catalog, evaluator: &'a dyn Evaluator) -> Self {
        let document = &reading.document;
        let mut by_id = BTreeMap::new();
        for (index, node) in document.nodes.iter().enumerate() {
            by_id.entry(node.id.as_str()).or_insert(index);
        }
        let levels = levels(document, &by_id);
        let nodes: Vec<_> = std::iter::zip(&document.nodes, &reading.node_places)
            .zip(levels)
            .map(|((node, place), level)| NodeView {
                node,
                at: format!("/nodes/{place}"),
                info: catalog.get(&node.node_type),
                level,
            })
            .collect();
        let edges: Vec<_> = std::iter::zip(&document.edges, &reading.edge_places)
            .map(|(edge, place)| EdgeView {
                edge,
                at: format!("/edges/{place}"),
                source: by_id.get(edge.source.as_str()).copied(),
                target: by_id.get(edge.target.as_str()).copied(),
            })
            .collect();
        let mut following = vec![Vec::new(); nodes.len()];
        let mut preceding = vec![Vec::new(); nodes.len()];
        let mut joined = BTreeSet::new();
        for edge in &edges {
            let (Some(source), Some(target)) = (edge.source, edge.target) else { continue };
            if source != target && nodes[source].level == nodes[target].level && joined.insert((source, target)) {
                following[source].push(target);
                preceding[target].push(source);
            }
        }
        let compensations = document.nodes.iter().filter_map(|node| node.data.compensate.as_deref()).collect();
        Self {
            document,
            catalog,
            evaluator,
            nodes,
            edges,
            by_id,
            compensations,
            following,
            preceding,
            searches: Cell::new(MAX_SEARCHES),
        }
    }

    /// The node's id that a wrong one was probably meant to be, as the beginning of a hint.
    pub(super) fn meant(&self, id: &str, may_be: impl Fn(usize) -> bool) -> String {
        let Some(left) = self.searches.get().checked_sub(1) else { return String::new() };
        self.searches.set(left);
        let candidates = (0..self.nodes.len()).filter(|index| may_be(*index));
        suggestion(id, candidates.map(|index| self.nodes[index].node.id.as_str()))
    }

    /// The containers around a node, from the inside out.
    pub(super) fn around(&self, node: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.container(node), |container| self.container(*container))
    }

    fn container(&self, node: usize) -> Option<usize> {
        match self.nodes[node].level {
            Level::Inside(container) => Some(container),
            Level::Outermost | Level::Lost => None,
        }
    }

    /// Whether a node runs only to undo another one.
    pub(super) fn is_compensation(&self, node: usize) -> bool {
        self.compensations.contains(self.nodes[node].node.id.as_str()) && self.preceding[node].is_empty()
    }
}

impl NodeView<'_> {
    pub(super) fn role(&self) -> Option<Role> {
        self.info.map(|info| info.role)
    }

    pub(super) fn is_container(&self) -> bool {
        self.role().is_some_and(Role::is_container)
    }

    /// The problem, told about this node.
    pub(super) fn blame(&self, problem: Problem) -> Problem {
        Problem { node: Some(self.node.id.clone()), ..problem }
    }
}

impl EdgeView<'_> {
    /// The problem, told about this edge.
    pub(super) fn blame(&self, problem: Problem) -> Problem {
        Problem { edge: Some(self.edge.id.clone()), ..problem }
    }
}

fn levels(document: &Document, by_id: &BTreeMap<&str, usize>) -> Vec<Level> {
    let parents: Vec<Level> = document
        .nodes
        .iter()
        .map(|node| match &node.parent {
            None => Level::Outermost,
            Some(parent) => by_id.get(parent.as_str()).map_or(Level::Lost, |index| Level::Inside(*index)),
        })
        .collect();
    let circular = circular(&parents);
    std::iter::zip(parents, circular).map(|(level, circular)| if circular { Level::Lost } else { level }).collect()
}

/// Which nodes have a way up that comes back to themselves.
fn circular(parents: &[Level]) -> Vec<bool> {
    let mut circular = vec![false; parents.len()];
    // Each walk is marked with its own number: meeting that number again is a circle, meeting another is known ground.
    let mut walked = vec![0; parents.len()];
    for start in 0..parents.len() {
        let mut at = start;
        while walked[at] == 0 {
            walked[at] = start + 1;
            match parents[at] {
                Level::Inside(parent) => at = parent,
                Level::Outermost | Level::Lost => break,
            }
        }
        if walked[at] == start + 1
            && let Level::Inside(mut next) = parents[at]
        {
            circular[at] = true;
            while next != at {
                circular[next] = true;
                match parents[next] {
                    Level::Inside(parent) => next = parent,
                    Level::Outermost | Level::Lost => break,
                }
            }
        }
    }
    circular
}
