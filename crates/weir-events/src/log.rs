//! The log of events: the outbox, read in an order that skips nothing.

use std::sync::Arc;

use weir_base::{Timestamp, WorkspaceId};
use weir_db::{Batch, Db, Dialect, Row, Statement, args};

use crate::retention::remove_in_parts;
use crate::{DomainEvent, Error, Position};

/// The longest id, kind, subject and actor of an event, in bytes: they are keys of indexes.
const MAX_NAME: usize = 512;

/// So many bytes of events are read at once, and one row in any case.
const READ_BYTES: i64 = 4 * 1024 * 1024;

/// An event and its place in the log.
#[derive(Debug, Clone)]
pub struct Located {
    /// Its place.
    pub position: Position,
    /// The event.
    pub event: Arc<DomainEvent>,
}

/// Some rows of the log, one after the other.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) events: Vec<Located>,
    /// After the last row; where reading goes on.
    pub(crate) end: Position,
    pub(crate) rows: u32,
    /// There may be more after it.
    pub(crate) more: bool,
    /// Rows or events that are not what was written; they are passed over.
    pub(crate) unreadable: u64,
}

/// The SQL of the outbox and of its readers' cursors.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) db: Db,
}

impl Log {
    /// At most `limit` rows after `after`, of one workspace or of all; fewer if they are large.
    ///
    /// On PostgreSQL a row is not read before every transaction is finished that could still write a row in front of
    /// it; migration 2 says how that is known.
    pub(crate) async fn read(
        &self,
        after: Position,
        workspace: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Slice, Error> {
        let (mut query, mut args) = match self.db.dialect() {
            Dialect::Sqlite => {
                let query = "SELECT 0 AS turn, position, events FROM outbox WHERE position > $1";
                (query.to_owned(), args![after.last_read_row()])
            }
            Dialect::Postgres => {
                let query = "SELECT turn, position, events FROM outbox WHERE (turn, position) > ($1, $2) \
                             AND turn < pg_snapshot_xmin(pg_current_snapshot())::text::bigint";
                (query.to_owned(), args![after.turn, after.last_read_row()])
            }
        };
        if let Some(workspace) = workspace {
            args.push(workspace.into());
            query.push_str(&format!(" AND workspace_id = ${}", args.len()));
        }
        args.push(limit.into());
        let order = match self.db.dialect() {
            Dialect::Sqlite => "position",
            Dialect::Postgres => "turn, position",
        };
        query.push_str(&format!(" ORDER BY {order} LIMIT ${}", args.len()));
        args.push(READ_BYTES.into());
        let query = format!(
            "SELECT turn, position, events, found FROM (SELECT turn, position, events, COUNT(*) OVER () AS found, \
             ROW_NUMBER() OVER (ORDER BY turn, position) AS place, \
             SUM(octet_length(events)) OVER (ORDER BY turn, position) AS bytes FROM ({query}) rows_after) sized \
             WHERE place = 1 OR bytes <= ${} ORDER BY turn, position",
            args.len()
        );
        let rows = self.db.query(query, args).await?;
        let found: i64 = rows.first().map_or(Ok(0), |row| row.get(3))?;
        let more = found == i64::from(limit) || usize::try_from(found).is_ok_and(|found| found > rows.len());
        let mut slice = Slice { events: Vec::new(), end: after, rows: 0, more, unreadable: 0 };
        for row in rows {
            slice.push(&row, after)?;
        }
        Ok(slice)
    }

    /// After the last row that can be read now.
    pub(crate) async fn end(&self) -> Result<Position, Error> {
        let query = match self.db.dialect() {
            Dialect::Sqlite => "SELECT 0, position FROM outbox ORDER BY position DESC LIMIT 1",
            Dialect::Postgres => {
                "SELECT turn, position FROM outbox WHERE turn < pg_snapshot_xmin(pg_current_snapshot())::text::bigint \
                 ORDER BY turn DESC, position DESC LIMIT 1"
            }
        };
        let rows = self.db.query(query, Vec::new()).await?;
        // With no row left, whatever comes next is after every row there was: the cursor says where that is.
        let relayed = self.cursor().await?;
        let last = rows.first().map(|row| Ok::<_, Error>(Position::after_row(row.get(0)?, row.get(1)?))).transpose()?;
        Ok(last.map_or(relayed, |last| last.max(relayed)))
    }

    /// How far the relay has come.
    pub(crate) async fn cursor(&self) -> Result<Position, Error> {
        let rows = self.db.query("SELECT turn, position FROM event_cursors WHERE name = 'relay'", Vec::new()).await?;
        rows.first().map_or(Ok(Position::START), |row| Ok(Position::after_row(row.get(0)?, row.get(1)?)))
    }

    /// Moves the relay's cursor, for the first place in a batch: it holds only if nobody else moved it.
    pub(crate) fn advance(from: Position, to: Position) -> Statement {
        let update = "UPDATE event_cursors SET turn = $1, position = $2 \
                      WHERE name = 'relay' AND turn = $3 AND position = $4";
        Statement::new(update, args![to.turn, to.row, from.turn, from.row]).exactly(1)
    }

    /// Makes turns comparable again after the tables were copied to another PostgreSQL, which counts its transactions
    /// anew: what was read stays read, and the rest is read by positions, before all that is still to come.
    pub(crate) async fn settle(&self) -> Result<(), Error> {
        if self.db.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let foreign = "SELECT GREATEST((SELECT MAX(turn) FROM outbox), (SELECT MAX(turn) FROM event_cursors)) \
                       >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
        let rows = self.db.query(foreign, Vec::new()).await?;
        if !rows.first().map_or(Ok(Some(false)), |row| row.get::<Option<bool>>(0))?.unwrap_or(false) {
            return Ok(());
        }
        let cursor = self.cursor().await?;
        tracing::warn!(%cursor, "the log of events comes from another server: its turns are set back");
        let read = "UPDATE outbox SET turn = -1 WHERE (turn, position) <= ($1, $2)";
        let unread = "UPDATE outbox SET turn = 0 WHERE turn <> -1";
        let set_back = "UPDATE event_cursors SET turn = 0, position = 0 \
                        WHERE name = 'relay' AND turn = $1 AND position = $2";
        let at = || args![cursor.turn, cursor.row];
        let batch = Batch::from(vec![
            Statement::new(set_back, at()).exactly(1),
            Statement::new(read, at()),
            Statement::new(unread, Vec::new()),
        ]);
        match self.db.write(batch).await {
            // Another process did it.
            Ok(_) | Err(weir_db::Error::Expectation { statement: 0, .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Forgets what happened before `instant`, as far as the relay has passed it. Answers how many rows that were.
    pub(crate) async fn purge(&self, instant: Timestamp) -> Result<u64, Error> {
        let passed = match self.db.dialect() {
            Dialect::Sqlite => "position <= (SELECT position FROM event_cursors WHERE name = 'relay')",
            Dialect::Postgres => "(turn, position) <= (SELECT turn, position FROM event_cursors WHERE name = 'relay')",
        };
        let delete = format!(
            "DELETE FROM outbox WHERE position IN \
             (SELECT position FROM outbox WHERE at < $1 AND {passed} ORDER BY at LIMIT $2)"
        );
        remove_in_parts(&self.db, |limit| Statement::new(delete.clone(), args![instant, limit]).into(), 0).await
    }
}

impl Slice {
    fn push(&mut self, row: &Row, after: Position) -> Result<(), Error> {
        let (turn, position): (i64, i64) = (row.get(0)?, row.get(1)?);
        self.rows += 1;
        self.end = Position::after_row(turn, position);
        let events: Vec<DomainEvent> = match serde_json::from_str(row.get(2)?) {
            Ok(events) => events,
            Err(error) => {
                self.unreadable += 1;
                tracing::error!(row = position, %error, "a row of the outbox cannot be read and is passed over");
                return Ok(());
            }
        };
        for (index, event) in (0..).zip(events) {
            let place = Position { turn, row: position, index };
            if place <= after {
                continue;
            }
            if is_storable(&event) {
                self.events.push(Located { position: place, event: Arc::new(event) });
            } else {
                self.unreadable += 1;
                tracing::error!(%place, "an event has names that cannot be stored and is passed over");
            }
        }
        Ok(())
    }
}

/// Whether the tables of subscribers can hold what the event calls things.
fn is_storable(event: &DomainEvent) -> bool {
    let names = [&event.id, &event.kind, &event.subject, &event.actor];
    let short = names.into_iter().all(|name| name.len() <= MAX_NAME && !name.contains('\0'));
    short && event.address.as_ref().is_none_or(|address| !address.contains('\0'))
}
