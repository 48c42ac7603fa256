//! What waits for a client to read it; it never grows beyond a bound.
//!
//! Who reads too slowly is behind: it is noted what they had then, and once they have read what waits they get one
//! update with the rest. So is a client who asks for what it has not.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use yrs::StateVector;

use super::{Close, Frame};
use crate::limits::{MAX_ANSWERED, MAX_ANSWERS, MAX_WAITING, MAX_WAITING_BYTES};
use crate::member::{Kind, Member};
use crate::protocol::binary;

/// A member's place in a room.
pub(crate) struct Seat {
    /// Unlike any other's of the room. What the room tells of a member without Yjs is from this client.
    pub(crate) id: u64,
    pub(crate) member: Member,
    /// The frames with edits that came.
    edits: AtomicU64,
    out: Mutex<Outbox>,
    news: Notify,
    abandoned: CancellationToken,
}

/// What a member's first frame was in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Yjs,
    Json,
}

struct Outbox {
    speaks: Speaks,
    decided: bool,
    waiting: VecDeque<Frame>,
    bytes: usize,
    /// Answers among what waits.
    answers: usize,
    behind: Option<Behind>,
    /// Whether they are to be told all that is known of the clients.
    presence: bool,
    /// The frames with edits that are durable, and how many of them they know of.
    saved: (u64, u64),
    close: Option<Close>,
    ended: bool,
}

/// What somebody is to be told who does not get every update.
pub(crate) struct Behind {
    pub(crate) since: Since,
    /// Whether they asked.
    pub(crate) asked: bool,
    at: Instant,
}

/// What somebody has.
pub(crate) enum Since {
    /// In a Yjs document.
    Known(StateVector),
    /// Without Yjs they are told everything.
    Unknown,
}

/// What is to be done for somebody who reads.
pub(crate) enum Next {
    Frame(Frame),
    /// Make up for what they were not told.
    CatchUp,
    Nothing,
    Ended,
}

impl Seat {
    pub(crate) fn new(id: u64, member: Member) -> Self {
        let speaks = match member.kind {
            Kind::Yjs { .. } => Speaks::Yjs,
            Kind::Json => Speaks::Json,
        };
        let out = Outbox {
            speaks,
            decided: false,
            waiting: VecDeque::new(),
            bytes: 0,
            answers: 0,
            behind: None,
            presence: false,
            saved: (0, 0),
            close: None,
            ended: false,
        };
        Self {
            id,
            member,
            edits: AtomicU64::new(0),
            out: Mutex::new(out),
            news: Notify::new(),
            abandoned: CancellationToken::new(),
        }
    }

    /// The first frame decides what they speak.
    pub(super) fn decide(&self, speaks: Speaks) {
        let mut out = self.out.lock();
        if !out.decided {
            out.decided = true;
            out.speaks = speaks;
        }
    }

    pub(crate) fn speaks(&self) -> Speaks {
        self.out.lock().speaks
    }

