//! Taking a finished execution up again from any of its nodes, on the same document and on a changed one.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::json;
use weir_core::event::{Event, JournalEvent};
use weir_core::execution::{Status, rerun};
use weir_core::path::NodePath;

use super::drawing::{Drawing, Style, draw, plan};
use super::sim::{Sim, epoch, moment, outcomes, started};

const STYLE: Style = Style { fatal: false, waits: true, compensation: false, pins: false };

fn rerun_from(old: &Drawing, journal: &[JournalEvent], new: &Drawing, from: &NodePath, seed: u64) -> Sim {
    let (execution, output) =
        rerun(&old.plan, journal, new.plan.clone(), started(new), from, moment(epoch())).expect("the node is there");
    Sim::around(new, seed, execution, output)
}

/// Whether `path` comes after `from`: behind it on its level, or behind (or around) a container it is in.
fn comes_after(drawing: &Drawing, from: &NodePath, path: &NodePath) -> bool {
    let plan = &drawing.plan;
    let around = |path: &NodePath| {
        let mut parts = vec![(path.node_id().to_owned(), None)];
        let mut at = path.clone();
        while let Some((container, index)) = at.container() {
            parts.push((container.node_id().to_owned(), Some(index)));
            at = container;
        }
        parts.reverse();
        parts
    };
    for ((from_id, from_index), (id, index)) in around(from).into_iter().zip(around(path)) {
        if from_id != id {
            let from = plan.node_ix(&from_id).expect("a node");
            return plan.downstream(from).contains(&plan.node_ix(&id).expect("a node"));
        }
        let (Some(from_index), Some(index)) = (from_index, index) else { return true };
        if from_index != index {
            let node = plan.node_ix(&id).expect("a node");
            return plan.nodes[node].role == weir_core::node_type::Role::Loop && index > from_index;
        }
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rerun_keeps_what_comes_before_and_runs_all_that_comes_after(seed: u64, size in 1_usize..20, crashes: bool) {
        let drawing = draw(seed, size, STYLE);
        let mut first = Sim::start(&drawing, seed);
        first.run();
        first.check();
        let before = first.outcomes();
        let all: Vec<&String> = before.keys().collect();
        prop_assume!(!all.is_empty());
        let from = NodePath::from(all[first.dice.below(all.len())].as_str());
        let mut second = rerun_from(&drawing, &first.durable, &drawing, &from, seed);
        while second.step() {
            if crashes && second.dice.one_in(10) {
                second.crash();
            }
        }
        second.check();
        prop_assert_eq!(second.execution.status(), Status::Completed);
        prop_assert_eq!(second.outputs(), first.outputs());
        prop_assert_eq!(second.outcomes(), before.clone());
        let ran: BTreeSet<&str> = second.begun.iter().map(|run| run.path.as_str()).collect();
        for (path, handle) in &before {
            let path = NodePath::from(path.as_str());
            let node = drawing.plan.node_ix(path.node_id()).expect("a node");
            let after = comes_after(&drawing, &from, &path);
            let container = drawing.plan.nodes[node].role.is_container();
            if after && handle.is_some() && !container {
                prop_assert!(ran.contains(path.as_str()), "{} comes after {} and did not run", path, from);
            }
            if !after && !container {
                prop_assert!(!ran.contains(path.as_str()), "{} does not come after {} and ran", path, from);
            }
        }
    }

    #[test]
    fn a_rerun_on_a_changed_document_runs_what_is_new(seed: u64, size in 1_usize..16) {
        let drawing = draw(seed, size, STYLE);
        let mut first = Sim::start(&drawing, seed);
        first.run();
        let before = first.outcomes();
        // A node more, behind any of the others.
        let mut document = serde_json::to_value(&*drawing.plan.document).expect("a document");
        let nodes = document["nodes"].as_array_mut().expect("nodes");
        let outermost: Vec<_> = nodes
            .iter()
            .filter(|node| node.get("parentNode").is_none() && !only_undoes(node))
            .map(|node| node["id"].clone())
            .collect();
        let behind = outermost[first.dice.below(outermost.len())].clone();
        nodes.push(json!({"id": "added", "type": "set"}));
        let edge = json!({"id": "new", "source": behind, "target": "added"});
        document["edges"].as_array_mut().expect("edges").push(edge);
        let changed = Drawing { plan: plan(document), ..drawing.clone() };
        let mut second = Sim::start(&changed, seed);
        second.run();
        second.check();
        let from = NodePath::root("added");
        check_added(&drawing, &first, &changed, &from, &before, &second)?;
    }
}

fn only_undoes(node: &serde_json::Value) -> bool {
    node["id"].as_str().is_some_and(|id| id.starts_with("undo"))
}

fn check_added(
    drawing: &Drawing,
    first: &Sim,
    changed: &Drawing,
    from: &NodePath,
    before: &BTreeMap<String, Option<String>>,
    anew: &Sim,
) -> Result<(), TestCaseError> {
    let mut second = rerun_from(drawing, &first.journal(), changed, from, 1);
    second.run();
    second.check();
    prop_assert_eq!(second.execution.status(), Status::Completed);
    prop_assert_eq!(second.outcomes(), anew.outcomes());
    for run in &second.begun {
        prop_assert!(!before.contains_key(run.path.as_str()), "{} ran again", run.path);
    }
    Ok(())
}

fn body_drawing(inner: &[&str], container: &str) -> Drawing {
    let mut nodes = vec![json!({"id": "each", "type": container}), json!({"id": "after", "type": "code"})];
    nodes.extend(inner.iter().map(|id| json!({"id": id, "type": "code", "parentNode": "each"})));
    let mut edges = vec![json!({"id": "e", "source": "each", "target": "after"})];
    edges.extend(inner.windows(2).map(|pair| json!({"id": pair[1], "source": pair[0], "target": pair[1]})));
    let plan = plan(json!({"name": "bodies", "nodes": nodes, "edges": edges}));
    let act = super::drawing::Act { bodies: 3, concurrency: 1, ..Default::default() };
    Drawing { plan, acts: BTreeMap::from([("each".to_owned(), act)]), pins: BTreeMap::new() }
}

fn ran(sim: &Sim) -> Vec<&str> {
    sim.begun.iter().filter(|run| !run.pure).map(|run| run.path.as_str()).collect()
}

#[test]
fn a_node_added_to_a_maps_body_runs_for_each_item_one_at_a_time() {
    let old = body_drawing(&["a"], "map");
    let mut first = Sim::start(&old, 1);
    first.run();
    first.check();
    let new = body_drawing(&["a", "b"], "map");
    let mut second = rerun_from(&old, &first.durable, &new, &NodePath::from("each[0]/b"), 1);
    second.run();
    second.check();
    assert_eq!(ran(&second), ["each[0]/b", "each[1]/b", "each[2]/b", "after"]);
}

#[test]
fn a_node_added_to_a_loops_body_runs_the_loop_anew() {
    let old = body_drawing(&["a"], "loop");
    let mut first = Sim::start(&old, 1);
    first.run();
    let new = body_drawing(&["a", "b"], "loop");
    let mut second = rerun_from(&old, &first.journal(), &new, &NodePath::root("after"), 1);
    second.run();
    second.check();
    let expected = ["each[0]/a", "each[0]/b", "each[1]/a", "each[1]/b", "each[2]/a", "each[2]/b", "after"];
    assert_eq!(ran(&second), expected);
}

#[test]
fn a_node_taken_out_of_a_maps_body_changes_the_results_without_running_items_again() {
    let old = body_drawing(&["a", "b"], "map");
    let mut first = Sim::start(&old, 1);
    first.run();
    let new = body_drawing(&["a"], "map");
    let mut second = rerun_from(&old, &first.journal(), &new, &NodePath::root("after"), 1);
    second.run();
    second.check();
    assert_eq!(ran(&second), ["after"]);
    let output = second.outputs().remove("each").expect("the map has a result");
    assert_eq!(output.as_inline().expect("it is inline")["results"][0], json!({"of": "each[0]/a"}));
}

#[test]
fn what_was_undone_is_done_again_with_all_that_came_after() {
    let document = json!({
        "name": "saga",
        "nodes": [
            {"id": "look", "type": "code"},
            {"id": "book", "type": "code", "data": {"compensate": "unbook"}},
            {"id": "unbook", "type": "code"},
            {"id": "pay", "type": "code"},
        ],
        "edges": [
            {"id": "e1", "source": "look", "target": "book"},
            {"id": "e2", "source": "book", "target": "pay"},
        ],
    });
    let act = super::drawing::Act { breaks_each: 1, ..Default::default() };
    let acts = BTreeMap::from([("pay".to_owned(), act)]);
    let drawing = Drawing { plan: plan(document), acts, pins: BTreeMap::new() };
    let mut first = Sim::start(&drawing, 1);
    first.run();
    first.check();
    assert_eq!(first.execution.status(), Status::Failed);
    let mut second = rerun_from(&drawing, &first.durable, &drawing, &NodePath::root("pay"), 1);
    second.healed = true;
    second.run();
    second.check();
    assert_eq!(ran(&second), ["book", "pay"]);
    assert_eq!(outcomes(&second.durable).len(), 3);
    assert!(!second.durable.iter().any(|recorded| matches!(recorded.event, Event::CompensationCompleted { .. })));
}

#[test]
fn a_pin_given_to_a_rerun_takes_the_place_of_the_old_result() {
    let drawing = body_drawing(&["a"], "map");
    let mut first = Sim::start(&drawing, 1);
    first.run();
    let pin = weir_core::event::Pin { output: json!({"results": []}), handle: None };
    let pinned = Drawing { pins: BTreeMap::from([("each".to_owned(), pin)]), ..drawing.clone() };
    let mut second = rerun_from(&drawing, &first.journal(), &pinned, &NodePath::root("after"), 1);
    second.run();
    second.check();
    assert_eq!(second.outputs()["each"], json!({"results": []}).into());
    assert_eq!(ran(&second), ["after"]);
}
