//! All machine words of problems, each with its status and title.

use axum::http::StatusCode;
use weir_base::ErrorKind;

/// A sort of problem.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code {
    /// The stable machine word.
    pub(crate) word: &'static str,
    /// The status it is answered with.
    pub(crate) status: StatusCode,
    /// The sort of problem in a few words.
    pub(crate) title: &'static str,
}

const fn code(word: &'static str, status: StatusCode, title: &'static str) -> Code {
    Code { word, status, title }
}

pub(crate) const BODY_NOT_JSON: Code = code("body_not_json", StatusCode::BAD_REQUEST, "The body is not JSON");
pub(crate) const BODY_NOT_UTF8: Code = code("body_not_utf8", StatusCode::BAD_REQUEST, "The body is not UTF-8");
pub(crate) const BODY_TOO_DEEP: Code = code("body_too_deep", StatusCode::BAD_REQUEST, "The body is nested too deeply");
pub(crate) const BODY_INCOMPLETE: Code = code("body_incomplete", StatusCode::BAD_REQUEST, "The body broke off");
pub(crate) const BODY_TOO_LARGE: Code = code("body_too_large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large");
pub(crate) const BODY_TOO_SLOW: Code = code("body_too_slow", StatusCode::REQUEST_TIMEOUT, "The body came too slowly");
pub(crate) const BODY_INVALID: Code =
    code("body_invalid", StatusCode::UNPROCESSABLE_ENTITY, "The body does not have the expected fields");
