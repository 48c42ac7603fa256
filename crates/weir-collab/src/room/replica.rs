//! This process' copy of a document, and how updates of others come into it without doing harm.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use weir_base::Timestamp;
use yrs::branch::{Branch, BranchPtr};
use yrs::types::text::YChange;
use yrs::updates::decoder::Decode as _;
use yrs::{
    ClientID, Doc, Map as _, MapRef, OffsetKind, Options, Out, ReadTxn, StateVector, Text as _, TextRef, Transact as _,
    TransactionMut, Update,
};

use crate::Author;
use crate::document::{self, Operation};
use crate::limits::{MAX_DOCUMENT, MAX_NESTING, MAX_UNMET, MAX_UNMET_UPDATES};
use crate::packed::{pack, unpack};
use crate::reader::Malformed;
use crate::screen::{Screened, screen};

/// A copy of a document. After a [`Refusal::Broken`] it is of no use any more.
pub(crate) struct Replica {
    doc: Doc,
    /// Whom edits that are made on a copy of this copy are from, for the CRDT. Only one such copy is edited at a time.
    edits_as: ClientID,
    /// The last view, whose order the next one keeps.
    like: Arc<Value>,
    /// Whether `like` is how the document is.
    viewed: bool,
    /// Its size when that was last measured, and what came since.
    encoded: usize,
    since: usize,
    /// Shared types are nested at most so deep.
    nesting: usize,
    /// What builds upon edits that are not there.
    unmet: Vec<(Bytes, Screened)>,
}

/// What came of an update.
#[derive(Debug)]
pub(crate) struct Applied {
    /// What is new, if anything is.
    pub(crate) update: Option<Bytes>,
    /// What was known before.
    pub(crate) before: StateVector,
}

/// Why an update is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Malformed(&'static str),
    TooLarge,
    /// Too much waits already for edits that are not there.
    Unmet,
    /// It was taken in part.
    Broken(String),
}

/// The more a document has grown, the sooner it is measured.
const MEASURED: usize = 64 * 1024;

/// What a level of nesting takes of the stack when it is removed, and more.
const STACK: usize = 4 * 1024;

