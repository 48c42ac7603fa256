//! Random workflows with a script of what each of their nodes does, and what must come of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use weir_core::document::Document;
use weir_core::execution::Run;
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::outcome::{ApprovalRequest, ChildRequest, Expansion, OnItemError, Outcome, Wait};
use weir_core::payload::Payload;
use weir_core::plan::Plan;

use crate::catalog::catalog;

/// A small random number generator, so that a failing seed tells everything.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.roll() % limit.max(1) as u64) as usize
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// What a node does when it runs; the same at each run of the same path and attempt.
#[derive(Debug, Clone, Default)]
pub(super) struct Act {
    /// The handles to choose from, by path; the default one when empty.
    pub(super) handles: Vec<&'static str>,
    /// So many attempts fail first, by a passing error.
    pub(super) fails: u32,
    /// Fails for good where the path's number is divisible by this.
    pub(super) breaks_each: u64,
    /// Steps recorded on the way.
    pub(super) steps: u32,
    /// What it waits for.
    pub(super) waits: Waits,
    /// Items of a `map`, iterations of a `loop`.
    pub(super) bodies: u32,
    pub(super) concurrency: u32,
    pub(super) by_key: bool,
    pub(super) collect: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Waits {
    #[default]
    No,
    Delay,
    Signal,
    Approval,
    Child,
}

/// What may be drawn.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Style {
    /// Nodes that fail for good and take their level with them.
    pub(super) fatal: bool,
    pub(super) waits: bool,
    pub(super) compensation: bool,
    pub(super) pins: bool,
}

/// A workflow and what its nodes do.
#[derive(Debug, Clone)]
pub(super) struct Drawing {
    pub(super) plan: Arc<Plan>,
    pub(super) acts: BTreeMap<String, Act>,
    pub(super) pins: BTreeMap<String, weir_core::event::Pin>,
}

struct Pencil {
    dice: Dice,
    style: Style,
    nodes: Vec<Value>,
    edges: Vec<Value>,
    acts: BTreeMap<String, Act>,
}

pub(super) fn plan(mut document: Value) -> Arc<Plan> {
    for node in document["nodes"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        node.retain(|_, value| !value.is_null());
    }
    let document = Document::from_value(document).expect("a well-formed document");
    Arc::new(Plan::compile(Arc::new(document), &catalog()).expect("a sound document"))
}

/// Draws a workflow of about `size` nodes.
pub(super) fn draw(seed: u64, size: usize, style: Style) -> Drawing {
    let mut pencil =
        Pencil { dice: Dice::new(seed), style, nodes: Vec::new(), edges: Vec::new(), acts: BTreeMap::new() };
    pencil.level(None, 0, size.max(1));
    let mut pins = BTreeMap::new();
    if style.pins {
        for node in &pencil.nodes {
            let id = node["id"].as_str().unwrap_or_default();
            if node["type"] != "start" && !id.starts_with("undo") && pencil.dice.one_in(6) {
                let pin = weir_core::event::Pin { output: json!({"pinned": id}), handle: None };
                pins.insert(id.to_owned(), pin);
            }
        }
    }
    let parallel = 1 + pencil.dice.below(5);
    let document = json!({
        "name": "drawn",
        "settings": {"max_parallel_nodes": parallel},
        "nodes": pencil.nodes,
        "edges": pencil.edges,
    });
    Drawing { plan: plan(document), acts: pencil.acts, pins }
}

