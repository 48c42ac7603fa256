//! Batches on PostgreSQL: a transaction each, in one or two round trips.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures::TryFutureExt;
use futures::future::{join, maybe_done};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::{Batch, Error, Expect, Outcome, Row, Statement, Written};

use super::connection::{Access, Connection, Session};
use super::target::Target;

/// Batches that run at the same time.
const WRITERS: u32 = 8;

/// Times a batch runs before a deadlock with others is the caller's to know of.
const ATTEMPTS: u32 = 5;

#[derive(Debug)]
pub(super) struct Writers {
    target: Arc<Target>,
    /// A permit for each idle connection.
    permits: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Writers {
    pub(super) fn new(target: &Arc<Target>) -> Self {
        let idle = (0..WRITERS).map(|_| Connection::new(Arc::clone(target), Access::Write)).collect();
        Self { target: Arc::clone(target), permits: Semaphore::new(WRITERS as usize), idle: Mutex::new(idle) }
    }

    pub(super) async fn write(&self, batch: &Batch) -> Result<Written, Error> {
        let _permit = self.permits.acquire().await.map_err(|_| Error::Closed)?;
        let mut attempt = 1;
        loop {
            let mut lent = Lent::take(self);
            let session = match lent.connection()?.session().await {
                Ok(session) => session,
                Err(error) => {
                    lent.give_back();
                    return Err(error);
                }
            };
            let result = run(&session, batch).await;
            // A server that shuts down says so before it hangs up: such a connection is not one to go on with.
            if !matches!(result, Err(Failure::Open(_) | Failure::Undone(Error::Unavailable { .. }))) {
                lent.give_back();
            }
            match result {
                Ok(written) => return Ok(written),
                Err(Failure::Deadlock(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(Failure::Undone(error) | Failure::Deadlock(error) | Failure::Open(error)) => return Err(error),
            }
        }
    }

    pub(super) async fn close(&self) {
        // An error here means that they were closed before.
        if let Ok(all) = self.permits.acquire_many(WRITERS).await {
            self.permits.close();
            self.idle.lock().clear();
            drop(all);
        }
    }
}

/// A connection out of the pool. One that is not given back, because its future was dropped in the middle of a
/// transaction, is closed, which undoes the transaction; a new one takes its place.
struct Lent<'a> {
    writers: &'a Writers,
    connection: Option<Connection>,
}

impl<'a> Lent<'a> {
    fn take(writers: &'a Writers) -> Self {
        Self { writers, connection: writers.idle.lock().pop() }
    }

    fn connection(&self) -> Result<&Connection, Error> {
        self.connection.as_ref().ok_or(Error::Closed)
    }

    fn give_back(&mut self) {
        self.writers.idle.lock().extend(self.connection.take());
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if self.connection.is_some() {
            let fresh = Connection::new(Arc::clone(&self.writers.target), Access::Write);
            self.writers.idle.lock().push(fresh);
        }
    }
}

enum Failure {
    /// Nothing was kept, and the connection is ready for the next.
    Undone(Error),
    /// As `Undone`; running the batch again may well succeed.
    Deadlock(Error),
    /// The transaction may still be open.
    Open(Error),
}

async fn run(session: &Session, batch: &Batch) -> Result<Written, Failure> {
    let mut prepared = Vec::with_capacity(batch.len());
    for statement in &batch.statements {
        let found = session.prepare(&statement.sql).await.map_err(Failure::Undone)?;
        statement.check_arguments(found.params().len()).map_err(Failure::Undone)?;
        prepared.push(found);
    }
    let mut begun = pin!(maybe_done(session.script("BEGIN")));
    let mut rows: Vec<_> = batch
        .statements
        .iter()
        .zip(&prepared)
        .flat_map(|(statement, prepared)| statement.rows.iter().map(move |args| (statement, prepared, args)))
        .map(|(statement, prepared, args)| {
            let row = session.run(prepared, args).map_err(|error| statement_failed(statement, &error));
            Box::pin(maybe_done(row))
        })
        .collect();
    // Each future sends when it is first polled: after this round all of them are on their way, in order.
    poll_fn(|context| {
        let _ = begun.as_mut().poll(context);
        for row in &mut rows {
            let _ = row.as_mut().poll(context);
        }
        Poll::Ready(())
    })
    .await;
    // A row that failed already was never sent, so the server does not know that the transaction failed.
    let all_sent = !rows.iter_mut().any(|row| matches!(row.as_mut().output_mut(), Some(Err(_))));
    let begun_and_rows = async {
        begun.as_mut().await;
        for row in &mut rows {
            row.await;
        }
        let rows = rows.iter_mut().filter_map(|row| row.as_mut().take_output());
        (begun.as_mut().take_output().unwrap_or(Ok(())), outcomes(batch, rows))
    };

    // Without expectations the commit goes along: after a failed statement the server makes a rollback of it.
    if all_sent && batch.statements.iter().all(|statement| statement.expect == Expect::Any) {
        let ((begun, written), committed) = join(begun_and_rows, session.script("COMMIT")).await;
        begun.map_err(Failure::Open)?;
        let written = written?;
        committed.map_err(Failure::Undone)?;
        return Ok(written);
    }
    let (begun, written) = begun_and_rows.await;
    begun.map_err(Failure::Open)?;
    session.script(if written.is_ok() { "COMMIT" } else { "ROLLBACK" }).await.map_err(Failure::Open)?;
    written
}

/// Sums up what the rows of arguments did, statement by statement. The first failure in order is the one that counts:
/// those after it only say that the transaction was over.
fn outcomes(
    batch: &Batch,
    mut rows: impl Iterator<Item = Result<(u64, Vec<Row>), Failure>>,
) -> Result<Written, Failure> {
    let mut outcomes = Vec::with_capacity(batch.len());
    for (index, statement) in batch.statements.iter().enumerate() {
        let mut outcome = Outcome::default();
        for result in rows.by_ref().take(statement.rows.len()) {
            let (affected, returned) = result?;
            outcome.affected += affected;
            outcome.rows.extend(returned);
        }
        statement.check(index, outcome.affected).map_err(Failure::Undone)?;
        outcomes.push(outcome);
    }
    Ok(Written { outcomes })
}

fn statement_failed(statement: &Statement, error: &tokio_postgres::Error) -> Failure {
    use tokio_postgres::error::SqlState;

    let ours = Error::from_postgres(error, &statement.sql);
    let again = [&SqlState::T_R_DEADLOCK_DETECTED, &SqlState::T_R_SERIALIZATION_FAILURE];
    if error.code().is_some_and(|code| again.contains(&code)) { Failure::Deadlock(ours) } else { Failure::Undone(ours) }
}
