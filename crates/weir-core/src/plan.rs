//! A document made ready to run: ids resolved to indices, levels apart, defaults filled in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::document::{Document, Join, NodeData, OnError, Retry};
use crate::node_type::{Catalog, DEFAULT_DELAYS_SECONDS, DEFAULT_HANDLE, NodeTypeInfo, Role};

/// Nodes of one execution that may run at a time unless the document says otherwise.
const DEFAULT_PARALLEL_NODES: u32 = 32;

/// Index of a node in its [`Plan`].
pub type NodeIx = usize;

/// Index of a level in its [`Plan`]; 0 is the outermost.
pub type LevelIx = usize;

/// A runnable document.
#[derive(Debug)]
pub struct Plan {
    /// The document it was made from.
    pub document: Arc<Document>,
    /// [`document_hash`] of it.
    pub hash: String,
    /// All nodes, in the document's order.
    pub nodes: Vec<PlanNode>,
    /// All levels; the outermost first.
    pub levels: Vec<Level>,
    /// Nodes of one execution that may run at a time.
    pub max_parallel_nodes: u32,
    by_id: HashMap<String, NodeIx>,
}

/// A node with everything resolved that running it needs.
#[derive(Debug)]
pub struct PlanNode {
    /// Its id.
    pub id: String,
    /// Its type's name.
    pub node_type: &'static str,
    /// The part its type plays.
    pub role: Role,
    /// Whether its result needs not be durable before later nodes read it.
    pub pure: bool,
    /// The level it stands on.
    pub level: LevelIx,
    /// Its place within the level; `usize::MAX` for a node that is not part of the flow.
    pub slot: usize,
    /// The level inside of it, when it is a container.
    pub body: Option<LevelIx>,
    /// Edges that lead here, in the document's order.
    pub incoming: Vec<PlanEdge>,
    /// Edges that leave, in the document's order.
    pub outgoing: Vec<PlanEdge>,
    /// Which edges it waits for.
    pub join: Join,
    /// What happens when it failed for good.
    pub on_error: OnError,
    /// When it is tried again.
    pub retry: RetryPolicy,
    /// How long one attempt may take, in seconds.
    pub timeout_seconds: Option<f64>,
    /// The node that undoes it.
    pub compensate: Option<NodeIx>,
    /// Params that are handed over as written.
    pub literal_params: &'static [&'static str],
}

/// An edge as seen from one of its ends.
#[derive(Debug, Clone)]
pub struct PlanEdge {
    /// The node at the other end.
    pub node: NodeIx,
    /// The handle of the source it leaves by.
    pub handle: String,
}

/// The nodes that share a container: a directed acyclic graph.
#[derive(Debug, Default)]
pub struct Level {
    /// The container; `None` for the outermost level.
    pub container: Option<NodeIx>,
    /// Its nodes that are part of the flow (nodes that only undo others are not).
    pub nodes: Vec<NodeIx>,
    /// Where it begins.
    pub entries: Vec<NodeIx>,
    /// Its `end` nodes.
    pub ends: Vec<NodeIx>,
    /// Its containers.
    pub containers: Vec<NodeIx>,
}

/// A node's retries with the defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all.
    pub max_attempts: u32,
    delays: Delays,
}

#[derive(Debug, Clone, PartialEq)]
enum Delays {
    Fixed(Vec<f64>),
    Exponential { initial: f64, factor: f64, max: f64 },
}

impl RetryPolicy {
    fn new(retry: Option<&Retry>, info: &NodeTypeInfo) -> Self {
        let delays = match retry {
            Some(Retry { exponential: Some(grow), .. }) => Delays::Exponential {
                initial: grow.initial_seconds,
                factor: grow.factor.unwrap_or(2.0),
                max: grow.max_seconds.unwrap_or(300.0),
            },
            Some(Retry { delays_seconds: Some(delays), .. }) if !delays.is_empty() => Delays::Fixed(delays.clone()),
            _ => Delays::Fixed(DEFAULT_DELAYS_SECONDS.to_vec()),
        };
        let given = retry.and_then(|retry| {
            let by_delays = retry.delays_seconds.as_ref().map(|delays| delays.len() as u32 + 1);
            retry.max_attempts.or(by_delays)
        });
        Self { max_attempts: given.unwrap_or(info.default_max_attempts).max(1), delays }
    }