impl Pencil {
    fn level(&mut self, parent: Option<&str>, depth: usize, size: usize) {
        let mut here: Vec<(String, Vec<&'static str>)> = Vec::new();
        if self.dice.one_in(2) {
            let id = format!("n{}", self.nodes.len());
            self.nodes.push(json!({"id": id, "type": "start", "parentNode": parent}));
            here.push((id, vec!["out"]));
        }
        let starts = !here.is_empty();
        for _ in 0..size {
            let id = format!("n{}", self.nodes.len());
            let handles = self.node(&id, parent, depth);
            let count = self.dice.below(4).min(here.len()).max(usize::from(starts));
            let mut seen = Vec::new();
            for _ in 0..count {
                let (source, handles) = here[self.dice.below(here.len())].clone();
                let handle = handles[self.dice.below(handles.len())];
                if !seen.contains(&(source.clone(), handle)) {
                    let edge = format!("e{}", self.edges.len());
                    self.edges.push(json!({"id": edge, "source": source, "sourceHandle": handle, "target": id}));
                    seen.push((source, handle));
                }
            }
            here.push((id, handles));
        }
    }

    /// One more node; the handles that edges may leave it by.
    fn node(&mut self, id: &str, parent: Option<&str>, depth: usize) -> Vec<&'static str> {
        let place = self.nodes.len();
        let mut data = json!({});
        if self.dice.one_in(3) {
            data["join"] = json!("any");
        }
        let mut act = Act::default();
        let mut handles = vec!["out"];
        let node_type = match self.dice.below(10) {
            0 | 1 => "set",
            2 => {
                handles = vec!["true", "false"];
                act.handles.clone_from(&handles);
                "condition"
            }
            3 if depth < 3 => "map",
            4 if depth < 3 => "loop",
            5 if self.style.waits => {
                let all = [Waits::Delay, Waits::Signal, Waits::Approval, Waits::Child];
                act.waits = all[self.dice.below(all.len())];
                if act.waits == Waits::Approval {
                    handles = vec!["approved", "rejected"];
                }
                if self.dice.one_in(2) { "set" } else { "code" }
            }
            _ => "code",
        };
        self.nodes.push(Value::Null);
        match node_type {
            "code" if act.waits == Waits::No => {
                act.steps = self.dice.below(3) as u32;
                act.fails = self.dice.below(3) as u32;
                data["retry"] = json!({"max_attempts": 3, "delays_seconds": [1, 2]});
                match self.dice.below(5) {
                    0 => {
                        act.breaks_each = 2;
                        data["on_error"] = json!("continue");
                    }
                    1 => {
                        act.breaks_each = 2;
                        data["on_error"] = json!("branch");
                        handles.push("error");
                    }
                    2 if self.style.fatal => act.breaks_each = 3,
                    _ => {}
                }
                if self.style.compensation && self.dice.one_in(2) {
                    let undo = format!("undo{place}");
                    data["compensate"] = json!(undo);
                    let retry = json!({"max_attempts": 2, "delays_seconds": [1]});
                    let data = json!({"retry": retry});
                    self.nodes.push(json!({"id": undo, "type": "code", "parentNode": parent, "data": data}));
                    let act = Act { fails: self.dice.below(3) as u32, steps: 1, ..Act::default() };
                    self.acts.insert(undo, act);
                }
            }
            "map" | "loop" => {
                act.bodies = self.dice.below(4) as u32;
                act.concurrency = 1 + self.dice.below(3) as u32;
                act.by_key = self.dice.one_in(2);
                act.collect = self.dice.one_in(2);
                if self.dice.one_in(3) {
                    data["on_error"] = json!("continue");
                }
                let size = 1 + self.dice.below(3);
                self.level(Some(id), depth + 1, size);
            }
            _ => {}
        }
        self.nodes[place] = json!({"id": id, "type": node_type, "parentNode": parent, "data": data});
        self.acts.insert(id.to_owned(), act);
        handles
    }
}

/// A number that only depends on the text.
pub(super) fn number_of(text: &str) -> u64 {
    let mut dice = Dice::new(text.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))));
    dice.roll() >> 8
}

impl Act {
    pub(super) fn breaks(&self, path: &str) -> bool {
        self.breaks_each > 0 && number_of(path).is_multiple_of(self.breaks_each)
    }

