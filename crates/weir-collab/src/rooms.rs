//! All documents that are open in this process.

use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weir_base::{Clock, WorkflowId};
use weir_db::{Db, Dialect};

use crate::document;
use crate::fanout::Told;
use crate::log::Log;
use crate::packed::pack;
use crate::room::replica::Replica;
use crate::room::{End, Room, Using};
use crate::{Author, Close, Config, ConnectionIn, ConnectionOut, Drafts, Error, Fanout, Heard, Member};

/// The live documents of this process. Cheap to clone; ends with [`Self::close`] or its last clone.
#[derive(Clone)]
pub struct Collab(Arc<Parts>);

struct Parts(Arc<Shared>);

/// What all rooms share.
pub(crate) struct Shared {
    pub(crate) log: Log,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) drafts: Arc<dyn Drafts>,
    pub(crate) config: Config,
    fanout: Option<Arc<dyn Fanout>>,
    /// Names this process among the others.
    origin: u64,
    rooms: Mutex<HashMap<WorkflowId, Place>>,
    /// Everything is to be written down and ended.
    pub(crate) closing: CancellationToken,
    /// Everything is to be ended as it is.
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// A room, once it is open: whoever comes first opens it.
type Place = Arc<OnceCell<Arc<Room>>>;

/// The workflow document as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// A row of the log: the document has that, and may have more.
    pub seq: u64,
    /// The document.
    pub document: Arc<Value>,
}

