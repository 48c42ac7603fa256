//! What an update of a client is, before the CRDT reads it: that allocates what a length says, reads nested values
//! recursively, and calculates with clocks unchecked.

use std::collections::HashMap;

use crate::limits::MAX_VALUE_DEPTH;
use crate::reader::{MAX_CLOCK, Malformed, Reader};

/// What is known of an update that may be read.
#[derive(Debug, Default)]
pub(crate) struct Screened {
    /// For each client of which there are edits: the clock before the first and after the last.
    pub(crate) edits: HashMap<u64, (u32, u32)>,
    /// For each client whose edits are built upon: the clock after the last of them.
    pub(crate) needs: HashMap<u64, u32>,
    /// For each client whose edits are removed: the clock after the last of them.
    pub(crate) removes: HashMap<u64, u32>,
    /// The maps, arrays and texts that are made.
    pub(crate) types: usize,
    /// Whether it has nothing in it.
    pub(crate) is_empty: bool,
}

const HAS_ORIGIN: u8 = 0x80;
const HAS_RIGHT_ORIGIN: u8 = 0x40;
const HAS_PARENT_SUB: u8 = 0x20;

/// Reads through an update in Yjs' first encoding.
pub(crate) fn screen(update: &[u8]) -> Result<Screened, Malformed> {
    let mut reader = Reader(update);
    let mut screened = Screened { is_empty: true, ..Screened::default() };
    for _ in 0..reader.count()? {
        let blocks = reader.count()?;
        let client = reader.number()?;
        let first = reader.clock()?;
        let mut clock = first;
        for _ in 0..blocks {
            clock = clock.saturating_add(block(&mut reader, &mut screened)?);
            if clock > MAX_CLOCK {
                return Err(Malformed("a clock is too large"));
            }
        }
        if screened.edits.insert(client, (first, clock)).is_some() {
            return Err(Malformed("a client is named twice"));
        }
        screened.is_empty &= blocks == 0;
    }
    for _ in 0..reader.count()? {
        let client = reader.number()?;
        for _ in 0..reader.count()? {
            let end = reader.clock()?.saturating_add(reader.clock()?);
            if end > MAX_CLOCK {
                return Err(Malformed("a clock is too large"));
            }
            latest(&mut screened.removes, client, end);
        }
    }
    screened.is_empty &= screened.removes.is_empty();
    if reader.is_empty() { Ok(screened) } else { Err(Malformed("something follows the update")) }
}

/// One edit; how many clocks it takes.
fn block(reader: &mut Reader<'_>, screened: &mut Screened) -> Result<u32, Malformed> {
    let info = reader.byte()?;
    if info == 0 || info == 10 {
        return match reader.clock()? {
            0 => Err(Malformed("an edit has no length")),
            length => Ok(length),
        };
    }
    for flag in [HAS_ORIGIN, HAS_RIGHT_ORIGIN] {
        if info & flag != 0 {
            need(reader, screened)?;
        }
    }
    if info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN) == 0 {
        if reader.number()? == 1 {
            reader.text()?;
        } else {
            need(reader, screened)?;
        }
        if info & HAS_PARENT_SUB != 0 {
            reader.text()?;
        }
    }
    match info & 0x0f {
        1 => reader.clock(),
        3 => reader.bytes().map(|_| 1),
        4 => {
            let units: usize = reader.text()?.chars().map(char::len_utf16).sum();
            Ok(u32::try_from(units).unwrap_or(u32::MAX))
        }
        5 => json(reader).map(|()| 1),
        6 => {
            reader.text()?;
            json(reader).map(|()| 1)
        }
        7 => {
            screened.types += 1;
            // Arrays, maps and texts; a workflow is made of nothing else.
            if reader.byte()? <= 2 { Ok(1) } else { Err(Malformed("a shared type is not an array, map or text")) }
        }
        8 => {
            let values = reader.count()?;
            for _ in 0..values {
                value(reader, MAX_VALUE_DEPTH)?;
            }
            Ok(u32::try_from(values).unwrap_or(u32::MAX))
        }
        _ => Err(Malformed("an edit is of an unknown sort")),
    }
}

