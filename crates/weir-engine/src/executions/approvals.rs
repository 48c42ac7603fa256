//! Questions to people.

use uuid::Uuid;
use weir_base::{ExecutionId, Page, PageRequest, WorkspaceId};
use weir_core::path::NodePath;
use weir_db::{Row, Value, args};

use super::summaries::Conditions;
use super::{Approval, ApprovalStatus, Executions, UnknownApprovalStatus};
use crate::error::Error;

const COLUMNS: &str = "execution_id, path, title, description, form, assignee, deadline, status, decided_by, comment, \
     decided_at, created_at";

impl Executions {
    /// Questions, the newest first: those with this status, of this execution.
    ///
    /// # Errors
    /// [`Error::Cursor`] for a cursor that this list never gave out.
    pub async fn approvals(
        &self,
        workspace: WorkspaceId,
        status: Option<ApprovalStatus>,
        execution: Option<ExecutionId>,
        page: &PageRequest,
    ) -> Result<Page<Approval>, Error> {
        let mut conditions = match execution {
            None => Conditions::of(workspace),
            Some(_) => Conditions::of_execution_in(workspace),
        };
        if let Some(status) = status {
            // Written out, because only then the index of open ones is found.
            conditions.plain(format!("status = '{}'", status.as_str()));
        }
        if let Some(execution) = execution {
            conditions.add("execution_id = ?", execution);
        }
        let (mut wanted, mut args) = conditions.finish();
        if let Some(cursor) = &page.cursor {
            let (at, execution, path): (weir_base::Timestamp, Uuid, String) = cursor.decode()?;
            let first = args.len() + 1;
            wanted.push_str(&format!(
                " AND (created_at, execution_id, path) < (${first}, ${}, ${})",
                first + 1,
                first + 2
            ));
            args.extend(args![at, execution, path]);
        }
        args.push(Value::from(page.limit + 1));
        let sql = format!(
            "SELECT {COLUMNS} FROM approvals{wanted} \
             ORDER BY created_at DESC, execution_id DESC, path DESC LIMIT ${}",
            args.len()
        );
        let rows = self.db.query(sql, args).await?;
        let items = rows.iter().map(approval).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::from_surplus(items, page.limit, |asked| {
            (asked.created_at, asked.execution_id.as_uuid(), asked.path.as_str().to_owned())
        }))
    }

    /// The question an `approval` node asked.
    ///
    /// # Errors
    /// [`Error::NoApproval`].
    pub async fn approval(&self, workspace: WorkspaceId, id: ExecutionId, path: &NodePath) -> Result<Approval, Error> {
        let sql =
            format!("SELECT {COLUMNS} FROM approvals WHERE execution_id = $1 AND path = $2 AND workspace_id = $3");
        let rows = self.db.query(sql, args![id, path.as_str(), workspace]).await?;
        rows.first().map_or_else(|| Err(Error::NoApproval { id, path: path.clone() }), approval)
    }
}

fn approval(row: &Row) -> Result<Approval, Error> {
    let execution_id: ExecutionId = row.get(0)?;
    let path = NodePath::from(row.get::<&str>(1)?);
    let corrupt = |message: String| Error::Corrupt {
        what: format!("the approval at {path} of execution {execution_id}"),
        message,
    };
    let form: Option<&str> = row.get(4)?;
    let form = form.map(serde_json::from_str).transpose().map_err(|error| corrupt(error.to_string()))?;
    let status = row.get::<&str>(7)?.parse();
    let status = status.map_err(|unknown: UnknownApprovalStatus| corrupt(unknown.to_string()))?;
    Ok(Approval {
        execution_id,
        title: row.get(2)?,
        description: row.get(3)?,
        form,
        assignee: row.get(5)?,
        deadline: row.get(6)?,
        status,
        decided_by: row.get(8)?,
        comment: row.get(9)?,
        decided_at: row.get(10)?,
        created_at: row.get(11)?,
        path,
    })
}
