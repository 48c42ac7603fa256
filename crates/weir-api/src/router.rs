//! Puts the routes together with what holds for all of them.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, Method, Request, header};
use axum::middleware;
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use weir_cache::Cache;
use weir_db::Db;
use weir_engine::Engine;
use weir_events::{Audit, Events, NotificationRules, Webhooks};
use weir_identity::{Credentials, Identity, Variables};
use weir_objects::Objects;
use weir_workflows::Workflows;
use weir_workflows::triggers::Triggers;

use crate::config::HttpConfig;
use crate::conventions::{self, Transport};
use crate::gate::{self, Gate};
use crate::limits::Limiter;
use crate::problem::{self, Problem, ProblemBody};
use crate::routes;
use crate::shown::{ShownExecutions, ShownWorkflows};
use crate::watching::Streams;

/// What the routes need; each gets its own part only.
pub struct Services {
    /// Workflows and their versions.
    pub workflows: Workflows,
    /// Executions.
    pub engine: Engine,
    /// What starts workflows by itself.
    pub triggers: Triggers,
    /// Knows who asks.
    pub identity: Identity,
    /// Secrets that workflows use.
    pub credentials: Credentials,
    /// Values that executions see.
    pub variables: Variables,
    /// What happens, as it happens.
    pub events: Events,
    /// Who did what.
    pub audit: Audit,
    /// Addresses that events are sent to.
    pub webhooks: Webhooks,
    /// Which events people are told of.
    pub notification_rules: NotificationRules,
    /// Where answers are kept and requests are counted.
    pub cache: Cache,
    /// What can be chosen.
    pub http: HttpConfig,
    /// Asked by `/readyz`.
    pub db: Db,
    /// Asked by `/readyz`.
    pub objects: Objects,
    /// Told by `/version`.
    pub version: Version,
    /// Ends streams and waiting when it fires; the one that is given to [`serve`](crate::serve()).
    pub shutdown: CancellationToken,
}

/// Which Weir this is.
#[derive(Debug, Clone, Copy)]
pub struct Version {
    /// The version, such as `0.1.0`.
    pub version: &'static str,
    /// The commit it was built from, where that is known.
    pub commit: Option<&'static str>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Weir",
        version = "1",
        description = "Durable workflows over HTTP. Every answer that is not a success is `application/problem+json`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(ProblemBody)),
    modifiers(&Bearer),
    tags(
        (name = "workflows", description = "Drafts, versions, and running them"),
        (name = "collaboration", description = "Drafts that many edit at once, and what they were"),
        (name = "executions", description = "What runs and ran"),
        (name = "dead letters", description = "Failed executions that nobody has dealt with"),
        (name = "approvals", description = "Questions to people"),
        (name = "node types", description = "What documents can be made of"),
        (name = "triggers", description = "What starts workflows by itself"),
        (name = "hooks", description = "Where others start workflows"),
        (name = "sign-in", description = "Signing in and out, and one's own account"),
        (name = "users", description = "The accounts of the installation"),
        (name = "workspaces", description = "Where things belong"),
        (name = "members", description = "Who belongs to a workspace"),
        (name = "keys", description = "What programs sign in with"),
        (name = "credentials", description = "Secrets that workflows use"),
        (name = "variables", description = "Values that executions see"),
        (name = "events", description = "What happens, as it happens"),
        (name = "webhooks", description = "Addresses that events are sent to"),
        (name = "notifications", description = "Which events people are told of"),
        (name = "audit", description = "Who did what"),
        (name = "operations", description = "For supervisors and load balancers"),
    ),
)]
struct Document;

/// How callers prove who they are.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let description = "An access token, as signing in gives it out for 15 minutes, or an API key. The header \
                           `Weir-Workspace` with a workspace's id chooses another one than the usual.";
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description)).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The whole API, with its conventions around it. A [`Principal`](weir_base::Principal) among a request's extensions is
/// believed: only callers in this process can put one there.
///
/// # Panics
/// If a route does not declare who may use it: such a program must not serve.
pub fn router(services: Services) -> Router {
    let http = services.http.clone();
    let identity = services.identity.clone();
    let limiter = Limiter::new(&services.cache, http.limits);
    let (router, mut document) = described(services).split_for_parts();
    let gate = Gate::new(&document, identity, limiter, &http);
    // The router's `{*rest}` is a plain parameter to everybody else.
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    // The document and the pages that show it are for everybody.
    let mut router = router
        .route_layer(middleware::from_fn_with_state(gate, gate::pass))
        .merge(routes::docs::router(&document))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method);
    if !http.cors.is_empty() {
        router = router.layer(cors(&http));
    }
    let transport = if http.public_url.scheme() == "https" { Transport::Tls } else { Transport::Plain };
    router.layer(middleware::from_fn_with_state(transport, conventions::keep))
}

async fn no_route(request: Request<Body>) -> Problem {
    problem::nothing_at(request.uri().path())
}

async fn no_method(method: Method) -> Problem {
    problem::not_possible(&method)
}

/// What pages of the configured sites may do.
fn cors(http: &HttpConfig) -> CorsLayer {
    let names = |names: &[&'static str]| names.iter().copied().map(HeaderName::from_static).collect::<Vec<_>>();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(http.cors.iter().map(crate::Origin::to_header)))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(names(&[
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "last-event-id",
            "traceparent",
            "weir-workspace",
        ]))
        .expose_headers(names(&[
            "content-disposition",
            "etag",
            "idempotent-replayed",
            "location",
            "ratelimit-limit",
            "ratelimit-policy",
            "ratelimit-remaining",
            "ratelimit-reset",
            "retry-after",
            "x-request-id",
        ]))
        .max_age(Duration::from_secs(3600))
        .vary([header::ORIGIN])
}

fn described(services: Services) -> OpenApiRouter {
    let Services { workflows, engine, triggers, identity, http, cache, db, objects, version, shutdown, .. } = services;
    let executions_shown = ShownExecutions::new(engine.clone(), &cache);
    let workflows_shown = ShownWorkflows::new(workflows.clone(), &cache);
    let streams = Streams::new(identity.clone(), shutdown.clone(), http.streams_checked);
    let (workflows_live, workflows_shown_live) = (workflows.clone(), workflows_shown.clone());
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(routes::workflows::router(workflows.clone(), engine.clone(), workflows_shown, shutdown.clone()))
        .merge(routes::executions::router(engine.clone(), workflows, executions_shown, streams.clone()))
        .merge(routes::collab::router(workflows_live, identity.clone(), workflows_shown_live, shutdown.clone()))
        .merge(routes::dead_letters::router(engine.clone()))
        .merge(routes::approvals::router(engine.clone()))
        .merge(routes::node_types::router(engine.clone()))
        .merge(routes::triggers::router(triggers.clone()))
        .merge(routes::auth::router(identity.clone(), &http))
        .merge(routes::users::router(identity.users()))
        .merge(routes::members::router(identity.members()))
        .merge(routes::api_keys::router(identity.api_keys()))
        .merge(routes::workspaces::router(identity))
        .merge(routes::credentials::router(services.credentials))
        .merge(routes::variables::router(services.variables))
        .merge(routes::events::router(services.events, streams))
        .merge(routes::webhooks::router(services.webhooks))
        .merge(routes::notification_rules::router(services.notification_rules))
        .merge(routes::audit::router(services.audit))
        .merge(routes::health::router(db, objects, cache, version))
        .merge(routes::hooks::router(triggers, engine, shutdown))
}
