//! `/node-types`, `/schema`: what documents can be made of.

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_core::node_type::{Handles, NodeTypeInfo};
use weir_core::schema::document_schema;
use weir_engine::Engine;

use crate::extract::{Json, Path};
use crate::problem::{Problem, ReadProblems, codes};

pub(crate) fn router(engine: Engine) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get)).routes(routes!(schema)).with_state(engine)
}

/// All node types, sorted by name.
#[derive(Debug, Serialize, ToSchema)]
struct NodeTypes {
    /// The types.
    items: Vec<NodeTypeBody>,
}

/// What a node type declares about itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NodeType)]
struct NodeTypeBody {
    /// The name used in documents.
    #[schema(examples("http_request"))]
    name: &'static str,
    /// The group it is shown in: `control`, `data`, `integration`.
    #[schema(value_type = String)]
    category: weir_core::node_type::Category,
    /// What people call it.
    label: &'static str,
    /// What it does.
    description: &'static str,
    /// Name of its icon.
    icon: &'static str,
    /// JSON Schema (2020-12) of its params.
    #[schema(value_type = Object)]
    params_schema: Value,
    /// Top-level params in which `{{ }}` is not replaced.
    literal_params: &'static [&'static str],
    /// The handles it may leave by; absent when its params name them.
    handles: Option<Vec<&'static str>>,
    /// Where its params name the handles.
    handles_from: Option<HandlesFrom>,
    /// It only computes.
    pure: bool,
    /// One attempt may take so many seconds, unless the node says otherwise.
    default_timeout_seconds: Option<f64>,
    /// Attempts in all, unless the node says otherwise.
    default_max_attempts: u32,
    /// It has a body of its own.
    container: bool,
}

/// Where params name the handles.
#[derive(Debug, Serialize, ToSchema)]
struct HandlesFrom {
    /// The array param.
    list: &'static str,
    /// The field of its objects that names a handle.
    field: &'static str,
    /// The handle taken when none of them fits.
    otherwise: &'static str,
}

impl From<&NodeTypeInfo> for NodeTypeBody {
    fn from(info: &NodeTypeInfo) -> Self {
        let (handles, handles_from) = match &info.handles {
            Handles::Single => (Some(vec![weir_core::node_type::DEFAULT_HANDLE]), None),
            Handles::None => (Some(Vec::new()), None),
            Handles::Fixed(names) => (Some(names.to_vec()), None),
            Handles::FromParams { list, field, otherwise } => (None, Some(HandlesFrom { list, field, otherwise })),
        };
        Self {
            name: info.name,
            category: info.category,
            label: info.label,
            description: info.description,
            icon: info.icon,
            params_schema: info.params_schema.clone(),
            literal_params: info.literal_params,
            handles,
            handles_from,
            pure: info.pure,
            default_timeout_seconds: info.default_timeout_seconds,
            default_max_attempts: info.default_max_attempts,
            container: info.role.is_container(),
        }
    }
}

/// All node types
#[utoipa::path(get, path = "/api/v1/node-types", tag = "node types", operation_id = "list_node_types", security(("bearer" = ["workflow:read"])), responses((status = 200, body = NodeTypes), ReadProblems))]
async fn list(State(engine): State<Engine>) -> Json<NodeTypes> {
    Json(NodeTypes { items: engine.catalog().iter().map(NodeTypeBody::from).collect() })
}

/// One node type
#[utoipa::path(
    get, path = "/api/v1/node-types/{name}", tag = "node types", operation_id = "get_node_type",
    params(("name" = String, Path, description = "Its name")),
    security(("bearer" = ["workflow:read"])),
    responses((status = 200, body = NodeTypeBody), ReadProblems),
)]
async fn get(State(engine): State<Engine>, Path(name): Path<String>) -> Result<Json<NodeTypeBody>, Problem> {
    let found = engine.catalog().get(&name).map(NodeTypeBody::from);
    let named: String = name.chars().take(64).collect();
    let missing = || Problem::new(codes::NODE_TYPE_NOT_FOUND, format!("there is no node type {named:?}"));
    found.map(Json).ok_or_else(missing)
}

/// JSON Schema of workflow documents
#[utoipa::path(get, path = "/api/v1/schema", tag = "node types", operation_id = "get_document_schema", security(("bearer" = ["workflow:read"])), responses(
    (status = 200, body = Object, description = "JSON Schema (2020-12), for editors"),
    ReadProblems,
))]
async fn schema(State(engine): State<Engine>) -> Json<Value> {
    Json(document_schema(engine.catalog()))
}
