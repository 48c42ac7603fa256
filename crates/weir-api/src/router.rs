//! Puts the routes together with what holds for all of them.

use axum::Router;
use axum::middleware;
use tokio_util::sync::CancellationToken;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use weir_db::Db;
use weir_engine::Engine;
use weir_objects::Objects;
use weir_workflows::Workflows;

use crate::problem::{self, ProblemBody};
use crate::{conventions, routes};

/// Bodies shorter than this are not worth compressing, in bytes.
const COMPRESSED_ABOVE: u16 = 1024;

/// What the routes need; each gets its own part only.
pub struct Services {
    /// Workflows and their versions.
    pub workflows: Workflows,
    /// Executions.
    pub engine: Engine,
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
    tags(
        (name = "workflows", description = "Drafts, versions, and running them"),
        (name = "executions", description = "What runs and ran"),
        (name = "dead letters", description = "Failed executions that nobody has dealt with"),
        (name = "approvals", description = "Questions to people"),
        (name = "node types", description = "What documents can be made of"),
        (name = "operations", description = "For supervisors and load balancers"),
    ),
)]
struct Document;

/// The whole API, with its conventions around it.
pub fn router(services: Services) -> Router {
    let (router, mut document) = described(services).split_for_parts();
    // The router's `{*rest}` is a plain parameter to everybody else.
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(COMPRESSED_ABOVE.into()).and(NotForContentType::SSE));
    router
        .merge(routes::docs::router(&document))
        .fallback(problem::no_route::<axum::body::Body>)
        .method_not_allowed_fallback(problem::no_method::<axum::body::Body>)
        .layer(compression)
        .layer(middleware::from_fn(conventions::keep))
}

fn described(services: Services) -> OpenApiRouter {
    let Services { workflows, engine, db, objects, version, shutdown } = services;
    let v1 = OpenApiRouter::new()
        .merge(routes::workflows::router(workflows.clone(), engine.clone(), shutdown.clone()))
        .merge(routes::executions::router(engine.clone(), workflows, shutdown))
        .merge(routes::dead_letters::router(engine.clone()))
        .merge(routes::approvals::router(engine.clone()))
        .merge(routes::node_types::router(engine));
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(routes::health::router(db, objects, version))
        .nest("/api/v1", v1)
}
