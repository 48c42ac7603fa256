//! What nodes wrote for people.

use weir_base::{ExecutionId, Page, PageRequest, WorkspaceId};
use weir_core::path::NodePath;
use weir_db::args;

use super::{Executions, Log};
use crate::error::Error;
use crate::node::LogLevel;

impl Executions {
    /// An execution's log lines, the oldest first.
    ///
    /// # Errors
    /// [`Error::NoExecution`]; [`Error::Cursor`] for a cursor that this list never gave out.
    pub async fn logs(&self, workspace: WorkspaceId, id: ExecutionId, page: &PageRequest) -> Result<Page<Log>, Error> {
        let after: i64 = page.cursor.as_ref().map_or(Ok(0), |cursor| cursor.decode())?;
        let sql = "SELECT id, path, level, message, at FROM execution_logs WHERE execution_id = $1 AND id > $3 \
                   AND EXISTS (SELECT 1 FROM executions AS e WHERE e.id = $1 AND e.workspace_id = $2) \
                   ORDER BY id LIMIT $4";
        let rows = self.db.query(sql, args![id, workspace, after, page.limit + 1]).await?;
        if rows.is_empty() {
            self.summary(workspace, id).await?;
        }
        let lines = rows.iter().map(|row| {
            let word: &str = row.get(2)?;
            let level = LogLevel::from_word(word).ok_or_else(|| Error::Corrupt {
                what: format!("a log line of execution {id}"),
                message: format!("{word:?} is no level"),
            })?;
            Ok(Log {
                id: row.get(0)?,
                path: NodePath::from(row.get::<&str>(1)?),
                level,
                message: row.get(3)?,
                at: row.get(4)?,
            })
        });
        let lines = lines.collect::<Result<Vec<_>, Error>>()?;
        Ok(Page::from_surplus(lines, page.limit, |line| line.id))
    }
}

impl LogLevel {
    const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warning, Self::Error];

    /// The word used in the API and in the stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }
}
