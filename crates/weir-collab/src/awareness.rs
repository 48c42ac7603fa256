//! What clients tell of themselves: the latest of each, and nothing of it is kept.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::de::IgnoredAny;
use tokio::time::Instant;

use crate::limits::{MAX_CLIENTS, MAX_PRESENCE, MAX_PRESENCES};
use crate::reader::{Malformed, Reader, write_bytes, write_number};

/// Clients tell of themselves every 15 seconds; who is not heard of for so long at another process is gone.
const SILENT: Duration = Duration::from_secs(45);

/// Who tells of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Teller {
    /// A member of this room.
    Member(u64),
    /// Another process.
    Elsewhere,
}

#[derive(Debug)]
struct Presence {
    clock: u32,
    /// JSON; nothing once the client is gone.
    state: Option<Arc<str>>,
    teller: Teller,
    heard: Instant,
}

/// What is known of the clients of a room.
#[derive(Debug, Default)]
pub(crate) struct Presences {
    clients: HashMap<u64, Presence>,
    bytes: usize,
    news: HashSet<u64>,
}

/// What changed since the last time.
pub(crate) struct News {
    /// For the members.
    pub(crate) all: Vec<u8>,
    /// For other processes: what they do not know from others.
    pub(crate) ours: Option<Vec<u8>>,
}

impl Presences {
    /// Takes an update of the awareness protocol; answers whether anything is new.
    pub(crate) fn receive(&mut self, update: &[u8], teller: Teller, now: Instant) -> Result<bool, Malformed> {
        let mut reader = Reader(update);
        let mut new = false;
        for _ in 0..reader.count()? {
            let client = reader.number()?;
            let clock = u32::try_from(reader.number()?).map_err(|_| Malformed("a clock is too large"))?;
            let state = reader.text()?;
            if serde_json::from_str::<IgnoredAny>(state).is_err() {
                return Err(Malformed("the state of a client is not JSON"));
            }
            let state = (state != "null").then_some(state);
            new |= self.set(client, clock, state, teller, now);
        }
        Ok(new)
    }

    /// Takes what this process tells of a member without Yjs.
    pub(crate) fn tell(&mut self, member: u64, state: &str, now: Instant) -> bool {
        let clock = self.clients.get(&member).map_or(1, |known| known.clock.saturating_add(1));
        self.set(member, clock, Some(state), Teller::Member(member), now)
    }

    /// A client of which a member tells is gone with it.
    pub(crate) fn leave(&mut self, member: u64, now: Instant) -> bool {
        self.end(now, |presence| presence.teller == Teller::Member(member))
    }

    /// Clients of other processes that were not heard of for long are gone.
    pub(crate) fn expire(&mut self, now: Instant) -> bool {
        self.clients.retain(|_, known| known.state.is_some() || now - known.heard < SILENT);
        self.end(now, |known| known.teller == Teller::Elsewhere && now - known.heard >= SILENT)
    }

    /// What changed since this was last asked.
    pub(crate) fn news(&mut self) -> Option<News> {
        if self.news.is_empty() {
            return None;
        }
        let news = std::mem::take(&mut self.news);
        let ours: Vec<_> = news.iter().copied().filter(|client| self.is_ours(*client)).collect();
        let ours = (!ours.is_empty()).then(|| self.encode(ours.into_iter()));
        Some(News { all: self.encode(news.into_iter()), ours })
    }

    /// Everything that is known of clients that are there.
    pub(crate) fn all(&self) -> Option<Vec<u8>> {
        self.encode_if(|_| true)
    }

    /// What is known of this process' clients.
    pub(crate) fn ours(&self) -> Option<Vec<u8>> {
        self.encode_if(|presence| matches!(presence.teller, Teller::Member(_)))
    }

    fn set(&mut self, client: u64, clock: u32, state: Option<&str>, teller: Teller, now: Instant) -> bool {
        let known = self.clients.get(&client);
        if let Some(known) = known {
            // Clients say again what they have heard of others; only who speaks for a client may end it that way.
            let ends = clock == known.clock && state.is_none() && known.state.is_some() && known.teller == teller;
            if clock <= known.clock && !ends {
                return false;
            }
        } else if state.is_none() || (self.clients.len() >= MAX_CLIENTS && !self.forget_one_gone()) {
            return false;
        }
        let before = self.clients.get(&client).and_then(|known| known.state.as_ref()).map_or(0, |state| state.len());
        let after = state.map_or(0, str::len);
        if after > MAX_PRESENCE || self.bytes - before + after > MAX_PRESENCES {
            return false;
        }
        self.bytes = self.bytes - before + after;
        self.clients.insert(client, Presence { clock, state: state.map(Arc::from), teller, heard: now });
        self.news.insert(client);
        true
    }

