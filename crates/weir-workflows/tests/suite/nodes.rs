//! The two node types a workflow cannot do without.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::node::{NodeCtx, NodeType};

pub(crate) fn node_types() -> Vec<Arc<dyn NodeType>> {
    vec![Arc::new(Start), Arc::new(End)]
}

struct Start;

struct End;

fn info(name: &'static str, role: Role, handles: Handles, params_schema: Value) -> NodeTypeInfo {
    NodeTypeInfo {
        name,
        category: Category::Control,
        label: name,
        description: "For tests.",
        icon: "box",
        params_schema,
        literal_params: &[],
        handles,
        pure: true,
        default_timeout_seconds: None,
        default_max_attempts: 1,
        role,
    }
}

#[async_trait]
impl NodeType for Start {
    fn info(&self) -> NodeTypeInfo {
        info("start", Role::Start, Handles::Single, json!({"type": "object", "additionalProperties": false}))
    }

    async fn run(&self, _ctx: &NodeCtx, _params: Value) -> Result<Outcome, NodeError> {
        Err(NodeError::invalid("the state machine completes a start itself"))
    }
}

#[async_trait]
impl NodeType for End {
    fn info(&self) -> NodeTypeInfo {
        info("end", Role::End, Handles::None, json!({"type": "object", "properties": {"output": {}}}))
    }

    async fn run(&self, _ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        Ok(Outcome::done(params["output"].clone()))
    }
}
