//! `publish_event`: tells everybody who listens that something happened.

use async_trait::async_trait;
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Builder;
use weir_base::ErrorKind;
use weir_core::node_error::{ErrorClass, NodeError};
use weir_core::node_type::{Category, DEFAULT_MAX_ATTEMPTS, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_db::{Batch, Db, Error, Statement, args};
use weir_engine::node::{NodeCtx, NodeType, typed_params};
use weir_events::{DomainEvent, tell};

use crate::params::params_schema;

/// The longest data, in bytes of JSON.
const MAX_DATA: usize = 64 * 1024;

/// The longest subject, in bytes.
const MAX_SUBJECT: usize = 200;

/// How long it is remembered that an event was published. An attempt is repeated only until its result is recorded,
/// so this is how long an installation may stand still in the middle of one.
const REMEMBERED: TimeDelta = TimeDelta::days(90);

/// What the names of Weir's own events begin with, now or later.
const NOUNS_OF_WEIR: [&str; 30] = [
    "Agent",
    "AllFiles",
    "ApiKey",
    "Approval",
    "Batch",
    "Credential",
    "Document",
    "Email",
    "Execution",
    "File",
    "Login",
    "Member",
    "Model",
    "Node",
    "Notification",
    "Password",
    "Persona",
    "Quota",
    "Refresh",
    "Report",
    "Session",
    "Status",
    "Task",
    "Token",
    "Trigger",
    "User",
    "Variable",
    "Webhook",
    "Workflow",
    "Workspace",
];

pub(crate) struct PublishEvent {
    pub(crate) db: Db,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// What happened, such as `order.placed`; no name of Weir's own events.
    #[schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_.\-]{0,99}$"))]
    kind: String,
    /// To what it happened, such as `order/4711`; this execution by default. Events of one subject arrive in order.
    #[schemars(length(min = 1, max = MAX_SUBJECT))]
    subject: Option<String>,
    /// What else there is to say, at most 64 KiB of JSON. Whoever listens sees it, so secrets do not belong here.
    #[serde(default)]
    data: Map<String, Value>,
}

#[async_trait]
impl NodeType for PublishEvent {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "publish_event",
            category: Category::Integration,
            label: "Publish event",
            description: "Publishes an event in this workspace, once: triggers, webhooks and notifications may act \
                          on it. Its output is `{id, kind, subject}`.",
            icon: "megaphone",
            params_schema: params_schema::<Params>(),
            literal_params: &[],
            handles: Handles::Single,
            pure: false,
            default_timeout_seconds: Some(60.0),
            default_max_attempts: DEFAULT_MAX_ATTEMPTS,
            role: Role::Ordinary,
        }
    }

    async fn run(&self, ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let Params { kind, subject, data } = typed_params(params)?;
        check_kind(&kind)?;
        let subject = subject.unwrap_or_else(|| format!("execution/{}", ctx.execution_id));
        if subject.is_empty() || subject.len() > MAX_SUBJECT || subject.contains(char::is_control) {
            let message = format!("the subject must have 1 to {MAX_SUBJECT} bytes and no control character");
            return Err(NodeError::invalid(message).with_source("subject"));
        }
        let data = Value::Object(data);
        let length = data.to_string().len();
        if length > MAX_DATA {
            let message = format!("the data has {length} bytes of JSON, but at most {MAX_DATA} are published");
            return Err(NodeError::invalid(message).with_source("data"));
        }
        let id = event_id(&ctx.idempotency_key("event"));
        let output = json!({ "id": id, "kind": kind, "subject": subject });
        let event = DomainEvent::of_itself(id.clone(), ctx.workspace, &kind, subject, ctx.now, data);
        let event = DomainEvent { trigger: Some(ctx.trigger.clone()), ..event };
        let batch = Batch::from(vec![
            Statement::new("INSERT INTO published_events (id, at) VALUES ($1, $2)", args![id, ctx.now]),
            Statement::new("DELETE FROM published_events WHERE at < $1", args![ctx.now - REMEMBERED]),
            tell(&[event]),
        ]);
        match self.db.write(batch).await {
            // An earlier attempt published it, and nobody heard of that.
            Ok(_) | Err(Error::Unique { .. }) => Ok(Outcome::done(output)),
            Err(error) => {
                let class = match error.kind() {
                    ErrorKind::Unavailable => ErrorClass::Transient,
                    _ => ErrorClass::Invalid,
                };
                Err(NodeError::new(class, format!("the event cannot be published: {error}")))
            }
        }
    }
}

/// The same id for the same step, however often it is attempted.
fn event_id(idempotency_key: &str) -> String {
    let digest = Sha256::digest(idempotency_key);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

fn check_kind(kind: &str) -> Result<(), NodeError> {
    let invalid = |message: String| Err(NodeError::invalid(message).with_source("kind"));
    let mut chars = kind.chars();
    let begins_well = chars.next().is_some_and(|first| first.is_ascii_alphabetic());
    if !begins_well || kind.len() > 100 || !chars.all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
        return invalid(format!(
            "{:?} is no name for an event: it must begin with a letter and have at most 100 letters, digits, `_`, `.` \
             and `-`",
            kind.chars().take(100).collect::<String>()
        ));
    }
    // Weir's own names are words run together: `WorkflowPublished`. With anything between, a name is somebody else's.
    let noun = NOUNS_OF_WEIR
        .iter()
        .find(|noun| kind.strip_prefix(**noun).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_lowercase())));
    match noun {
        Some(noun) if !kind.contains(['.', '_', '-']) => invalid(format!(
            "names that begin with {noun:?} are for events of Weir itself: put a name of your own before it, such as \
             `my.{kind}`"
        )),
        _ => Ok(()),
    }
}
