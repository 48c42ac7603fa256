//! The audit log: who did what to which thing, when and from where. It only grows, until its time is past.

use futures::future::BoxFuture;
use serde_json::Value;
use weir_base::{InvalidCursor, Page, PageRequest, Timestamp, WorkspaceId};
use weir_db::{Batch, Db, Dialect, Row, Statement, args};

use crate::retention::remove_in_parts;
use crate::{DomainEvent, Error, Located, Patterns, Subscriber, SubscriberError};

/// So much of an event's data can be found by its words, in bytes.
const SEARCHED: usize = 4096;

/// The longest text that is searched for, in bytes: every entry is compared with it.
const LONGEST_WANTED: usize = 512;

/// What is worth an entry even if no person did it. What executions go through and what their workflows publish is
/// not: that is theirs to tell.
const ADMINISTRATION: &[&str] = &[
    "ApiKey",
    "ApprovalDecided",
    "Credential",
    "Email",
    "Login",
    "Member",
    "NotificationRule",
    "Password",
    "Quota",
    "Refresh",
    "Session",
    "TriggerCreated",
    "TriggerDeleted",
    "TriggerUpdated",
    "User",
    "Variable",
    "Webhook",
    "Workflow",
    "Workspace",
];

/// The audit log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Audit {
    db: Db,
}

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The event that told of it.
    pub event_id: String,
    /// In which workspace; `None` for what concerns the installation.
    pub workspace: Option<WorkspaceId>,
    /// By whom: an [`Actor`](weir_base::Actor) as text.
    pub actor: String,
    /// From which address.
    pub address: Option<String>,
    /// What happened, such as `CredentialDeleted`.
    pub kind: String,
    /// To which thing, such as `credential/0190...`.
    pub subject: String,
    /// When.
    pub at: Timestamp,
    /// What else there is to say.
    pub data: Value,
}

/// Which entries are wanted; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// By whom: an actor as text, or with a `*` at its end the beginning of one, such as `user:0190...`. Beginnings are
    /// compared without regard to ASCII case.
    pub actor: Option<String>,
    /// What happened.
    pub kinds: Option<Patterns>,
    /// To which thing, or with a `*` at its end to which things, such as `credential/*`.
    pub subject: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// A text that is found in it, without regard to case.
    pub q: Option<String>,
}