    fn forget_one_gone(&mut self) -> bool {
        let gone = self.clients.iter().find(|(_, presence)| presence.state.is_none()).map(|(client, _)| *client);
        gone.is_some_and(|client| self.clients.remove(&client).is_some())
    }

    fn end(&mut self, now: Instant, ends: impl Fn(&Presence) -> bool) -> bool {
        let mut ended = false;
        for (client, presence) in &mut self.clients {
            if presence.state.is_some() && ends(presence) {
                self.bytes -= presence.state.take().map_or(0, |state| state.len());
                presence.clock = presence.clock.saturating_add(1);
                presence.heard = now;
                self.news.insert(*client);
                ended = true;
            }
        }
        ended
    }

    fn is_ours(&self, client: u64) -> bool {
        self.clients.get(&client).is_some_and(|presence| matches!(presence.teller, Teller::Member(_)))
    }

    fn encode_if(&self, which: impl Fn(&Presence) -> bool) -> Option<Vec<u8>> {
        let there = self.clients.iter().filter(|(_, presence)| presence.state.is_some() && which(presence));
        let there: Vec<_> = there.map(|(client, _)| *client).collect();
        (!there.is_empty()).then(|| self.encode(there.into_iter()))
    }

    fn encode(&self, clients: impl ExactSizeIterator<Item = u64>) -> Vec<u8> {
        let mut update = Vec::new();
        let known: Vec<_> = clients.filter_map(|client| Some((client, self.clients.get(&client)?))).collect();
        write_number(&mut update, known.len() as u64);
        for (client, presence) in known {
            write_number(&mut update, client);
            write_number(&mut update, presence.clock.into());
            write_bytes(&mut update, presence.state.as_deref().unwrap_or("null").as_bytes());
        }
        update
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(client: u64, clock: u32, state: &str) -> Vec<u8> {
        let mut update = vec![1];
        write_number(&mut update, client);
        write_number(&mut update, clock.into());
        write_bytes(&mut update, state.as_bytes());
        update
    }

    #[test]
    fn the_latest_counts_and_what_others_repeat_does_not() {
        let (mut presences, now) = (Presences::default(), Instant::now());
        let (a, b) = (Teller::Member(1), Teller::Member(2));
        assert!(presences.receive(&update(7, 2, r#"{"x":1}"#), a, now).unwrap());
        assert!(!presences.receive(&update(7, 2, r#"{"x":1}"#), b, now).unwrap(), "an echo");
        assert!(!presences.receive(&update(7, 1, r#"{"x":0}"#), a, now).unwrap(), "too late");
        assert!(!presences.receive(&update(7, 2, "null"), b, now).unwrap(), "not theirs to end");
        assert_eq!(presences.news().unwrap().all, update(7, 2, r#"{"x":1}"#));
        assert!(presences.news().is_none());
        assert!(presences.leave(1, now));
        assert_eq!(presences.news().unwrap().ours.unwrap(), update(7, 3, "null"));
        assert!(!presences.receive(&update(7, 2, r#"{"x":1}"#), b, now).unwrap(), "a late echo");
        assert!(presences.all().is_none() && presences.bytes == 0);
    }

    #[test]
    fn what_is_too_large_or_no_json_is_not_taken() {
        let (mut presences, now, a) = (Presences::default(), Instant::now(), Teller::Member(1));
        let large = format!("\"{}\"", "x".repeat(MAX_PRESENCE));
        assert!(!presences.receive(&update(7, 1, &large), a, now).unwrap());
        assert!(presences.receive(&update(7, 1, "{"), a, now).is_err());
        for client in 0..2 * MAX_CLIENTS as u64 {
            presences.receive(&update(client, 1, "{}"), a, now).unwrap();
        }
        assert_eq!(presences.clients.len(), MAX_CLIENTS);
    }

    #[test]
    fn clients_of_a_process_that_died_are_gone_after_a_while() {
        let (mut presences, now) = (Presences::default(), Instant::now());
        presences.receive(&update(7, 1, "{}"), Teller::Elsewhere, now).unwrap();
        presences.receive(&update(8, 1, "{}"), Teller::Member(1), now).unwrap();
        assert!(presences.expire(now + SILENT));
        assert_eq!(presences.all().unwrap(), update(8, 1, "{}"));
    }
}
