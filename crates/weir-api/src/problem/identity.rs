//! The errors of people and sign-in as problems.

use weir_identity::{Denial, Error};

use super::Problem;
use super::codes::{self, Code};

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let error = match error {
            Error::Db(error) => return error.into(),
            error => error,
        };
        let problem = Self::of_kind(error.kind(), code(&error), &error);
        match error {
            Error::Invalid { what, rule } => problem.at(format!("/{what}"), codes::INVALID.word, rule),
            Error::WrongPassword => problem.at("/password", codes::PASSWORD_WRONG.word, "is another"),
            Error::WeakPassword(why) => problem.at("/password", codes::PASSWORD_WEAK.word, why),
            Error::LockedOut { until } => {
                problem.retry_after((until - chrono::Utc::now()).num_seconds().max(0).unsigned_abs() + 1)
            }
            _ => problem,
        }
    }
}

const fn code(error: &Error) -> Option<Code> {
    Some(match error {
        Error::Unauthenticated(denial) => match denial {
            Denial::Malformed | Denial::Forged | Denial::NotYetValid => codes::TOKEN_INVALID,
            Denial::Expired => codes::TOKEN_EXPIRED,
            Denial::Revoked => codes::TOKEN_REVOKED,
            Denial::Reused => codes::TOKEN_REUSED,
            Denial::Inactive => codes::ACCOUNT_INACTIVE,
        },
        Error::InvalidCredentials => codes::LOGIN_FAILED,
        Error::LockedOut { .. } => codes::LOCKED_OUT,
        Error::WorkspaceClosed => codes::WORKSPACE_CLOSED,
        Error::NoPerson => codes::PERSON_NEEDED,
        Error::RegistrationClosed => codes::REGISTRATION_CLOSED,
        Error::NoUser(_) | Error::NoEmail(_) => codes::USER_NOT_FOUND,
        Error::NoWorkspace(_) => codes::WORKSPACE_NOT_FOUND,
        Error::NoMember(_) => codes::MEMBER_NOT_FOUND,
        Error::NoInvitation(_) => codes::INVITATION_NOT_FOUND,
        Error::NoSession(_) => codes::SESSION_NOT_FOUND,
        Error::NoApiKey(_) => codes::API_KEY_NOT_FOUND,
        Error::NoProvider => codes::PROVIDER_NOT_FOUND,
        Error::InvalidLink => codes::LINK_INVALID,
        Error::WeakPassword(_) => codes::PASSWORD_WEAK,
        Error::WrongPassword => codes::PASSWORD_WRONG,
        Error::NoCredential(_) => codes::CREDENTIAL_NOT_FOUND,
        Error::NoVariable(_) => codes::VARIABLE_NOT_FOUND,
        Error::CredentialNameTaken(_) => codes::NAME_TAKEN,
        Error::TooManyVariables => codes::TOO_MANY_VARIABLES,
        Error::Token(_) => codes::CREDENTIAL_REFUSED,
        Error::Stale { .. } => codes::REVISION_STALE,
        Error::EmailTaken => codes::EMAIL_TAKEN,
        Error::AlreadyMember => codes::ALREADY_MEMBER,
        Error::SlugTaken(_) => codes::SLUG_TAKEN,
        Error::LastAdmin | Error::LastOperator | Error::LastWorkspace => codes::LAST_OF_ITS_KIND,
        Error::Provider(_) => codes::PROVIDER_FAILED,
        Error::Cursor(_) => codes::CURSOR_INVALID,
        _ => return None,
    })
}
