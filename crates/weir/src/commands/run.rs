//! `weir run`: runs a workflow file to its end.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Map, Value, json};
use weir_core::document::{Format, MAX_BYTES, parse};
use weir_core::problem::Severity;
use weir_core::validate::validate;

use super::Context;
use super::validate::{is_valid, values};
use crate::boot::Purpose;
use crate::cli::pair;
use crate::client::Client;
use crate::failure::{Exit, Failure, problem_text};
use crate::follow::{Followed, OnInterrupt, Show, exit_of, follow, show_result};
use crate::{boot, output};

const ABOUT: &str = "\
The execution is recorded in the data directory like any other. Ctrl-C cancels it and waits for its end; pressed
again, it leaves at once. A run that was killed goes on with the next `weir run`, `weir serve` or
`weir execution tail ID`. When a server has the data directory open, the execution runs there.";

/// What to run, and with what.
#[derive(Debug, Args)]
#[command(after_long_help = ABOUT)]
pub(crate) struct RunArgs {
    /// Workflow file, JSON or YAML; - for standard input
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Input: JSON, @FILE, or - for standard input [default: {}]
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// Put a file into the execution, to be read by its nodes; can be repeated
    #[arg(long = "file", value_name = "NAME=PATH", value_parser = pair)]
    files: Vec<(String, String)>,
    /// Give a node's output instead of running it; can be repeated
    #[arg(long = "pin", value_name = "NODE=JSON", value_parser = pair)]
    pins: Vec<(String, String)>,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) async fn run(context: &Context, args: RunArgs) -> anyhow::Result<Exit> {
    let input = args.input.as_deref().map_or_else(|| Ok(json!({})), |text| super::read_json(text, "the input"))?;
    let mut pins = Map::new();
    for (node, text) in &args.pins {
        pins.insert(node.clone(), json!({"output": super::read_json(text, &format!("the pin of {node}"))?}));
    }
    let document = read_document(&args.file)?;
    let client = match &context.server {
        Some(_) => {
            let client = Client::find(context, Purpose::Drive).await?;
            let answer = client.post(&["workflows", "validate"], &document).await?;
            let problems = answer["problems"].as_array().cloned().unwrap_or_default();
            judge(&args, answer["valid"] == true, problems)?;
            client
        }
        None => {
            // Nothing is opened or made for a document that cannot run.
            let catalog = boot::catalog(&context.loaded.config).await?;
            let problems = validate(&document, &catalog, boot::evaluator().as_ref());
            judge(&args, is_valid(&problems), values(&problems))?;
            Client::find(context, Purpose::Drive).await?
        }
    };
    let show = if args.quiet { Show::Nothing } else { Show::Progress };
    let followed = async {
        let id = start(&client, document, input, pins, &args.files).await?;
        follow(&client, &id, 0, show, OnInterrupt::Cancel).await
    }
    .await;
    finish(client, followed, context.json).await
}

/// Shows how the execution ended, after what runs in this process was taken apart.
pub(crate) async fn finish(client: Client, followed: anyhow::Result<Followed>, json: bool) -> anyhow::Result<Exit> {
    if let Ok(Followed::Left(asked)) = followed {
        // Whoever asks twice, or is not to cancel, is not made to wait for nodes.
        return Ok(Exit::Signal(asked.number()));
    }
    let closed = client.close().await;
    match followed? {
        Followed::Ended(execution) => {
            closed?;
            show_result(&execution, json);
            Ok(exit_of(&execution))
        }
        Followed::Left(asked) => Ok(Exit::Signal(asked.number())),
    }
}

fn read_document(file: &Path) -> anyhow::Result<Value> {
    let bytes = super::read(file, MAX_BYTES as u64 + 1)?;
    parse(&bytes, Format::guess(&bytes)).map_err(|problems| not_valid(file, values(&problems)).into())
}

/// Refuses a document with errors; tells warnings.
fn judge(args: &RunArgs, valid: bool, problems: Vec<Value>) -> anyhow::Result<()> {
    if !valid {
        return Err(not_valid(&args.file, problems).into());
    }
    if !args.quiet {
        problems.iter().for_each(|problem| output::note(&problem_text(problem)));
    }
    Ok(())
}

fn not_valid(file: &Path, problems: Vec<Value>) -> Failure {
    let errors = problems.iter().filter(|problem| problem["severity"] == json!(Severity::Error)).count();
    let count = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
    Failure::invalid(format!("{} is not valid: {count}", file.display())).with_problems(problems)
}

/// Starts an execution of the document; its id.
async fn start(
    client: &Client,
    document: Value,
    input: Value,
    pins: Map<String, Value>,
    files: &[(String, String)],
) -> anyhow::Result<String> {
    let request = client.request(Method::POST, &["executions"]);
    let request = if files.is_empty() {
        request.json(&json!({"document": document, "input": input, "pins": pins}))
    } else {
        let mut form = Form::new()
            .text("document", document.to_string())
            .text("input", input.to_string())
            .text("pins", Value::Object(pins).to_string());
        for (name, path) in files {
            let refused = |error: std::io::Error| Failure::invalid(format!("cannot read {path}: {error}"));
            let file = tokio::fs::File::open(path).await.map_err(refused)?;
            let length = file.metadata().await.map_err(refused)?.len();
            let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::new(file));
            form = form.part(name.clone(), Part::stream_with_length(body, length).file_name(name.clone()));
        }
        request.multipart(form)
    };
    let answer = client.json(request).await?;
    answer["execution_id"].as_str().map(str::to_owned).ok_or_else(|| anyhow::anyhow!("the answer names no execution"))
}
