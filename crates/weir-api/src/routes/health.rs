//! `/healthz`, `/readyz`, `/version`: what supervisors and load balancers ask.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_cache::Cache;
use weir_db::Db;
use weir_objects::Objects;

use crate::Version;
use crate::extract::Json;
use crate::problem::ReadProblems;

/// A dependency that does not answer within this time counts as away.
const PATIENCE: Duration = Duration::from_secs(2);

/// An object that need not be there: asking for it shows whether the store answers.
const PROBE: &str = "readiness-probe";

#[derive(Clone)]
struct Dependencies {
    db: Db,
    objects: Objects,
    cache: Cache,
}

pub(crate) fn router(db: Db, objects: Objects, cache: Cache, version: Version) -> OpenApiRouter {
    let ready = OpenApiRouter::new().routes(routes!(ready)).with_state(Dependencies { db, objects, cache });
    let version = OpenApiRouter::new().routes(routes!(version_of)).with_state(version);
    OpenApiRouter::new().routes(routes!(alive)).merge(ready).merge(version)
}

/// Whether something works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Health {
    /// It does.
    Ok,
    /// It is away, and everything goes on without it, only slower.
    Degraded,
    /// It does not.
    Unavailable,
}

#[derive(Debug, Serialize, ToSchema)]
struct Alive {
    status: Health,
}

/// What the server needs, and whether it is there.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    status: Health,
    /// The database.
    database: Health,
    /// The object storage.
    objects: Health,
    /// The cache; without its Redis it is `degraded`, and the server is ready all the same.
    cache: Health,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Version)]
struct VersionBody {
    /// The version of Weir.
    version: &'static str,
    /// The commit it was built from.
    commit: Option<&'static str>,
}

/// The process is alive
#[utoipa::path(get, path = "/healthz", tag = "operations", operation_id = "get_health", security(()), extensions(("x-weir-limit" = json!("none"))), responses((status = 200, body = Alive), ReadProblems))]
async fn alive() -> Json<Alive> {
    Json(Alive { status: Health::Ok })
}

/// The process can do its work
#[utoipa::path(get, path = "/readyz", tag = "operations", operation_id = "get_readiness", security(()), extensions(("x-weir-limit" = json!("none"))), responses(
    (status = 200, body = Readiness),
    ReadProblems,
    (status = 503, body = Readiness, description = "Something it needs is away"),
))]
async fn ready(State(needs): State<Dependencies>) -> (StatusCode, Json<Readiness>) {
    let (database, objects) = tokio::join!(
        health("database", needs.db.ping()),
        health("objects", async { needs.objects.head(PROBE).await.map(drop) })
    );
    let ready = database == Health::Ok && objects == Health::Ok;
    let (code, status) =
        if ready { (StatusCode::OK, Health::Ok) } else { (StatusCode::SERVICE_UNAVAILABLE, Health::Unavailable) };
    let cache = if needs.cache.health().up { Health::Ok } else { Health::Degraded };
    (code, Json(Readiness { status, database, objects, cache }))
}

async fn health<E: std::fmt::Display>(what: &str, check: impl Future<Output = Result<(), E>>) -> Health {
    match tokio::time::timeout(PATIENCE, check).await {
        Ok(Ok(())) => return Health::Ok,
        Ok(Err(error)) => tracing::warn!(what, %error, "not ready"),
        Err(_) => tracing::warn!(what, "not ready: no answer within {} seconds", PATIENCE.as_secs()),
    }
    Health::Unavailable
}

/// Which Weir this is
#[utoipa::path(get, path = "/version", tag = "operations", operation_id = "get_version", security(()), extensions(("x-weir-limit" = json!("none"))), responses((status = 200, body = VersionBody), ReadProblems))]
async fn version_of(State(version): State<Version>) -> Json<VersionBody> {
    Json(VersionBody { version: version.version, commit: version.commit })
}
