//! The node types that come with Weir, one file each, built with just the services they need.
//!
//! Invariants: what a type declares comes from its params struct and nothing is written twice; a pure type awaits
//! nothing; requests of workflows reach public addresses only, unless the operator lists an exception.
//! Knows nothing about the API.

mod approval;
mod condition;
mod deadline;
mod delay;
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
mod read_file;
mod set;
mod start;
mod sub_workflow;
mod switch;
mod template;
mod validate_json;
mod values;
mod wait_for_event;
mod webhook_response;
mod write_file;

use std::sync::Arc;

use weir_engine::files::ExecutionFiles;
use weir_engine::node::NodeType;
use weir_outbound::Outbound;
use weir_workflows::Versions;

/// What the standard node types work with.
#[derive(Debug, Clone)]
pub struct Services {
    /// The executions' own files.
    pub files: ExecutionFiles,
    /// The way to other systems.
    pub outbound: Outbound,
    /// The workflows that others may run.
    pub versions: Versions,
}

/// All node types of this crate.
pub fn standard(services: Services) -> Vec<Arc<dyn NodeType>> {
    let Services { files, outbound, versions } = services;
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
        Arc::new(http_request::HttpRequest { outbound, files }),
        Arc::new(webhook_response::WebhookResponse),
    ]
}
