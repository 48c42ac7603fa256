//! Who follows events: so many streams at once for one actor, and none for longer than a right may have ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;
use weir_base::Actor;

use crate::problem::{Problem, codes};

/// After so long a stream ends, and whoever still may comes back with the id of the last event they got.
pub(crate) const LONGEST_STREAM: Duration = Duration::from_secs(15 * 60);

/// Streams of one person, or of one key, at the same time in this process.
const AT_ONCE: usize = 16;

/// A refused listener may try again after so many seconds.
const PATIENCE: u64 = 30;

/// How many streams each actor has open. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Listeners(Arc<Mutex<HashMap<Uuid, usize>>>);

/// A place among the listeners, given back when dropped.
pub(crate) struct Place {
    listeners: Listeners,
    actor: Option<Uuid>,
}

impl Listeners {
    /// A place for one more stream. Whoever runs the process is not counted.
    pub(crate) fn join(&self, actor: Actor) -> Result<Place, Problem> {
        let actor = match actor {
            Actor::User { user, .. } => Some(user.as_uuid()),
            Actor::ApiKey { key, .. } => Some(key.as_uuid()),
            Actor::Trigger(_) | Actor::Operator | Actor::Anonymous => None,
        };
        if let Some(actor) = actor {
            let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let streams = open.entry(actor).or_default();
            if *streams >= AT_ONCE {
                let detail = format!("at most {AT_ONCE} event streams may be open at once; close one of them");
                return Err(Problem::new(codes::RATE_LIMITED, detail).retry_after(PATIENCE));
            }
            *streams += 1;
        }
        Ok(Place { listeners: self.clone(), actor })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(actor) = self.actor else { return };
        let mut open = self.listeners.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(streams) = open.get_mut(&actor) {
            *streams -= 1;
            if *streams == 0 {
                open.remove(&actor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_base::{SessionId, UserId};

    use super::*;

    #[test]
    fn one_person_has_so_many_streams_and_gets_another_when_one_is_closed() {
        let listeners = Listeners::default();
        let user = UserId::new();
        let in_some_session = || Actor::User { user, session: SessionId::new() };
        let mut places: Vec<_> = (0..AT_ONCE).map(|_| listeners.join(in_some_session()).ok().unwrap()).collect();
        assert!(listeners.join(in_some_session()).is_err());
        assert!(listeners.join(Actor::User { user: UserId::new(), session: SessionId::new() }).is_ok());
        places.pop();
        places.push(listeners.join(in_some_session()).ok().unwrap());
        drop(places);
        assert!(listeners.0.lock().unwrap().is_empty(), "nobody is remembered who has gone");
    }
}
