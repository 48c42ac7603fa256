//! The errors of the crates below as problems.

use weir_base::{ErrorKind, InvalidCursor};
use weir_core::problem::{Problem as DocumentProblem, Severity};
use weir_engine::files::FileError;

use super::codes::{self, Code};
use super::{FieldError, Problem};
use crate::routes::workflows::WorkflowBody;

impl From<weir_engine::Error> for Problem {
    fn from(error: weir_engine::Error) -> Self {
        use weir_engine::Error;
        let error = match error {
            Error::Files(error) => return error.into(),
            Error::Db(error) => return error.into(),
            Error::Objects(error) if error.kind() != ErrorKind::Unavailable => {
                return Self::internal(error.to_string());
            }
            error => error,
        };
        let problem = Self::of_kind(error.kind(), engine_code(&error), &error);
        match error {
            Error::Input(problems) => problem.with_errors(
                problems
                    .into_iter()
                    .map(|wrong| FieldError {
                        pointer: format!("/input{}", wrong.pointer),
                        code: codes::EXECUTION_INPUT_INVALID.word.to_owned(),
                        message: wrong.message,
                    })
                    .collect(),
            ),
            _ => problem,
        }
    }
}

fn engine_code(error: &weir_engine::Error) -> Option<Code> {
    use weir_engine::Error;
    Some(match error {
        Error::NoExecution(_) => codes::EXECUTION_NOT_FOUND,
        Error::NoDocument(_) => codes::DOCUMENT_NOT_FOUND,
        Error::NoDeadLetter(_) => codes::DEAD_LETTER_NOT_FOUND,
        Error::NoNodeExecution { .. } => codes::NODE_NOT_FOUND,
        Error::NoApproval { .. } => codes::APPROVAL_NOT_FOUND,
        Error::Plan(_) => codes::DOCUMENT_NOT_RUNNABLE,
        Error::Input(_) => codes::EXECUTION_INPUT_INVALID,
        Error::Rerun(_) => codes::RERUN_INVALID,
        Error::Refused(weir_core::execution::Refusal::NoApproval { .. }) => codes::APPROVAL_DECIDED,
        Error::Refused(_) => codes::EXECUTION_TRANSITION_REFUSED,
        Error::NotEnded { .. } => codes::EXECUTION_RUNNING,
        Error::Stopping => codes::SERVER_STOPPING,
        Error::Cursor(_) => codes::CURSOR_INVALID,
        _ => return None,
    })
}

impl From<weir_workflows::Error> for Problem {
    fn from(error: weir_workflows::Error) -> Self {
        use weir_workflows::Error;
        let code = match &error {
            Error::Engine(_) | Error::Db(_) | Error::Live(_) | Error::Corrupt { .. } | Error::Ambiguous { .. } => None,
            Error::Tags(_) => Some(codes::TAGS_INVALID),
            Error::NoWorkflow(_) | Error::NoName(_) => Some(codes::WORKFLOW_NOT_FOUND),
            Error::NoVersion { .. } => Some(codes::VERSION_NOT_FOUND),
            Error::NotValid { .. } => Some(codes::DOCUMENT_INVALID),
            Error::Stale { .. } => Some(codes::REVISION_STALE),
            Error::Transition { .. } | Error::Archived(_) | Error::Paused(_) | Error::Unpublished(_) => {
                Some(codes::WORKFLOW_TRANSITION_REFUSED)
            }
            Error::Cursor(_) => Some(codes::CURSOR_INVALID),
        };
        let error = match error {
            Error::Engine(error) => return error.into(),
            Error::Live(error) => return error.into(),
            Error::Db(error) => return error.into(),
            error => error,
        };
        let problem = Self::of_kind(error.kind(), code, &error);
        match error {
            Error::NotValid { problems } => problem.with_errors(field_errors(&problems)),
            Error::Stale { current } => match serde_json::to_value(WorkflowBody::from(*current)) {
                Ok(current) => problem.with_current(current),
                Err(_) => problem,
            },
            _ => problem,
        }
    }
}

impl From<weir_collab::Error> for Problem {
    fn from(error: weir_collab::Error) -> Self {
        use weir_collab::Error;
        let code = match &error {
            Error::NotFound(_) => Some(codes::WORKFLOW_NOT_FOUND),
            Error::NoSnapshot(_) => Some(codes::SNAPSHOT_NOT_FOUND),
            Error::Name => Some(codes::SNAPSHOT_NAME_INVALID),
            Error::Cursor(_) => Some(codes::CURSOR_INVALID),
            Error::Closed => Some(codes::SERVER_STOPPING),
            Error::TooLarge => Some(codes::DOCUMENT_INVALID),
            _ => None,
        };
        match error {
            Error::Db(error) => error.into(),
            error => Self::of_kind(error.kind(), code, &error),
        }
    }
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        let code = match &error {
            FileError::Path { .. } => Some(codes::FILE_INVALID),
            FileError::NotFound { .. } => Some(codes::FILE_NOT_FOUND),
            FileError::TooLarge { .. } => Some(codes::FILE_TOO_LARGE),
            FileError::Source { .. } => Some(codes::BODY_INCOMPLETE),
            FileError::Unavailable { .. } => None,
        };
        Self::of_kind(error.kind(), code, &error)
    }
}

/// A database's own words are never for clients; what it refuses is a mistake of ours unless a client can cause it.
impl From<weir_db::Error> for Problem {
    fn from(error: weir_db::Error) -> Self {
        match (&error, error.kind()) {
            (weir_db::Error::Nul, kind) | (_, kind @ ErrorKind::Unavailable) => Self::of_kind(kind, None, &error),
            _ => Self::internal(error.to_string()),
        }
    }
}

impl From<InvalidCursor> for Problem {
    fn from(error: InvalidCursor) -> Self {
        Self::new(codes::CURSOR_INVALID, error.to_string())
    }
}

/// The errors among a document's problems.
fn field_errors(problems: &[DocumentProblem]) -> Vec<FieldError> {
    problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| FieldError {
            pointer: problem.pointer.clone(),
            code: problem.code.to_owned(),
            message: format!("{}: {}", problem.message, problem.hint),
        })
        .collect()
}
