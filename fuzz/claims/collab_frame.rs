//! What must hold for any bytes that a client sends as a frame of a live document. A fuzz target calls this, and so does
//! a test of `weir-collab`, so that the claim is checked without a fuzzer as well.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use weir_base::{SystemClock, WorkflowId};
use weir_collab::{
    Author, Collab, Config, ConnectionIn, ConnectionOut, Drafts, Error, Frame, Kind, MIGRATIONS, Member,
};
use weir_db::Db;
use yrs::sync::{Message, SyncMessage};
use yrs::updates::decoder::Decode as _;
use yrs::updates::encoder::Encode as _;
use yrs::{Doc, Map as _, StateVector, Transact as _, Update, WriteTxn as _};

/// How long a good client may wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

struct Server {
    runtime: Runtime,
    collab: Collab,
}

/// The frames in `bytes`, each with its length in two bytes in front, come from one client, as binary frames and, where
/// they are text, as text frames. Nothing panics, and a good client of the same room is answered and saved.
pub(crate) fn check(bytes: &[u8]) {
    SERVER.runtime.block_on(SERVER.check(bytes));
}

/// Frames as [`check`] reads them.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (frame, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
        frames.push(frame);
        bytes = rest;
    }
    frames
}

impl Server {
    fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let collab = runtime.block_on(async {
            let folder = std::env::temp_dir().join(format!("weir-collab-frames-{}", std::process::id()));
            let db = Db::connect(&format!("sqlite:{}", folder.join("weir.db").display())).await.expect("a database");
            db.migrate("collab", MIGRATIONS).await.expect("tables");
            let config = Config { idle: Duration::from_millis(1), ..Config::default() };
            Collab::new(db, Arc::new(SystemClock), Arc::new(Nowhere), None, config)
        });
        Self { runtime, collab }
    }

    async fn check(&self, bytes: &[u8]) {
        let workflow = WorkflowId::new();
        let mut good = self.join(workflow).await;
        let mut bad = self.join(workflow).await;
        for frame in frames(bytes) {
            let mut refused = bad.0.receive(Frame::Binary(frame.to_vec().into())).is_err();
            if !refused && let Ok(text) = std::str::from_utf8(frame) {
                refused = bad.0.receive(Frame::Text(text.into())).is_err();
            }
            if refused {
                bad = self.join(workflow).await;
            }
        }
        // Whatever came of it, the room takes an edit, keeps it, and hands out a document that can be read.
        let doc = Doc::new();
        let edit = {
            let mut txn = doc.transact_mut();
            txn.get_or_insert_map("meta").insert(&mut txn, "good", "edit");
            txn.encode_update_v1()
        };
        let asked = Message::Sync(SyncMessage::SyncStep1(StateVector::default()));
        for message in [Message::Sync(SyncMessage::Update(edit)), asked] {
            good.0.receive(Frame::Binary(message.encode_v1().into())).expect("a good frame is taken");
        }
        let (mut saved, mut synced) = (false, false);
        while !(saved && synced) {
            let frame = timeout(PATIENCE, good.1.next()).await.expect("a good client is answered");
            let Some(Frame::Binary(bytes)) = frame else { panic!("a good client is not disconnected: {frame:?}") };
            if bytes[0] == 120 {
                saved = true;
            } else if let Message::Sync(SyncMessage::SyncStep2(update)) = Message::decode_v1(&bytes).expect("a message")
            {
                Update::decode_v1(&update).expect("the document can be read");
                synced = true;
            }
        }
        let draft = self.collab.draft(workflow).await.expect("a draft");
        assert!(draft.document.is_object(), "{}", draft.document);
        drop((good, bad));
        self.collab.forget(workflow).await.expect("it can be removed");
    }

    async fn join(&self, workflow: WorkflowId) -> (ConnectionIn, ConnectionOut) {
        let author = Author { user: None, key: None, name: "somebody".to_owned() };
        let member = Member { author, can_write: true, kind: Kind::Yjs { saved: true } };
        self.collab.join(workflow, member).await.expect("a seat")
    }
}

/// Every workflow has the same draft, and what becomes of it is of no interest.
struct Nowhere;

impl Drafts for Nowhere {
    fn draft(&self, _: WorkflowId) -> BoxFuture<'_, Result<Option<Value>, Error>> {
        Box::pin(async { Ok(Some(json!({"name": "a", "nodes": [{"id": "n", "type": "set"}], "edges": []}))) })
    }

    fn changed<'a>(&'a self, _: WorkflowId, _: u64, _: &'a Value, _: &'a [Author]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
}