impl Replica {
    /// A copy of what the log has: a snapshot's state and what came after it.
    pub(crate) fn open<'a>(packed: impl IntoIterator<Item = &'a [u8]>, like: Arc<Value>) -> Result<Self, String> {
        let options = Options { offset_kind: OffsetKind::Utf16, ..Options::default() };
        let mut replica = Self {
            doc: Doc::with_options(options),
            edits_as: Options::default().client_id,
            like,
            viewed: false,
            encoded: 0,
            since: 0,
            nesting: 0,
            unmet: Vec::new(),
        };
        for packed in packed {
            for update in unpack(packed).ok_or("a row of the log is cut off")? {
                replica.follow(update).map_err(|refusal| format!("{refusal:?}"))?;
            }
        }
        replica.measure();
        replica.nesting = nesting(&replica.doc.transact());
        Ok(replica)
    }

    /// Takes what a client sent.
    pub(crate) fn receive(&mut self, update: &[u8]) -> Result<Applied, Refusal> {
        let screened = screen(update).map_err(|Malformed(reason)| Refusal::Malformed(reason))?;
        if screened.is_empty {
            return Ok(Applied { update: None, before: StateVector::default() });
        }
        if !screened.edits.is_empty() {
            self.find_room(update.len())?;
        }
        let met = self.is_met(&screened);
        let waiting: usize = self.unmet.iter().map(|(update, _)| update.len()).sum();
        if !met && (waiting + update.len() > MAX_UNMET || self.unmet.len() >= MAX_UNMET_UPDATES) {
            return Err(Refusal::Unmet);
        }
        let update = Bytes::copy_from_slice(update);
        self.integrate(update, screened, met)
    }

    /// Takes what is in the log.
    pub(crate) fn follow(&mut self, update: &[u8]) -> Result<Applied, Refusal> {
        let screened = screen(update).map_err(|Malformed(reason)| Refusal::Malformed(reason))?;
        let met = self.is_met(&screened);
        self.integrate(Bytes::copy_from_slice(update), screened, met)
    }

    /// Makes an edit of this process'.
    pub(crate) fn operate(
        &mut self,
        operation: Operation,
        now: Timestamp,
        author: &Author,
    ) -> Result<Applied, Refusal> {
        self.find_room(0)?;
        let applied = transact(&self.doc, |txn| {
            operation.apply(txn, now, author);
            Ok(())
        })?;
        self.nesting += types(applied.update.as_deref()).map_err(|reason| Refusal::Broken(reason.to_owned()))?;
        self.took(&applied);
        Ok(applied)
    }

    /// Whether an update would change anything.
    pub(crate) fn is_changed_by(&self, update: &[u8]) -> Result<bool, Refusal> {
        let screened = screen(update).map_err(|Malformed(reason)| Refusal::Malformed(reason))?;
        let txn = self.doc.transact();
        let state = txn.state_vector();
        if screened.edits.iter().any(|(client, (_, end))| state.get(&ClientID::new(*client)) < *end) {
            return Ok(true);
        }
        if screened.removes.is_empty() {
            return Ok(false);
        }
        let update = decode(update)?;
        Ok(!update.delete_set().diff(&txn.snapshot().delete_set).is_empty())
    }

    /// Everything, as one value for the log.
    pub(crate) fn state(&self) -> Bytes {
        let state = self.diff(&StateVector::default());
        let unmet = self.unmet.iter().map(|(update, _)| update.as_ref());
        pack(std::iter::once(state.as_slice()).chain(unmet))
    }

    /// What is new to one who knows so much.
    pub(crate) fn diff(&self, known: &StateVector) -> Vec<u8> {
        self.doc.transact().encode_diff_v1(known)
    }

    pub(crate) fn state_vector(&self) -> StateVector {
        self.doc.transact().state_vector()
    }

    /// The workflow document.
    pub(crate) fn view(&mut self) -> Arc<Value> {
        if !self.viewed {
            self.like = Arc::new(document::view(&self.doc.transact(), &self.like));
            self.viewed = true;
        }
        Arc::clone(&self.like)
    }

    /// The view that was last asked for, of a copy that may be of no use.
    pub(crate) fn last_view(&mut self) -> Arc<Value> {
        Arc::clone(&self.like)
    }

    pub(crate) fn comments(&self) -> Vec<document::Comment> {
        document::comments(&self.doc.transact())
    }

    /// A copy to make an edit on; the next one is to be made after that edit has come back or was given up.
    pub(crate) fn copy(&self) -> EditCopy {
        EditCopy { state: self.diff(&StateVector::default()), edits_as: self.edits_as }
    }

    /// After an edit of a copy that may be in the log or may not.
    pub(crate) fn edit_as_another(&mut self) {
        self.edits_as = Options::default().client_id;
    }

    fn integrate(&mut self, update: Bytes, screened: Screened, met: bool) -> Result<Applied, Refusal> {
        let decoded = decode(&update)?;
        let deep = self.nesting + screened.types > MAX_NESTING && {
            self.nesting = nesting(&self.doc.transact());
            self.nesting + screened.types > MAX_NESTING
        };
        let apply = || transact(&self.doc, |txn| txn.apply_update(decoded).map_err(|error| error.to_string()));
        let mut applied = if deep { on_large_stack(screened.types, apply)? } else { apply()? };
        if deep {
            self.nesting = nesting(&self.doc.transact());
            if self.nesting > MAX_NESTING {
                return Err(Refusal::Broken("shared types are nested too deep".to_owned()));
            }
        } else {
            self.nesting += screened.types;
        }
        if !met {
            self.unmet.push((update.clone(), screened));
        }
        if !self.unmet.is_empty() {
            self.settle();
            // What stands behind a gap is not in what the transaction says that it has done.
            if !self.unmet.is_empty() {
                applied.update = Some(update);
            }
        }
        self.took(&applied);
        Ok(applied)
    }

    /// Forgets what has been waited for and came.
    fn settle(&mut self) {
        let state = self.doc.transact().state_vector();
        let there = |client: &u64, end: &u32| state.get(&ClientID::new(*client)) >= *end;
        self.unmet.retain(|(_, waiting)| {
            let edits = waiting.edits.iter().all(|(client, (_, end))| there(client, end));
            let others = waiting.needs.iter().chain(&waiting.removes).all(|(client, end)| there(client, end));
            !(edits && others)
        });
    }

    fn is_met(&self, screened: &Screened) -> bool {
        let state = self.doc.transact().state_vector();
        let known = |client: &u64| {
            let known = state.get(&ClientID::new(*client));
            // Own edits of the update count, if they go on from there.
            screened.edits.get(client).filter(|(first, _)| *first <= known).map_or(known, |(_, end)| known.max(*end))
        };
        screened.edits.iter().all(|(client, (first, _))| *first <= state.get(&ClientID::new(*client)))
            && screened.needs.iter().chain(&screened.removes).all(|(client, end)| *end <= known(client))
    }

    fn took(&mut self, applied: &Applied) {
        if let Some(update) = &applied.update {
            self.since += update.len();
            self.viewed = false;
        }
    }

    /// Whether so many bytes more fit in.
    fn find_room(&mut self, more: usize) -> Result<(), Refusal> {
        if self.encoded + self.since + more > MAX_DOCUMENT && self.since >= MEASURED {
            self.measure();
        }
        if self.encoded + self.since + more > MAX_DOCUMENT { Err(Refusal::TooLarge) } else { Ok(()) }
    }

    fn measure(&mut self) {
        self.encoded = self.diff(&StateVector::default()).len();
        self.since = 0;
    }
}

/// What an edit is made on, away from the room's lock.
pub(crate) struct EditCopy {
    state: Vec<u8>,
    edits_as: ClientID,
}

