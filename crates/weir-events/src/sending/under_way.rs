//! What a process is sending right now, and who may have more sent: no workspace and no receiver takes every place.

use std::collections::{HashMap, HashSet};

use rand::seq::SliceRandom as _;
use tokio::task::{Id, JoinError, JoinSet};
use uuid::Uuid;
use weir_base::WorkspaceId;

/// Deliveries that a process tries at the same time.
const AT_ONCE: usize = 64;

/// Of these, those of one workspace.
const AT_ONCE_IN_WORKSPACE: usize = 16;

/// Deliveries to one receiver at the same time, by all processes.
const AT_ONCE_EACH: usize = 4;

/// So many receivers are remembered for having failed; to forget one costs no more than a few tries at once.
const FAILING: usize = 10_000;

/// A receiver to which something may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Due {
    pub(crate) workspace: WorkspaceId,
    pub(crate) receiver: Uuid,
}

/// A receiver, and how many deliveries to it may be under way in all processes together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) receiver: Uuid,
    pub(crate) most: usize,
}

/// What is being sent; dropping it breaks it off.
#[derive(Default)]
pub(crate) struct UnderWay {
    /// Each answers whether the delivery arrived.
    tries: JoinSet<bool>,
    to: HashMap<Id, Due>,
    /// The last try did not arrive.
    failing: HashSet<Uuid>,
}

impl UnderWay {
    /// Whose turn it is: of the workspace that has the least under way, one receiver after the other. A receiver
    /// whose last delivery failed gets one at a time.
    pub(crate) fn turns(&self, mut due: Vec<Due>) -> Vec<Turn> {
        // Whoever was left out this time is not always left out.
        due.shuffle(&mut rand::rng());
        let mut waiting: HashMap<WorkspaceId, Vec<Due>> = HashMap::new();
        for each in due {
            waiting.entry(each.workspace).or_default().push(each);
        }
        let taken = |workspace| self.to.values().filter(|to| to.workspace == workspace).count();
        let mut workspaces: Vec<_> = waiting.into_iter().map(|(workspace, due)| (taken(workspace), due)).collect();
        let mut free = AT_ONCE.saturating_sub(self.to.len());
        let mut turns = Vec::new();
        while free > 0 {
            workspaces.retain(|(taken, due)| *taken < AT_ONCE_IN_WORKSPACE && !due.is_empty());
            let Some((taken, due)) = workspaces.iter_mut().min_by_key(|(taken, _)| *taken) else { break };
            let Some(Due { receiver, .. }) = due.pop() else { break };
            let now = self.to.values().filter(|to| to.receiver == receiver).count();
            let most = if self.failing.contains(&receiver) { 1 } else { AT_ONCE_EACH };
            let more = most.saturating_sub(now).min(AT_ONCE_IN_WORKSPACE - *taken).min(free);
            if more > 0 {
                turns.push(Turn { receiver, most: now + more });
                *taken += more;
                free -= more;
            }
        }
        turns
    }

    /// Begins a try, which answers whether the delivery arrived.
    pub(crate) fn begin(&mut self, to: Due, attempt: impl Future<Output = bool> + Send + 'static) {
        let handle = self.tries.spawn(attempt);
        self.to.insert(handle.id(), to);
    }

    /// Waits until a try ends; at once with `false` when there is none.
    pub(crate) async fn ended(&mut self) -> bool {
        let ended = self.tries.join_next_with_id().await;
        ended.map(|ended| self.note(ended)).is_some()
    }

    /// Notes the tries that have ended by now.
    pub(crate) fn note_ended(&mut self) {
        while let Some(ended) = self.tries.try_join_next_with_id() {
            self.note(ended);
        }
    }

    fn note(&mut self, ended: Result<(Id, bool), JoinError>) {
        let (id, arrived) = ended.unwrap_or_else(|error| {
            // It was claimed, and is tried again when the claim runs out.
            tracing::error!(%error, "a delivery broke off");
            (error.id(), false)
        });
        let Some(Due { receiver, .. }) = self.to.remove(&id) else { return };
        if arrived {
            self.failing.remove(&receiver);
        } else {
            if self.failing.len() >= FAILING {
                self.failing.clear();
            }
            self.failing.insert(receiver);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn due(workspace: WorkspaceId, receivers: usize) -> Vec<Due> {
        (0..receivers).map(|_| Due { workspace, receiver: Uuid::now_v7() }).collect()
    }

    fn in_all(turns: &[Turn]) -> usize {
        turns.iter().map(|turn| turn.most).sum()
    }

    #[tokio::test]
    async fn a_workspace_with_many_receivers_leaves_room_for_the_others() {
        let mut under_way = UnderWay::default();
        let many = due(WorkspaceId::new(), 500);
        let turns = under_way.turns(many.clone());
        assert_eq!(in_all(&turns), AT_ONCE_IN_WORKSPACE);
        for turn in turns {
            let to = Due { receiver: turn.receiver, ..many[0] };
            (0..turn.most).for_each(|_| under_way.begin(to, pending()));
        }
        let few = due(WorkspaceId::new(), 1);
        let turns = under_way.turns([many, few.clone()].concat());
        assert_eq!(turns.iter().map(|turn| turn.receiver).collect::<Vec<_>>(), [few[0].receiver]);
        assert_eq!(in_all(&turns), AT_ONCE_EACH);
    }

    #[tokio::test]
    async fn workspaces_share_what_is_free_evenly() {
        let workspaces: Vec<_> = (0..8).map(|_| due(WorkspaceId::new(), 50)).collect();
        let turns = UnderWay::default().turns(workspaces.concat());
        assert_eq!(in_all(&turns), AT_ONCE);
        for workspace in &workspaces {
            let mine = |turn: &&Turn| workspace.iter().any(|due| due.receiver == turn.receiver);
            assert_eq!(turns.iter().filter(mine).map(|turn| turn.most).sum::<usize>(), AT_ONCE / 8);
        }
    }

    #[tokio::test]
    async fn a_receiver_that_failed_gets_one_at_a_time_until_one_arrives() {
        let mut under_way = UnderWay::default();
        let due = due(WorkspaceId::new(), 1);
        for (arrives, most) in [(true, AT_ONCE_EACH), (false, 1), (true, AT_ONCE_EACH)] {
            under_way.begin(due[0], async move { arrives });
            assert!(under_way.ended().await);
            assert_eq!(in_all(&under_way.turns(due.clone())), most);
        }
        under_way.begin(due[0], async { false });
        under_way.ended().await;
        under_way.begin(due[0], pending());
        assert!(under_way.turns(due).is_empty(), "its one try is under way");
    }
}