impl Collab {
    /// Documents with their log in `db`, which has this crate's tables.
    ///
    /// # Panics
    /// With a fan-out, outside a tokio runtime.
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        drafts: Arc<dyn Drafts>,
        fanout: Option<Arc<dyn Fanout>>,
        config: Config,
    ) -> Self {
        let shared = Arc::new(Shared {
            log: Log { db },
            clock,
            drafts,
            config,
            fanout: fanout.clone(),
            origin: rand::random(),
            rooms: Mutex::default(),
            closing: CancellationToken::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        if let Some(fanout) = fanout {
            let hearing = Arc::clone(&shared);
            shared.spawn(async move {
                while let Some(heard) = fanout.hear().await {
                    hearing.hear(heard);
                }
            });
        }
        Self(Arc::new(Parts(shared)))
    }

    /// The document as it is now; opens it if it is not open.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Broken`], [`Error::Drafts`], [`Error::Db`], [`Error::Closed`].
    pub async fn draft(&self, workflow: WorkflowId) -> Result<Draft, Error> {
        self.open(workflow).await?.draft().await
    }

    /// The newest row of a document's log, if it is open in this process.
    pub fn newest(&self, workflow: WorkflowId) -> Option<u64> {
        Some(self.0.0.room(workflow)?.newest())
    }

    /// Changes the document in one edit that leaves alone what `change` does not change; answers when it is durable.
    /// With `expected` only if nothing changed since a draft of that `seq`.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::TooLarge`], [`Error::Busy`], and what [`Self::draft`] fails with. After a failure of
    /// the database the edit may have been kept. What `change` fails with is the inner result.
    pub async fn edit<E>(
        &self,
        workflow: WorkflowId,
        by: Author,
        expected: Option<u64>,
        change: impl FnOnce(&Value) -> Result<Value, E> + Send,
    ) -> Result<Result<Draft, E>, Error> {
        self.open(workflow).await?.edit(by, expected, change).await
    }

    /// What is said about the workflow's nodes.
    ///
    /// # Errors
    /// What [`Self::draft`] fails with.
    pub async fn comments(&self, workflow: WorkflowId) -> Result<Vec<document::Comment>, Error> {
        self.open(workflow).await?.comments().await
    }

    /// Lets a member in; opens the document if it is not open.
    ///
    /// # Errors
    /// What [`Self::draft`] fails with.
    pub async fn join(&self, workflow: WorkflowId, member: Member) -> Result<(ConnectionIn, ConnectionOut), Error> {
        self.open(workflow).await?.join(member)
    }

    /// Disconnects the members of a workflow for which `which` holds, when it is open in this process.
    pub fn disconnect(&self, workflow: WorkflowId, which: impl Fn(&Member) -> bool, close: &Close) {
        if let Some(room) = self.0.0.room(workflow) {
            room.disconnect(which, close);
        }
    }

    /// Removes the document of a workflow that is deleted for good, with its history, and disconnects its members.
    /// Whoever opens it afterwards makes a new one, if its draft is still there.
    ///
    /// # Errors
    /// [`Error::Db`].
    pub async fn forget(&self, workflow: WorkflowId) -> Result<(), Error> {
        self.0.0.log.remove(workflow).await?;
        if let Some(room) = self.0.0.room(workflow) {
            room.end(End::Gone);
            self.0.0.close_room(&room);
        }
        Ok(())
    }

    /// Disconnects everybody and writes down what is not; everything then answers [`Error::Closed`]. What cannot be
    /// written in [`Config::closing`] is lost, and was never acknowledged.
    pub async fn close(&self) {
        let shared = &self.0.0;
        shared.closing.cancel();
        let rooms: Vec<_> = shared.rooms.lock().values().filter_map(|place| place.get().cloned()).collect();
        for room in &rooms {
            room.disconnect(|_| true, &Close::new(1001, "the server is going away"));
        }
        shared.tasks.close();
        let written = async {
            // The one that hears ends with the others, not with them.
            while !shared.rooms.lock().is_empty() {
                let Some(room) = shared.rooms.lock().values().find_map(|place| place.get().cloned()) else { break };
                room.ended().await;
            }
        };
        if timeout(shared.config.closing, written).await.is_err() {
            tracing::error!("some documents could not be written down to the end");
        }
        shared.stop.cancel();
        shared.tasks.wait().await;
    }

    /// The room of a document, open.
    pub(crate) async fn open(&self, workflow: WorkflowId) -> Result<Using, Error> {
        let shared = &self.0.0;
        loop {
            if shared.is_closed() {
                return Err(Error::Closed);
            }
            let place = Arc::clone(shared.rooms.lock().entry(workflow).or_default());
            let opened = place.get_or_try_init(|| shared.load(workflow)).await;
            match opened.map(Room::enter) {
                Ok(Some(using)) => return Ok(using),
                Ok(None) => shared.vacate(workflow, &place),
                Err(error) => {
                    shared.vacate(workflow, &place);
                    return Err(error);
                }
            }
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.0
    }
}

impl Shared {
    /// Reads a document, or makes it of the draft, and begins to look after it.
    async fn load(self: &Arc<Self>, workflow: WorkflowId) -> Result<Arc<Room>, Error> {
        let draft = self.drafts.draft(workflow).await?.ok_or(Error::NotFound(workflow))?;
        let loaded = match self.log.load(workflow).await? {
            Some(loaded) => loaded,
            None => {
                let seed = document::seed(&draft);
                self.log.found(workflow, pack([seed.as_slice()]), self.clock.now()).await?;
                self.log.load(workflow).await?.ok_or(Error::NotFound(workflow))?
            }
        };
        let draft = Arc::new(draft);
        let mut replica = Replica::open(loaded.packed.iter().map(Vec::as_slice), Arc::clone(&draft))
            .map_err(|reason| Error::Broken { workflow, reason })?;
        // A process that died may not have got to tell.
        let untold = *replica.view() != *draft;
        let room = Room::new(workflow, Arc::clone(self), replica, loaded.seq, loaded.packed.len() > 1, untold);
        if let Some(fanout) = &self.fanout {
            fanout.watch(workflow);
        }
        self.spawn(Arc::clone(&room).write());
        self.spawn(Arc::clone(&room).tell());
        Ok(room)
    }

    /// Tells the other processes.
    pub(crate) fn tell(&self, workflow: WorkflowId, told: Told<'_>) {
        if let Some(fanout) = &self.fanout {
            fanout.tell(workflow, told.write(self.origin));
        }
    }

    /// Whether other processes may have the same documents open.
    pub(crate) fn has_others(&self) -> bool {
        self.fanout.is_some() || self.log.db.dialect() == Dialect::Postgres
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closing.is_cancelled() || self.stop.is_cancelled()
    }

    /// A room has ended: the next one who comes opens it anew.
    pub(crate) fn close_room(&self, room: &Room) {
        let mut rooms = self.rooms.lock();
        let is_it = |place: &Place| place.get().is_some_and(|there| std::ptr::eq(Arc::as_ptr(there), room));
        if rooms.get(&room.workflow()).is_some_and(is_it) {
            rooms.remove(&room.workflow());
            if let Some(fanout) = &self.fanout {
                fanout.unwatch(room.workflow());
            }
        }
    }

    /// Whoever comes next is to open the room anew.
    fn vacate(&self, workflow: WorkflowId, place: &Place) {
        let mut rooms = self.rooms.lock();
        if rooms.get(&workflow).is_some_and(|there| Arc::ptr_eq(there, place)) {
            rooms.remove(&workflow);
        }
    }

    fn room(&self, workflow: WorkflowId) -> Option<Arc<Room>> {
        self.rooms.lock().get(&workflow)?.get().cloned()
    }

    fn hear(&self, heard: Heard) {
        match heard {
            Heard::Message { workflow, message } => {
                if let Some((origin, told)) = Told::read(&message)
                    && origin != self.origin
                    && let Some(room) = self.room(workflow)
                {
                    room.hear(told);
                }
            }
            Heard::Gap(Some(workflow)) => {
                if let Some(room) = self.room(workflow) {
                    room.look();
                    self.tell(workflow, Told::PresenceWanted);
                }
            }
            Heard::Gap(None) => {
                let rooms: Vec<_> = self.rooms.lock().values().filter_map(|place| place.get().cloned()).collect();
                for room in rooms {
                    room.look();
                    self.tell(room.workflow(), Told::PresenceWanted);
                }
            }
        }
    }

    /// Runs a task until it ends or everything does.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled(task).await;
        });
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.0.stop.cancel();
        // Rooms know what they share: without this, neither would ever go away.
        let rooms = std::mem::take(&mut *self.0.rooms.lock());
        for room in rooms.values().filter_map(|place| place.get()) {
            room.disconnect(|_| true, &Close::new(1001, "the server is going away"));
        }
    }
}

impl Debug for Collab {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Collab").field("rooms", &self.0.0.rooms.lock().len()).finish_non_exhaustive()
    }
}
