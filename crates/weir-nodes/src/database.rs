//! `database`: asks a database.

mod connections;
mod error;
mod mysql;
mod pool;
mod postgres;
mod rows;
mod sql;
mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_base::Credential;
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::node_type::{Category, DEFAULT_MAX_ATTEMPTS, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

pub(crate) use self::connections::Connections;
use self::connections::Query;
use crate::params::{params_schema, within};

/// The most rows of an answer.
const MAX_ROWS: usize = 100_000;

/// The longest a query may run, in seconds.
const MAX_SECONDS: f64 = 3600.0;

/// The param that is there without being given.
const IDEMPOTENCY_KEY: &str = "idempotency_key";

pub(crate) struct Database {
    pub(crate) connections: Connections,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The name of a credential of type `database`: PostgreSQL, MySQL (MariaDB) or SQLite.
    #[schemars(length(min = 1))]
    credential: String,
    /// One SQL statement. Values stand in it as `$1`, `$2` or `:name` and are given by `params`; it takes no
    /// expressions, so that no value can become SQL. `:idempotency_key` is there in any case: it is the same in every
    /// attempt, for a column that is unique.
    #[schemars(length(min = 1))]
    sql: String,
    /// The values: a list for `$1`, `$2`, an object for `:name`. Bytes are Base64 for PostgreSQL; lists and objects are
    /// JSON, or an array where PostgreSQL has one.
    #[serde(default)]
    params: Values,
    /// Whether the statement may change anything. Otherwise the database itself is told that it only reads.
    #[serde(default)]
    allow_writes: bool,
    /// How many rows are taken; `truncated` tells that there were more, or more than 16 MiB.
    #[serde(default = "default_max_rows")]
    #[schemars(range(min = 1, max = MAX_ROWS))]
    max_rows: usize,
    /// How long the database may work on the statement; it is stopped there, and not only no longer waited for.
    #[serde(default = "default_statement_timeout")]
    #[schemars(range(min = 0.1, max = MAX_SECONDS))]
    statement_timeout_seconds: f64,
}

/// What the statement's places are filled with.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Values {
    Positional(Vec<Value>),
    Named(Map<String, Value>),
}

impl Default for Values {
    fn default() -> Self {
        Self::Named(Map::new())
    }
}

fn default_max_rows() -> usize {
    1000
}

fn default_statement_timeout() -> f64 {
    30.0
}

#[async_trait]
impl NodeType for Database {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "database",
            category: Category::Integration,
            label: "Database",
            description: "Runs one SQL statement, in a transaction of its own. Its output is `{columns, rows, \
                          row_count, affected, truncated}`, a row being an object. Numbers of more digits than JSON \
                          keeps are texts, bytes are Base64, instants are in RFC 3339.",
            icon: "database",
            params_schema: params_schema::<Params>(),
            literal_params: &["sql"],
            handles: Handles::Single,
            pure: false,
            default_timeout_seconds: Some(60.0),
            default_max_attempts: DEFAULT_MAX_ATTEMPTS,
            role: Role::Ordinary,
        }
    }

    async fn run(&self, ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        let seconds = within("statement_timeout_seconds", params.statement_timeout_seconds, 0.1..=MAX_SECONDS)?;
        let query = Query {
            sql: params.sql,
            params: match params.params {
                Values::Positional(values) => sql::Params::Positional(values),
                Values::Named(mut values) => {
                    values.entry(IDEMPOTENCY_KEY).or_insert_with(|| ctx.idempotency_key("statement").into());
                    sql::Params::Named(values)
                }
            },
            allow_writes: params.allow_writes,
            max_rows: within("max_rows", params.max_rows, 1..=MAX_ROWS)?,
            time_limit: Duration::from_secs_f64(seconds),
        };
        let Credential::Database { url } = ctx.credential(&params.credential).await? else {
            let message = format!("the credential {:?} is not of type database", params.credential);
            return Err(NodeError::invalid(message).with_source("credential"));
        };
        let table = tokio::select! {
            biased;
            () = ctx.cancelled.cancelled() => {
                return Err(NodeError::new(ErrorClass::Cancelled, "the query was cancelled"));
            }
            table = Box::pin(self.connections.run(&url, &query)) => table?,
        };
        Ok(Outcome::done(json!({
            "row_count": table.rows.len(),
            "affected": table.affected,
            "truncated": table.truncated,
            "columns": table.columns,
            "rows": table.rows,
        })))
    }
}
