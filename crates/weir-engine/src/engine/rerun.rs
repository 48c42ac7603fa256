//! Running a recorded execution again from one of its nodes.

use std::sync::Arc;

use weir_base::{ExecutionId, Principal};
use weir_core::event::{Event, ExecutionStarted, Parent, Relation};
use weir_core::execution::Moment;

use super::start::Beginning;
use super::{Inner, Rerun};
use crate::error::Error;

impl Inner {
    pub(super) async fn rerun(
        self: &Arc<Self>,
        principal: &Principal,
        id: ExecutionId,
        rerun: Rerun,
    ) -> Result<ExecutionId, Error> {
        let summary = self.executions.summary(principal.workspace, id).await?;
        if !summary.status.is_terminal() {
            return Err(Error::NotEnded { id, status: summary.status });
        }
        let journal = self.read_journal(id).await?;
        let Some(Event::ExecutionStarted(old)) = journal.first().map(|first| first.event.clone()) else {
            return Err(Error::NoExecution(id));
        };
        let before = self.prepared(&old.document).await?;
        let (hash, version) = rerun.document.unwrap_or_else(|| (old.document.clone(), old.workflow_version));
        let prepared = self.prepared(&hash).await?;
        let execution_id = ExecutionId::new();
        let input = match rerun.input {
            Some(input) => {
                prepared.check_input(&input)?;
                self.keep_value(principal.workspace, execution_id, Arc::new(input)).await?
            }
            None => old.input.clone(),
        };
        let started = ExecutionStarted {
            execution_id,
            workflow_version: version,
            document: hash,
            input,
            parent: Some(Parent { execution_id: id, path: rerun.from.clone(), relation: Relation::Rerun }),
            trigger: "rerun".to_owned(),
            started_by: Some(principal.actor.to_string()),
            origin: None,
            ..*old
        };
        let moment = Moment { now: self.clock.now(), random: rand::random() };
        let plan = Arc::clone(&prepared.plan);
        let (execution, output) =
            weir_core::execution::rerun(&before.plan, &journal[1..], plan, started, &rerun.from, moment)?;
        self.files.copy(id, execution_id).await?;
        let beginning = Beginning { execution, output, prepared, moment, address: principal.address };
        self.record_new(beginning, None).await?;
        Ok(execution_id)
    }
}
