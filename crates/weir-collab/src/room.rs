//! One open document: the copy of it, its members, and what is not durable yet.
//!
//! What is quick happens under the room's lock, as a client's frame comes in; a task of the room's own
//! ([`writing`]) does all that waits for the database, another ([`telling`]) what is told in intervals.

mod editing;
mod receiving;
pub(crate) mod replica;
mod telling;
mod writing;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;
use weir_base::WorkflowId;
use yrs::StateVector;

use self::replica::{Applied, Refusal, Replica};
use crate::awareness::{Presences, Teller};
use crate::connection::{Close, ConnectionIn, ConnectionOut, Frame, Seat, Since, Speaks, connect};
use crate::limits::MAX_AUTHORS;
use crate::protocol::binary;
use crate::rooms::Shared;
use crate::{Author, Error, Kind, Member};

/// One open document.
pub(crate) struct Room {
    workflow: WorkflowId,
    shared: Arc<Shared>,
    state: Mutex<State>,
    /// Held by who appends to the log.
    appending: Semaphore,
    /// Held by who makes an edit on a copy.
    editing: Semaphore,
    /// Held by who tells where drafts are kept.
    materializing: Semaphore,
    /// There is something to write.
    work: Notify,
    /// There is something to tell.
    news: Notify,
    /// The last batch that is durable.
    written: watch::Sender<u64>,
}

struct State {
    /// Nothing while it is made anew, after the CRDT gave up on it.
    replica: Option<Replica>,
    /// The last view of a copy that is gone.
    like: Arc<Value>,
    /// The newest row of the log that the copy has.
    seq: u64,
    /// Calls that use the room just now.
    users: usize,
    seats: HashMap<u64, Arc<Seat>>,
    pending: Batch,
    inflight: Option<Batch>,
    presences: Presences,
    /// What came while there was no copy.
    stalled: VecDeque<(Arc<Seat>, Bytes, u64)>,
    /// What the members without Yjs have seen; nothing as long as there are none.
    seen: Option<Arc<Value>>,
    /// Whether somebody else may have written.
    gap: bool,
    /// Since when there is something that no snapshot has.
    unkept: Option<Instant>,
    /// Whether the draft elsewhere is not what it is here, and who made it so.
    unmaterialized: Option<Vec<Author>>,
    /// The last member has left, or nobody has used it, at this time.
    quiet: Instant,
    /// Whether a snapshot is to be made since the last member has left.
    left: bool,
    end: Option<End>,
}

/// Why a room takes nothing any more.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// It was not used; it can be opened again.
    Unloaded,
    /// The workflow was removed.
    Gone,
    Broken(String),
}

/// What is written together.
#[derive(Default)]
struct Batch {
    number: u64,
    updates: Vec<Bytes>,
    bytes: usize,
    authors: Vec<Author>,
    /// The last frame of each seat that is in it.
    frames: HashMap<u64, u64>,
    /// Who is answered once it is written, and to what.
    answers: Vec<(Arc<Seat>, Option<Value>)>,
}

/// Keeps a room from being unloaded.
pub(crate) struct Using(Arc<Room>);

impl Room {
    pub(crate) fn new(
        workflow: WorkflowId,
        shared: Arc<Shared>,
        replica: Replica,
        seq: u64,
        unkept: bool,
        unmaterialized: bool,
    ) -> Arc<Self> {
        let now = Instant::now();
        let state = State {
            replica: Some(replica),
            like: Arc::new(Value::Null),
            seq,
            users: 0,
            seats: HashMap::new(),
            pending: Batch { number: 1, ..Batch::default() },
            inflight: None,
            presences: Presences::default(),
            stalled: VecDeque::new(),
            seen: None,
            gap: false,
            unkept: unkept.then_some(now),
            unmaterialized: unmaterialized.then(Vec::new),
            quiet: now,
            left: false,
            end: None,
        };
        Arc::new(Self {
            workflow,
            shared,
            state: Mutex::new(state),
            appending: Semaphore::new(1),
            editing: Semaphore::new(1),
            materializing: Semaphore::new(1),
            work: Notify::new(),
            news: Notify::new(),
            written: watch::Sender::new(0),
        })
    }