    /// Seconds to wait after the `attempt`-th attempt failed; `random` is from 0 to 1.
    pub fn delay_seconds(&self, attempt: u32, random: f64) -> f64 {
        match &self.delays {
            Delays::Fixed(delays) => {
                let place = (attempt.max(1) as usize - 1).min(delays.len().saturating_sub(1));
                delays.get(place).copied().unwrap_or(0.0)
            }
            Delays::Exponential { initial, factor, max } => {
                let grown = initial * factor.powi(attempt.max(1) as i32 - 1);
                // Equal jitter: half fixed, half random, so that retries of many nodes spread out.
                grown.min(*max) * (0.5 + 0.5 * random)
            }
        }
    }
}

/// Why a document cannot be run. `validate` finds all of this beforehand, and tells it better.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No such node type in this binary.
    #[error("node {node:?} has the unknown type {node_type:?}")]
    UnknownType {
        /// The node.
        node: String,
        /// Its type's name.
        node_type: String,
    },
    /// A reference to a node that is not there.
    #[error("{from:?} refers to the unknown node {to:?}")]
    UnknownNode {
        /// The node or edge that refers.
        from: String,
        /// The id it names.
        to: String,
    },
    /// The graph is not what the engine runs.
    #[error("the document breaks a rule: {0}")]
    Malformed(String),
}

