//! Node executions, as the journal tells of them.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_base::{ExecutionId, Page, PageRequest, WorkspaceId};
use weir_core::path::NodePath;
use weir_core::payload::Payload;
use weir_db::args;

use super::fold::{Fold, Folded};
use super::{Executions, NodeExecution};
use crate::error::Error;
use crate::journal::rows;

/// Events read at a time.
const CHUNK: u32 = 512;

impl Executions {
    /// The node executions of one body, in the order they first appeared: of the outermost level, or of the body
    /// named by its container and number, such as `each[12]`. The items of a large `map` thus come body by body.
    ///
    /// Outputs are shown as far as the journal holds them; what lies in object storage is fetched by [`Self::node`].
    ///
    /// # Errors
    /// [`Error::NoExecution`]; [`Error::Cursor`] for a cursor that this list never gave out.
    pub async fn nodes(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        within: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<NodeExecution>, Error> {
        let from: usize = page.cursor.as_ref().map_or(Ok(0), |cursor| cursor.decode())?;
        let wanted = from..from.saturating_add(page.limit as usize);
        let folded = self.fold(workspace, id, within, |place, _| wanted.contains(&place)).await?;
        let surplus = Range { start: from.min(folded.len()), end: wanted.end.saturating_add(1).min(folded.len()) };
        let shown = folded.into_iter().enumerate().skip(surplus.start).take(surplus.len()).map(|(place, folded)| {
            let Folded { mut node, output } = folded;
            node.output = output.as_ref().map(inline_parts);
            (place, node)
        });
        // The next page begins after the place of the last one shown.
        let page = Page::from_surplus(shown.collect(), page.limit, |(place, _)| place + 1);
        Ok(page.map(|(_, node)| node))
    }

    /// One node execution, with all of its output.
    ///
    /// # Errors
    /// [`Error::NoExecution`]; [`Error::NoNodeExecution`] when the journal does not tell of it;
    /// [`Error::TooLarge`] when the output is over [`crate::LARGEST_VALUE`].
    pub async fn node(&self, workspace: WorkspaceId, id: ExecutionId, path: &NodePath) -> Result<NodeExecution, Error> {
        let folded = self.fold(workspace, id, body_of(path.as_str()), |_, found| found == path).await?;
        let Some(Folded { mut node, output }) = folded.into_iter().find(|folded| folded.node.path == *path) else {
            return Err(Error::NoNodeExecution { id, path: path.clone() });
        };
        if let Some(output) = output {
            node.output = Some((*self.values.load(&output).await?).clone());
        }
        Ok(node)
    }

    /// Folds the journal into the node executions of one body; keeps the outputs of those that are `wanted`.
    async fn fold(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        within: Option<&str>,
        wanted: impl Fn(usize, &NodePath) -> bool + Send,
    ) -> Result<Vec<Folded>, Error> {
        let plan = self.documents.plan(&self.summary(workspace, id).await?.document).await?;
        let mut fold = Fold::new(&plan, within, wanted);
        let columns = rows::EVENT_COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM execution_events WHERE execution_id = $1 AND seq > $2 ORDER BY seq LIMIT {CHUNK}"
        );
        let mut after = 0_i64;
        loop {
            let found = self.db.query(sql.clone(), args![id, after]).await?;
            for row in &found {
                after = row.get(0)?;
                // Most events of a large execution are about other bodies: these are not read in full.
                let head: Head<'_> = serde_json::from_str(row.get(1)?).unwrap_or_default();
                if head.path.is_none_or(|path| fold.concerns(&path)) {
                    fold.add(rows::event(id, row)?);
                }
            }
            if found.len() < CHUNK as usize {
                return Ok(fold.finish());
            }
        }
    }
}

#[derive(Default, Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    path: Option<Cow<'a, str>>,
}

/// The body a path lies in: `each[12]` for `each[12]/parse`, none on the outermost level.
pub(super) fn body_of(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(body, _)| body)
}

/// A value without what lies in object storage.
fn inline_parts(payload: &Payload) -> Value {
    match payload {
        Payload::Inline(value) => (**value).clone(),
        Payload::Stored(stored) => json!({ "stored": { "size": stored.size } }),
        Payload::Items(items) => items.iter().map(inline_parts).collect(),
        Payload::Fields(fields) => {
            let fields: Map<_, _> = fields.iter().map(|(name, field)| (name.clone(), inline_parts(field))).collect();
            Value::Object(fields)
        }
    }
}
