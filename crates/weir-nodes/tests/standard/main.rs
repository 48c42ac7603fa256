//! The node types as the engine meets them: through `NodeType::run`, with real files and real sockets.

mod support;

mod control;
mod database;
mod declarations;
mod email;
mod files;
mod guard;
mod http_request;
mod publish_event;
mod slack;
mod sub_workflow;
mod template;
mod values;
mod waits;