/// The name a document is kept under: SHA-256 of its canonical JSON, in hexadecimal.
pub fn document_hash(document: &Document) -> String {
    // Serialising a document cannot fail: its maps have string keys and its numbers came from JSON.
    let json = serde_json::to_vec(document).unwrap_or_default();
    Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Plan {
    /// Resolves a document against the node types there are.
    ///
    /// # Errors
    /// [`PlanError`] for a document that `validate` would have refused.
    pub fn compile(document: Arc<Document>, catalog: &Catalog) -> Result<Self, PlanError> {
        let mut by_id = HashMap::with_capacity(document.nodes.len());
        for (ix, node) in document.nodes.iter().enumerate() {
            if by_id.insert(node.id.clone(), ix).is_some() {
                return Err(PlanError::Malformed(format!("two nodes are called {:?}", node.id)));
            }
        }
        let find = |from: &str, to: &str| {
            by_id.get(to).copied().ok_or_else(|| PlanError::UnknownNode { from: from.to_owned(), to: to.to_owned() })
        };
        let mut nodes = Vec::with_capacity(document.nodes.len());
        for node in &document.nodes {
            let info = catalog
                .get(&node.node_type)
                .ok_or_else(|| PlanError::UnknownType { node: node.id.clone(), node_type: node.node_type.clone() })?;
            let compensate = node.data.compensate.as_deref().map(|to| find(&node.id, to)).transpose()?;
            nodes.push(PlanNode::new(&node.id, &node.data, info, compensate));
        }
        for edge in &document.edges {
            let (source, target) = (find(&edge.id, &edge.source)?, find(&edge.id, &edge.target)?);
            if document.nodes[source].parent != document.nodes[target].parent {
                return Err(PlanError::Malformed(format!("the edge {:?} leads from one level to another", edge.id)));
            }
            let handle = edge.source_handle.clone().unwrap_or_else(|| DEFAULT_HANDLE.to_owned());
            nodes[source].outgoing.push(PlanEdge { node: target, handle: handle.clone() });
            nodes[target].incoming.push(PlanEdge { node: source, handle });
        }
        let levels = levels(&document, &mut nodes, find)?;
        let max_parallel_nodes = document.settings.max_parallel_nodes.unwrap_or(DEFAULT_PARALLEL_NODES).max(1);
        Ok(Self { hash: document_hash(&document), document, nodes, levels, max_parallel_nodes, by_id })
    }

    /// The node of this id.
    pub fn node_ix(&self, id: &str) -> Option<NodeIx> {
        self.by_id.get(id).copied()
    }

    /// The document's own text of a node.
    pub fn node_data(&self, node: NodeIx) -> &NodeData {
        &self.document.nodes[node].data
    }

    /// The nodes that may run only after `node` did, on its own level; `node` included.
    pub fn downstream(&self, node: NodeIx) -> BTreeSet<NodeIx> {
        let mut reached = BTreeSet::from([node]);
        let mut open = vec![node];
        while let Some(at) = open.pop() {
            for edge in &self.nodes[at].outgoing {
                if reached.insert(edge.node) {
                    open.push(edge.node);
                }
            }
        }
        reached
    }
}

impl PlanNode {
    fn new(id: &str, data: &NodeData, info: &NodeTypeInfo, compensate: Option<NodeIx>) -> Self {
        Self {
            id: id.to_owned(),
            node_type: info.name,
            role: info.role,
            pure: info.role.is_container() || (info.pure && !data.checkpoint),
            level: 0,
            slot: usize::MAX,
            body: None,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            join: data.join,
            on_error: data.on_error,
            retry: RetryPolicy::new(data.retry.as_ref(), info),
            timeout_seconds: data.timeout_seconds.or(info.default_timeout_seconds),
            compensate,
            literal_params: info.literal_params,
        }
    }

    /// Whether nothing can follow this node.
    pub fn is_sink(&self) -> bool {
        self.outgoing.is_empty()
    }
}

/// Groups the nodes by container and fills in each node's place.
fn levels(
    document: &Document,
    nodes: &mut [PlanNode],
    find: impl Fn(&str, &str) -> Result<NodeIx, PlanError>,
) -> Result<Vec<Level>, PlanError> {
    let mut members: BTreeMap<Option<NodeIx>, Vec<NodeIx>> = BTreeMap::from([(None, Vec::new())]);
    for (ix, node) in document.nodes.iter().enumerate() {
        let container = node.parent.as_deref().map(|parent| find(&node.id, parent)).transpose()?;
        members.entry(container).or_default().push(ix);
    }
    let undoing: BTreeSet<NodeIx> = nodes.iter().filter_map(|node| node.compensate).collect();
    let mut levels = Vec::with_capacity(members.len());
    for (container, inside) in members {
        let level_ix = levels.len();
        let mut level = Level { container, ..Level::default() };
        if let Some(container) = container {
            if !nodes[container].role.is_container() {
                return Err(PlanError::Malformed(format!("{:?} is no container", nodes[container].id)));
            }
            nodes[container].body = Some(level_ix);
        }
        for ix in inside {
            nodes[ix].level = level_ix;
            if undoing.contains(&ix) && nodes[ix].incoming.is_empty() {
                continue;
            }
            level.nodes.push(ix);
            match nodes[ix].role {
                Role::End => level.ends.push(ix),
                Role::Start => level.entries.push(ix),
                Role::Ordinary | Role::Map | Role::Loop | Role::Respond => {}
            }
        }
        if level.entries.is_empty() {
            level.entries = level.nodes.iter().copied().filter(|&ix| nodes[ix].incoming.is_empty()).collect();
        }
        drop_unreachable(&mut level, nodes);
        levels.push(level);
    }
    if let Some(bodiless) = nodes.iter().find(|node| node.role.is_container() && node.body.is_none()) {
        return Err(PlanError::Malformed(format!("the container {:?} has no body", bodiless.id)));
    }
    Ok(levels)
}

/// Leaves out what no entry leads to: such nodes never run, and nothing waits for them.
fn drop_unreachable(level: &mut Level, nodes: &mut [PlanNode]) {
    let mut reached: BTreeSet<NodeIx> = level.entries.iter().copied().collect();
    let mut open = level.entries.clone();
    while let Some(at) = open.pop() {
        open.extend(nodes[at].outgoing.iter().map(|edge| edge.node).filter(|&target| reached.insert(target)));
    }
    level.nodes.retain(|ix| reached.contains(ix));
    level.ends.retain(|ix| reached.contains(ix));
    level.containers = level.nodes.iter().copied().filter(|&ix| nodes[ix].role.is_container()).collect();
    for (slot, &ix) in level.nodes.iter().enumerate() {
        nodes[ix].slot = slot;
        nodes[ix].incoming.retain(|edge| reached.contains(&edge.node));
    }
}