    /// Begins to use the room; nothing if it was just unloaded.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Using> {
        let mut state = self.state.lock();
        if state.end.is_some() {
            return None;
        }
        state.users += 1;
        drop(state);
        Some(Using(Arc::clone(self)))
    }

    /// Gives a member a seat.
    pub(crate) fn join(self: &Arc<Self>, member: Member) -> Result<(ConnectionIn, ConnectionOut), Error> {
        let mut state = self.state.lock();
        self.check(&state)?;
        // Clients of Yjs take numbers of 32 bits at random.
        let id = loop {
            let id = u64::from(rand::random::<u32>());
            if !state.seats.contains_key(&id) {
                break id;
            }
        };
        let seat = Arc::new(Seat::new(id, member));
        if matches!(seat.member.kind, Kind::Yjs { .. }) {
            if let Some(replica) = &state.replica {
                seat.answer(Frame::Binary(binary::step1(&replica.state_vector())));
            }
            if let Some(all) = state.presences.all() {
                seat.offer_presence(&Frame::Binary(binary::awareness(&all)));
            }
        }
        self.tell_of_member(&state, &seat, "user_joined");
        state.seats.insert(id, Arc::clone(&seat));
        drop(state);
        // From now on it is looked for what others write.
        self.work.notify_one();
        Ok(connect(Arc::clone(self), seat))
    }

    /// Takes a member's seat away and closes its connection.
    pub(crate) fn dismiss(&self, seat: &Arc<Seat>, close: &Close) {
        seat.close(close);
        let mut state = self.state.lock();
        if state.seats.remove(&seat.id).is_none() {
            return;
        }
        let told = state.presences.leave(seat.id, Instant::now());
        self.tell_of_member(&state, seat, "user_left");
        if state.seats.is_empty() {
            state.left = true;
            state.quiet = Instant::now();
            self.work.notify_one();
        }
        drop(state);
        if told {
            self.news.notify_one();
        }
    }

    /// Disconnects the members for which `which` holds.
    pub(crate) fn disconnect(&self, which: impl Fn(&Member) -> bool, close: &Close) {
        let seats: Vec<_> = self.state.lock().seats.values().filter(|seat| which(&seat.member)).cloned().collect();
        for seat in seats {
            self.dismiss(&seat, close);
        }
    }

    /// Ends the room for good.
    pub(crate) fn end(&self, end: End) {
        let close = match &end {
            End::Unloaded => Close::new(1013, "the document was unloaded"),
            End::Gone => Close::new(1008, "the workflow was deleted"),
            End::Broken(reason) => {
                tracing::error!(workflow = %self.workflow, reason, "a document cannot be read");
                Close::new(1011, "the document cannot be read")
            }
        };
        self.state.lock().end.get_or_insert(end);
        self.disconnect(|_| true, &close);
        self.work.notify_one();
        self.news.notify_one();
        self.written.send_modify(|_| {});
    }

    /// What a member who is behind is to be told; nothing if that is not to be had yet.
    pub(crate) fn catch_up(&self, seat: &Arc<Seat>) -> Option<Frame> {
        let mut state = self.state.lock();
        let (presence, behind) = seat.behind();
        let State { replica, presences, seq, .. } = &mut *state;
        if let Some(behind) = behind {
            let Some(replica) = replica else {
                seat.still_behind(presence, Some(behind));
                return None;
            };
            if presence {
                seat.asks_presence();
            }
            return Some(match (seat.speaks(), &behind.since) {
                (Speaks::Yjs, Since::Known(known)) => {
                    let update = replica.diff(known);
                    Frame::Binary(if behind.asked { binary::step2(&update) } else { binary::update(&update) })
                }
                (Speaks::Yjs, Since::Unknown) => Frame::Binary(binary::update(&replica.diff(&StateVector::default()))),
                (Speaks::Json, _) => {
                    let (seq, view) = (*seq, replica.view());
                    drop(state);
                    self.document_frame("broadcast", Some("replace"), None, seat, seq, &view)
                }
            });
        }
        if !presence || seat.speaks() == Speaks::Json {
            return None;
        }
        presences.all().map(|all| Frame::Binary(binary::awareness(&all)))
    }

    /// Takes a row that another process wrote, or what it told of its clients.
    pub(crate) fn hear(&self, told: crate::fanout::Told<'_>) {
        use crate::fanout::Told;
        match told {
            Told::Row { seq, packed } => {
                let mut state = self.state.lock();
                if seq <= state.seq {
                    return;
                }
                let updates = packed.and_then(crate::packed::unpack).filter(|_| seq == state.seq + 1);
                if let Some(updates) = updates
                    && self.follow(&mut state, &updates)
                {
                    state.seq = seq;
                    return;
                }
                state.gap = true;
                drop(state);
                self.work.notify_one();
            }
            Told::Presence(update) => {
                let received = self.state.lock().presences.receive(update, Teller::Elsewhere, Instant::now());
                if received == Ok(true) {
                    self.news.notify_one();
                }
            }
            Told::PresenceWanted => {
                let ours = self.state.lock().presences.ours();
                if let Some(ours) = ours {
                    self.shared.tell(self.workflow, Told::Presence(&ours));
                }
            }
        }
    }

    pub(crate) const fn workflow(&self) -> WorkflowId {
        self.workflow
    }

    /// The newest row of the log that is known here.
    pub(crate) fn newest(&self) -> u64 {
        self.state.lock().seq
    }

    /// Waits until the room has ended.
    pub(crate) async fn ended(&self) {
        let mut written = self.written.subscribe();
        while self.state.lock().end.is_none() && written.changed().await.is_ok() {}
    }

    /// What is said about the workflow's nodes.
    pub(crate) async fn comments(&self) -> Result<Vec<crate::Comment>, Error> {
        self.mended().await?;
        let state = self.state.lock();
        self.check(&state)?;
        Ok(state.replica.as_ref().ok_or(Error::Busy)?.comments())
    }

    /// Somebody else may have written.
    pub(crate) fn look(&self) {
        self.state.lock().gap = true;
        self.work.notify_one();
    }

    /// Applies what is in the log, and tells the members. False if that could not be.
    fn follow(&self, state: &mut State, updates: &[&[u8]]) -> bool {
        for update in updates {
            let Some(replica) = &mut state.replica else { return false };
            match replica.follow(update) {
                Ok(applied) => self.broadcast(state, &applied, None),
                Err(refusal) => {
                    self.break_off(state, &format!("{refusal:?}"));
                    return false;
                }
            }
        }
        true
    }

    /// Tells the members with Yjs, and has the others told.
    fn broadcast(&self, state: &mut State, applied: &Applied, except: Option<u64>) {
        let Some(update) = &applied.update else { return };
        let frame = Frame::Binary(binary::update(update));
        let others = state.seats.values().filter(|seat| Some(seat.id) != except);
        let mut told_later = false;
        for seat in others {
            if seat.speaks() == Speaks::Yjs {
                seat.offer(&frame, || Since::Known(applied.before.clone()));
            } else {
                told_later = true;
            }
        }
        if told_later {
            self.news.notify_one();
        }
    }

    /// The copy is of no use any more.
    fn break_off(&self, state: &mut State, reason: &str) {
        tracing::warn!(workflow = %self.workflow, reason, "the copy of a document is made anew");
        if let Some(mut replica) = state.replica.take() {
            state.like = replica.last_view();
        }
        self.work.notify_one();
    }

    fn check(&self, state: &State) -> Result<(), Error> {
        match &state.end {
            _ if self.shared.is_closed() => Err(Error::Closed),
            None => Ok(()),
            Some(End::Unloaded) => Err(Error::Closed),
            Some(End::Gone) => Err(Error::NotFound(self.workflow)),
            Some(End::Broken(reason)) => Err(Error::Broken { workflow: self.workflow, reason: reason.clone() }),
        }
    }

    fn error(&self, refusal: Refusal) -> Error {
        match refusal {
            Refusal::TooLarge => Error::TooLarge,
            Refusal::Unmet => Error::Busy,
            Refusal::Malformed(reason) => Error::Broken { workflow: self.workflow, reason: reason.to_owned() },
            Refusal::Broken(reason) => Error::Broken { workflow: self.workflow, reason },
        }
    }
}

impl State {
    /// What waits to be durable, in bytes.
    fn unwritten(&self) -> usize {
        self.pending.bytes + self.inflight.as_ref().map_or(0, |batch| batch.bytes)
    }

    fn is_written(&self) -> bool {
        self.inflight.is_none() && self.pending.is_empty()
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.updates.is_empty() && self.frames.is_empty() && self.answers.is_empty()
    }

    fn add(&mut self, update: Bytes, author: &Author) {
        self.bytes += update.len();
        self.updates.push(update);
        if self.authors.len() < MAX_AUTHORS && !self.authors.contains(author) {
            self.authors.push(author.clone());
        }
    }
}

impl std::ops::Deref for Using {
    type Target = Arc<Room>;

    fn deref(&self) -> &Arc<Room> {
        &self.0
    }
}

impl Drop for Using {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.users -= 1;
        if state.users == 0 && state.seats.is_empty() {
            state.quiet = Instant::now();
            self.0.work.notify_one();
        }
    }
}
