//! The port to the other processes that have the same documents open.

mod redis;

use bytes::Bytes;
use futures::future::BoxFuture;
use weir_base::WorkflowId;

pub use self::redis::RedisFanout;

/// What processes tell each other, as fast as it goes. It may lose anything: the log has all that matters.
pub trait Fanout: Send + Sync + 'static {
    /// Tells the other processes. Never waits; what there is no room for is lost.
    fn tell(&self, workflow: WorkflowId, message: Bytes);

    /// Begins to hear of a workflow.
    fn watch(&self, workflow: WorkflowId);

    /// Hears of it no more.
    fn unwatch(&self, workflow: WorkflowId);

    /// What comes next, from others or from this process; `None` when it is closed. Called by one who listens.
    fn hear(&self) -> BoxFuture<'_, Option<Heard>>;
}

/// What comes from the other processes.
#[derive(Debug, Clone)]
pub enum Heard {
    /// A process told something.
    Message {
        /// Of which workflow.
        workflow: WorkflowId,
        /// What it told.
        message: Bytes,
    },
    /// Something may have been lost: of one workflow that is watched only from now on, or of all.
    Gap(Option<WorkflowId>),
}
