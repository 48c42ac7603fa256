//! What a trigger waits for, as people write it down, and what can be wrong with that.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weir_core::evaluator::Evaluator;
use weir_core::user_schema::UserSchema;
use weir_events::Patterns;

use super::schedule::{Missed, Schedule};

/// The longest path of a webhook or a form, in characters.
const MAX_PATH: usize = 200;

/// The longest filter of an event trigger, in characters.
const MAX_FILTER: usize = 4000;

/// What a trigger waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TriggerConfig {
    /// A request at an address of its own.
    Webhook(WebhookConfig),
    /// A moment.
    Cron(CronConfig),
    /// A domain event.
    Event(EventConfig),
    /// A form that somebody fills in.
    Form(FormConfig),
}

/// A request at `/hooks/{path}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// The address below `/hooks/`; made up when it is left out.
    #[serde(default)]
    pub path: String,
    /// The methods it takes; all when there are none.
    #[serde(default)]
    pub methods: Vec<String>,
    /// How the sender proves who it is.
    #[serde(default)]
    pub check: HookCheck,
    /// When the sender is answered.
    #[serde(default)]
    pub respond: Respond,
    /// A header whose value names the request: the same value starts one execution, however often it comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_header: Option<String>,
}

/// How the sender of a request proves who it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum HookCheck {
    /// Not at all: whoever knows the address.
    #[default]
    None,
    /// `Authorization: Bearer`, with the token of a credential of type bearer.
    Bearer {
        /// The credential's name.
        credential: String,
    },
    /// HTTP basic authentication, with the user and password of a credential of type basic.
    Basic {
        /// The credential's name.
        credential: String,
    },
    /// HMAC-SHA-256 of the body in a header, with the secret of a credential of type signing.
    Hmac {
        /// The credential's name.
        credential: String,
        /// The header with the signature.
        #[serde(default = "signature_header")]
        header: String,
        /// What stands before the signature in that header.
        #[serde(default = "signature_prefix")]
        prefix: String,
        /// How the signature is written.
        #[serde(default)]
        encoding: Encoding,
    },
    /// The Standard Webhooks scheme (`webhook-id`, `webhook-timestamp`, `webhook-signature`), with the secret of a
    /// credential of type signing.
    StandardWebhooks {
        /// The credential's name.
        credential: String,
    },
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Hexadecimal.
    #[default]
    Hex,
    /// Base64.
    Base64,
}

/// When the sender of a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Respond {
    /// As soon as the execution is recorded.
    #[default]
    Immediately,
    /// By a `webhook_response` node, or with the output when it ends.
    OnFinish,
}

/// A moment, again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CronConfig {
    /// A cron pattern of five fields, or six with seconds first.
    pub schedule: String,
    /// The time zone the pattern is meant in.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// What becomes of runs that nobody was there to start.
    #[serde(default)]
    pub missed: Missed,
    /// The input of the executions; `{"scheduled_at": ...}` when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
}

/// A domain event of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventConfig {
    /// The kinds of events.
    pub events: Patterns,
    /// An expression over `event`, as CloudEvents has it; the event counts when it is truthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// A form at `/forms/{path}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormConfig {
    /// The address below `/forms/`; made up when it is left out.
    #[serde(default)]
    pub path: String,
    /// What stands above it.
    pub title: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The fields, as a JSON Schema of an object.
    pub schema: Value,
    /// Who may fill it in.
    #[serde(default)]
    pub access: FormAccess,
}

/// Who may fill in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormAccess {
    /// Whoever may run executions in the workspace.
    #[default]
    Members,
    /// Whoever knows the address.
    Public,
}

fn signature_header() -> String {
    "x-hub-signature-256".to_owned()
}

fn signature_prefix() -> String {
    "sha256=".to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What is wrong with a trigger, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// JSON pointer into the trigger.
    pub pointer: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Mistake {
    pub(super) fn new(pointer: &str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.to_owned(), message: message.into() }
    }
}

impl TriggerConfig {
    /// The word for what it waits for, in the API and in the store.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Cron(_) => "cron",
            Self::Event(_) => "event",
            Self::Form(_) => "form",
        }
    }

    /// Its address below `/hooks/` or `/forms/`.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Webhook(webhook) => Some(&webhook.path),
            Self::Form(form) => Some(&form.path),
            Self::Cron(_) | Self::Event(_) => None,
        }
    }

    /// Gives it an address nobody guesses, if it needs one and has none.
    pub(super) fn with_address(mut self) -> Self {
        let path = match &mut self {
            Self::Webhook(webhook) => &mut webhook.path,
            Self::Form(form) => &mut form.path,
            Self::Cron(_) | Self::Event(_) => return self,
        };
        if path.is_empty() {
            *path = uuid::Uuid::new_v4().simple().to_string();
        }
        self
    }

    /// Everything that is wrong with it.
    pub(super) fn mistakes(&self, evaluator: &dyn Evaluator) -> Vec<Mistake> {
        match self {
            Self::Webhook(webhook) => webhook.mistakes(),
            Self::Cron(cron) => cron.mistakes(),
            Self::Event(event) => event.mistakes(evaluator),
            Self::Form(form) => form.mistakes(),
        }
    }
}