impl EditCopy {
    /// The update that makes the document `to`; nothing if it is that already.
    pub(crate) fn rewrite(self, to: &Value) -> Result<Option<Bytes>, Refusal> {
        let options = Options { client_id: self.edits_as, offset_kind: OffsetKind::Utf16, ..Options::default() };
        let doc = Doc::with_options(options);
        let state = decode(&self.state)?;
        transact(&doc, |txn| txn.apply_update(state).map_err(|error| error.to_string()))?;
        let applied = transact(&doc, |txn| {
            document::rewrite(txn, to);
            Ok(())
        })?;
        // What others would not read must not come into the log.
        types(applied.update.as_deref()).map_err(Refusal::Malformed)?;
        let grown = self.state.len() + applied.update.as_ref().map_or(0, Bytes::len);
        if grown > MAX_DOCUMENT && doc.transact().encode_diff_v1(&StateVector::default()).len() > MAX_DOCUMENT {
            return Err(Refusal::TooLarge);
        }
        Ok(applied.update)
    }
}

/// How many types an update of this process' makes, if it can be read by others.
fn types(update: Option<&[u8]>) -> Result<usize, &'static str> {
    update.map_or(Ok(0), |update| screen(update).map(|screened| screened.types).map_err(|Malformed(reason)| reason))
}

fn decode(update: &[u8]) -> Result<Update, Refusal> {
    let decoded = catch_unwind(AssertUnwindSafe(|| Update::decode_v1(update)));
    match decoded {
        Ok(Ok(update)) => Ok(update),
        Ok(Err(_)) | Err(_) => Err(Refusal::Malformed("it is no update of Yjs")),
    }
}

/// Does something in a transaction, and ends that.
fn transact(doc: &Doc, act: impl FnOnce(&mut TransactionMut<'_>) -> Result<(), String>) -> Result<Applied, Refusal> {
    let mut txn = doc.transact_mut();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        act(&mut txn)?;
        txn.commit();
        let changed = !(txn.insert_set().is_empty() && txn.delete_set().is_empty());
        let update = changed.then(|| Bytes::from(txn.encode_update_v1()));
        Ok(Applied { update, before: txn.before_state().clone() })
    }));
    // It commits when it is dropped. During a panic a second one would end the process.
    let ended = catch_unwind(AssertUnwindSafe(|| drop(txn)));
    match (outcome, ended) {
        (Ok(Ok(applied)), Ok(())) => Ok(applied),
        (Ok(Err(reason)), _) => Err(Refusal::Broken(reason)),
        _ => Err(Refusal::Broken("the CRDT gave up".to_owned())),
    }
}

/// Runs what may recurse once for each shared type.
fn on_large_stack<T: Send>(types: usize, run: impl FnOnce() -> Result<T, Refusal> + Send) -> Result<T, Refusal> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(16 * 1024 * 1024 + types * STACK);
        match thread.spawn_scoped(scope, run).map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Refusal::Broken("the CRDT gave up".to_owned())),
            Err(error) => Err(Refusal::Broken(error.to_string())),
        }
    })
}

/// How deep the shared types of a document are nested in each other.
fn nesting<T: ReadTxn>(txn: &T) -> usize {
    let mut deepest = 0;
    let mut left: Vec<(BranchPtr, usize)> =
        txn.root_refs().filter_map(|(_, root)| branch(&root)).map(|root| (root, 1)).collect();
    while let Some((parent, depth)) = left.pop() {
        deepest = deepest.max(depth);
        // Whatever a type is, it may have been given entries and items.
        let entries = MapRef::from(parent);
        left.extend(entries.values(txn).flatten().filter_map(|value| branch(&value)).map(|child| (child, depth + 1)));
        // Not as an array: its iterator never ends in a text with a character that takes two units.
        let items = TextRef::from(parent).diff(txn, YChange::identity);
        left.extend(items.into_iter().filter_map(|item| branch(&item.insert)).map(|child| (child, depth + 1)));
    }
    deepest
}

fn branch(value: &Out) -> Option<BranchPtr> {
    match value {
        Out::YText(text) => Some(BranchPtr::from(AsRef::<Branch>::as_ref(text))),
        Out::YArray(array) => Some(BranchPtr::from(AsRef::<Branch>::as_ref(array))),
        Out::YMap(map) => Some(BranchPtr::from(AsRef::<Branch>::as_ref(map))),
        Out::UndefinedRef(branch) => Some(*branch),
        // The others are refused before they come here.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use yrs::{ArrayPrelim, MapPrelim, TextPrelim};

    use super::*;

    #[test]
    fn depth_is_found_whatever_a_type_was_given() {
        let doc = Doc::with_options(Options { offset_kind: OffsetKind::Utf16, ..Options::default() });
        let nodes = doc.get_or_insert_map("nodes");
        let mut txn = doc.transact_mut();
        assert_eq!(nesting(&txn), 1);
        let text = nodes.insert(&mut txn, "text", TextPrelim::new("\u{1f980}"));
        assert_eq!(nesting(&txn), 2);
        let inner = text.insert_embed(&mut txn, 2, MapPrelim::default());
        inner.insert(&mut txn, "list", ArrayPrelim::default());
        assert_eq!(nesting(&txn), 4);
    }
}
