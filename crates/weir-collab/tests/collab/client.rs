//! A client with Yjs, as y-websocket's provider is.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use weir_base::WorkflowId;
use weir_collab::{Close, Collab, ConnectionIn, ConnectionOut, Frame, Member};
use yrs::sync::{Message, SyncMessage};
use yrs::updates::decoder::Decode as _;
use yrs::updates::encoder::Encode as _;
use yrs::{
    Doc, Map as _, MapRef, OffsetKind, Options, Out, ReadTxn as _, StateVector, Text as _, Transact as _,
    TransactionMut, Update, WriteTxn as _,
};

use crate::PATIENCE;

pub(crate) struct Client {
    pub(crate) doc: Doc,
    pub(crate) connection: Option<(ConnectionIn, ConnectionOut)>,
    pub(crate) sent: u64,
    pub(crate) saved: u64,
    pub(crate) synced: bool,
    pub(crate) denied: Option<String>,
    pub(crate) closed: Option<Close>,
    pub(crate) updates: usize,
    pub(crate) awareness: Vec<yrs::sync::AwarenessUpdate>,
}

impl Client {
    pub(crate) fn new() -> Self {
        let options = Options { offset_kind: OffsetKind::Utf16, ..Options::default() };
        Self {
            doc: Doc::with_options(options),
            connection: None,
            sent: 0,
            saved: 0,
            synced: false,
            denied: None,
            closed: None,
            updates: 0,
            awareness: Vec::new(),
        }
    }

    /// A client that has the document.
    pub(crate) async fn join(collab: &Collab, workflow: WorkflowId, member: Member) -> Self {
        let mut client = Self::new();
        client.connect(collab, workflow, member).await;
        client.sync().await;
        client
    }

    pub(crate) async fn connect(&mut self, collab: &Collab, workflow: WorkflowId, member: Member) {
        self.connection = Some(collab.join(workflow, member).await.unwrap());
        (self.sent, self.saved, self.synced) = (0, 0, false);
        let state = self.doc.transact().state_vector();
        self.send(&Message::Sync(SyncMessage::SyncStep1(state)));
    }

    pub(crate) fn disconnect(&mut self) {
        self.connection = None;
    }

    pub(crate) fn try_send(&mut self, bytes: Vec<u8>) -> Result<(), Close> {
        match &self.connection {
            Some((connection, _)) => connection.receive(Frame::Binary(bytes.into())),
            None => Ok(()),
        }
    }

    fn send(&mut self, message: &Message) {
        // A connection that is closed says so when it is read.
        let _ = self.try_send(message.encode_v1());
    }

    /// Edits, and sends that if there is a connection.
    pub(crate) fn edit(&mut self, edit: impl FnOnce(&mut TransactionMut<'_>)) {
        let update = {
            let mut txn = self.doc.transact_mut();
            edit(&mut txn);
            txn.encode_update_v1()
        };
        if self.connection.is_some() && update != Update::EMPTY_V1 {
            self.sent += 1;
            self.send(&Message::Sync(SyncMessage::Update(update)));
        }
    }

    pub(crate) fn set(&mut self, node: &str, field: &str, value: impl Into<yrs::Any>) {
        let value = value.into();
        self.edit(|txn| {
            let map = of(txn, &["nodes", node]);
            map.insert(txn, field.to_owned(), value);
        });
    }

    /// Writes at the beginning of a node's code.
    pub(crate) fn write(&mut self, node: &str, text: &str) {
        self.edit(|txn| {
            let params = of(txn, &["nodes", node, "data", "params"]);
            let Some(Out::YText(code)) = params.get(txn, "code") else { panic!("the code is no text") };
            code.insert(txn, 0, text);
        });
    }

    /// Takes what has come, without waiting for more.
    pub(crate) async fn pump(&mut self) {
        while let Some((_, out)) = &mut self.connection {
            match timeout(Duration::ZERO, out.next()).await {
                Ok(Some(frame)) => self.take(frame),
                Ok(None) => self.connection = None,
                Err(_) => return,
            }
        }
    }

    /// Takes what comes until it is enough.
    pub(crate) async fn pump_until(&mut self, what: &str, enough: impl Fn(&Self) -> bool) {
        while !enough(self) {
            let Some((_, out)) = &mut self.connection else { panic!("in vain: {what}: {:?}", self.closed) };
            let Ok(frame) = timeout(PATIENCE, out.next()).await else { panic!("in vain: {what}") };
            match frame {
                Some(frame) => self.take(frame),
                None => self.connection = None,
            }
        }
    }

    pub(crate) async fn sync(&mut self) {
        self.pump_until("synced", |client| client.synced).await;
    }

    /// Waits until all it has sent is durable.
    pub(crate) async fn save(&mut self) {
        let sent = self.sent;
        self.pump_until("saved", |client| client.saved >= sent).await;
    }

    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Close(close) => self.closed = Some(close),
            Frame::Text(text) => panic!("a text for a client of Yjs: {text}"),
            Frame::Binary(bytes) => self.read(&bytes),
        }
    }

    fn read(&mut self, bytes: &Bytes) {
        if bytes[0] == 120 {
            let (saved, _) = bytes[1..]
                .iter()
                .fold((0, 0), |(saved, shift), byte| (saved | u64::from(byte & 0x7f) << shift, shift + 7));
            assert!(saved > self.saved);
            self.saved = saved;
            return;
        }
        match Message::decode_v1(bytes).unwrap() {
            Message::Sync(SyncMessage::SyncStep1(state)) => {
                let update = self.doc.transact().encode_diff_v1(&state);
                self.sent += 1;
                self.send(&Message::Sync(SyncMessage::SyncStep2(update)));
            }
            Message::Sync(SyncMessage::SyncStep2(update)) => {
                self.apply(&update);
                self.synced = true;
            }
            Message::Sync(SyncMessage::Update(update)) => {
                self.updates += 1;
                self.apply(&update);
            }
            Message::Awareness(update) => self.awareness.push(update),
            Message::Auth(reason) => self.denied = reason,
            other => panic!("{other:?}"),
        }
    }

    fn apply(&mut self, update: &[u8]) {
        self.doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
    }

    /// What the document is, as far as it can be compared.
    pub(crate) fn state(&self) -> (serde_json::Value, StateVector) {
        use yrs::types::ToJson as _;
        let txn = self.doc.transact();
        let root = |name: &str| txn.get_map(name).map_or(yrs::Any::Null, |map| map.to_json(&txn));
        let any = serde_json::json!([root("nodes"), root("edges"), root("meta")]);
        (any, txn.state_vector())
    }

    /// A field of a node.
    pub(crate) fn field(&self, node: &str, field: &str) -> serde_json::Value {
        self.state().0[0][node][field].clone()
    }
}

/// A map within maps.
pub(crate) fn of(txn: &mut TransactionMut<'_>, path: &[&str]) -> MapRef {
    let mut map = txn.get_or_insert_map(path[0]);
    for key in &path[1..] {
        let Some(Out::YMap(inner)) = map.get(txn, key) else { panic!("{key} of {path:?} is no map") };
        map = inner;
    }
    map
}
