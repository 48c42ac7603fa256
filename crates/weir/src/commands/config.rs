//! `weir config`: what is set, and where each value came from.

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use crate::config::example;
use crate::failure::Exit;
use crate::output;

/// What to show.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Print a weir.toml with everything that can be set, explained
    #[arg(long)]
    example: bool,
}

pub(crate) fn run(context: &Context, args: &ConfigArgs) -> Exit {
    if args.example {
        output::text(&example());
        return Exit::Done;
    }
    let values = &context.loaded.values;
    if context.json {
        let values = values
            .iter()
            .map(|value| json!({"key": value.setting.key, "value": value.shown(), "source": value.source.to_string()}));
        let file = context.loaded.file.as_ref().map(|file| file.display().to_string());
        output::json(&json!({"file": file, "values": values.collect::<Vec<Value>>()}));
    } else {
        let rows = values
            .iter()
            .map(|value| [value.setting.key.to_owned(), value.shown().into_owned(), value.source.to_string()]);
        output::table(["key", "value", "from"], rows);
    }
    Exit::Done
}