    pub(super) fn handle(&self, path: &str) -> Option<&'static str> {
        let choice = number_of(path) as usize % self.handles.len().max(1);
        self.handles.get(choice).copied()
    }

    /// What this run comes to; `tried` counts the attempts that count.
    pub(super) fn answer(
        &self,
        run: &Run,
        role: weir_core::node_type::Role,
        healed: bool,
    ) -> Result<Outcome, NodeError> {
        use weir_core::node_type::Role;
        let path = run.path.as_str();
        if role == Role::Map {
            let keys = self.by_key.then(|| (0..self.bodies).map(|index| format!("k{index}")).collect::<Vec<_>>());
            let items: Value = match &keys {
                Some(keys) => {
                    keys.iter().map(|key| (key.clone(), json!(key))).collect::<serde_json::Map<_, _>>().into()
                }
                None => (0..self.bodies).map(|index| json!(index)).collect(),
            };
            let on_item_error = if self.collect { OnItemError::Collect } else { OnItemError::Fail };
            let (count, concurrency) = (self.bodies, self.concurrency);
            return Ok(Outcome::Expand(Expansion { items: items.into(), count, keys, concurrency, on_item_error }));
        }
        if role == Role::Loop {
            return Ok(Outcome::Iterate(run.iteration.unwrap_or_default() < self.bodies));
        }
        if !healed {
            if self.breaks(path) {
                return Err(NodeError::new(ErrorClass::Refused, format!("{path} is broken")));
            }
            if run.attempt <= self.fails {
                return Err(NodeError::transient(format!("{path} fails for now")));
            }
        }
        Ok(match self.waits {
            Waits::No => {
                let handle = self.handle(path).map(str::to_owned);
                Outcome::Done { output: json!({"of": path}).into(), handle }
            }
            Waits::Delay => Outcome::Wait(Wait::Timer { due_at: super::sim::epoch() + chrono::TimeDelta::seconds(60) }),
            Waits::Signal => Outcome::Wait(Wait::Signal { name: "news".to_owned(), deadline: None }),
            Waits::Approval => Outcome::Wait(Wait::Approval(ApprovalRequest {
                title: "May it?".to_owned(),
                description: None,
                form: None,
                assignee: None,
                deadline: None,
            })),
            Waits::Child => Outcome::Wait(Wait::Child(ChildRequest {
                workflow_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("an id"),
                version: 1,
                document: "child".to_owned(),
                input: Payload::null(),
            })),
        })
    }
}

/// Which nodes finish, by which handle; `None` for skipped ones. Worked out level by level, as one would on paper.
pub(super) fn expected(drawing: &Drawing) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    on_paper(drawing, 0, "", &mut found);
    found
}

fn on_paper(drawing: &Drawing, level: usize, prefix: &str, found: &mut BTreeMap<String, Option<String>>) {
    use weir_core::document::{Join, OnError};
    use weir_core::node_type::Role;
    let plan = &drawing.plan;
    let mut open: Vec<usize> = plan.levels[level].nodes.clone();
    let has_start = open.iter().any(|&node| plan.nodes[node].role == Role::Start);
    while !open.is_empty() {
        let before = open.len();
        open.retain(|&ix| {
            let node = &plan.nodes[ix];
            let path = format!("{prefix}{}", node.id);
            let edge = |edge: &weir_core::plan::PlanEdge| {
                let source = found.get(&format!("{prefix}{}", plan.nodes[edge.node].id))?;
                Some(source.as_deref() == Some(edge.handle.as_str()))
            };
            let edges: Vec<Option<bool>> = node.incoming.iter().map(edge).collect();
            let taken = edges.contains(&Some(true));
            let entry = edges.is_empty() && (!has_start || node.role == Role::Start);
            let settled = edges.iter().all(Option::is_some);
            let begins = settled || (node.join == Join::Any && taken);
            if !begins {
                return true;
            }
            if !taken && !entry {
                found.insert(path, None);
                return false;
            }
            let act = drawing.acts.get(&node.id).cloned().unwrap_or_default();
            let handle = if let Some(pin) = drawing.pins.get(&node.id).filter(|_| node.role != Role::Start) {
                pin.handle.clone().unwrap_or_else(|| "out".to_owned())
            } else if act.breaks(&path) || act.fails >= node.retry.max_attempts {
                if node.on_error == OnError::Branch { "error".to_owned() } else { "out".to_owned() }
            } else if act.waits == Waits::Approval {
                "approved".to_owned()
            } else {
                if let Some(body) = node.body {
                    for index in 0..act.bodies {
                        on_paper(drawing, body, &format!("{path}[{index}]/"), found);
                    }
                }
                act.handle(&path).unwrap_or("out").to_owned()
            };
            found.insert(path, Some(handle));
            false
        });
        assert!(open.len() < before, "the drawing has a cycle");
    }
}
