//! The rows of executions.

use weir_base::{ExecutionId, Page, PageRequest, Principal, WorkspaceId};
use weir_core::event::{Parent, Relation};
use weir_core::execution::Status;
use weir_core::path::NodePath;
use weir_db::{Row, Statement, Value, args};

use super::{Executions, Filter, Summary, relation_word};
use crate::error::Error;

const COLUMNS: &str = "id, workflow_id, workflow_version, document, \"trigger\", parent_id, parent_path, \
     parent_relation, status, progress, nodes_done, nodes_known, seq, error, created_at, updated_at, finished_at, workspace_id";

/// The condition of the index by status: what is neither on its way nor completed.
const INDEXED: &str = "status NOT IN ('pending', 'running', 'completed')";

/// What makes a dead letter, unless it is dismissed.
const DEAD: &str = "status IN ('failed', 'timeout')";

impl Executions {
    /// An execution as lists show it.
    ///
    /// # Errors
    /// [`Error::NoExecution`].
    pub async fn summary(&self, workspace: WorkspaceId, id: ExecutionId) -> Result<Summary, Error> {
        let sql = format!("SELECT {COLUMNS} FROM executions WHERE id = $1 AND workspace_id = $2");
        let rows = self.db.query(sql, args![id, workspace]).await?;
        rows.first().map_or(Err(Error::NoExecution(id)), summary)
    }

    /// As [`summary`](Self::summary), whosever it is: for the engine itself.
    pub(crate) async fn summary_of_any(&self, id: ExecutionId) -> Result<Summary, Error> {
        let sql = format!("SELECT {COLUMNS} FROM executions WHERE id = $1");
        let rows = self.db.query(sql, args![id]).await?;
        rows.first().map_or(Err(Error::NoExecution(id)), summary)
    }

    /// The workspace an execution belongs to.
    pub(crate) async fn workspace_of(&self, id: ExecutionId) -> Result<WorkspaceId, Error> {
        let rows = self.db.query("SELECT workspace_id FROM executions WHERE id = $1", args![id]).await?;
        rows.first().map_or(Err(Error::NoExecution(id)), |row| Ok(row.get(0)?))
    }

    /// Executions, the newest first.
    ///
    /// # Errors
    /// [`Error::Cursor`] for a cursor that this list never gave out.
    pub async fn list(
        &self,
        workspace: WorkspaceId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page<Summary>, Error> {
        let mut conditions = Conditions::of(workspace);
        if let Some(workflow) = filter.workflow_id {
            conditions.add("workflow_id = ?", workflow);
        }
        if let Some(parent) = filter.parent {
            conditions.add("parent_id = ?", parent);
        }
        if let Some(trigger) = &filter.trigger {
            conditions.add("\"trigger\" = ?", trigger);
        }
        if let Some(from) = filter.created_from {
            conditions.add("created_at >= ?", from);
        }
        if let Some(before) = filter.created_before {
            conditions.add("created_at < ?", before);
        }
        if filter.dead_letters {
            conditions.add("dismissed = ?", false);
        }
        let before = match &page.cursor {
            Some(cursor) => format!(" AND {}", conditions.place("id < ?", cursor.decode::<ExecutionId>()?)),
            None => String::new(),
        };
        for wanted in [statuses(&filter.statuses), filter.dead_letters.then(|| DEAD.to_owned())].into_iter().flatten() {
            conditions.plain(wanted);
        }
        if filter.dead_letters || is_indexed(&filter.statuses) {
            // Asked for by themselves, because only then both databases look them up by their status.
            let wanted = statuses(&filter.statuses).unwrap_or_else(|| DEAD.to_owned());
            conditions.plain(format!(
                "id IN (SELECT id FROM executions WHERE workspace_id = $1 AND {wanted} AND {INDEXED}{before})"
            ));
        } else if let Some(before) = before.strip_prefix(" AND ") {
            conditions.plain(before.to_owned());
        }
        let (wanted, mut args) = conditions.finish();
        args.push(Value::from(page.limit + 1));
        let sql = format!("SELECT {COLUMNS} FROM executions{wanted} ORDER BY id DESC LIMIT ${}", args.len());
        let rows = self.db.query(sql, args).await?;
        let items = rows.iter().map(summary).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_surplus(items, page.limit, |summary| summary.id))
    }

