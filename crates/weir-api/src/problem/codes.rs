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
pub(crate) const ORIGIN_NOT_ALLOWED: Code =
    code("origin_not_allowed", StatusCode::FORBIDDEN, "The request comes from another site");
pub(crate) const UNAUTHENTICATED: Code = code("unauthenticated", StatusCode::UNAUTHORIZED, "Nobody is signed in");
pub(crate) const TOKEN_INVALID: Code = code("token_invalid", StatusCode::UNAUTHORIZED, "The token does not hold");
pub(crate) const TOKEN_EXPIRED: Code = code("token_expired", StatusCode::UNAUTHORIZED, "The token has expired");
pub(crate) const TOKEN_REVOKED: Code = code("token_revoked", StatusCode::UNAUTHORIZED, "The session or key was ended");
pub(crate) const TOKEN_REUSED: Code =
    code("token_reused", StatusCode::UNAUTHORIZED, "The refresh token was used before");
pub(crate) const ACCOUNT_INACTIVE: Code =
    code("account_inactive", StatusCode::UNAUTHORIZED, "The account is not active");
pub(crate) const LOGIN_FAILED: Code = code("login_failed", StatusCode::UNAUTHORIZED, "The login failed");
pub(crate) const PROVIDER_FAILED: Code =
    code("provider_failed", StatusCode::UNAUTHORIZED, "The identity provider's word does not hold");
pub(crate) const FORBIDDEN: Code = code("forbidden", StatusCode::FORBIDDEN, "You may not do this");
pub(crate) const WORKSPACE_CLOSED: Code =
    code("workspace_closed", StatusCode::FORBIDDEN, "The workspace is not open to you");
pub(crate) const PERSON_NEEDED: Code = code("person_needed", StatusCode::FORBIDDEN, "Only a person can do this");
pub(crate) const REGISTRATION_CLOSED: Code =
    code("registration_closed", StatusCode::FORBIDDEN, "Registration needs an invitation");
pub(crate) const RATE_LIMITED: Code = code("rate_limited", StatusCode::TOO_MANY_REQUESTS, "Too many requests");
pub(crate) const LOCKED_OUT: Code = code("locked_out", StatusCode::TOO_MANY_REQUESTS, "Too many failed logins");
pub(crate) const EXHAUSTED: Code = code("exhausted", StatusCode::TOO_MANY_REQUESTS, "Nothing is left of a limit");
pub(crate) const USER_NOT_FOUND: Code = code("user_not_found", StatusCode::NOT_FOUND, "There is no such user");
pub(crate) const WORKSPACE_NOT_FOUND: Code =
    code("workspace_not_found", StatusCode::NOT_FOUND, "There is no such workspace");
pub(crate) const MEMBER_NOT_FOUND: Code = code("member_not_found", StatusCode::NOT_FOUND, "There is no such member");
pub(crate) const INVITATION_NOT_FOUND: Code =
    code("invitation_not_found", StatusCode::NOT_FOUND, "There is no such invitation");
pub(crate) const SESSION_NOT_FOUND: Code = code("session_not_found", StatusCode::NOT_FOUND, "There is no such session");
pub(crate) const API_KEY_NOT_FOUND: Code = code("api_key_not_found", StatusCode::NOT_FOUND, "There is no such API key");
pub(crate) const PROVIDER_NOT_FOUND: Code =
    code("provider_not_found", StatusCode::NOT_FOUND, "No identity provider is set up");
pub(crate) const LINK_INVALID: Code =
    code("link_invalid", StatusCode::UNPROCESSABLE_ENTITY, "The link is not valid any more");
pub(crate) const PASSWORD_WEAK: Code =
    code("password_weak", StatusCode::UNPROCESSABLE_ENTITY, "The password must not be used");
pub(crate) const PASSWORD_WRONG: Code =
    code("password_wrong", StatusCode::UNPROCESSABLE_ENTITY, "The present password is another");
pub(crate) const CREDENTIAL_NOT_FOUND: Code =
    code("credential_not_found", StatusCode::NOT_FOUND, "There is no such credential");
pub(crate) const CREDENTIAL_REFUSED: Code =
    code("credential_refused", StatusCode::UNPROCESSABLE_ENTITY, "The credential is not taken by whoever it is for");
pub(crate) const VARIABLE_NOT_FOUND: Code =
    code("variable_not_found", StatusCode::NOT_FOUND, "There is no such variable");
