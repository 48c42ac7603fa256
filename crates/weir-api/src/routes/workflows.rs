//! `/workflows`: drafts, their versions, and running them.

mod change;
mod execute;
mod read;
mod status;
mod transfer;
pub(crate) mod upload;
mod validate;
mod versions;

use axum::extract::FromRef;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_core::problem::Problem as DocumentProblem;
use weir_engine::Engine;
use weir_workflows::{Saved, Summary, Workflow, Workflows};

use crate::shown::ShownWorkflows;

pub(crate) use self::change::{REPLAYED, answer_saved};
use self::execute::Runner;
pub(crate) use self::execute::{Accepted, accepted};

/// What most of these routes need.
#[derive(Clone, FromRef)]
struct Shelf {
    workflows: Workflows,
    shown: ShownWorkflows,
}

pub(crate) fn router(
    workflows: Workflows,
    engine: Engine,
    shown: ShownWorkflows,
    shutdown: CancellationToken,
) -> OpenApiRouter {
    let runner = Runner { workflows: workflows.clone(), engine, shutdown };
    let execute = OpenApiRouter::new().routes(routes!(execute::execute)).with_state(runner);
    OpenApiRouter::new()
        .routes(routes!(read::list, change::create))
        .routes(routes!(read::get, change::replace, change::patch, change::delete))
        .routes(routes!(change::restore))
        .routes(routes!(status::publish))
        .routes(routes!(status::pause))
        .routes(routes!(status::resume))
        .routes(routes!(status::archive))
        .routes(routes!(validate::validate))
        .routes(routes!(transfer::import))
        .routes(routes!(transfer::export))
        .routes(routes!(versions::list))
        .routes(routes!(versions::get))
        .routes(routes!(versions::diff))
        .routes(routes!(versions::restore))
        .with_state(Shelf { workflows, shown })
        .merge(execute)
}

/// A workflow in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkflowSummary {
    #[schema(value_type = Uuid)]
    id: weir_base::WorkflowId,
    /// The draft's name; several workflows may share one.
    name: String,
    /// The draft's description.
    description: Option<String>,
    /// Words to find it by.
    tags: Vec<String>,
    /// `draft`, `active`, `paused` or `archived`.
    status: &'static str,
    /// Counts every change; the number in the `ETag`.
    revision: u64,
    /// The newest published version, which is the one that runs.
    latest_version: Option<u32>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// When its newest version was published.
    published_at: Option<DateTime<Utc>>,
    /// When it was deleted; it can be restored for 30 days.
    deleted_at: Option<DateTime<Utc>>,
}

impl From<Summary> for WorkflowSummary {
    fn from(summary: Summary) -> Self {
        Self {
            id: summary.id,
            name: summary.name,
            description: summary.description,
            tags: summary.tags,
            status: summary.status.as_str(),
            revision: summary.revision,
            latest_version: summary.latest_version,
            created_at: summary.created_at,
            updated_at: summary.updated_at,
            published_at: summary.published_at,
            deleted_at: summary.deleted_at,
        }
    }
}

/// A workflow with its draft.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Workflow)]
pub(crate) struct WorkflowBody {
    #[serde(flatten)]
    summary: WorkflowSummary,
    /// The draft: the document being worked on.
    #[schema(value_type = Object)]
    document: Value,
}

impl From<Workflow> for WorkflowBody {
    fn from(workflow: Workflow) -> Self {
        Self { summary: workflow.summary.into(), document: workflow.draft }
    }
}

/// A workflow as it was kept, with what is wrong or doubtful in its draft.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SavedWorkflow {
    #[serde(flatten)]
    workflow: WorkflowBody,
    /// Errors forbid to publish the draft; warnings do not.
    problems: Vec<Finding>,
}

impl From<Saved> for SavedWorkflow {
    fn from(saved: Saved) -> Self {
        Self { workflow: saved.workflow.into(), problems: findings(saved.problems) }
    }
}

/// Something wrong or doubtful in a document.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Finding {
    /// A stable machine word.
    code: &'static str,
    /// `error` or `warning`.
    #[schema(value_type = String)]
    severity: weir_core::problem::Severity,
    /// The node it is about.
    node: Option<String>,
    /// The edge it is about.
    edge: Option<String>,
    /// JSON pointer to the place in the document.
    pointer: String,
    /// What is wrong.
    message: String,
    /// What to do about it.
    hint: String,
}

/// Findings in their wire type.
fn findings(problems: Vec<DocumentProblem>) -> Vec<Finding> {
    let wire = |problem: DocumentProblem| Finding {
        code: problem.code,
        severity: problem.severity,
        node: problem.node,
        edge: problem.edge,
        pointer: problem.pointer,
        message: problem.message,
        hint: problem.hint,
    };
    problems.into_iter().map(wire).collect()
}
