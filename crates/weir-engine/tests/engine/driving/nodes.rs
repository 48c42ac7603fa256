//! The few node types these tests need.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use weir_base::{Credential, WorkspaceId};
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::node_type::{Category, DEFAULT_MAX_ATTEMPTS, Handles, NodeTypeInfo, Role};
use weir_core::outcome::{ApprovalRequest, ChildRequest, Expansion, OnItemError, Outcome, Wait};
use weir_core::payload::Payload;
use weir_engine::node::{LiveEvent, LogLevel, NodeCtx, NodeType};
use weir_engine::{Error, Quota, WorkspaceSettings};

/// What the outside world saw of the nodes.
#[derive(Default)]
pub(crate) struct World {
    /// Effects by idempotency key, in the order they happened.
    pub(crate) effects: Mutex<Vec<String>>,
    /// Opens the nodes that were told to hold.
    pub(crate) gate: Notify,
    /// Tells that an effect began.
    pub(crate) news: Notify,
    /// What workspaces are given.
    pub(crate) vars: Mutex<Map<String, Value>>,
    pub(crate) quota: Mutex<Quota>,
}

impl World {
    pub(crate) fn count(&self) -> usize {
        self.effects.lock().len()
    }

    /// How often each effect happened.
    pub(crate) fn by_key(&self) -> BTreeMap<String, usize> {
        self.effects.lock().iter().fold(BTreeMap::new(), |mut counts, key| {
            *counts.entry(key.clone()).or_default() += 1;
            counts
        })
    }

    /// Waits until so many effects began.
    pub(crate) async fn reach(&self, count: usize) {
        loop {
            let news = self.news.notified();
            if self.count() >= count {
                return;
            }
            news.await;
        }
    }
}

pub(crate) fn all(world: &Arc<World>) -> Vec<Arc<dyn NodeType>> {
    vec![
        Arc::new(Plain { name: "start", role: Role::Start, handles: Handles::Single }),
        Arc::new(Plain { name: "end", role: Role::End, handles: Handles::None }),
        Arc::new(Plain { name: "set", role: Role::Ordinary, handles: Handles::Single }),
        Arc::new(Plain { name: "answer", role: Role::Respond, handles: Handles::Single }),
        Arc::new(Plain { name: "map", role: Role::Map, handles: Handles::Single }),
        Arc::new(Plain { name: "loop", role: Role::Loop, handles: Handles::Single }),
        Arc::new(Plain { name: "wait", role: Role::Ordinary, handles: Handles::Fixed(&["out", "timeout"]) }),
        Arc::new(Plain {
            name: "approval",
            role: Role::Ordinary,
            handles: Handles::Fixed(&["approved", "rejected", "expired"]),
        }),
        Arc::new(Plain { name: "child", role: Role::Ordinary, handles: Handles::Single }),
        Arc::new(Effect(Arc::clone(world))),
        Arc::new(Leak),
    ]
}

fn info(name: &'static str, role: Role, handles: Handles, pure: bool) -> NodeTypeInfo {
    NodeTypeInfo {
        name,
        category: Category::Control,
        label: name,
        description: "For a test.",
        icon: "box",
        params_schema: json!({ "type": "object" }),
        literal_params: &[],
        handles,
        pure,
        default_timeout_seconds: None,
        default_max_attempts: if pure { 1 } else { DEFAULT_MAX_ATTEMPTS },
        role,
    }
}

/// Does at once what its name says with its params.
struct Plain {
    name: &'static str,
    role: Role,
    handles: Handles,
}

#[async_trait]
impl NodeType for Plain {
    fn info(&self) -> NodeTypeInfo {
        info(self.name, self.role, self.handles.clone(), true)
    }