pub(crate) const TOO_MANY_VARIABLES: Code =
    code("too_many_variables", StatusCode::CONFLICT, "The workspace has no room for more variables");
pub(crate) const NAME_TAKEN: Code = code("name_taken", StatusCode::CONFLICT, "Something else has this name");
pub(crate) const EMAIL_TAKEN: Code = code("email_taken", StatusCode::CONFLICT, "There is such an account already");
pub(crate) const ALREADY_MEMBER: Code = code("already_member", StatusCode::CONFLICT, "The person is a member already");
pub(crate) const SLUG_TAKEN: Code = code("slug_taken", StatusCode::CONFLICT, "There is such a workspace already");
pub(crate) const LAST_OF_ITS_KIND: Code =
    code("last_of_its_kind", StatusCode::CONFLICT, "Something would be left without anybody in charge");
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
pub(crate) const TRIGGER_NOT_FOUND: Code = code("trigger_not_found", StatusCode::NOT_FOUND, "There is no such trigger");
pub(crate) const HOOK_NOT_FOUND: Code = code("hook_not_found", StatusCode::NOT_FOUND, "Nothing listens here");
pub(crate) const HOOK_NOT_LISTENING: Code =
    code("hook_not_listening", StatusCode::NOT_FOUND, "Nobody is testing this webhook");
pub(crate) const HOOK_UNPROVEN: Code =
    code("hook_unproven", StatusCode::UNAUTHORIZED, "The sender does not prove who it is");
pub(crate) const HOOK_CREDENTIAL: Code =
    code("hook_credential", StatusCode::CONFLICT, "The webhook's credential cannot be used");
pub(crate) const FORM_INVALID: Code =
    code("form_invalid", StatusCode::UNPROCESSABLE_ENTITY, "What was filled in does not fit the form");
pub(crate) const TRIGGER_INVALID: Code =
    code("trigger_invalid", StatusCode::UNPROCESSABLE_ENTITY, "The trigger has mistakes");
pub(crate) const TRIGGER_PATH_TAKEN: Code =
    code("trigger_path_taken", StatusCode::CONFLICT, "Another trigger listens there");
pub(crate) const TOO_MANY_TRIGGERS: Code =
    code("too_many_triggers", StatusCode::CONFLICT, "There are too many triggers");
pub(crate) const WEBHOOK_NOT_FOUND: Code = code("webhook_not_found", StatusCode::NOT_FOUND, "There is no such webhook");
pub(crate) const NOTIFICATION_RULE_NOT_FOUND: Code =
    code("notification_rule_not_found", StatusCode::NOT_FOUND, "There is no such notification rule");
pub(crate) const DELIVERY_NOT_FOUND: Code =
    code("delivery_not_found", StatusCode::NOT_FOUND, "There is no such delivery");
pub(crate) const DELIVERY_PENDING: Code = code("delivery_pending", StatusCode::CONFLICT, "It is still being delivered");
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
pub(crate) const SNAPSHOT_NOT_FOUND: Code =
    code("snapshot_not_found", StatusCode::NOT_FOUND, "The workflow has no such snapshot");
pub(crate) const SNAPSHOT_NAME_INVALID: Code =
    code("snapshot_name_invalid", StatusCode::UNPROCESSABLE_ENTITY, "The name of the snapshot cannot be used");
pub(crate) const REVISION_STALE: Code =
    code("revision_stale", StatusCode::PRECONDITION_FAILED, "It has changed meanwhile");
pub(crate) const SERVER_STOPPING: Code =
    code("server_stopping", StatusCode::SERVICE_UNAVAILABLE, "The server is stopping");

/// The word for a failure that has none of its own.
pub(crate) const fn of_kind(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Malformed => MALFORMED,
        ErrorKind::Invalid => INVALID,
        ErrorKind::Unauthenticated => UNAUTHENTICATED,
        ErrorKind::Forbidden => FORBIDDEN,
        ErrorKind::Exhausted => EXHAUSTED,
        ErrorKind::NotFound => NOT_FOUND,
        ErrorKind::Conflict => CONFLICT,
        ErrorKind::Stale => STALE,
        ErrorKind::TooLarge => TOO_LARGE,
        ErrorKind::Unavailable => UNAVAILABLE,
        ErrorKind::Internal => INTERNAL,
    }
}

/// Whether a word says that the token which was sent does not hold.
pub(crate) fn is_token(word: &str) -> bool {
    [TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED, TOKEN_REUSED, ACCOUNT_INACTIVE].iter().any(|code| code.word == word)
}
