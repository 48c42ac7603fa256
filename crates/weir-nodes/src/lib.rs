//! The node types that come with Weir, one file each, built with just the services they need.
//!
//! Invariants: what a type declares comes from its params struct and nothing is written twice; a pure type awaits
//! nothing; requests of workflows reach public addresses only, unless the operator lists an exception.
//! Knows nothing about the API.

mod approval;
mod condition;
mod database;
mod deadline;
mod delay;
mod email;
mod end;
mod fail;
mod http;
mod http_request;
mod incoming;
mod r#loop;
mod map;
mod merge;
mod parallel;
mod params;
mod publish_event;
mod read_file;
mod set;
mod slack;
mod start;
mod sub_workflow;
mod switch;
mod template;
mod validate_json;
mod values;
mod wait_for_event;
mod webhook_response;
mod write_file;

use std::path::PathBuf;
use std::sync::Arc;

use url::Url;
use weir_db::{Db, Migration};
use weir_engine::files::ExecutionFiles;
use weir_engine::node::NodeType;
use weir_mail::Mailer;
use weir_outbound::Outbound;
use weir_workflows::Versions;

use self::database::Connections;

/// What the standard node types work with.
#[derive(Debug, Clone)]
pub struct Services {
    /// The executions' own files.
    pub files: ExecutionFiles,
    /// The way to other systems.
    pub outbound: Outbound,
    /// The workflows that others may run.
    pub versions: Versions,
    /// Where events are published; the tables of [`MIGRATIONS`] and of weir-events are there.
    pub db: Db,
    /// The installation's own way to send mail, if it has one.
    pub mailer: Option<Mailer>,
    /// Where Slack's API is; [`SLACK_API`] but in tests.
    pub slack_api: Url,
    /// The folder of the SQLite databases that workflows may use.
    pub databases: PathBuf,
}

/// Where Slack's API is.
pub const SLACK_API: &str = "https://slack.com/api/";

/// The tables of this crate; their context is named `nodes`.
pub const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "published_events",
    sqlite: include_str!("../migrations/sqlite/0001_published_events.sql"),
    postgres: include_str!("../migrations/postgres/0001_published_events.sql"),
}];

/// All node types of this crate.
pub fn standard(services: Services) -> Vec<Arc<dyn NodeType>> {
    let Services { files, outbound, versions, db, mailer, slack_api, databases } = services;
    vec![
        Arc::new(start::Start),
        Arc::new(end::End),
        Arc::new(condition::Condition),
        Arc::new(switch::Switch),
        Arc::new(parallel::Parallel),
        Arc::new(merge::Merge),
        Arc::new(map::Map),
        Arc::new(r#loop::Loop),
        Arc::new(delay::Delay),
        Arc::new(wait_for_event::WaitForEvent),
        Arc::new(approval::Approval),
        Arc::new(sub_workflow::SubWorkflow { versions }),
        Arc::new(fail::Fail),
        Arc::new(set::Set),
        Arc::new(template::Template),
        Arc::new(validate_json::ValidateJson),
        Arc::new(read_file::ReadFile { files: files.clone() }),
        Arc::new(write_file::WriteFile { files: files.clone() }),
        Arc::new(http_request::HttpRequest { outbound: outbound.clone(), files }),
        Arc::new(database::Database { connections: Connections::new(outbound.clone(), databases) }),
        Arc::new(email::Email { mailer, outbound: outbound.clone() }),
        Arc::new(slack::Slack { outbound, api: slack_api }),
        Arc::new(publish_event::PublishEvent { db }),
        Arc::new(webhook_response::WebhookResponse),
    ]
}