    /// Takes a failed execution off the list of dead letters.
    ///
    /// # Errors
    /// [`Error::NoDeadLetter`] when it is not on it.
    pub async fn dismiss(&self, principal: &Principal, id: ExecutionId) -> Result<(), Error> {
        let sql = format!(
            "UPDATE executions SET dismissed = $3 WHERE id = $1 AND workspace_id = $2 AND dismissed = $4 AND {DEAD}"
        );
        let args = args![id, principal.workspace, true, false];
        match self.db.write(Statement::new(sql, args).exactly(1)).await {
            Ok(_) => Ok(()),
            Err(weir_db::Error::Expectation { .. }) => Err(Error::NoDeadLetter(id)),
            Err(error) => Err(error.into()),
        }
    }
}

/// The condition that an execution has one of these statuses; none for any status.
fn statuses(wanted: &[Status]) -> Option<String> {
    let words: Vec<_> = wanted.iter().map(|status| format!("'{status}'")).collect();
    (!words.is_empty()).then(|| format!("status IN ({})", words.join(", ")))
}

/// Whether all of these statuses are in the index by status.
fn is_indexed(wanted: &[Status]) -> bool {
    let unindexed = [Status::Pending, Status::Running, Status::Completed];
    !wanted.is_empty() && !wanted.iter().any(|status| unindexed.contains(status))
}

/// The conditions of a list, joined by `AND`.
pub(super) struct Conditions {
    conditions: Vec<String>,
    args: Vec<Value>,
}

impl Conditions {
    /// What belongs to this workspace.
    pub(super) fn of(workspace: WorkspaceId) -> Self {
        Self { conditions: vec!["workspace_id = $1".to_owned()], args: vec![workspace.into()] }
    }

    /// What belongs to an execution of this workspace: found by the execution, not among all the workspace has.
    pub(super) fn of_execution_in(workspace: WorkspaceId) -> Self {
        let owned = "EXISTS (SELECT 1 FROM executions AS e WHERE e.id = execution_id AND e.workspace_id = $1)";
        Self { conditions: vec![owned.to_owned()], args: vec![workspace.into()] }
    }

    /// A condition on a value, which stands where the question mark is.
    pub(super) fn add(&mut self, condition: &str, value: impl Into<Value>) {
        let condition = self.place(condition, value);
        self.conditions.push(condition);
    }

    /// The text of a condition that stands elsewhere; its value goes with the others.
    fn place(&mut self, condition: &str, value: impl Into<Value>) -> String {
        self.args.push(value.into());
        condition.replacen('?', &format!("${}", self.args.len()), 1)
    }

    pub(super) fn plain(&mut self, condition: String) {
        self.conditions.push(condition);
    }

    pub(super) fn finish(self) -> (String, Vec<Value>) {
        (format!(" WHERE {}", self.conditions.join(" AND ")), self.args)
    }
}

fn summary(row: &Row) -> Result<Summary, Error> {
    let id: ExecutionId = row.get(0)?;
    let corrupt = |message: String| Error::Corrupt { what: format!("the row of execution {id}"), message };
    let parent = match row.get::<Option<ExecutionId>>(5)? {
        None => None,
        Some(execution_id) => {
            let word: &str = row.get(7)?;
            let relation = [Relation::SubWorkflow, Relation::Rerun].into_iter().find(|it| relation_word(*it) == word);
            let relation = relation.ok_or_else(|| corrupt(format!("{word:?} is no relation")))?;
            Some(Parent { execution_id, path: NodePath::from(row.get::<&str>(6)?), relation })
        }
    };
    let error = row.get::<Option<&str>>(13)?;
    Ok(Summary {
        id,
        workspace_id: row.get(17)?,
        workflow_id: row.get(1)?,
        workflow_version: row.get::<Option<i64>>(2)?.map(count),
        document: row.get(3)?,
        trigger: row.get(4)?,
        parent,
        status: row
            .get::<&str>(8)?
            .parse()
            .map_err(|unknown: weir_core::execution::UnknownStatus| corrupt(unknown.to_string()))?,
        progress: count(row.get(9)?),
        nodes_done: count(row.get(10)?),
        nodes_known: count(row.get(11)?),
        seq: count(row.get(12)?),
        error: error.map(serde_json::from_str).transpose().map_err(|error| corrupt(error.to_string()))?,
        created_at: row.get(14)?,
        updated_at: row.get(15)?,
        finished_at: row.get(16)?,
    })
}

/// Counts in the stores are signed; what was written fits.
fn count<T: TryFrom<i64> + Default>(count: i64) -> T {
    T::try_from(count).unwrap_or_default()
}
