//! Rules about each level as a graph: no way back, every node reachable; and which nodes come before which.

use super::codes::{CYCLE, NODE_UNREACHABLE};
use super::subject::{Level, Subject};
use crate::node_type::Role;
use crate::problem::Problem;

/// Cycles told one by one; a tangle of edges has more of them than anybody reads.
const MAX_CYCLES: usize = 20;

pub(super) fn check(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    cycles(subject, problems);
    reachability(subject, problems);
}

fn cycles(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    let mut gone: Vec<bool> = vec![false; subject.nodes.len()];
    for _ in 0..MAX_CYCLES {
        trim(&subject.preceding, &subject.following, &mut gone);
        trim(&subject.following, &subject.preceding, &mut gone);
        let Some(first) = gone.iter().position(|gone| !gone) else { return };
        // Every node left has another one left before it: walking backwards must come around.
        let mut walk = vec![first];
        let mut step_of = vec![usize::MAX; subject.nodes.len()];
        step_of[first] = 0;
        let cycle = loop {
            let here = walk[walk.len() - 1];
            let Some(&before) = subject.preceding[here].iter().find(|before| !gone[**before]) else { return };
            if step_of[before] != usize::MAX {
                break walk.split_off(step_of[before]);
            }
            step_of[before] = walk.len();
            walk.push(before);
        };
        let mut names: Vec<&str> = cycle.iter().rev().map(|index| subject.nodes[*index].node.id.as_str()).collect();
        let least = (0..names.len()).min_by_key(|index| names[*index]).unwrap_or(0);
        names.rotate_left(least);
        names.push(names[0]);
        let Some(&view) = subject.by_id.get(names[0]) else { return };
        let view = &subject.nodes[view];
        problems.push(view.blame(CYCLE.at(
            &view.at,
            format!("the edges form a cycle: {}", names.join(" -> ")),
            "remove one of these edges; to repeat the nodes, put them into a `loop`",
        )));
        for index in cycle {
            gone[index] = true;
        }
    }
}

/// Takes away the nodes that nothing comes before, again and again.
fn trim(before: &[Vec<usize>], after: &[Vec<usize>], gone: &mut [bool]) {
    let mut waits_for: Vec<usize> =
        before.iter().map(|before| before.iter().filter(|index| !gone[**index]).count()).collect();
    let mut free: Vec<usize> = (0..gone.len()).filter(|index| !gone[*index] && waits_for[*index] == 0).collect();
    while let Some(index) = free.pop() {
        gone[index] = true;
        for &next in &after[index] {
            if !gone[next] {
                waits_for[next] -= 1;
                if waits_for[next] == 0 {
                    free.push(next);
                }
            }
        }
    }
}

fn reachability(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    let count = subject.nodes.len();
    let mut begins_at_start = vec![false; count + 1];
    // The outermost level stands behind the containers' own.
    let slot = |level: Level| match level {
        Level::Outermost => Some(count),
        Level::Inside(container) => Some(container),
        Level::Lost => None,
    };
    for view in &subject.nodes {
        if view.role() == Some(Role::Start)
            && let Some(slot) = slot(view.level)
        {
            begins_at_start[slot] = true;
        }
    }
    let begins = |index: usize| match slot(subject.nodes[index].level) {
        None => true,
        // Without a start the outermost level has a problem of its own, and everything would be unreachable.
        Some(slot) if slot == count && !begins_at_start[slot] => true,
        Some(slot) if begins_at_start[slot] => subject.nodes[index].role() == Some(Role::Start),
        // A cycle has no node to begin at either, and is told as a cycle.
        Some(_) => subject.preceding[index].is_empty(),
    };
    let mut reached: Vec<bool> = (0..count).map(begins).collect();
    let mut next: Vec<usize> = (0..count).filter(|index| reached[*index]).collect();
    while let Some(index) = next.pop() {
        for &target in &subject.following[index] {
            if !std::mem::replace(&mut reached[target], true) {
                next.push(target);
            }
        }
    }
    for (index, view) in subject.nodes.iter().enumerate() {
        if !reached[index] && !subject.is_compensation(index) {
            problems.push(view.blame(NODE_UNREACHABLE.at(
                &view.at,
                format!("no way leads to `{}`: it never runs", view.node.id),
                "add an edge to it, or remove it",
            )));
        }
    }
}

/// For every node, the nodes of its level that finish before it starts.
pub(super) struct Before {
    /// A row of bits a node.
    rows: Vec<Option<Vec<u64>>>,
}

impl Before {
    pub(super) fn new(subject: &Subject<'_>) -> Self {
        let count = subject.nodes.len();
        let words = count.div_ceil(64);
        let mut waits_for: Vec<usize> = subject.preceding.iter().map(Vec::len).collect();
        let mut free: Vec<usize> = (0..count).filter(|index| waits_for[*index] == 0).collect();
        let mut rows: Vec<Option<Vec<u64>>> = vec![None; count];
        while let Some(index) = free.pop() {
            let mut row = vec![0; words];
            for &before in &subject.preceding[index] {
                row[before / 64] |= 1 << (before % 64);
                for (bits, more) in row.iter_mut().zip(rows[before].iter().flatten()) {
                    *bits |= more;
                }
            }
            rows[index] = Some(row);
            for &next in &subject.following[index] {
                waits_for[next] -= 1;
                if waits_for[next] == 0 {
                    free.push(next);
                }
            }
        }
        Self { rows }
    }

    /// Whether `earlier` comes before `node`; `true` in and behind a cycle, where there is no telling.
    pub(super) fn comes_before(&self, earlier: usize, node: usize) -> bool {
        self.rows[node].as_ref().is_none_or(|row| row[earlier / 64] & (1 << (earlier % 64)) != 0)
    }
}
