//! What holds for every workflow, every interleaving and every crash.

use proptest::prelude::*;
use weir_core::event::{Event, JournalEvent};
use weir_core::execution::{Input, Status};

use super::drawing::{Drawing, Style, draw, expected};
use super::sim::Sim;

const CALM: Style = Style { fatal: false, waits: true, compensation: true, pins: false };
const STORMY: Style = Style { fatal: true, waits: true, compensation: false, pins: false };
const SAGA: Style = Style { fatal: true, waits: true, compensation: true, pins: false };

fn finished(drawing: &Drawing, seed: u64) -> Sim {
    let mut sim = Sim::start(drawing, seed);
    sim.run();
    sim.check();
    sim
}

/// The start node is finished from the beginning, without an event.
fn without_starts(
    drawing: &Drawing,
    found: std::collections::BTreeMap<String, Option<String>>,
) -> Vec<(String, Option<String>)> {
    let is_start = |path: &str| {
        let id = path.rsplit('/').next().unwrap_or(path);
        let node = drawing.plan.node_ix(id).expect("a node");
        drawing.plan.nodes[node].role == weir_core::node_type::Role::Start
    };
    found.into_iter().filter(|(path, _)| !is_start(path)).collect()
}

/// Every finished node that can be undone is undone once, the last one first.
fn check_undoing(drawing: &Drawing, journal: &[JournalEvent]) {
    let ended = journal
        .iter()
        .any(|recorded| matches!(recorded.event, Event::ExecutionFailed { .. } | Event::ExecutionCancelled));
    let mut finished = Vec::new();
    let mut undone = Vec::new();
    for recorded in journal {
        match &recorded.event {
            Event::NodeCompleted { path, pinned: false, .. } => {
                let node = drawing.plan.node_ix(path.node_id()).expect("a node");
                if drawing.plan.nodes[node].compensate.is_some() {
                    finished.push(path.clone());
                }
            }
            Event::CompensationCompleted { path, .. } => undone.push(path.clone()),
            _ => {}
        }
    }
    finished.reverse();
    let expected = if ended { finished } else { Vec::new() };
    assert_eq!(undone, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_node_runs_exactly_when_its_edges_say_so(seed: u64, size in 1_usize..25, pins: bool) {
        let drawing = draw(seed, size, Style { pins, ..CALM });
        let sim = finished(&drawing, seed);
        prop_assert_eq!(sim.execution.status(), Status::Completed);
        let found: Vec<_> = sim.outcomes().into_iter().collect();
        prop_assert_eq!(found, without_starts(&drawing, expected(&drawing)));
    }

    #[test]
    fn crashes_change_nothing(seed: u64, size in 1_usize..12) {
        let drawing = draw(seed, size, CALM);
        let calm = finished(&drawing, seed);
        for crash_at in 0..calm.actions.min(60) {
            let mut sim = Sim::start(&drawing, seed ^ crash_at as u64);
            let mut alive = true;
            while alive {
                if sim.actions == crash_at {
                    sim.crash();
                }
                alive = sim.step();
            }
            sim.check();
            prop_assert_eq!(sim.execution.status(), calm.execution.status());
            prop_assert_eq!(sim.outputs(), calm.outputs());
            prop_assert_eq!(sim.result(), calm.result());
        }
    }

    #[test]
    fn crashing_all_the_time_changes_nothing_either(seed: u64, size in 1_usize..16) {
        let drawing = draw(seed, size, CALM);
        let calm = finished(&drawing, seed);
        let mut sim = Sim::start(&drawing, !seed);
        while sim.step() {
            if sim.dice.one_in(8) {
                sim.crash();
            }
        }
        sim.check();
        prop_assert_eq!(sim.outputs(), calm.outputs());
        prop_assert_eq!(sim.result(), calm.result());
    }

    #[test]
    fn failures_and_crashes_leave_nothing_done_undone(seed: u64, size in 1_usize..20, crashes: bool) {
        let drawing = draw(seed, size, SAGA);
        let mut sim = Sim::start(&drawing, seed);
        while sim.step() {
            if crashes && sim.dice.one_in(8) {
                sim.crash();
            }
        }
        sim.check();
        check_undoing(&drawing, &sim.durable);
    }

    #[test]
    fn a_cancelled_execution_ends_cancelled_and_undone(seed: u64, size in 1_usize..20, at in 0_usize..60, crashes: bool) {
        let drawing = draw(seed, size, SAGA);
        let mut sim = Sim::start(&drawing, seed);
        let mut cancelled = false;
        loop {
            let over = sim.execution.status().is_terminal() || sim.ends();
            if sim.actions >= at && !cancelled && !over {
                sim.handle(Input::Cancel { reason: Some("enough".to_owned()) });
                // Accepted means durable.
                sim.commit_all();
                cancelled = true;
            }
            if !sim.step() {
                break;
            }
            if crashes && sim.dice.one_in(10) {
                sim.crash();
            }
        }
        sim.check();
        check_undoing(&drawing, &sim.durable);
        if cancelled {
            prop_assert_eq!(sim.execution.status(), Status::Cancelled);
        }
    }

    #[test]
    fn nothing_begins_while_paused_and_all_goes_on_when_resumed(seed: u64, size in 1_usize..20, at in 0_usize..40) {
        let drawing = draw(seed, size, Style { compensation: false, ..CALM });
        let calm = finished(&drawing, seed);
        let mut sim = Sim::start(&drawing, seed);
        while sim.actions < at && sim.step() {}
        if !sim.execution.status().is_terminal() {
            sim.handle(Input::Pause);
            sim.run();
            sim.check();
            if sim.dice.one_in(2) {
                sim.crash();
                sim.run();
            }
            if sim.execution.status() == Status::Paused {
                sim.handle(Input::Resume);
            }
        }
        sim.run();
        sim.check();
        prop_assert_eq!(sim.outputs(), calm.outputs());
    }

    #[test]
    fn a_retried_execution_ends_as_if_nothing_had_failed(seed: u64, size in 1_usize..20, crashes: bool) {
        let drawing = draw(seed, size, STORMY);
        let mut sim = Sim::start(&drawing, seed);
        while sim.step() {
            if crashes && sim.dice.one_in(10) {
                sim.crash();
            }
        }
        sim.check();
        if sim.execution.status() == Status::Failed {
            let before = sim.outcomes();
            if crashes {
                sim.crash();
            }
            sim.healed = true;
            sim.begun.clear();
            sim.handle(Input::Retry);
            sim.commit_all();
            while sim.step() {
                if crashes && sim.dice.one_in(10) {
                    sim.crash();
                }
            }
            sim.check();
            prop_assert_eq!(sim.execution.status(), Status::Completed);
            for run in &sim.begun {
                prop_assert!(run.pure || !before.contains_key(run.path.as_str()), "{} ran again", run.path);
            }
        }
    }

    #[test]
    fn what_waits_for_the_world_waits_and_nothing_else_does(seed: u64, size in 1_usize..20) {
        let drawing = draw(seed, size, CALM);
        let mut sim = Sim::start(&drawing, seed);
        sim.silent = true;
        sim.run();
        sim.check();
        sim.silent = false;
        sim.run();
        sim.check();
        prop_assert_eq!(sim.execution.status(), Status::Completed);
    }
}
