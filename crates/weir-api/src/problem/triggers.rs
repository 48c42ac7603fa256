//! The errors of triggers as problems.

use weir_workflows::triggers::{Error, Mistake};

use super::codes::{self, Code};
use super::{FieldError, Problem};
use crate::routes::triggers::current;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Workflow(_) | Error::Db(_) | Error::Corrupt { .. } | Error::Source(_) => None,
            Error::NoTrigger(_) => Some(codes::TRIGGER_NOT_FOUND),
            Error::NoAddress(_) => Some(codes::HOOK_NOT_FOUND),
            Error::NotListening(_) => Some(codes::HOOK_NOT_LISTENING),
            Error::Method { .. } => Some(codes::METHOD_NOT_ALLOWED),
            Error::Unproven(_) => Some(codes::HOOK_UNPROVEN),
            Error::MembersOnly => Some(codes::UNAUTHENTICATED),
            Error::Credential { .. } => Some(codes::HOOK_CREDENTIAL),
            Error::Answers(_) => Some(codes::FORM_INVALID),
            Error::Invalid(_) => Some(codes::TRIGGER_INVALID),
            Error::Taken(_) => Some(codes::TRIGGER_PATH_TAKEN),
            Error::TooMany(_) => Some(codes::TOO_MANY_TRIGGERS),
            Error::Chain { .. } => Some(codes::CONFLICT),
            Error::Stale { .. } => Some(codes::REVISION_STALE),
            Error::Cursor(_) => Some(codes::CURSOR_INVALID),
        };
        let error = match error {
            Error::Workflow(error) => return error.into(),
            Error::Db(error) => return error.into(),
            error => error,
        };
        let problem = Self::of_kind(error.kind(), code, &error);
        match error {
            Error::Answers(mistakes) => problem.with_errors(fields(mistakes, codes::FORM_INVALID)),
            Error::Invalid(mistakes) => problem.with_errors(fields(mistakes, codes::TRIGGER_INVALID)),
            Error::Stale { current: trigger } => problem.with_current(current(*trigger)),
            _ => problem,
        }
    }
}

fn fields(mistakes: Vec<Mistake>, code: Code) -> Vec<FieldError> {
    let field = |mistake: Mistake| FieldError {
        pointer: mistake.pointer,
        code: code.word.to_owned(),
        message: mistake.message,
    };
    mistakes.into_iter().map(field).collect()
}
