//! `map`: its body runs for each item.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map as Object, Value, json};
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::{Expansion, OnItemError, Outcome};
use weir_core::payload::Payload;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::params::{params_schema, within};

/// The most items one `map` takes.
const MAX_ITEMS: usize = 100_000;

/// The most bodies that run at a time.
const MAX_CONCURRENCY: u32 = 1000;

pub(crate) struct Map;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// An array, or an object whose items are `{key, value}`; at most 100,000 items.
    items: Items,
    /// How many items are worked on at a time.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = MAX_CONCURRENCY))]
    concurrency: u32,
    /// What the failure of one item does.
    #[serde(default)]
    on_item_error: OnItemError,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Items {
    Array(Vec<Value>),
    Object(Object<String, Value>),
}

fn default_concurrency() -> u32 {
    8
}

#[async_trait]
impl NodeType for Map {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "map",
            category: Category::Control,
            label: "Map",
            description: "Runs its body for each item, several at a time. Its output is `{results, errors, count}`, \
                          with results in the order of the items.",
            icon: "layers",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::Single,
            pure: true,
            default_timeout_seconds: None,
            default_max_attempts: 1,
            role: Role::Map,
        }
    }

    async fn run(&self, _ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        let concurrency = within("concurrency", params.concurrency, 1..=MAX_CONCURRENCY)?;
        let (items, keys) = match params.items {
            Items::Array(items) => (items, None),
            Items::Object(fields) => {
                let keys = fields.keys().cloned().collect();
                let items = fields.into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
                (items, Some(keys))
            }
        };
        let too_many = || {
            let message = format!("there are {} items, but a map takes at most {MAX_ITEMS}", items.len());
            NodeError::invalid(message).with_source("items")
        };
        let count = u32::try_from(items.len()).map_err(|_| too_many())?;
        if items.len() > MAX_ITEMS {
            return Err(too_many());
        }
        Ok(Outcome::Expand(Expansion {
            items: Payload::from(Value::Array(items)),
            count,
            keys,
            concurrency,
            on_item_error: params.on_item_error,
        }))
    }
}
