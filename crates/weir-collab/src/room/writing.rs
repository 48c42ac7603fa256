//! Making durable what was edited, and everything else that waits for the database.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until};

use super::replica::Replica;
use super::{Batch, End, Room, State};
use crate::fanout::Told;
use crate::limits::MAX_TOLD;
use crate::log::{Appended, Tail};
use crate::packed::{pack, unpack};
use crate::{Author, Close, Error};

/// The pauses between attempts grow from the one to the other.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// When what is next to be done.
struct Due {
    refresh: Option<Instant>,
    materialized: Instant,
    /// After a failure, nothing before this.
    again: Instant,
}

impl Room {
    /// Works until the room ends.
    pub(crate) async fn write(self: Arc<Self>) {
        let config = self.shared.config;
        let now = Instant::now();
        let mut due = Due {
            refresh: config.refresh.map(|every| now + every),
            materialized: now.checked_sub(config.materialize).unwrap_or(now),
            again: now,
        };
        let mut pause = PAUSES.0;
        let mut closing = false;
        loop {
            let next = self.next(&due);
            tokio::select! {
                () = self.work.notified() => {}
                () = self.shared.closing.cancelled(), if !closing => closing = true,
                () = sleep_until(next) => {}
            }
            match self.work(&mut due).await {
                Ok(true) => return,
                Ok(false) => pause = PAUSES.0,
                Err(error) => {
                    match &error {
                        Error::NotFound(_) => self.end(End::Gone),
                        Error::Broken { reason, .. } => self.end(End::Broken(reason.clone())),
                        _ => tracing::warn!(workflow = %self.workflow, %error, "a document cannot be written down"),
                    }
                    let wait = pause.mul_f64(rand::random_range(0.5..1.0));
                    due.again = Instant::now() + wait;
                    sleep(wait).await;
                    self.work.notify_one();
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    /// When something is to be done that nobody says.
    fn next(&self, due: &Due) -> Instant {
        let config = self.shared.config;
        let state = self.state.lock();
        let unused = state.users == 0 && state.seats.is_empty();
        let times = [
            state.unkept.map(|since| since + config.snapshot),
            state.unmaterialized.as_ref().map(|_| due.materialized + config.materialize),
            due.refresh.filter(|_| !state.seats.is_empty()),
            unused.then(|| state.quiet + config.idle),
        ];
        let far = Instant::now() + Duration::from_secs(60 * 60);
        times.into_iter().flatten().min().unwrap_or(far).max(due.again)
    }

    /// Does all that is due. True when the room has ended.
    async fn work(&self, due: &mut Due) -> Result<bool, Error> {
        let config = self.shared.config;
        let closing = self.shared.closing.is_cancelled();
        if matches!(self.state.lock().end, Some(End::Gone | End::Broken(_))) {
            self.shared.close_room(self);
            return Ok(true);
        }
        if self.state.lock().replica.is_none() {
            self.mend().await?;
        }
        loop {
            let Ok(permit) = self.appending.acquire().await else { return Ok(true) };
            if !self.append(&permit).await? {
                break;
            }
        }
        let now = Instant::now();
        if std::mem::take(&mut self.state.lock().gap) || due.refresh.is_some_and(|at| at <= now) {
            due.refresh = config.refresh.map(|every| now + every);
            self.read_tail().await.inspect_err(|_| self.state.lock().gap = true)?;
        }
        let (materialize, keep) = {
            let mut state = self.state.lock();
            let left = std::mem::take(&mut state.left) && state.seats.is_empty();
            let unused = state.users == 0 && state.seats.is_empty() && state.quiet + config.idle <= now;
            let last = closing || left || unused;
            let keep = state.unkept.is_some_and(|since| last || since + config.snapshot <= now);
            let waited = due.materialized + config.materialize <= now;
            (state.unmaterialized.is_some() && (last || keep || waited), keep)
        };
        if materialize {
            self.materialize().await?;
            due.materialized = Instant::now();
        }
        if keep {
            self.keep(None).await?;
        }
        Ok(self.unload(closing))
    }

    /// Appends what is pending. True if there is more, or it is to be tried again.
    pub(super) async fn append(&self, _permit: &SemaphorePermit<'_>) -> Result<bool, Error> {
        let (packed, authors, seq) = {
            let mut state = self.state.lock();
            if state.inflight.is_none() {
                if state.pending.is_empty() {
                    return Ok(false);
                }
                let next = Batch { number: state.pending.number + 1, ..Batch::default() };
                state.inflight = Some(std::mem::replace(&mut state.pending, next));
            }
            let Some(batch) = &state.inflight else { return Ok(false) };
            (pack(batch.updates.iter().map(AsRef::as_ref)), batch.authors.clone(), state.seq)
        };
        if packed.is_empty() {
            return Ok(self.wrote(seq, None));
        }
        match self.shared.log.append(self.workflow, seq, packed.clone(), &authors, self.shared.clock.now()).await? {
            Appended::Yes => Ok(self.wrote(seq + 1, Some(&packed))),
            Appended::Conflict => self.read_tail().await.map(|()| true),
        }
    }

    /// What was in flight is durable; true if there is more.
    fn wrote(&self, seq: u64, packed: Option<&[u8]>) -> bool {
        let mut state = self.state.lock();
        state.seq = state.seq.max(seq);
        let Some(batch) = state.inflight.take() else { return !state.pending.is_empty() };
        for (seat, frames) in &batch.frames {
            if let Some(seat) = state.seats.get(seat) {
                seat.saved(*frames);
            }
        }
        for (seat, id) in &batch.answers {
            self.acknowledge(seat, id.as_ref(), seq);
        }
        if packed.is_some() {
            state.note_written(&batch.authors);
        }
        let more = !state.pending.is_empty();
        drop(state);
        if let Some(packed) = packed {
            self.tell_row(seq, packed);
        }
        self.written.send_replace(batch.number);
        more
    }

    pub(super) fn tell_row(&self, seq: u64, packed: &[u8]) {
        self.shared.tell(self.workflow, Told::Row { seq, packed: Some(packed).filter(|it| it.len() <= MAX_TOLD) });
    }

    /// Reads what others have appended.
    pub(crate) async fn read_tail(&self) -> Result<(), Error> {
        let after = self.state.lock().seq;
        match self.shared.log.tail(self.workflow, after).await? {
            Tail::Gone => Err(Error::NotFound(self.workflow)),
            Tail::Rows(rows) => {
                let mut state = self.state.lock();
                for (seq, packed) in rows {
                    if seq != state.seq + 1 {
                        continue;
                    }
                    let updates = unpack(&packed).ok_or_else(|| self.cut_off())?;
                    if !self.follow(&mut state, &updates) {
                        break;
                    }
                    state.seq = seq;
                }
                Ok(())
            }
            Tail::Compacted => {
                let loaded = self.shared.log.load(self.workflow).await?.ok_or(Error::NotFound(self.workflow))?;
                let mut state = self.state.lock();
                for packed in &loaded.packed {
                    let updates = unpack(packed).ok_or_else(|| self.cut_off())?;
                    if !self.follow(&mut state, &updates) {
                        return Ok(());
                    }
                }
                state.seq = state.seq.max(loaded.seq);
                Ok(())
            }
        }
    }

    fn cut_off(&self) -> Error {
        Error::Broken { workflow: self.workflow, reason: "a row of its log is cut off".to_owned() }
    }

    /// Makes the copy anew: from the log and from what is not in it yet.
    async fn mend(&self) -> Result<(), Error> {
        let loaded = self.shared.log.load(self.workflow).await?.ok_or(Error::NotFound(self.workflow))?;
        let mut state = self.state.lock();
        let unwritten = state.inflight.iter().chain([&state.pending]).flat_map(|batch| &batch.updates);
        let unwritten = pack(unwritten.map(AsRef::as_ref));
        let packed = loaded.packed.iter().map(Vec::as_slice).chain([unwritten.as_ref()]);
        let replica = Replica::open(packed, Arc::clone(&state.like))
            .map_err(|reason| Error::Broken { workflow: self.workflow, reason })?;
        state.replica = Some(replica);
        if loaded.seq > state.seq {
            // Nobody has been told of those rows.
            state.seq = loaded.seq;
            for seat in state.seats.values() {
                seat.asks(crate::connection::Since::Known(yrs::StateVector::default()));
            }
        }
        let stalled = std::mem::take(&mut state.stalled);
        let mut refused = Vec::new();
        for (seat, update, number) in stalled {
            if let Err(close) = self.take_edit(&mut state, &seat, update, number) {
                refused.push((seat, close));
            }
        }
        state.seats.values().for_each(|seat| seat.wake());
        drop(state);
        for (seat, close) in refused {
            self.dismiss(&seat, &close);
        }
        self.written.send_modify(|_| {});
        Ok(())
    }

    /// Tells where drafts are kept what this one is.
    pub(super) async fn materialize(&self) -> Result<(), Error> {
        // Whoever finds nothing to tell is to know that it was told.
        let _telling = self.materializing.acquire().await.map_err(|_| Error::Closed)?;
        let (authors, seq, view) = {
            let mut state = self.state.lock();
            let State { replica, unmaterialized, seq, .. } = &mut *state;
            let Some(replica) = replica else { return Ok(()) };
            let Some(authors) = unmaterialized.take() else { return Ok(()) };
            (authors, *seq, replica.view())
        };
        let told = self.shared.drafts.changed(self.workflow, seq, &view, &authors).await;
        if told.is_err() {
            self.state.lock().note_unmaterialized(&authors);
        }
        told
    }

    /// Makes a snapshot, and gives it a name; answers of which row.
    pub(crate) async fn keep(&self, name: Option<&str>) -> Result<u64, Error> {
        let (seq, state, since) = {
            let mut state = self.state.lock();
            let Some(replica) = &state.replica else { return Err(Error::Busy) };
            let packed = replica.state();
            (state.seq, packed, state.unkept.take())
        };
        let kept = self.shared.log.snapshot(self.workflow, seq, state, name, self.shared.clock.now()).await;
        if kept.is_err() {
            let mut state = self.state.lock();
            state.unkept = state.unkept.or(since);
        }
        kept.map(|()| seq)
    }

    /// Lets go of the room if nobody uses it; true if that is so.
    fn unload(&self, closing: bool) -> bool {
        let mut state = self.state.lock();
        let unused = state.users == 0 && state.seats.is_empty() && state.quiet.elapsed() >= self.shared.config.idle;
        let done = state.is_written() && state.unkept.is_none() && state.unmaterialized.is_none();
        if !(done && (closing || unused)) {
            // What came while this was at work is to be seen to.
            if closing || (unused && !done) {
                self.work.notify_one();
            }
            return false;
        }
        state.end.get_or_insert(End::Unloaded);
        drop(state);
        if closing {
            self.disconnect(|_| true, &Close::new(1001, "the server is going away"));
        }
        self.shared.close_room(self);
        self.news.notify_one();
        self.written.send_modify(|_| {});
        true
    }
}

impl State {
    pub(super) fn note_written(&mut self, authors: &[Author]) {
        self.unkept.get_or_insert_with(Instant::now);
        self.note_unmaterialized(authors);
    }

    fn note_unmaterialized(&mut self, authors: &[Author]) {
        let known = self.unmaterialized.get_or_insert_default();
        for author in authors {
            if known.len() < crate::limits::MAX_AUTHORS && !known.contains(author) {
                known.push(author.clone());
            }
        }
    }
}
