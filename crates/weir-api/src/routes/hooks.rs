//! `/hooks`, `/hooks-test` and `/forms`: addresses at which others start workflows.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_engine::{Engine, Waited};
use weir_workflows::triggers::{Fired, Form, HookRequest, Respond, Triggers};

use crate::extract::{Caller, IdempotencyKey, Json, Path, read_body};
use crate::problem::{Problem, ReadProblems, WriteProblems};
use crate::routes::executions::ExecutionBody;
use crate::routes::workflows::{Accepted, accepted};
use crate::webhook_answer;

/// How long the sender of a request is kept waiting for the end of the execution.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct Hooks {
    triggers: Triggers,
    engine: Engine,
    shutdown: CancellationToken,
}

pub(crate) fn router(triggers: Triggers, engine: Engine, shutdown: CancellationToken) -> OpenApiRouter {
    // Senders choose the method; the document names the usual one.
    let others = || get(hook).put(hook).patch(hook).delete(hook);
    let tests = || get(test_hook).put(test_hook).patch(test_hook).delete(test_hook);
    OpenApiRouter::new()
        .routes(routes!(hook))
        .route("/hooks/{*path}", others())
        .routes(routes!(test_hook))
        .route("/hooks-test/{*path}", tests())
        .routes(routes!(form, submit))
        .with_state(Hooks { triggers, engine, shutdown })
}

/// A form, for whoever fills it in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Form)]
struct FormBody {
    /// What stands above it.
    title: String,
    /// What it is for.
    description: Option<String>,
    /// The fields, as a JSON Schema of an object.
    #[schema(value_type = Object)]
    schema: Value,
}

/// Start the workflow of a webhook
///
/// Takes every method. What the sender must prove, and when it is answered, is set in the trigger.
#[utoipa::path(
    post, path = "/hooks/{*path}", tag = "hooks", operation_id = "call_webhook",
    params(("path" = String, Path, description = "The webhook's own path")),
    request_body(content((Object = "application/json"), (String = "text/plain"))),
    security(()), extensions(("x-weir-methods" = json!("any")), ("x-weir-limit" = json!("hook"))),
    responses(
        (status = 202, body = Accepted, headers(("Location" = String))),
        (status = 200, body = ExecutionBody, description = "It ended in time; or whatever a `webhook_response` node answers"),
        WriteProblems,
    ),
)]
async fn hook(State(hooks): State<Hooks>, Path(path): Path<String>, request: Request) -> Result<Response, Problem> {
    let request = read(path, request).await?;
    let fired = hooks.triggers.hook(request).await?;
    hooks.answer(fired).await
}

/// Start the draft of a webhook's workflow, while somebody listens
#[utoipa::path(
    post, path = "/hooks-test/{*path}", tag = "hooks", operation_id = "test_webhook",
    params(("path" = String, Path, description = "The webhook's own path")),
    request_body(content((Object = "application/json"), (String = "text/plain"))),
    security(()), extensions(("x-weir-methods" = json!("any")), ("x-weir-limit" = json!("hook"))),
    responses(
        (status = 202, body = Accepted, headers(("Location" = String))),
        (status = 200, body = ExecutionBody, description = "It ended in time; or whatever a `webhook_response` node answers"),
        WriteProblems,
    ),
)]
async fn test_hook(
    State(hooks): State<Hooks>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let request = read(path, request).await?;
    let fired = hooks.triggers.test_hook(request).await?;
    hooks.answer(fired).await
}

/// Show a form
#[utoipa::path(
    get, path = "/forms/{*path}", tag = "hooks", operation_id = "get_form",
    params(("path" = String, Path, description = "The form's own path")),
    security((), ("bearer" = [])), extensions(("x-weir-limit" = json!("hook"))),
    responses((status = 200, body = FormBody), ReadProblems),
)]
async fn form(
    State(hooks): State<Hooks>,
    caller: Option<Caller>,
    Path(path): Path<String>,
) -> Result<Json<FormBody>, Problem> {
    let who = caller.map(|Caller(who)| who);
    let Form { title, description, schema } = hooks.triggers.form(&path, who.as_ref()).await?;
    Ok(Json(FormBody { title, description, schema }))
}

/// Fill in a form, which starts its workflow
#[utoipa::path(
    post, path = "/forms/{*path}", tag = "hooks", operation_id = "submit_form", request_body = Object,
    params(
        ("path" = String, Path, description = "The form's own path"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key answers the same execution"),
    ),
    security((), ("bearer" = [])), extensions(("x-weir-limit" = json!("hook"))),
    responses((status = 202, body = Accepted, headers(("Location" = String))), WriteProblems),
)]
async fn submit(
    State(hooks): State<Hooks>,
    caller: Option<Caller>,
    Path(path): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Json(answers): Json<Value>,
) -> Result<Response, Problem> {
    let who = caller.map(|Caller(who)| who);
    let fired = hooks.triggers.submit(&path, who.as_ref(), answers, key.as_deref()).await?;
    hooks.answer(fired).await
}

impl Hooks {
    async fn answer(&self, fired: Fired) -> Result<Response, Problem> {
        let id = fired.started.id;
        if fired.respond == Respond::Immediately {
            return Ok(accepted(id));
        }
        let waited = tokio::select! {
            waited = self.engine.wait(fired.workspace, id, PATIENCE) => waited?,
            () = self.shutdown.cancelled() => return Ok(accepted(id)),
        };
        match waited {
            Waited::Ended(details) => Ok(Json(ExecutionBody::from(*details)).into_response()),
            Waited::Responded(answer) => webhook_answer::response(answer),
            Waited::StillRunning(_) => Ok(accepted(id)),
        }
    }
}

async fn read(path: String, request: Request) -> Result<HookRequest, Problem> {
    let query = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    Ok(HookRequest {
        method: request.method().to_string(),
        path,
        query: query.into_owned().collect(),
        headers: texts(request.headers()),
        body: read_body(request).await?,
    })
}

/// The headers that are text, by name; several of one name are joined.
fn texts(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        texts
            .entry(name.as_str().to_owned())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
    }
    texts
}
