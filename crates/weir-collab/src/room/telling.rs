//! What members and other processes are told in intervals: who is there, and for members without Yjs, what changed.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Room, State};
use crate::connection::{Close, Frame, Seat, Since, Speaks};
use crate::fanout;
use crate::limits::MAX_WAITING;
use crate::protocol::binary;
use crate::protocol::json::{Told, VectorClock, operations};

impl Room {
    /// Works until the room ends.
    pub(crate) async fn tell(self: Arc<Self>) {
        let config = self.shared.config;
        loop {
            tokio::select! {
                () = self.news.notified() => {
                    // More may come that can be told together.
                    sleep(config.presence).await;
                    self.tell_news();
                }
                () = sleep(config.patience / 4) => {
                    self.dismiss_slow();
                    if self.state.lock().presences.expire(Instant::now()) {
                        self.news.notify_one();
                    }
                }
            }
            if self.state.lock().end.is_some() {
                return;
            }
        }
    }

    fn tell_news(&self) {
        let mut state = self.state.lock();
        self.tell_seen(&mut state, None);
        let Some(news) = state.presences.news() else { return };
        let frame = Frame::Binary(binary::awareness(&news.all));
        for seat in state.seats.values().filter(|seat| seat.speaks() == Speaks::Yjs) {
            seat.offer_presence(&frame);
        }
        drop(state);
        if let Some(ours) = &news.ours {
            self.shared.tell(self.workflow, fanout::Told::Presence(ours));
        }
    }

    fn dismiss_slow(&self) {
        let patience = self.shared.config.patience;
        let slow: Vec<_> =
            self.state.lock().seats.values().filter(|seat| seat.is_behind_for(patience)).cloned().collect();
        for seat in slow {
            let close = Close::new(1013, "the client does not read");
            seat.abandon(&close);
            self.dismiss(&seat, &close);
        }
    }

    /// Tells the members without Yjs what changed since they were last told; `by` is whose doing it is, and knows it.
    pub(super) fn tell_seen(&self, state: &mut State, by: Option<&Arc<Seat>>) {
        let json: Vec<_> = state.seats.values().filter(|seat| seat.speaks() == Speaks::Json).cloned().collect();
        if json.is_empty() {
            state.seen = None;
            return;
        }
        let Some(replica) = &mut state.replica else { return };
        let view = replica.view();
        let Some(seen) = state.seen.replace(Arc::clone(&view)) else { return };
        if Arc::ptr_eq(&seen, &view) {
            return;
        }
        let operations = operations(&seen, &view);
        let others = json.iter().filter(|seat| by.is_none_or(|by| by.id != seat.id));
        if operations.len() > MAX_WAITING / 2 {
            others.for_each(|seat| seat.asks(Since::Unknown));
            return;
        }
        let frames: Vec<_> = operations
            .iter()
            .map(|(name, payload)| self.told("broadcast", by, Some(name), payload, state.seq))
            .collect();
        for seat in others {
            frames.iter().for_each(|frame| seat.offer(frame, || Since::Unknown));
        }
    }

    /// Tells the members without Yjs of an operation that does not show in the workflow document.
    pub(super) fn tell_operation(&self, state: &State, by: &Arc<Seat>, name: &str, payload: &Value) {
        let frame = self.told("broadcast", Some(by), Some(name), payload, state.seq);
        self.offer_json(state, by, &frame);
    }

    /// Tells the members without Yjs that somebody came or went.
    pub(super) fn tell_of_member(&self, state: &State, seat: &Arc<Seat>, kind: &'static str) {
        let frame = || self.told(kind, Some(seat), None, &json!({"name": seat.member.author.name}), state.seq);
        if state.seats.values().any(|other| other.speaks() == Speaks::Json) {
            self.offer_json(state, seat, &frame());
        }
    }

    /// Answers that something is durable.
    pub(super) fn acknowledge(&self, seat: &Arc<Seat>, id: Option<&Value>, seq: u64) {
        seat.answer(self.answer("ack", seat, id, &Value::Null, seq));
    }

    /// Answers that something cannot be done.
    pub(super) fn complain(&self, seat: &Arc<Seat>, id: Option<&Value>, code: &str, message: &str) {
        let seq = self.state.lock().seq;
        seat.answer(self.answer("error", seat, id, &json!({"code": code, "message": message}), seq));
    }

    /// The whole document, for a member without Yjs.
    pub(super) fn document_frame(
        &self,
        kind: &'static str,
        operation: Option<&str>,
        id: Option<&Value>,
        seat: &Arc<Seat>,
        seq: u64,
        view: &Arc<Value>,
    ) -> Frame {
        let state = self.state.lock();
        let members: Vec<_> = state
            .seats
            .values()
            .map(|seat| json!({"user_id": seat.member.author.user, "client_id": seat.id, "name": seat.member.author.name}))
            .collect();
        drop(state);
        let payload = json!({"document": **view, "can_write": seat.member.can_write, "members": members});
        Told { operation, ..self.of(kind, seat, id, &payload, seq) }.frame()
    }

    fn offer_json(&self, state: &State, except: &Arc<Seat>, frame: &Frame) {
        let others = state.seats.values().filter(|other| other.id != except.id && other.speaks() == Speaks::Json);
        others.for_each(|seat| seat.offer(frame, || Since::Unknown));
    }

    fn answer(&self, kind: &'static str, seat: &Arc<Seat>, id: Option<&Value>, payload: &Value, seq: u64) -> Frame {
        self.of(kind, seat, id, payload, seq).frame()
    }

    fn told(
        &self,
        kind: &'static str,
        by: Option<&Arc<Seat>>,
        operation: Option<&str>,
        payload: &Value,
        seq: u64,
    ) -> Frame {
        Told {
            kind,
            id: None,
            workflow_id: self.workflow,
            user_id: by.and_then(|seat| seat.member.author.user),
            client_id: by.map(|seat| seat.id),
            operation,
            payload,
            vector_clock: VectorClock { log: seq },
            timestamp: self.shared.clock.now(),
        }
        .frame()
    }

    fn of<'a>(
        &self,
        kind: &'static str,
        seat: &Arc<Seat>,
        id: Option<&'a Value>,
        payload: &'a Value,
        seq: u64,
    ) -> Told<'a> {
        Told {
            kind,
            id,
            workflow_id: self.workflow,
            user_id: seat.member.author.user,
            client_id: Some(seat.id),
            operation: None,
            payload,
            vector_clock: VectorClock { log: seq },
            timestamp: self.shared.clock.now(),
        }
    }
}
