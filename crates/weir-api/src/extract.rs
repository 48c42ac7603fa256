//! Reading requests: every way of being unreadable has its own problem.

mod body;
mod caller;
mod json;
mod path;
mod precondition;
mod query;
mod within;

pub(crate) use self::body::{BodyLimit, read_body};
pub(crate) use self::caller::{Caller, ClientAddress};
pub(crate) use self::json::{Json, parse_json};
pub(crate) use self::path::Path;
pub(crate) use self::precondition::{IdempotencyKey, IfMatch, etag};
pub(crate) use self::query::{Query, page};
pub(crate) use self::within::Within;
