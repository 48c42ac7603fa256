//! Large executions come to their end, by work in proportion to their size. Times are printed, not judged.

use std::time::Instant;

use serde_json::{Value, json};
use weir_core::event::JournalEvent;
use weir_core::execution::{Effect, Execution, Input, Output, Run, Status};
use weir_core::node_type::Role;
use weir_core::outcome::{Expansion, OnItemError, Outcome};

use super::drawing::{Drawing, plan};
use super::hand::document;
use super::sim::{epoch, moment, started};

/// Runs it to its end: every `map` has `items` items, every `loop` as many iterations.
fn run(name: &str, drawn: Value, items: u32, concurrency: u32) -> Vec<JournalEvent> {
    let drawing = Drawing { plan: plan(drawn), acts: Default::default(), pins: Default::default() };
    let begun = Instant::now();
    let (mut execution, output) = Execution::start(drawing.plan.clone(), started(&drawing), moment(epoch()));
    let mut journal = Vec::new();
    let mut open: std::collections::VecDeque<Run> = Default::default();
    let mut take = |output: Output, open: &mut std::collections::VecDeque<Run>| {
        journal.extend(output.events);
        open.extend(output.effects.into_iter().filter_map(|effect| match effect {
            Effect::Run(run) => Some(run),
            _ => None,
        }));
    };
    take(output, &mut open);
    while let Some(run) = open.pop_front() {
        let outcome = match drawing.plan.nodes[run.node].role {
            Role::Map => {
                let all: Value = (0..items).collect();
                let on_item_error = OnItemError::Fail;
                Outcome::Expand(Expansion { items: all.into(), count: items, keys: None, concurrency, on_item_error })
            }
            Role::Loop => Outcome::Iterate(run.iteration < Some(items)),
            _ => Outcome::done(json!(1)),
        };
        let input = Input::NodeDone { path: run.path, attempt: run.attempt, result: Ok(outcome) };
        take(execution.handle(moment(epoch()), input).expect("results are always taken"), &mut open);
    }
    let took = begun.elapsed();
    assert_eq!(execution.status(), Status::Completed);
    let again = Instant::now();
    let replayed = Execution::replay(drawing.plan, journal.iter().cloned()).expect("it replays");
    assert_eq!(replayed.status(), Status::Completed);
    let per_event = took.as_nanos() / journal.len() as u128;
    let events = journal.len();
    #[expect(clippy::print_stdout, reason = "times are for people to read")]
    {
        println!("{name}: {events} events in {took:?}, {per_event} ns each; replayed in {:?}", again.elapsed());
    }
    journal
}

fn map_of_one() -> Value {
    document(&[("each", "map", None, json!({})), ("work", "code", Some("each"), json!({}))], &[])
}

#[test]
fn a_map_of_ten_thousand_items_ends_whatever_its_concurrency() {
    for concurrency in [1, 32, 10_000] {
        let journal = run(&format!("10,000 items, {concurrency} at a time"), map_of_one(), 10_000, concurrency);
        // Started, each item's beginning and end, the map's beginning and end, ended.
        assert_eq!(journal.len(), 20_004);
    }
}

#[test]
fn ten_thousand_items_that_can_be_undone_end() {
    let nodes = [
        ("each", "map", None, json!({})),
        ("work", "code", Some("each"), json!({"compensate": "undo"})),
        ("undo", "code", Some("each"), json!({})),
    ];
    run("10,000 items that can be undone", document(&nodes, &[]), 10_000, 32);
}

#[test]
fn two_thousand_nodes_in_a_row_and_side_by_side_end() {
    let ids: Vec<String> = (0..2_000).map(|place| format!("n{place}")).collect();
    let nodes: Vec<_> = ids.iter().map(|id| (id.as_str(), "code", None, json!({}))).collect();
    let row: Vec<_> = ids.windows(2).map(|pair| (pair[0].as_str(), "out", pair[1].as_str())).collect();
    run("2,000 nodes in a row", document(&nodes, &row), 0, 1);
    let fan: Vec<_> = ids[1..].iter().map(|id| (ids[0].as_str(), "out", id.as_str())).collect();
    run("2,000 nodes side by side", document(&nodes, &fan), 0, 1);
}

#[test]
fn sixteen_containers_inside_each_other_end() {
    let ids: Vec<String> = (0..16).map(|depth| format!("c{depth}")).collect();
    let mut nodes: Vec<(&str, &str, Option<&str>, Value)> = Vec::new();
    for (depth, id) in ids.iter().enumerate() {
        let node_type = if depth % 2 == 0 { "map" } else { "loop" };
        nodes.push((id, node_type, depth.checked_sub(1).map(|around| ids[around].as_str()), json!({})));
    }
    nodes.push(("work", "code", Some(&ids[15]), json!({})));
    run("16 containers deep", document(&nodes, &[]), 1, 1);
}

#[test]
fn a_loop_of_ten_thousand_iterations_ends() {
    let nodes = [("again", "loop", None, json!({})), ("work", "code", Some("again"), json!({}))];
    run("10,000 iterations", document(&nodes, &[]), 10_000, 1);
}
