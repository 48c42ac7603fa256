//! The port to the other processes that have the same documents open.

mod redis;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::future::BoxFuture;
use weir_base::WorkflowId;

pub use self::redis::RedisFanout;

/// What processes tell each other, as fast as it goes. It may lose anything: the log has all that matters.
pub trait Fanout: Send + Sync + 'static {
    /// Tells the other processes. Never waits; what there is no room for is lost.
    fn tell(&self, workflow: WorkflowId, message: Bytes);

    /// Begins to hear of a workflow.
    fn watch(&self, workflow: WorkflowId);

    /// Hears of it no more.
    fn unwatch(&self, workflow: WorkflowId);

    /// What comes next, from others or from this process; `None` when it is closed. Called by one who listens.
    fn hear(&self) -> BoxFuture<'_, Option<Heard>>;
}

/// What comes from the other processes.
#[derive(Debug, Clone)]
pub enum Heard {
    /// A process told something.
    Message {
        /// Of which workflow.
        workflow: WorkflowId,
        /// What it told.
        message: Bytes,
    },
    /// Something may have been lost: of one workflow that is watched only from now on, or of all.
    Gap(Option<WorkflowId>),
}

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told<'a> {
    /// A row was appended to the log; a large one is to be read there.
    Row { seq: u64, packed: Option<&'a [u8]> },
    /// What changed of the clients of a process.
    Presence(&'a [u8]),
    /// A process wants to know the clients of the others.
    PresenceWanted,
}

impl Told<'_> {
    /// The message of a process.
    pub(crate) fn write(self, origin: u64) -> Bytes {
        let mut message = BytesMut::new();
        message.put_u64(origin);
        match self {
            Self::Row { seq, packed } => {
                message.put_u8(if packed.is_some() { 0 } else { 1 });
                message.put_u64(seq);
                message.put_slice(packed.unwrap_or_default());
            }
            Self::Presence(update) => {
                message.put_u8(2);
                message.put_slice(update);
            }
            Self::PresenceWanted => message.put_u8(3),
        }
        message.freeze()
    }
}

impl<'a> Told<'a> {
    /// Which process told what; nothing if it cannot be read, as of a newer version.
    pub(crate) fn read(message: &'a [u8]) -> Option<(u64, Self)> {
        let (origin, rest) = message.split_first_chunk()?;
        let (kind, rest) = rest.split_first()?;
        let told = match kind {
            0 | 1 => {
                let (seq, packed) = rest.split_first_chunk()?;
                Self::Row { seq: u64::from_be_bytes(*seq), packed: Some(packed).filter(|_| *kind == 0) }
            }
            2 => Self::Presence(rest),
            3 => Self::PresenceWanted,
            _ => return None,
        };
        Some((u64::from_be_bytes(*origin), told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_is_heard() {
        let row = Told::Row { seq: 7, packed: Some(b"packed") };
        for told in [row, Told::Row { seq: 7, packed: None }, Told::Presence(b"who"), Told::PresenceWanted] {
            assert_eq!(Told::read(&told.write(5)), Some((5, told)));
        }
        assert_eq!(Told::read(b"short"), None);
    }
}
