//! The journal in PostgreSQL: what arrives while a commit runs goes together into the next one.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc, oneshot};
use weir_base::{ExecutionId, WorkerId};
use weir_db::postgres::{Connection, Session};
use weir_db::{Db, Postgres};

use super::round::{self, Change, Creation};
use super::rows::Rows;
use super::{Append, Created, Journal, Lease, NewExecution, reading};
use crate::error::Error;

/// Rounds under way at the same time, so that one is put together while the other waits for its fsync.
const ROUNDS: usize = 2;

/// Requests that wait for a round; senders wait when it is full.
const QUEUE: usize = 1024;

/// Requests in one round.
const ROUND_REQUESTS: usize = 512;

/// Bytes after which a round takes no more.
const ROUND_BYTES: usize = 4 << 20;

/// A session of rounds looks rows up by their keys, whatever the planner thinks of tables that were empty a moment
/// ago; and a statement of milliseconds is not worth compiling.
const SETTINGS: &str = "SET enable_seqscan = off; SET jit = off";

/// The journal of a cluster.
#[derive(Debug)]
pub struct PostgresJournal {
    db: Db,
    queue: mpsc::Sender<Request>,
}

#[derive(Debug)]
struct Request {
    change: Change,
    /// Whether it was kept; if not, another stands in its place.
    answer: oneshot::Sender<Result<bool, weir_db::Error>>,
}

impl PostgresJournal {
    /// A journal in this database, whose tables have been made. The tasks that write for it end with it.
    pub fn new(db: Db, postgres: &Postgres) -> Self {
        let (queue, requests) = mpsc::channel(QUEUE);
        let requests = Arc::new(Mutex::new(requests));
        for _ in 0..ROUNDS {
            tokio::spawn(write_rounds(postgres.connection(), Arc::clone(&requests)));
        }
        Self { db, queue }
    }

    async fn write(&self, change: Change) -> Result<bool, Error> {
        let (answer, answered) = oneshot::channel();
        let closed = || Error::Db(weir_db::Error::Closed);
        self.queue.send(Request { change, answer }).await.map_err(|_| closed())?;
        Ok(answered.await.map_err(|_| closed())??)
    }
}

#[async_trait]
impl Journal for PostgresJournal {
    async fn create(&self, new: NewExecution) -> Result<Created, Error> {
        let NewExecution { started, owner, idempotency_key, created_at, append } = new;
        let (id, beginning, key) = (started.execution_id, Arc::clone(&started), idempotency_key.clone());
        let rows = Rows::of(append)?;
        if started.trigger.contains('\0') || key.as_ref().is_some_and(|key| key.contains('\0')) {
            return Err(weir_db::Error::Nul.into());
        }
        let owner = owner.filter(|_| !rows.execution.released);
        let creation = Creation { started, owner, idempotency_key, created_at };
        let change = Change { id, epoch: 1, creation: Some(creation), rows };
        if self.write(change).await? {
            return Ok(Created::New(Lease { execution_id: id, epoch: 1 }));
        }
        reading::existing(&self.db, &beginning, key).await.map(Created::Existing)
    }

    async fn append(&self, lease: Lease, append: Append) -> Result<(), Error> {
        let Lease { execution_id: id, epoch } = lease;
        let rows = Rows::of(append)?;
        let last = rows.last_event();
        if self.write(Change { id, epoch, creation: None, rows }).await? {
            return Ok(());
        }
        // A connection that broke between commit and answer leaves the driver to send the same again.
        if reading::was_kept(&self.db, lease, last).await? { Ok(()) } else { Err(Error::Fenced(id)) }
    }

    fn db(&self) -> &Db {
        &self.db
    }

    async fn forget_other_workers(&self, _: WorkerId) -> Result<(), Error> {
        Ok(())
    }
}

/// Writes one round after another on its own connection, until the journal is gone and the queue is empty.
async fn write_rounds(connection: Connection, requests: Arc<Mutex<mpsc::Receiver<Request>>>) {
    let mut prepared: Option<Arc<Session>> = None;
    let mut left_over = None;
    loop {
        let round = match left_over.take() {
            // Who holds the queue may wait there for long, and this one must not.
            Some(first) => match requests.try_lock() {
                Ok(mut requests) => gather(first, &mut requests, &mut left_over),
                Err(_) => vec![first],
            },
            None => {
                let mut requests = requests.lock().await;
                let Some(first) = requests.recv().await else { return };
                gather(first, &mut requests, &mut left_over)
            }
        };
        let (changes, answers): (Vec<_>, Vec<_>) =
            round.into_iter().map(|request| (request.change, request.answer)).unzip();
        match write_round(&connection, &mut prepared, &changes).await {
            Ok(kept) => {
                for (change, answer) in changes.iter().zip(answers) {
                    // Whoever asked may have gone away; what was kept is kept all the same.
                    let _ = answer.send(Ok(kept.contains(&change.id)));
                }
            }
            Err(error) => {
                prepared = None;
                // A server that shuts down says so before it hangs up: such a connection is not one to go on with.
                connection.close().await;
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }
}

/// What is there by now. A second change of the same execution, which only a driver that gave up waiting for the first
/// can send, opens the next round: within one they would not see each other.
fn gather(first: Request, queue: &mut mpsc::Receiver<Request>, left_over: &mut Option<Request>) -> Vec<Request> {
    let mut size = first.change.rows.size();
    let mut ids = HashSet::from([first.change.id]);
    let mut round = vec![first];
    while round.len() < ROUND_REQUESTS && size < ROUND_BYTES {
        let Ok(request) = queue.try_recv() else { break };
        if !ids.insert(request.change.id) {
            *left_over = Some(request);
            break;
        }
        size += request.change.rows.size();
        round.push(request);
    }
    round
}

/// The executions whose changes were kept.
async fn write_round(
    connection: &Connection,
    prepared: &mut Option<Arc<Session>>,
    changes: &[Change],
) -> Result<HashSet<ExecutionId>, weir_db::Error> {
    let session = connection.session().await?;
    if !prepared.as_ref().is_some_and(|prepared| Arc::ptr_eq(prepared, &session)) {
        session.script(SETTINGS).await?;
        *prepared = Some(Arc::clone(&session));
    }
    let rows = round::write(&session, changes).await?;
    rows.iter().map(|row| row.get(0)).collect()
}
