//! The one thread that writes: whatever batches arrive while an fsync runs share the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{Batch, Error, Outcome, Stats, Written};

use super::connection::{self, Lock};

/// Requests that wait for the thread; senders wait when it is full.
const QUEUE: usize = 1024;

/// Batches in one commit. More would make the first wait long without saving much.
const GROUP: usize = 1024;

#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    commits: AtomicU64,
    batches: AtomicU64,
}

enum Job {
    Write(Request),
    Run(Box<dyn FnOnce(&Connection) + Send>),
    Close(oneshot::Sender<()>),
}

struct Request {
    batch: Batch,
    answer: oneshot::Sender<Result<Written, Error>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, lock: Lock) -> Result<Self, Error> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let counts = Arc::new(Counts::default());
        let seen = Arc::clone(&counts);
        // Nobody joins the thread: it ends with the last sender, and `close` waits for its word.
        std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || work(connection, lock, jobs, &seen))
            .map_err(|error| Error::Unavailable { message: format!("cannot start a thread: {error}") })?;
        Ok(Self { queue, counts })
    }

    pub(super) async fn write(&self, batch: Batch) -> Result<Written, Error> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Job::Write(Request { batch, answer })).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }

    /// Runs `work` on the writer's connection, between two commits.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let job = Job::Run(Box::new(move |connection| {
            // Whoever asked may have gone away; the work is done all the same.
            let _ = answer.send(work(connection));
        }));
        self.queue.send(job).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            commits: self.counts.commits.load(Ordering::Relaxed),
            batches: self.counts.batches.load(Ordering::Relaxed),
        }
    }

    /// Answers when what was queued before is done and the file is closed and unlocked.
    pub(super) async fn close(&self) {
        let (closed, done) = oneshot::channel();
        if self.queue.send(Job::Close(closed)).await.is_ok() {
            // The sender dropped without a word means the same: the thread is gone.
            let _ = done.await;
        }
    }
}

fn work(connection: Connection, lock: Lock, mut jobs: mpsc::Receiver<Job>, counts: &Counts) {
    let mut next = jobs.blocking_recv();
    let mut closed = None;
    while let Some(job) = next.take() {
        match job {
            Job::Write(request) => {
                let mut group = vec![request];
                while group.len() < GROUP {
                    match jobs.try_recv() {
                        Ok(Job::Write(request)) => group.push(request),
                        Ok(other) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                commit_group(&connection, group, counts);
            }
            Job::Run(work) => work(&connection),
            Job::Close(answer) => {
                closed = Some(answer);
                break;
            }
        }
        if next.is_none() {
            next = jobs.blocking_recv();
        }
    }
    drop(jobs);
    drop(connection);
    drop(lock);
    if let Some(closed) = closed {
        // Whoever closes may have stopped waiting.
        let _ = closed.send(());
    }
}

/// Runs the batches in one transaction, commits, and only then answers each of them.
fn commit_group(connection: &Connection, group: Vec<Request>, counts: &Counts) {
    let (answers, batches): (Vec<_>, Vec<_>) = group.into_iter().map(|request| (request.answer, request.batch)).unzip();
    let mut results = run_group(connection, &batches);
    if let Ok(results) = &results {
        let kept = results.iter().filter(|result| result.is_ok()).count();
        counts.commits.fetch_add(1, Ordering::Relaxed);
        counts.batches.fetch_add(kept as u64, Ordering::Relaxed);
    } else if !connection.is_autocommit()
        && let Err(error) = exec(connection, "ROLLBACK")
    {
        tracing::error!(%error, "cannot roll back");
    }
    for (place, answer) in answers.into_iter().enumerate() {
        let result = match &mut results {
            Ok(results) => std::mem::replace(&mut results[place], Err(Error::Closed)),
            Err(error) => Err(error.clone()),
        };
        // Whoever asked may have gone away; the batch is kept all the same.
        let _ = answer.send(result);
    }
}

/// The result of each batch, all of them committed; or the failure that undid them all.
fn run_group(connection: &Connection, batches: &[Batch]) -> Result<Vec<Result<Written, Error>>, Error> {
    exec(connection, "BEGIN IMMEDIATE")?;
    let mut results = Vec::with_capacity(batches.len());
    for batch in batches {
        exec(connection, "SAVEPOINT batch")?;
        let result = run_batch(connection, batch);
        if let Err(error) = &result {
            // A full disk makes SQLite roll back the whole transaction, with the batches before this one.
            if connection.is_autocommit() {
                return Err(error.clone());
            }
            exec(connection, "ROLLBACK TO batch")?;
        }
        exec(connection, "RELEASE batch")?;
        results.push(result);
    }
    exec(connection, "COMMIT")?;
    Ok(results)
}

fn run_batch(connection: &Connection, batch: &Batch) -> Result<Written, Error> {
    let mut outcomes = Vec::with_capacity(batch.len());
    for (index, statement) in batch.statements.iter().enumerate() {
        let (affected, rows) = connection::run(connection, statement)?;
        statement.check(index, affected)?;
        outcomes.push(Outcome { affected, rows });
    }
    Ok(Written { outcomes })
}

fn exec(connection: &Connection, sql: &str) -> Result<(), Error> {
    let failed = |error: rusqlite::Error| Error::from_sqlite(&error, sql);
    connection.prepare_cached(sql).map_err(failed)?.raw_execute().map(drop).map_err(failed)
}