    /// Counts a frame with edits; which one it is, from 1.
    pub(crate) fn count_edit(&self) -> u64 {
        self.edits.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// So many frames with edits are durable.
    pub(crate) fn saved(&self, frames: u64) {
        if self.member.kind == (Kind::Yjs { saved: true }) {
            let mut out = self.out.lock();
            out.saved.0 = out.saved.0.max(frames);
            drop(out);
            self.news.notify_one();
        }
    }

    /// What they must get whatever they read, because they asked; who asks without reading is disconnected.
    pub(crate) fn answer(&self, frame: Frame) {
        let mut out = self.out.lock();
        if out.answers >= MAX_ANSWERS || (out.answers > 0 && out.bytes >= MAX_ANSWERED) {
            drop(out);
            self.abandon(&Close::new(1013, "the client does not read its answers"));
            return;
        }
        if out.close.is_none() {
            out.answers += 1;
            out.push(frame);
        }
        drop(out);
        self.news.notify_one();
    }

    /// An update, or nothing of it when they are behind; `before` is what there was before it.
    pub(crate) fn offer(&self, frame: &Frame, before: impl FnOnce() -> Since) {
        let mut out = self.out.lock();
        if out.behind.is_some() || out.close.is_some() {
            return;
        }
        if out.is_full(frame.len()) {
            out.behind = Some(Behind { since: before(), asked: false, at: Instant::now() });
        } else {
            out.push(frame.clone());
        }
        drop(out);
        self.news.notify_one();
    }

    /// What changed of the clients; who reads too slowly is told all of it later.
    pub(crate) fn offer_presence(&self, frame: &Frame) {
        let mut out = self.out.lock();
        if out.close.is_some() {
            return;
        }
        if out.is_full(frame.len()) {
            out.presence = true;
        } else if !out.presence {
            out.push(frame.clone());
        }
        drop(out);
        self.news.notify_one();
    }

    /// They want what they have not.
    pub(crate) fn asks(&self, since: Since) {
        let mut out = self.out.lock();
        let at = out.behind.as_ref().map_or_else(Instant::now, |behind| behind.at);
        out.behind = Some(Behind { since, asked: true, at });
        drop(out);
        self.news.notify_one();
    }

    /// They want what is known of the clients.
    pub(crate) fn asks_presence(&self) {
        self.out.lock().presence = true;
        self.news.notify_one();
    }

    /// What is to be made up for; they are not behind then.
    pub(crate) fn behind(&self) -> (bool, Option<Behind>) {
        let mut out = self.out.lock();
        (std::mem::take(&mut out.presence), out.behind.take())
    }

    /// Puts back what could not be made up for yet.
    pub(crate) fn still_behind(&self, presence: bool, behind: Option<Behind>) {
        let mut out = self.out.lock();
        out.presence |= presence;
        // They may have asked again meanwhile, and know best.
        if out.behind.is_none() {
            out.behind = behind;
        }
    }

    /// Whether they have been behind for so long.
    pub(crate) fn is_behind_for(&self, patience: Duration) -> bool {
        self.out.lock().behind.as_ref().is_some_and(|behind| behind.at.elapsed() >= patience)
    }

    /// Whether somebody is to be told that they can go on.
    pub(crate) fn wake(&self) {
        self.news.notify_one();
    }

    pub(crate) fn closing(&self) -> Option<Close> {
        self.out.lock().close.clone()
    }

    /// Closes the connection after what waits; the first reason counts.
    pub(crate) fn close(&self, close: &Close) {
        let mut out = self.out.lock();
        out.close.get_or_insert_with(|| close.clone());
        out.behind = None;
        out.presence = false;
        drop(out);
        self.news.notify_one();
    }

    /// Closes the connection at once.
    pub(crate) fn abandon(&self, close: &Close) {
        self.close(close);
        let mut out = self.out.lock();
        out.waiting = VecDeque::new();
        (out.bytes, out.answers) = (0, 0);
        drop(out);
        self.abandoned.cancel();
    }

    pub(super) fn abandoned(&self) -> impl Future<Output = ()> + Send + 'static {
        self.abandoned.clone().cancelled_owned()
    }

    pub(super) async fn told(&self) {
        self.news.notified().await;
    }

    pub(super) fn take(&self) -> Next {
        let mut out = self.out.lock();
        let (saved, told) = out.saved;
        if saved > told && out.close.is_none() {
            out.saved.1 = saved;
            return Next::Frame(Frame::Binary(binary::saved(saved)));
        }
        if let Some(frame) = out.waiting.pop_front() {
            out.bytes -= frame.len();
            if out.waiting.is_empty() {
                out.answers = 0;
                // A burst must not leave its buffer to a connection that is quiet from then on.
                out.waiting.shrink_to(4);
            }
            return Next::Frame(frame);
        }
        if out.ended {
            return Next::Ended;
        }
        if let Some(close) = out.close.clone() {
            out.ended = true;
            return Next::Frame(Frame::Close(close));
        }
        if out.behind.is_some() || out.presence { Next::CatchUp } else { Next::Nothing }
    }
}

impl Outbox {
    fn is_full(&self, more: usize) -> bool {
        let full = self.waiting.len() >= MAX_WAITING || self.bytes + more > MAX_WAITING_BYTES;
        full && !self.waiting.is_empty()
    }

    fn push(&mut self, frame: Frame) {
        self.bytes += frame.len();
        self.waiting.push_back(frame);
    }
}
