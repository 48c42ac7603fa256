//! Reading the document, and edits that come as a whole new one.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use super::Room;
use crate::log::Appended;
use crate::packed::pack;
use crate::{Author, Draft, Error};

/// How long a reader waits for what is not durable yet.
const SETTLING: Duration = Duration::from_secs(1);

/// After so many appends, somebody edits all the time.
const ATTEMPTS: usize = 3;

/// An append of which it is not known whether it was kept.
struct Unsure<'a>(Option<&'a Room>);

impl Room {
    /// The document, with a number that it is no older than.
    pub(crate) async fn draft(&self) -> Result<Draft, Error> {
        if self.shared.has_others() {
            self.read_tail().await?;
        }
        let mut written = self.written.subscribe();
        let settle = async {
            for _ in 0..ATTEMPTS {
                if self.state.lock().is_written() || written.changed().await.is_err() {
                    return;
                }
            }
        };
        // Whoever is told too low a number only has to read again before they write.
        let _ = timeout(SETTLING, settle).await;
        self.draft_now().await
    }

    pub(crate) async fn edit<E>(
        &self,
        by: Author,
        expected: Option<u64>,
        change: impl FnOnce(&Value) -> Result<Value, E> + Send,
    ) -> Result<Result<Draft, E>, Error> {
        let _editing = self.editing.acquire().await.map_err(|_| Error::Closed)?;
        if self.shared.has_others() {
            self.read_tail().await?;
        }
        let edited = match expected {
            None => self.edit_now(by, change).await,
            Some(expected) => self.edit_at(by, expected, change).await,
        };
        if let Err(error) | Ok(Err(Unchanged::Error(error))) = &edited {
            tracing::debug!(workflow = %self.workflow, %error, "an edit was not made");
        }
        match edited? {
            Ok(()) => {}
            Err(Unchanged::Refused(refused)) => return Ok(Err(refused)),
            Err(Unchanged::Error(error)) => return Err(error),
        }
        if let Err(error) = self.materialize().await {
            // The edit is durable, and will be told of again.
            tracing::warn!(workflow = %self.workflow, %error, "a draft could not be brought up to date");
            self.work.notify_one();
        }
        self.draft_now().await.map(Ok)
    }

    /// The edit is one of many.
    async fn edit_now<E>(
        &self,
        by: Author,
        change: impl FnOnce(&Value) -> Result<Value, E> + Send,
    ) -> Result<Result<(), Unchanged<E>>, Error> {
        self.mended().await?;
        let (view, copy) = {
            let mut state = self.state.lock();
            self.check(&state)?;
            let Some(replica) = &mut state.replica else { return Err(Error::Busy) };
            (replica.view(), replica.copy())
        };
        let to = match change(&view) {
            Ok(to) => to,
            Err(refused) => return Ok(Err(Unchanged::Refused(refused))),
        };
        let Some(update) = copy.rewrite(&to).map_err(|refusal| self.error(refusal))? else { return Ok(Ok(())) };
        let number = {
            let mut state = self.state.lock();
            self.check(&state)?;
            if state.unwritten() + update.len() > crate::limits::MAX_UNWRITTEN {
                return Err(Error::Busy);
            }
            state.pending.add(update.clone(), &by);
            // If it does not fit into the copy, that is made anew, with the update in it.
            self.follow(&mut state, &[&update]);
            state.pending.number
        };
        self.work.notify_one();
        let mut written = self.written.subscribe();
        while *written.borrow_and_update() < number {
            self.check(&self.state.lock())?;
            written.changed().await.map_err(|_| Error::Closed)?;
        }
        Ok(Ok(()))
    }

    /// The edit is the next row of the log, or none.
    async fn edit_at<E>(
        &self,
        by: Author,
        expected: u64,
        change: impl FnOnce(&Value) -> Result<Value, E> + Send,
    ) -> Result<Result<(), Unchanged<E>>, Error> {
        let permit = self.appending.acquire().await.map_err(|_| Error::Closed)?;
        for _ in 0..ATTEMPTS {
            if !self.append(&permit).await? {
                break;
            }
        }
        drop(permit);
        self.mended().await?;
        let permit = self.appending.acquire().await.map_err(|_| Error::Closed)?;
        let (view, copy) = {
            let mut state = self.state.lock();
            self.check(&state)?;
            if state.seq != expected || !state.is_written() {
                return Err(Error::Stale { expected, current: state.seq });
            }
            let Some(replica) = &mut state.replica else { return Err(Error::Busy) };
            (replica.view(), replica.copy())
        };
        let to = match change(&view) {
            Ok(to) => to,
            Err(refused) => return Ok(Err(Unchanged::Refused(refused))),
        };
        let Some(update) = copy.rewrite(&to).map_err(|refusal| self.error(refusal))? else { return Ok(Ok(())) };
        let packed = pack([update.as_ref()]);
        let by = [by];
        let mut unsure = Unsure(Some(self));
        let now = self.shared.clock.now();
        let appended = self.shared.log.append(self.workflow, expected, packed.clone(), &by, now).await?;
        unsure.0 = None;
        if appended == Appended::Conflict {
            drop(permit);
            self.read_tail().await?;
            let current = self.state.lock().seq;
            return Ok(Err(Unchanged::Error(Error::Stale { expected, current })));
        }
        let mut state = self.state.lock();
        self.follow(&mut state, &[&update]);
        state.seq = state.seq.max(expected + 1);
        state.note_written(&by);
        drop(state);
        self.tell_row(expected + 1, &packed);
        // Others may have edited meanwhile, and waited for this to be done.
        self.work.notify_one();
        Ok(Ok(()))
    }

    async fn draft_now(&self) -> Result<Draft, Error> {
        self.mended().await?;
        let mut state = self.state.lock();
        self.check(&state)?;
        let seq = state.seq;
        let replica = state.replica.as_mut().ok_or(Error::Busy)?;
        Ok(Draft { seq, document: replica.view() })
    }

    /// Waits until there is a copy.
    pub(super) async fn mended(&self) -> Result<(), Error> {
        let mut written = self.written.subscribe();
        loop {
            {
                let state = self.state.lock();
                self.check(&state)?;
                if state.replica.is_some() {
                    return Ok(());
                }
            }
            written.changed().await.map_err(|_| Error::Closed)?;
        }
    }
}

/// Why an edit was not made.
enum Unchanged<E> {
    /// Whoever wanted it does not want it after all.
    Refused(E),
    Error(Error),
}

impl Drop for Unsure<'_> {
    fn drop(&mut self) {
        let Some(room) = self.0 else { return };
        let mut state = room.state.lock();
        if let Some(replica) = &mut state.replica {
            replica.edit_as_another();
        }
        state.gap = true;
        drop(state);
        room.work.notify_one();
    }
}
