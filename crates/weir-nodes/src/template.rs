//! `template`: text from a Jinja template.

use std::io::{self, Write};

use async_trait::async_trait;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use weir_core::node_error::NodeError;
use weir_core::node_type::{Category, Handles, NodeTypeInfo, Role};
use weir_core::outcome::Outcome;
use weir_engine::node::{NodeCtx, NodeType, typed_params};

use crate::params::params_schema;

/// How many instructions a template may run. This bounds its time, not its memory: text that it doubles again and again
/// in a variable is limited by nothing but this, so templates are for those who may write workflows.
const FUEL: u64 = 1_000_000;

/// How long the text may become: 1 MiB.
const MAX_OUTPUT: usize = 1024 * 1024;

pub(crate) struct Template;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// A Jinja template; it sees nothing but `values`.
    template: String,
    /// The names the template may use.
    #[serde(default)]
    values: Map<String, Value>,
}

#[async_trait]
impl NodeType for Template {
    fn info(&self) -> NodeTypeInfo {
        NodeTypeInfo {
            name: "template",
            category: Category::Data,
            label: "Template",
            description: "Writes text from a Jinja template and values. Its output is `{text}`.",
            icon: "file-type",
            params_schema: params_schema::<Params>(),
            literal_params: &["template"],
            handles: Handles::Single,
            pure: true,
            default_timeout_seconds: None,
            default_max_attempts: 1,
            role: Role::Ordinary,
        }
    }

    async fn run(&self, _ctx: &NodeCtx, params: Value) -> Result<Outcome, NodeError> {
        let params: Params = typed_params(params)?;
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        // A misspelt name is an error; asking whether there is one is not.
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        let template = environment.template_from_str(&params.template).map_err(template_error)?;
        let mut text = Bounded(Vec::new());
        template.render_captured_to(Serde(&params.values), &mut text).map_err(template_error)?;
        Ok(Outcome::done(json!({ "text": String::from_utf8_lossy(&text.0) })))
    }
}

/// Takes what a template writes, up to the limit.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn template_error(error: minijinja::Error) -> NodeError {
    let what = match error.kind() {
        ErrorKind::OutOfFuel => format!("it ran more than {FUEL} instructions"),
        ErrorKind::WriteFailure => format!("its text is longer than {MAX_OUTPUT} bytes"),
        kind => error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")),
    };
    let message = match error.line() {
        Some(line) => format!("the template fails in line {line}: {what}"),
        None => format!("the template fails: {what}"),
    };
    NodeError::invalid(message).with_source("template")
}