impl WebhookConfig {
    /// Whether it takes requests of this method.
    pub(super) fn takes(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|taken| taken.eq_ignore_ascii_case(method))
    }

    fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = path_mistakes(&self.path);
        for (index, method) in self.methods.iter().enumerate() {
            if method.is_empty() || method.len() > 32 || !method.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                let message = format!("{method:?} is no method; write GET, POST, PUT, PATCH or DELETE");
                mistakes.push(Mistake::new(&format!("/config/methods/{index}"), message));
            }
        }
        let headers = [
            ("/config/idempotency_header", self.idempotency_header.as_deref()),
            ("/config/check/header", self.check.header()),
        ];
        for (pointer, header) in headers {
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if header.is_some_and(|header| header.is_empty() || !header.bytes().all(is_token)) {
                mistakes.push(Mistake::new(pointer, "this is no name of a header"));
            }
        }
        mistakes
    }
}

impl HookCheck {
    fn header(&self) -> Option<&str> {
        match self {
            Self::Hmac { header, .. } => Some(header),
            Self::None | Self::Bearer { .. } | Self::Basic { .. } | Self::StandardWebhooks { .. } => None,
        }
    }
}

impl CronConfig {
    fn mistakes(&self) -> Vec<Mistake> {
        match Schedule::parse(&self.schedule, &self.time_zone) {
            Ok(_) => Vec::new(),
            Err(error @ super::ScheduleError::Pattern(_)) => vec![Mistake::new("/config/schedule", error.to_string())],
            Err(error @ super::ScheduleError::Zone(_)) => vec![Mistake::new("/config/time_zone", error.to_string())],
        }
    }
}

impl EventConfig {
    fn mistakes(&self, evaluator: &dyn Evaluator) -> Vec<Mistake> {
        let patterns = Patterns::new(self.events.as_slice().to_vec());
        let mut mistakes: Vec<Mistake> =
            patterns.err().into_iter().map(|error| Mistake::new("/config/events", error.to_string())).collect();
        match self.filter.as_deref() {
            None => {}
            Some(filter) if filter.chars().count() > MAX_FILTER => {
                mistakes.push(Mistake::new("/config/filter", format!("longer than {MAX_FILTER} characters")));
            }
            Some(filter) => match evaluator.check(filter) {
                Ok(references) => {
                    if let Some(name) = references.names.iter().find(|name| *name != "event") {
                        let message = format!("{name} is not known here; a filter sees only `event`");
                        mistakes.push(Mistake::new("/config/filter", message));
                    }
                }
                Err(error) => mistakes.push(Mistake::new("/config/filter", error.to_string())),
            },
        }
        mistakes
    }
}

impl FormConfig {
    fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = path_mistakes(&self.path);
        if self.title.trim().is_empty() || self.title.chars().count() > 200 {
            mistakes.push(Mistake::new("/config/title", "a form needs a title of at most 200 characters"));
        }
        match UserSchema::compile(&self.schema) {
            Ok(_) if self.schema.get("type").and_then(Value::as_str) != Some("object") => {
                mistakes.push(Mistake::new("/config/schema/type", "the fields of a form are those of an object"));
            }
            Ok(_) => {}
            Err(errors) => mistakes.extend(
                errors
                    .into_iter()
                    .map(|error| Mistake::new(&format!("/config/schema{}", error.pointer), error.message)),
            ),
        }
        mistakes
    }
}

fn path_mistakes(path: &str) -> Vec<Mistake> {
    let fits = |char: char| char.is_ascii_alphanumeric() || "-_.~/".contains(char);
    let segments_fit = path.split('/').all(|segment| !segment.is_empty() && segment != "." && segment != "..");
    if path.chars().count() <= MAX_PATH && path.chars().all(fits) && segments_fit {
        return Vec::new();
    }
    let message = format!(
        "a path has at most {MAX_PATH} letters, digits, -, _, ., ~ in segments separated by single slashes, such as \
         orders/new"
    );
    vec![Mistake::new("/config/path", message)]
}
