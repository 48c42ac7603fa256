//! `/audit`: who did what.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Permission, WorkspaceId};
use weir_events::{Audit, AuditFilter, Entry, Patterns};

use crate::extract::{Caller, Json, Query, page};
use crate::problem::{Problem, ReadProblems, codes};
use crate::routes::{Items, words};

pub(crate) fn router(audit: Audit) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).with_state(audit)
}

/// Which entries are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// By whom, such as `user:ID`, `key:ID` or `operator`; `user:*` for everybody of a sort.
    actor: Option<String>,
    /// What happened, separated by commas, such as `WorkflowPublished` or `Credential*`.
    kind: Option<String>,
    /// To which thing, such as `workflow/ID`, or `workflow/*`.
    subject: Option<String>,
    /// Not before this moment.
    since: Option<DateTime<Utc>>,
    /// Before this moment.
    until: Option<DateTime<Utc>>,
    /// A text that is found in it.
    q: Option<String>,
    /// The entries of all workspaces and of the installation itself: for who runs it.
    #[serde(default)]
    everywhere: bool,
    /// At most so many, 1 to 200; 50 without it.
    limit: Option<u32>,
    /// Continue after the page that gave this.
    cursor: Option<String>,
}

/// Something that somebody did.
#[derive(Debug, Serialize, ToSchema)]
struct AuditEntry {
    /// The event that told of it.
    event_id: String,
    /// In which workspace; `null` for what concerns the installation.
    #[schema(value_type = Option<Uuid>)]
    workspace_id: Option<WorkspaceId>,
    /// By whom.
    actor: String,
    /// From which address.
    address: Option<String>,
    /// What happened.
    kind: String,
    /// To which thing.
    subject: String,
    /// When.
    at: DateTime<Utc>,
    /// What else there is to say.
    #[schema(value_type = Object)]
    data: Value,
}

impl From<Entry> for AuditEntry {
    fn from(entry: Entry) -> Self {
        let Entry { event_id, workspace, actor, address, kind, subject, at, data } = entry;
        Self { event_id, workspace_id: workspace, actor, address, kind, subject, at, data }
    }
}

/// List who did what, newest first
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", operation_id = "list_audit_entries", params(ListParams),
    security(("bearer" = ["audit:read"])),
    responses((status = 200, body = Items<AuditEntry>), ReadProblems),
)]
async fn list(
    State(audit): State<Audit>,
    Caller(who): Caller,
    Query(params): Query<ListParams>,
) -> Result<Json<Items<AuditEntry>>, Problem> {
    let page = page(params.limit, params.cursor)?;
    let kinds: Vec<String> = words(params.kind.as_deref())?;
    let kinds = (!kinds.is_empty()).then(|| Patterns::new(kinds)).transpose();
    let kinds = kinds.map_err(|error| Problem::new(codes::QUERY_INVALID, error.to_string()))?;
    let ListParams { actor, subject, since, until, q, everywhere, .. } = params;
    let filter = AuditFilter { actor, kinds, subject, since, until, q };
    let found = if everywhere {
        Problem::unless_allowed(&who, Permission::InstallationAdmin)?;
        audit.list_all(&filter, &page).await?
    } else {
        audit.list(who.workspace, &filter, &page).await?
    };
    Ok(Json(Items::of(found)))
}