fn need(reader: &mut Reader<'_>, screened: &mut Screened) -> Result<(), Malformed> {
    let client = reader.number()?;
    let clock = reader.clock()?;
    latest(&mut screened.needs, client, clock + 1);
    Ok(())
}

fn latest(clocks: &mut HashMap<u64, u32>, client: u64, clock: u32) {
    let known = clocks.entry(client).or_default();
    *known = clock.max(*known);
}

/// The CRDT reads it with a parser that has a limit of its own.
fn json(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    reader.text().map(drop)
}

fn value(reader: &mut Reader<'_>, depth: usize) -> Result<(), Malformed> {
    let deeper = depth.checked_sub(1).ok_or(Malformed("a value is nested too deep"))?;
    match reader.byte()? {
        120 | 121 | 126 | 127 => Ok(()),
        125 => reader.signed(),
        124 => reader.take(4).map(drop),
        122 | 123 => reader.take(8).map(drop),
        119 => reader.text().map(drop),
        118 => {
            for _ in 0..reader.count()? {
                reader.text()?;
                value(reader, deeper)?;
            }
            Ok(())
        }
        117 => (0..reader.count()?).try_for_each(|_| value(reader, deeper)),
        116 => reader.bytes().map(drop),
        _ => Err(Malformed("a value is of an unknown sort")),
    }
}

#[cfg(test)]
mod tests {
    use yrs::{Any, Array as _, ArrayPrelim, Doc, Map as _, MapPrelim, Text as _, TextPrelim, Transact as _};

    use super::*;

    #[test]
    fn what_a_client_makes_passes_and_says_what_it_builds_upon() {
        let doc = Doc::with_client_id(7);
        let map = doc.get_or_insert_map("nodes");
        let mut txn = doc.transact_mut();
        let inner = map.insert(&mut txn, "a", MapPrelim::default());
        inner.insert(&mut txn, "any", Any::from_json(r#"{"x": [1, 2.5, null, true, "ä", 9007199254740993]}"#).unwrap());
        let text = inner.insert(&mut txn, "code", TextPrelim::new("heLLo 🦀"));
        let array = inner.insert(&mut txn, "list", ArrayPrelim::default());
        array.push_back(&mut txn, 1);
        text.remove_range(&mut txn, 0, 2);
        let screened = screen(&txn.encode_update_v1()).unwrap();
        drop(txn);
        let end = yrs::ReadTxn::state_vector(&doc.transact()).get(&yrs::ClientID::new(7));
        assert_eq!(screened.edits, HashMap::from([(7, (0, end))]));
        assert_eq!(screened.types, 3);
        assert!(screened.removes.contains_key(&7) && screened.needs[&7] < end);
    }

    #[test]
    fn what_would_hurt_is_refused() {
        let deep = |levels: usize| {
            let mut update = vec![1, 1, 7, 0, 8, 1, 1, b'm', 1];
            update.extend([117, 1].repeat(levels));
            update.extend([126, 0]);
            update
        };
        assert!(screen(&deep(100)).is_ok());
        assert_eq!(screen(&deep(10_000)).unwrap_err(), Malformed("a value is nested too deep"));
        for hostile in [
            &[0xff, 0xff, 0xff, 0x7a][..],
            &[1, 0xff, 0xff, 0xff, 0x7a, 7, 0],
            &[1, 1, 7, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 1, 0],
            &[1, 1, 7, 0, 0x27, 1, 1, b'm', 1, b'k', 3, 0],
            &[1, 1, 7, 0, 0x29, 1, 1, b'm', 1, b'k', 0],
            &[0, 0, 1],
            &[],
        ] {
            assert!(screen(hostile).is_err(), "{hostile:?}");
        }
        assert!(screen(&[0, 0]).unwrap().is_empty);
    }
}
