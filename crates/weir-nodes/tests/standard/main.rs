//! The node types as the engine meets them: through `NodeType::run`, with real files and real sockets.

mod support;

mod control;
mod declarations;
mod files;
mod guard;
mod http_request;
mod sub_workflow;
mod template;
mod values;
mod waits;