pub(crate) const CONTENT_TYPE_UNSUPPORTED: Code =
    code("content_type_unsupported", StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body has an unsupported type");
pub(crate) const MULTIPART_MALFORMED: Code =
    code("multipart_malformed", StatusCode::BAD_REQUEST, "The multipart body cannot be read");
pub(crate) const PATH_INVALID: Code =
    code("path_invalid", StatusCode::BAD_REQUEST, "A part of the path cannot be read");
pub(crate) const QUERY_INVALID: Code =
    code("query_invalid", StatusCode::BAD_REQUEST, "A query parameter cannot be read");
pub(crate) const CURSOR_INVALID: Code =
    code("cursor_invalid", StatusCode::BAD_REQUEST, "The cursor is not one of this list");
pub(crate) const HEADER_INVALID: Code = code("header_invalid", StatusCode::BAD_REQUEST, "A header cannot be read");
pub(crate) const IF_MATCH_MISSING: Code =
    code("if_match_missing", StatusCode::PRECONDITION_REQUIRED, "The update does not say what it is based on");
pub(crate) const HOST_NOT_ALLOWED: Code =
    code("host_not_allowed", StatusCode::FORBIDDEN, "The request is for another host");
pub(crate) const ORIGIN_NOT_ALLOWED: Code =
    code("origin_not_allowed", StatusCode::FORBIDDEN, "The request comes from another site");
pub(crate) const ROUTE_NOT_FOUND: Code = code("route_not_found", StatusCode::NOT_FOUND, "There is nothing here");
pub(crate) const METHOD_NOT_ALLOWED: Code =
    code("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, "The method is not possible here");
pub(crate) const MALFORMED: Code = code("malformed", StatusCode::BAD_REQUEST, "The request cannot be read");
pub(crate) const INVALID: Code = code("invalid", StatusCode::UNPROCESSABLE_ENTITY, "The request breaks a rule");
pub(crate) const NOT_FOUND: Code = code("not_found", StatusCode::NOT_FOUND, "There is no such thing");
pub(crate) const CONFLICT: Code = code("conflict", StatusCode::CONFLICT, "The present state does not allow this");
pub(crate) const STALE: Code = code("stale", StatusCode::PRECONDITION_FAILED, "The update is based on an old state");
pub(crate) const TOO_LARGE: Code = code("too_large", StatusCode::PAYLOAD_TOO_LARGE, "The request is too large");
pub(crate) const UNAVAILABLE: Code =
    code("unavailable", StatusCode::SERVICE_UNAVAILABLE, "The server cannot do this at the moment");
pub(crate) const INTERNAL: Code =
    code("internal", StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on the server");
pub(crate) const EXECUTION_NOT_FOUND: Code =
    code("execution_not_found", StatusCode::NOT_FOUND, "There is no such execution");
pub(crate) const EXECUTION_TRANSITION_REFUSED: Code =
    code("execution_transition_refused", StatusCode::CONFLICT, "The execution's status does not allow this");
pub(crate) const EXECUTION_INPUT_INVALID: Code =
    code("execution_input_invalid", StatusCode::UNPROCESSABLE_ENTITY, "The input does not fit the workflow");
pub(crate) const EXECUTION_RUNNING: Code =
    code("execution_running", StatusCode::CONFLICT, "The execution has not ended");
pub(crate) const RERUN_INVALID: Code =
    code("rerun_invalid", StatusCode::UNPROCESSABLE_ENTITY, "The execution cannot be run again from there");
pub(crate) const DOCUMENT_NOT_FOUND: Code =
    code("document_not_found", StatusCode::NOT_FOUND, "There is no such document");
pub(crate) const DOCUMENT_INVALID: Code =
    code("document_invalid", StatusCode::UNPROCESSABLE_ENTITY, "The document breaks rules");
pub(crate) const DOCUMENT_NOT_RUNNABLE: Code =
    code("document_not_runnable", StatusCode::UNPROCESSABLE_ENTITY, "The document cannot be run");
pub(crate) const NODE_NOT_FOUND: Code = code("node_not_found", StatusCode::NOT_FOUND, "The execution has no such node");
pub(crate) const NODE_TYPE_NOT_FOUND: Code =
    code("node_type_not_found", StatusCode::NOT_FOUND, "There is no such node type");
pub(crate) const FILE_NOT_FOUND: Code = code("file_not_found", StatusCode::NOT_FOUND, "There is no such file");
pub(crate) const FILE_INVALID: Code = code("file_invalid", StatusCode::UNPROCESSABLE_ENTITY, "The file cannot be kept");
pub(crate) const FILE_TOO_LARGE: Code =
    code("file_too_large", StatusCode::PAYLOAD_TOO_LARGE, "The files are too large");
pub(crate) const APPROVAL_NOT_FOUND: Code =
    code("approval_not_found", StatusCode::NOT_FOUND, "There is no such approval");
pub(crate) const APPROVAL_DATA_INVALID: Code =
    code("approval_data_invalid", StatusCode::UNPROCESSABLE_ENTITY, "The data does not fit the approval's form");
pub(crate) const APPROVAL_DECIDED: Code =
    code("approval_decided", StatusCode::CONFLICT, "The approval has been settled");
pub(crate) const DEAD_LETTER_NOT_FOUND: Code =
    code("dead_letter_not_found", StatusCode::NOT_FOUND, "There is no such dead letter");
pub(crate) const WORKFLOW_NOT_FOUND: Code =
    code("workflow_not_found", StatusCode::NOT_FOUND, "There is no such workflow");
pub(crate) const WORKFLOW_TRANSITION_REFUSED: Code =
    code("workflow_transition_refused", StatusCode::CONFLICT, "The workflow's status does not allow this");
pub(crate) const TAGS_INVALID: Code = code("tags_invalid", StatusCode::UNPROCESSABLE_ENTITY, "The tags cannot be kept");
pub(crate) const VERSION_NOT_FOUND: Code =
    code("version_not_found", StatusCode::NOT_FOUND, "The workflow has no such version");
pub(crate) const REVISION_STALE: Code =
    code("revision_stale", StatusCode::PRECONDITION_FAILED, "The workflow has changed meanwhile");
pub(crate) const SERVER_STOPPING: Code =
    code("server_stopping", StatusCode::SERVICE_UNAVAILABLE, "The server is stopping");

/// The word for a failure that has none of its own.
pub(crate) const fn of_kind(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Malformed => MALFORMED,
        ErrorKind::Invalid => INVALID,
        ErrorKind::NotFound => NOT_FOUND,
        ErrorKind::Conflict => CONFLICT,
        ErrorKind::Stale => STALE,
        ErrorKind::TooLarge => TOO_LARGE,
        ErrorKind::Unavailable => UNAVAILABLE,
        ErrorKind::Internal => INTERNAL,
    }
}