impl Audit {
    /// The audit log of a database.
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// The entries of a workspace, the newest first.
    ///
    /// # Errors
    /// [`Error::Cursor`] for a cursor of another list, [`Error::LongFilter`] for more than 512 bytes of what is wanted,
    /// [`Error::Db`].
    pub async fn list(
        &self,
        workspace: WorkspaceId,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<Entry>, Error> {
        self.search("workspace_id = $1", args![workspace], filter, page).await
    }

    /// The entries of all workspaces and of the installation itself, the newest first: for who runs it.
    ///
    /// # Errors
    /// [`Error::Cursor`] for a cursor of another list, [`Error::LongFilter`] for more than 512 bytes of what is wanted,
    /// [`Error::Db`].
    pub async fn list_all(&self, filter: &AuditFilter, page: &PageRequest) -> Result<Page<Entry>, Error> {
        self.search("1 = 1", Vec::new(), filter, page).await
    }

    async fn search(
        &self,
        within: &str,
        mut args: Vec<weir_db::Value>,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<Entry>, Error> {
        for (what, wanted) in [("actor", &filter.actor), ("subject", &filter.subject), ("q", &filter.q)] {
            if wanted.as_ref().is_some_and(|wanted| wanted.len() > LONGEST_WANTED) {
                return Err(Error::LongFilter { what, most: LONGEST_WANTED });
            }
        }
        let begins = |column: &str, place: &str| match self.db.dialect() {
            Dialect::Sqlite => format!("{column} LIKE {place} ESCAPE '!'"),
            // SQLite compares without regard to ASCII case, and to no other.
            Dialect::Postgres => format!("LOWER({column} COLLATE \"C\") LIKE {place} ESCAPE '!'"),
        };
        let beginning = |start: &str| weir_db::Value::from(like(&start.to_ascii_lowercase(), false));
        let mut query = format!(
            "SELECT event_id, workspace_id, actor, address, kind, subject, at, data FROM audit_log WHERE {within}"
        );
        let mut place = |value: weir_db::Value| {
            args.push(value);
            format!("${}", args.len())
        };
        for (column, wanted) in [("actor", &filter.actor), ("subject", &filter.subject)] {
            match wanted.as_deref().map(|wanted| (wanted, wanted.strip_suffix('*'))) {
                Some((_, Some(start))) => {
                    query.push_str(&format!(" AND {}", begins(column, &place(beginning(start)))));
                }
                Some((whole, None)) => query.push_str(&format!(" AND {column} = {}", place(whole.into()))),
                None => {}
            }
        }
        if let Some(kinds) = &filter.kinds {
            let each = kinds.as_slice().iter().map(|kind| match kind.strip_suffix('*') {
                Some(start) => begins("kind", &place(beginning(start))),
                None => format!("kind = {}", place(kind.into())),
            });
            let each: Vec<String> = each.collect();
            query.push_str(&format!(" AND ({})", each.join(" OR ")));
        }
        if let Some(since) = filter.since {
            query.push_str(&format!(" AND at >= {}", place(since.into())));
        }
        if let Some(until) = filter.until {
            query.push_str(&format!(" AND at < {}", place(until.into())));
        }
        if let Some(q) = &filter.q {
            let pattern = like(&q.to_lowercase(), true);
            query.push_str(&format!(" AND search LIKE {} ESCAPE '!'", place(pattern.into())));
        }
        if let Some(cursor) = &page.cursor {
            let (micros, id): (i64, String) = cursor.decode()?;
            let at = Timestamp::from_timestamp_micros(micros).ok_or(InvalidCursor)?;
            query.push_str(&format!(" AND (at, event_id) < ({}, {})", place(at.into()), place(id.into())));
        }
        let limit = place((page.limit + 1).into());
        query.push_str(&format!(" ORDER BY at DESC, event_id DESC LIMIT {limit}"));
        let rows = self.db.query(query, args).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_surplus(items, page.limit, |entry| (entry.at.timestamp_micros(), entry.event_id.clone())))
    }

    /// Removes what happened before `instant`: nothing else can be removed, and nothing changed. Answers how many
    /// entries that were.
    pub(crate) async fn purge(&self, instant: Timestamp) -> Result<u64, Error> {
        let delete = "DELETE FROM audit_log WHERE event_id IN \
                      (SELECT event_id FROM audit_log WHERE at < $1 ORDER BY at LIMIT $2)";
        let part = |limit| {
            Batch::from(vec![
                Statement::new("INSERT INTO audit_purge (before) VALUES ($1)", args![instant]),
                Statement::new(delete, args![instant, limit]),
                Statement::new("DELETE FROM audit_purge", Vec::new()),
            ])
        };
        remove_in_parts(&self.db, part, 1).await
    }
}

impl Subscriber for Audit {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn consequences<'a>(&'a self, events: &'a [Located]) -> BoxFuture<'a, Result<Vec<Statement>, SubscriberError>> {
        let rows: Vec<_> = events.iter().filter(|located| is_audited(&located.event)).map(entry).collect();
        let insert = "INSERT INTO audit_log (event_id, workspace_id, actor, address, kind, subject, at, data, search) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (event_id) DO NOTHING";
        let statements = if rows.is_empty() { Vec::new() } else { vec![Statement::each(insert, rows)] };
        Box::pin(std::future::ready(Ok(statements)))
    }
}

/// Whether somebody did it, or it is administration; what an execution tells is none, whatever its workflow calls it.
fn is_audited(event: &DomainEvent) -> bool {
    let by_somebody = ["user:", "key:", "anonymous"].iter().any(|who| event.actor.starts_with(who));
    let administration = || ADMINISTRATION.iter().any(|kind| event.kind.starts_with(kind));
    by_somebody || (event.trigger.is_none() && administration())
}

fn entry(located: &Located) -> Vec<weir_db::Value> {
    let event = &located.event;
    let data = event.data.to_string();
    let words = &data[..data.floor_char_boundary(SEARCHED)];
    let address = event.address.as_deref().unwrap_or_default();
    let search = format!("{}\n{}\n{}\n{address}\n{words}", event.kind, event.subject, event.actor).to_lowercase();
    args![
        &event.id,
        event.workspace,
        &event.actor,
        event.address.clone(),
        &event.kind,
        &event.subject,
        event.at,
        data,
        search,
    ]
}

fn read(row: &Row) -> Result<Entry, Error> {
    let event_id: String = row.get(0)?;
    let data = serde_json::from_str(row.get(7)?).map_err(|error| Error::Corrupt {
        what: format!("the data of audit entry {event_id}"),
        message: error.to_string(),
    })?;
    Ok(Entry {
        workspace: row.get(1)?,
        actor: row.get(2)?,
        address: row.get(3)?,
        kind: row.get(4)?,
        subject: row.get(5)?,
        at: row.get(6)?,
        data,
        event_id,
    })
}

/// A `LIKE` pattern for texts that begin with `text`, or have it somewhere.
fn like(text: &str, anywhere: bool) -> String {
    let mut pattern = String::from(if anywhere { "%" } else { "" });
    for char in text.chars() {
        if matches!(char, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern
}
