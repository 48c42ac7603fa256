//! What Yjs clients send: edits, each with the time it was made at, which is found again in what others are sent; and
//! who is there.

use yrs::{Doc, Map as _, MapRef, Transact as _};

/// Sync step 1 of one who has nothing: asks for the whole document.
pub(crate) const ASK_FOR_ALL: &[u8] = &[0, 0, 1, 0];

/// Sync step 2 of one who has nothing: the answer to the server's step 1.
pub(crate) const NOTHING_TO_TELL: &[u8] = &[0, 1, 2, 0, 0];

/// The kinds of frames: a part of the document, and who is there.
const SYNC: u8 = 0;
const AWARENESS: u8 = 1;

/// The kind of a part: what has changed.
const UPDATE: u8 = 2;

/// Where a stamp begins. Nothing else in the documents has it.
const MARK: u8 = b'~';

/// Hexadecimal digits of a stamp: the writer, the number, the time.
const DIGITS: [usize; 3] = [8, 8, 16];

/// Which edit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Counted over all documents.
    pub(crate) writer: u32,
    /// Of this writer's edits, counted from 1.
    pub(crate) number: u32,
    /// When it was made, in nanoseconds since whatever all agree on.
    pub(crate) nanos: u64,
}

/// One who edits a node of their own in a document they share.
#[derive(Debug)]
pub(crate) struct Writer {
    doc: Doc,
    nodes: MapRef,
    writer: u32,
    number: u32,
}

impl Writer {
    /// `writer` is no other's number.
    pub(crate) fn new(writer: u32) -> Self {
        let doc = Doc::with_client_id(u64::from(writer) + 1_000);
        let nodes = doc.get_or_insert_map("nodes");
        Self { doc, nodes, writer, number: 0 }
    }

    /// The frame of the next edit. The first one also makes the node.
    pub(crate) fn edit(&mut self, nanos: u64) -> (Stamp, Vec<u8>) {
        self.number += 1;
        let stamp = Stamp { writer: self.writer, number: self.number, nanos };
        let mut txn = self.doc.transact_mut();
        let id = format!("node_{}", self.writer);
        let node: MapRef = self.nodes.get_or_init(&mut txn, id);
        node.insert(&mut txn, "label", stamp.text());
        let update = txn.encode_update_v1();
        let mut frame = vec![SYNC, UPDATE];
        write_bytes(&mut frame, &update);
        (stamp, frame)
    }

    pub(crate) const fn writer(&self) -> u32 {
        self.writer
    }
}

/// Somebody with a cursor that moves.
#[derive(Debug)]
pub(crate) struct Presence {
    client: u64,
    moves: u64,
}

impl Presence {
    /// `member` is no other's number.
    pub(crate) const fn new(member: usize) -> Self {
        Self { client: member as u64 + 1_000, moves: 0 }
    }

    /// The frame that tells where the cursor is now.
    pub(crate) fn moved(&mut self) -> Vec<u8> {
        self.moves += 1;
        let x = self.moves * 7 % 1_000;
        let state = format!(r##"{{"user":{{"name":"Somebody","color":"#3366cc"}},"cursor":{{"x":{x},"y":100}}}}"##);
        let mut update = Vec::new();
        for number in [1, self.client, self.moves] {
            write_number(&mut update, number);
        }
        write_bytes(&mut update, state.as_bytes());
        let mut frame = vec![AWARENESS];
        write_bytes(&mut frame, &update);
        frame
    }
}

impl Stamp {
    fn text(self) -> String {
        format!("{}{:08x}{:08x}{:016x}", char::from(MARK), self.writer, self.number, self.nanos)
    }

    /// All stamps in a frame.
    pub(crate) fn find(frame: &[u8]) -> impl Iterator<Item = Self> {
        let starts = frame.iter().enumerate().filter(|(_, byte)| **byte == MARK);
        starts.filter_map(|(start, _)| Self::read(&frame[start + 1..]))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = std::str::from_utf8(bytes.get(..DIGITS.iter().sum())?).ok()?;
        let [writer, number, nanos] = DIGITS.map(|digits| {
            let (field, others) = rest.split_at(digits);
            rest = others;
            u64::from_str_radix(field, 16)
        });
        Some(Self { writer: writer.ok()?.try_into().ok()?, number: number.ok()?.try_into().ok()?, nanos: nanos.ok()? })
    }
}

fn write_bytes(frame: &mut Vec<u8>, bytes: &[u8]) {
    write_number(frame, bytes.len() as u64);
    frame.extend(bytes);
}

/// Seven bits a byte, the lowest first.
fn write_number(frame: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        frame.push(number as u8 | 0x80);
        number >>= 7;
    }
    frame.push(number as u8);
}

#[cfg(test)]
mod tests {
    use yrs::Update;
    use yrs::updates::decoder::Decode as _;

    use super::*;

    #[test]
    fn stamps_are_found_in_updates_that_others_can_read() {
        let mut writer = Writer::new(7);
        let reader = Doc::new();
        let nodes = reader.get_or_insert_map("nodes");
        for nanos in [5, u64::MAX] {
            let (stamp, frame) = writer.edit(nanos);
            assert_eq!(Stamp::find(&frame).collect::<Vec<_>>(), [stamp]);
            assert_eq!(frame[..2], [0, 2]);
            assert_eq!(usize::from(frame[2]), frame.len() - 3);
            let update = Update::decode_v1(&frame[3..]).unwrap();
            reader.transact_mut().apply_update(update).unwrap();
            let txn = reader.transact();
            let node = nodes.get(&txn, "node_7").unwrap().cast::<MapRef>().unwrap();
            assert_eq!(node.get(&txn, "label").unwrap().to_string(&txn), stamp.text());
        }
    }
}