    async fn run(&self, ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let seconds = |field: &str| {
            params[field].as_f64().map(|seconds| ctx.now + chrono::TimeDelta::milliseconds((seconds * 1000.0) as i64))
        };
        Ok(match self.name {
            "map" => Outcome::Expand(Expansion {
                count: params["items"].as_array().map_or(0, Vec::len) as u32,
                items: params["items"].clone().into(),
                keys: None,
                concurrency: params["concurrency"].as_u64().unwrap_or(8) as u32,
                on_item_error: OnItemError::Collect,
            }),
            "loop" => Outcome::Iterate(params["while"].as_bool().unwrap_or_default()),
            "wait" => match seconds("seconds") {
                Some(due_at) if params["signal"].is_null() => Outcome::Wait(Wait::Timer { due_at }),
                deadline => {
                    let name = params["signal"].as_str().unwrap_or_default().to_owned();
                    Outcome::Wait(Wait::Signal { name, deadline })
                }
            },
            "approval" => Outcome::Wait(Wait::Approval(ApprovalRequest {
                title: params["title"].as_str().unwrap_or_default().to_owned(),
                description: None,
                form: None,
                assignee: None,
                deadline: seconds("deadline_seconds"),
            })),
            "child" => Outcome::Wait(Wait::Child(ChildRequest {
                workflow_id: weir_base::WorkflowId::new(),
                version: 1,
                document: params["document"].as_str().unwrap_or_default().to_owned(),
                input: params["input"].clone().into(),
            })),
            _ if params.as_object().is_some_and(serde_json::Map::is_empty) => {
                let incoming: BTreeMap<String, Payload> = ctx.incoming.iter().cloned().collect();
                let output = incoming.into_values().next().unwrap_or_default();
                Outcome::Done { output, handle: None }
            }
            _ => Outcome::done(params),
        })
    }
}

/// Touches the outside world. Params: `fail` (so many attempts fail), `hold` (waits for the gate), `steps`.
struct Effect(Arc<World>);

#[async_trait]
impl NodeType for Effect {
    fn info(&self) -> NodeTypeInfo {
        info("effect", Role::Ordinary, Handles::Single, false)
    }

    async fn run(&self, ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        for step in 0..params["steps"].as_u64().unwrap_or_default() {
            let key = ctx.idempotency_key(&format!("step-{step}"));
            ctx.step(&format!("step-{step}"), async {
                self.touch(key);
                Ok(json!(step))
            })
            .await?;
        }
        self.touch(ctx.idempotency_key("effect"));
        if params["hold"].as_bool().unwrap_or_default() {
            tokio::select! {
                () = self.0.gate.notified() => {}
                () = ctx.cancelled.cancelled() => return Err(NodeError::new(ErrorClass::Cancelled, "stopped")),
            }
        }
        if u64::from(ctx.attempt) <= params["fail"].as_u64().unwrap_or_default() {
            return Err(NodeError::transient("not yet"));
        }
        if params["panic"].as_bool().unwrap_or_default() {
            panic!("out of order");
        }
        Ok(Outcome::done(params))
    }
}

impl Effect {
    fn touch(&self, key: String) {
        self.0.effects.lock().push(key);
        self.0.news.notify_waiters();
    }
}

/// What the world gives to workspaces.
pub(crate) struct Settings(pub(crate) Arc<World>);

#[async_trait]
impl WorkspaceSettings for Settings {
    async fn variables(&self, _: WorkspaceId) -> Result<Map<String, Value>, Error> {
        Ok(self.0.vars.lock().clone())
    }

    async fn quota(&self, _: WorkspaceId) -> Result<Quota, Error> {
        Ok(*self.0.quota.lock())
    }
}

/// Tells its credential in every way there is. Params: `how` (`output`, `error`, `panic`, `approval`).
struct Leak;

#[async_trait]
impl NodeType for Leak {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo { default_max_attempts: 1, ..info("leak", Role::Ordinary, Handles::Single, false) }
    }

    async fn run(&self, ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let Credential::Basic { username, password } = ctx.credential("login").await? else {
            return Err(NodeError::invalid("another credential was expected"));
        };
        ctx.hide("derived-token").unwrap();
        let text = format!("{username}:{password} by derived-token");
        ctx.log(LogLevel::Info, text.clone()).await;
        ctx.emit(LiveEvent::Token { path: ctx.path.clone(), text: text.clone() }).await;
        let stepped = ctx.step("told", async { Ok(json!({ "step": text })) }).await?;
        assert_eq!(stepped["step"], "ann:*** by ***");
        let error = NodeError::invalid(text.clone()).with_source(text.clone()).with_details(json!([text]));
        match params["how"].as_str() {
            Some("error") => Err(error),
            Some("panic") => panic!("{text}"),
            Some("approval") => Ok(Outcome::Wait(Wait::Approval(ApprovalRequest {
                title: text.clone(),
                description: Some(text.clone()),
                form: Some(json!({ "title": text })),
                assignee: Some(text),
                deadline: None,
            }))),
            _ => Ok(Outcome::done(json!({ "echo": text, "large": "x".repeat(300_000) }))),
        }
    }
}
