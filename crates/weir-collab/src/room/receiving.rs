//! What comes from a client.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::replica::{Applied, Refusal};
use super::{Room, State};
use crate::awareness::Teller;
use crate::connection::{Close, Frame, Seat, Since};
use crate::document::Operation;
use crate::limits::{MAX_FRAME, MAX_STALLED, MAX_UNWRITTEN};
use crate::protocol::binary::{self, Message};
use crate::protocol::json::Request;
use crate::reader::{Malformed, Reader};

const TOO_BIG: Close = Close::new(1009, "the frame or the document is too big");
const NOT_WRITTEN: Close = Close::new(1013, "edits cannot be written down at the moment");
const NOT_ALLOWED: Close = Close::new(1008, "you may only look at this workflow");

impl Room {
    /// A frame of the y-websocket protocol.
    pub(crate) fn receive_binary(&self, seat: &Arc<Seat>, frame: &Bytes) -> Result<(), Close> {
        if frame.len() > MAX_FRAME {
            return Err(TOO_BIG);
        }
        let mut reader = Reader(frame);
        while let Some(message) = binary::read(&mut reader).map_err(malformed)? {
            match message {
                Message::Step1(known) => seat.asks(Since::Known(known)),
                Message::Step2(update) | Message::Update(update) => {
                    self.receive_edit(seat, frame.slice_ref(update), seat.count_edit())?;
                }
                Message::Awareness(update) => {
                    let teller = Teller::Member(seat.id);
                    if self.state.lock().presences.receive(update, teller, Instant::now()).map_err(malformed)? {
                        self.news.notify_one();
                    }
                }
                Message::QueryAwareness => seat.asks_presence(),
            }
        }
        Ok(())
    }

    /// An edit of a client with Yjs; the how many-th one of its connection.
    fn receive_edit(&self, seat: &Arc<Seat>, update: Bytes, number: u64) -> Result<(), Close> {
        self.take_edit(&mut self.state.lock(), seat, update, number)?;
        self.work.notify_one();
        Ok(())
    }

    pub(super) fn take_edit(
        &self,
        state: &mut State,
        seat: &Arc<Seat>,
        update: Bytes,
        number: u64,
    ) -> Result<(), Close> {
        if state.end.is_some() {
            return Err(Close::new(1013, "the document was unloaded"));
        }
        if state.unwritten() + update.len() > MAX_UNWRITTEN {
            return Err(NOT_WRITTEN);
        }
        let Some(replica) = &mut state.replica else {
            if state.stalled.len() >= MAX_STALLED {
                return Err(NOT_WRITTEN);
            }
            state.stalled.push_back((Arc::clone(seat), update, number));
            return Ok(());
        };
        if !seat.member.can_write {
            return match replica.is_changed_by(&update) {
                Ok(false) => {
                    seat.saved(number);
                    Ok(())
                }
                Ok(true) => {
                    seat.answer(Frame::Binary(binary::denied("you may only look at this workflow")));
                    Err(NOT_ALLOWED)
                }
                Err(refusal) => Err(self.refuse(state, refusal)),
            };
        }
        match replica.receive(&update) {
            Ok(applied) => {
                self.take(state, seat, &applied);
                // Also what was known already may have come only just before, and not be written.
                if state.is_written() {
                    seat.saved(number);
                } else {
                    state.pending.frames.insert(seat.id, number);
                }
                Ok(())
            }
            Err(refusal) => Err(self.refuse(state, refusal)),
        }
    }

    /// A frame of the JSON protocol.
    pub(crate) fn receive_text(&self, seat: &Arc<Seat>, text: &str) -> Result<(), Close> {
        if text.len() > MAX_FRAME {
            return Err(TOO_BIG);
        }
        let request: Request =
            serde_json::from_str(text).map_err(|_| Close::new(1003, "a text frame is a JSON object with a type"))?;
        let id = request.id.as_ref();
        match request.kind.as_str() {
            "connect" => self.welcome(seat, id),
            "update" => self.operate(seat, request),
            _ => {
                self.complain(seat, id, "malformed", "the type of a frame is connect or update");
                Ok(())
            }
        }
    }

    fn welcome(&self, seat: &Arc<Seat>, id: Option<&Value>) -> Result<(), Close> {
        let mut state = self.state.lock();
        self.tell_seen(&mut state, None);
        let Some(replica) = &mut state.replica else { return Err(NOT_WRITTEN) };
        let view = replica.view();
        state.seen = Some(Arc::clone(&view));
        let presence = json!({"user": {"id": seat.member.author.user, "name": seat.member.author.name}});
        if state.presences.tell(seat.id, &presence.to_string(), Instant::now()) {
            self.news.notify_one();
        }
        let seq = state.seq;
        drop(state);
        seat.answer(self.document_frame("connect", None, id, seat, seq, &view));
        Ok(())
    }

    fn operate(&self, seat: &Arc<Seat>, request: Request) -> Result<(), Close> {
        let id = request.id.as_ref();
        let name = request.operation.as_deref().unwrap_or_default();
        if !seat.member.can_write {
            self.complain(seat, id, "forbidden", "you may only look at this workflow");
            return Ok(());
        }
        let comment = name.ends_with("_comment").then(|| request.payload.clone());
        let operation = match Operation::read(name, request.payload) {
            Ok(operation) => operation,
            Err(invalid) => {
                self.complain(seat, id, "invalid", &invalid.to_string());
                return Ok(());
            }
        };
        let mut state = self.state.lock();
        if state.end.is_some() || state.unwritten() > MAX_UNWRITTEN {
            return Err(NOT_WRITTEN);
        }
        // What others did before is told as theirs.
        self.tell_seen(&mut state, None);
        let Some(replica) = &mut state.replica else { return Err(NOT_WRITTEN) };
        match replica.operate(operation, self.shared.clock.now(), &seat.member.author) {
            Ok(applied) => {
                self.take(&mut state, seat, &applied);
                self.tell_seen(&mut state, Some(seat));
                if let Some(payload) = comment {
                    self.tell_operation(&state, seat, name, &payload);
                }
                state.pending.answers.push((Arc::clone(seat), request.id));
                drop(state);
                self.work.notify_one();
                Ok(())
            }
            Err(refusal @ Refusal::Broken(_)) => Err(self.refuse(&mut state, refusal)),
            Err(refusal) => {
                drop(state);
                self.complain(seat, id, "too_large", &self.error(refusal).to_string());
                Ok(())
            }
        }
    }

    /// An edit has come: the others are told, and it is to be written.
    fn take(&self, state: &mut State, seat: &Arc<Seat>, applied: &Applied) {
        let Some(update) = &applied.update else { return };
        self.broadcast(state, applied, Some(seat.id));
        state.pending.add(update.clone(), &seat.member.author);
    }

    fn refuse(&self, state: &mut State, refusal: Refusal) -> Close {
        match refusal {
            Refusal::Malformed(reason) => malformed(Malformed(reason)),
            Refusal::TooLarge => TOO_BIG,
            Refusal::Unmet => Close::new(1013, "too many edits build upon edits that are not there"),
            Refusal::Broken(reason) => {
                self.break_off(state, &reason);
                Close::new(1007, "an edit does not fit the document")
            }
        }
    }
}

const fn malformed(malformed: Malformed) -> Close {
    Close::new(1003, malformed.0)
}
