//! Frames of any bytes, against seeds and generated input: the fuzz target's claim without a fuzzer.

#[expect(clippy::expect_used, reason = "a claim stops at the first surprise")]
#[path = "../../../../fuzz/claims/collab_frame.rs"]
mod collab_frame;

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use yrs::sync::{Message, SyncMessage};
use yrs::updates::encoder::Encode as _;
use yrs::{Array as _, ArrayPrelim, Doc, Map as _, MapPrelim, Text as _, TextPrelim, Transact as _, WriteTxn as _};

fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/collab_frame");
    std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

fn framed(frames: &[Vec<u8>]) -> Vec<u8> {
    frames.iter().flat_map(|frame| [&u16::try_from(frame.len()).unwrap().to_be_bytes()[..], frame].concat()).collect()
}

/// What a good client sends in a while: all sorts of edits, some removed again.
fn good() -> Vec<Vec<u8>> {
    let doc = Doc::with_client_id(77);
    let mut frames = vec![vec![0, 0, 1, 0], vec![3], vec![1, 6, 1, 9, 1, 2, b'{', b'}']];
    for round in 0..6 {
        let mut txn = doc.transact_mut();
        let nodes = txn.get_or_insert_map("nodes");
        let node = nodes.insert(&mut txn, format!("n{}", round % 3), MapPrelim::from([("type", "set")]));
        let data = node.insert(&mut txn, "data", MapPrelim::default());
        let code = data.insert(&mut txn, "code", TextPrelim::new("return 🦀"));
        code.insert(&mut txn, 3, "x");
        code.remove_range(&mut txn, 0, 2);
        let list = data.insert(&mut txn, "list", ArrayPrelim::from([1, 2, 3]));
        list.remove(&mut txn, 1);
        if round == 4 {
            nodes.remove(&mut txn, "n0");
        }
        frames.push(Message::Sync(SyncMessage::Update(txn.encode_update_v1())).encode_v1());
    }
    frames.push(br#"{"type": "connect", "id": 1}"#.to_vec());
    let operations = [
        r#""operation": "add_node", "payload": {"node": {"id": "m", "type": "set"}}"#,
        r#""operation": "update_node", "payload": {"id": "m", "changes": {"data": {"params": {"code": "a"}}}}"#,
        r#""operation": "remove_node", "payload": {"id": "m"}"#,
    ];
    frames.extend(operations.map(|operation| format!(r#"{{"type": "update", {operation}}}"#).into_bytes()));
    frames
}

/// Good frames in another order, some cut and overwritten.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = vec((any::<Index>(), 0_usize..4, vec(any::<u8>(), 0..4)), 0..3);
    vec((select(good()), damage), 1..12).prop_map(|frames| {
        let frames = frames.into_iter().map(|(mut frame, damage)| {
            for (place, cut, piece) in damage {
                let from = place.index(frame.len() + 1);
                let to = (from + cut).min(frame.len());
                frame.splice(from..to, piece);
            }
            frame
        });
        framed(&frames.collect::<Vec<_>>())
    })
}

#[test]
fn the_seeds_keep_the_claim() {
    for seed in seeds() {
        assert!(!collab_frame::frames(&seed).is_empty());
        collab_frame::check(&seed);
    }
    collab_frame::check(&framed(&good()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_frames_harm_nobody(bytes in damaged()) {
        collab_frame::check(&bytes);
    }

    #[test]
    fn any_bytes_harm_nobody(frames in vec(vec(any::<u8>(), 0..60), 0..6)) {
        let frames: Vec<_> = frames.into_iter().map(|frame| [&[0, 2][..], &frame].concat()).collect();
        collab_frame::check(&framed(&frames));
    }
}
