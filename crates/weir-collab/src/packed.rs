//! Several Yjs updates in one value, one after the other. They are not merged: that would be work on what clients sent,
//! for nothing, since a snapshot merges them soon.

use bytes::{BufMut as _, Bytes, BytesMut};

/// Puts updates behind each other, each with its length in front.
pub(crate) fn pack<'a>(updates: impl IntoIterator<Item = &'a [u8]>) -> Bytes {
    let mut packed = BytesMut::new();
    for update in updates {
        // An update is far below the limit of a document, and that below 4 GiB.
        packed.put_u32(u32::try_from(update.len()).unwrap_or(u32::MAX));
        packed.put_slice(update);
    }
    packed.freeze()
}

/// The updates in a value; `None` if it is not one.
pub(crate) fn unpack(mut packed: &[u8]) -> Option<Vec<&[u8]>> {
    let mut updates = Vec::new();
    while let Some((length, rest)) = packed.split_first_chunk() {
        let (update, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        updates.push(update);
        packed = rest;
    }
    packed.is_empty().then_some(updates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_come_back_and_what_was_cut_off_is_refused() {
        let packed = pack([&b"one"[..], b"", b"three"]);
        assert_eq!(unpack(&packed), Some(vec![&b"one"[..], b"", b"three"]));
        assert_eq!(unpack(&packed[..packed.len() - 1]), None);
        assert_eq!(unpack(&packed[..packed.len() - 7]), None);
        assert_eq!(unpack(b""), Some(Vec::new()));
    }
}
