//! The errors of domain events and of those who want them as problems.

use weir_events::{Error, Mistake};

use super::codes;
use super::{FieldError, Problem};

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::NoWebhook(_) => Some(codes::WEBHOOK_NOT_FOUND),
            Error::NoRule(_) => Some(codes::NOTIFICATION_RULE_NOT_FOUND),
            Error::NoDelivery(_) => Some(codes::DELIVERY_NOT_FOUND),
            Error::StillPending(_) => Some(codes::DELIVERY_PENDING),
            Error::Stale { .. } => Some(codes::REVISION_STALE),
            Error::Cursor(_) => Some(codes::CURSOR_INVALID),
            Error::LongFilter { .. } => Some(codes::QUERY_INVALID),
            Error::Invalid(_) | Error::TooMany(_) | Error::Corrupt { .. } | Error::Secret(_) | Error::Db(_) => None,
        };
        let error = match error {
            Error::Db(error) => return error.into(),
            error => error,
        };
        let problem = Self::of_kind(error.kind(), code, &error);
        match error {
            Error::Invalid(mistakes) => problem.with_errors(mistakes.into_iter().map(field).collect()),
            _ => problem,
        }
    }
}

fn field(mistake: Mistake) -> FieldError {
    FieldError { pointer: mistake.pointer.to_owned(), code: codes::INVALID.word.to_owned(), message: mistake.message }
}
