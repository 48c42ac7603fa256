//! The frames of the y-websocket protocol.

use bytes::Bytes;
use yrs::StateVector;
use yrs::updates::decoder::Decode as _;
use yrs::updates::encoder::Encode as _;

use crate::limits::MAX_STATE_VECTOR;
use crate::reader::{Malformed, Reader, write_bytes, write_number};

const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const QUERY_AWARENESS: u64 = 3;

/// Ours: so many of a connection's frames with edits are durable.
const SAVED: u64 = 120;

/// A message of a client.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    /// What the client has; it wants the rest.
    Step1(StateVector),
    /// What the client has and the server had not.
    Step2(&'a [u8]),
    /// An edit.
    Update(&'a [u8]),
    Awareness(&'a [u8]),
    QueryAwareness,
}

/// The next message of a frame. What comes after one that is not known cannot be read, and is passed over.
pub(crate) fn read<'a>(reader: &mut Reader<'a>) -> Result<Option<Message<'a>>, Malformed> {
    if reader.is_empty() {
        return Ok(None);
    }
    Ok(Some(match reader.number()? {
        SYNC => {
            let step = reader.number()?;
            let bytes = reader.bytes()?;
            match step {
                0 => Message::Step1(state_vector(bytes)?),
                1 => Message::Step2(bytes),
                2 => Message::Update(bytes),
                _ => return Err(Malformed("a sync message is of an unknown sort")),
            }
        }
        AWARENESS => Message::Awareness(reader.bytes()?),
        QUERY_AWARENESS => Message::QueryAwareness,
        _ => return Ok(None),
    }))
}

fn state_vector(bytes: &[u8]) -> Result<StateVector, Malformed> {
    if bytes.len() > MAX_STATE_VECTOR {
        return Err(Malformed("a state vector is too large"));
    }
    let mut reader = Reader(bytes);
    for _ in 0..reader.count()? {
        reader.number()?;
        reader.clock()?;
    }
    StateVector::decode_v1(bytes).map_err(|_| Malformed("a state vector cannot be read"))
}

fn message(kind: u64, step: Option<u64>, bytes: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(bytes.len() + 8);
    write_number(&mut frame, kind);
    if let Some(step) = step {
        write_number(&mut frame, step);
    }
    write_bytes(&mut frame, bytes);
    frame.into()
}

/// What the server has; it wants the rest.
pub(crate) fn step1(state: &StateVector) -> Bytes {
    message(SYNC, Some(0), &state.encode_v1())
}

/// The answer to a client's step 1.
pub(crate) fn step2(update: &[u8]) -> Bytes {
    message(SYNC, Some(1), update)
}

pub(crate) fn update(update: &[u8]) -> Bytes {
    message(SYNC, Some(2), update)
}

pub(crate) fn awareness(update: &[u8]) -> Bytes {
    message(AWARENESS, None, update)
}

/// That an edit was not taken.
pub(crate) fn denied(reason: &str) -> Bytes {
    message(AUTH, Some(0), reason.as_bytes())
}

pub(crate) fn saved(frames: u64) -> Bytes {
    let mut frame = Vec::new();
    write_number(&mut frame, SAVED);
    write_number(&mut frame, frames);
    frame.into()
}
