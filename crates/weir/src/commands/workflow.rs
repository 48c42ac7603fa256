//! `weir workflow`: lists, imports, exports and compares workflows.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum, ValueHint};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use weir_core::diff::diff;
use weir_core::document::{Document, Format, MAX_BYTES};

use super::{Context, page};
use crate::boot::Purpose;
use crate::client::Client;
use crate::failure::{Exit, Failure, problem_text};
use crate::output::{self, field};

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowCommand {
    /// List workflows, the last changed first
    List {
        /// Only those with this text in their name or description
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        #[command(flatten)]
        page: page::PageArgs,
    },
    /// Take workflow files in as drafts
    Import {
        /// Workflow files, JSON or YAML; - for standard input
        #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
        /// What to do when a workflow of that name is there
        #[arg(long, value_enum, default_value_t = OnConflict::New)]
        on_conflict: OnConflict,
        /// Publish them as well, so that they can be run
        #[arg(long)]
        publish: bool,
    },
    /// Write a workflow's document to standard output, or into a file
    Export {
        /// The workflow, by name or id
        workflow: String,
        /// The number of a version, or draft
        #[arg(long, default_value = "draft")]
        version: String,
        /// The notation; --json says json as well
        #[arg(long, value_enum)]
        format: Option<Notation>,
        /// The file
        #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
    },
    /// Tell what is different between two of a workflow's documents
    Diff {
        /// The workflow, by name or id
        workflow: String,
        /// The number of a version, or draft
        older: String,
        /// The number of a version, or draft
        #[arg(default_value = "draft")]
        newer: String,
    },
}

/// What an import does when a workflow of the document's name is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnConflict {
    /// Make another one
    New,
    /// Make this its draft
    Replace,
    /// Leave it alone
    Skip,
}

impl OnConflict {
    const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Replace => "replace",
            Self::Skip => "skip",
        }
    }
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Notation {
    /// For people
    Yaml,
    /// For programs
    Json,
}

pub(crate) async fn run(context: &Context, command: WorkflowCommand) -> anyhow::Result<Exit> {
    let client = Client::find(context, Purpose::Look).await?;
    let done = match command {
        WorkflowCommand::List { search, page } => {
            let head = ["id", "name", "status", "version", "updated"];
            let row = page::fields(["id", "name", "status", "latest_version", "updated_at"]);
            page::show(context, &client, &["workflows"], page, &[("q", search)], head, row).await
        }
        WorkflowCommand::Import { files, on_conflict, publish } => {
            import(context, &client, &files, on_conflict, publish).await
        }
        WorkflowCommand::Export { workflow, version, format, output } => {
            let by_flag = if context.json { Notation::Json } else { Notation::Yaml };
            export(&client, &workflow, &version, format.unwrap_or(by_flag), output).await
        }
        WorkflowCommand::Diff { workflow, older, newer } => compare(context, &client, &workflow, &older, &newer).await,
    };
    client.close().await?;
    done
}

/// The id of the workflow with this id, or with exactly this name.
pub(super) async fn id_of(client: &Client, name_or_id: &str) -> anyhow::Result<String> {
    if name_or_id.parse::<weir_base::WorkflowId>().is_ok() {
        return Ok(name_or_id.to_owned());
    }
    let request = client.request(Method::GET, &["workflows"]).query(&[("q", name_or_id), ("limit", "200")]);
    let page = client.json(request).await?;
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids: Vec<String> =
        items.iter().filter(|item| item["name"] == name_or_id).map(|item| field(item, "id")).collect();
    match ids.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Failure::failed(format!("there is no workflow named {name_or_id:?}")).into()),
        several => {
            let message = format!("several workflows are named {name_or_id:?}: {}", several.join(", "));
            Err(Failure::failed(message).into())
        }
    }
}

async fn import(
    context: &Context,
    client: &Client,
    files: &[PathBuf],
    on_conflict: OnConflict,
    publish: bool,
) -> anyhow::Result<Exit> {
    let mut answers = Vec::new();
    for file in files {
        let bytes = super::read(file, MAX_BYTES as u64)?;
        let kind = match Format::guess(&bytes) {
            Format::Json => "application/json",
            Format::Yaml => "application/yaml",
        };
        let request = client
            .request(Method::POST, &["workflows", "import"])
            .query(&[("on_conflict", on_conflict.word())])
            .header(CONTENT_TYPE, kind)
            .body(bytes);
        let mut workflow = client.json(request).await.map_err(|error| in_file(error, file))?;
        let outcome = workflow["outcome"].as_str().unwrap_or("created").to_owned();
        if publish && outcome != "skipped" {
            let id = field(&workflow, "id");
            let published = client.post(&["workflows", &id, "publish"], &json!({})).await;
            published.map_err(|error| in_file(error, file))?;
            workflow = client.get(&["workflows", &id]).await?;
        }
        if context.json {
            workflow["outcome"] = json!(outcome);
            answers.push(workflow);
        } else {
            let (name, id, status) = (field(&workflow, "name"), field(&workflow, "id"), field(&workflow, "status"));
            output::line(&format!("{outcome} {name} ({id}), {status}"));
            let problems = workflow["problems"].as_array().map(Vec::as_slice).unwrap_or_default();
            problems.iter().for_each(|problem| output::note(&problem_text(problem)));
        }
    }
    if context.json {
        output::json(&answers);
    }
    Ok(Exit::Done)
}

/// The same failure, naming the file.
fn in_file(error: anyhow::Error, file: &std::path::Path) -> anyhow::Error {
    match error.downcast::<Failure>() {
        Ok(failure) => Failure { message: format!("{}: {}", file.display(), failure.message), ..failure }.into(),
        Err(other) => other,
    }
}

async fn export(
    client: &Client,
    workflow: &str,
    version: &str,
    format: Notation,
    file: Option<PathBuf>,
) -> anyhow::Result<Exit> {
    let text = exported(client, workflow, version, format).await?;
    match file {
        Some(file) => std::fs::write(&file, text)
            .map_err(|error| Failure::failed(format!("cannot write {}: {error}", file.display())))?,
        None => output::text(&text),
    }
    Ok(Exit::Done)
}

async fn exported(client: &Client, workflow: &str, version: &str, format: Notation) -> anyhow::Result<String> {
    let id = id_of(client, workflow).await?;
    let format = match format {
        Notation::Yaml => "yaml",
        Notation::Json => "json",
    };
    let request =
        client.request(Method::GET, &["workflows", &id, "export"]).query(&[("format", format), ("version", version)]);
    client.text(request).await
}

async fn compare(context: &Context, client: &Client, workflow: &str, older: &str, newer: &str) -> anyhow::Result<Exit> {
    let (older, newer) = (document(client, workflow, older).await?, document(client, workflow, newer).await?);
    let found = diff(&older, &newer);
    if context.json {
        output::json(&found);
    } else if found.is_empty() {
        output::line("no difference");
    } else {
        output::text(&found.summary());
    }
    Ok(Exit::Done)
}

async fn document(client: &Client, workflow: &str, version: &str) -> anyhow::Result<Document> {
    let text = exported(client, workflow, version, Notation::Json).await?;
    let tree: Value = serde_json::from_str(&text)?;
    Document::from_value(tree).map_err(|problems| {
        let problems = super::validate::values(&problems);
        Failure::failed(format!("{version} of {workflow} is no document")).with_problems(problems).into()
    })
}
