//! Why something could not be done with people, workspaces and what proves who they are.

use std::sync::Arc;

use uuid::Uuid;
use weir_base::{
    ApiKeyId, CredentialId, ErrorKind, InvalidCursor, Permission, Role, SessionId, Timestamp, UserId, WorkspaceId,
};

use crate::credentials::TokenFailure;
use crate::variables::{MAX_VARIABLE_BYTES, MAX_VARIABLES, MAX_VARIABLES_BYTES};

/// Why a proof of who somebody is does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Denial {
    /// It has not the form of a token or key of Weir's.
    #[error("the token is malformed")]
    Malformed,
    /// It was not made by this installation, or not for it, or was changed since.
    #[error("the token was not issued here")]
    Forged,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It was taken back, or the session behind it has ended.
    #[error("the session or key was ended")]
    Revoked,
    /// A refresh token came a second time; its session was ended.
    #[error("the refresh token was used before: its session was ended")]
    Reused,
    /// The account behind it is switched off.
    #[error("the account is not active")]
    Inactive,
}

/// Why something could not be done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The proof of who asks does not hold.
    #[error("{0}")]
    Unauthenticated(#[from] Denial),
    /// A login that did not succeed; it does not tell why.
    #[error("e-mail address or password is wrong")]
    InvalidCredentials,
    /// The present password, asked for before it is changed, was another.
    #[error("the present password is another")]
    WrongPassword,
    /// Too many failed logins with this address, whether it has an account or not.
    #[error("too many failed logins: try again after {until}")]
    LockedOut {
        /// When the next login is looked at.
        until: Timestamp,
    },
    /// More passwords are to be checked than there is time for.
    #[error("too many passwords are being checked: try again in some seconds")]
    Busy,
    /// Whoever asks is no member of the workspace, or there is none.
    #[error("this workspace is not open to you")]
    WorkspaceClosed,
    /// Only a person can do this, or only the one it belongs to.
    #[error("this needs a person who is signed in")]
    NoPerson,
    /// Rights were to be given, or taken from somebody, beyond those of whoever asks.
    #[error("{0} is beyond what you may do yourself")]
    BeyondOwn(Permission),
    /// Nobody may register without an invitation.
    #[error("registration needs an invitation")]
    RegistrationClosed,
    /// No such user.
    #[error("there is no user {0}")]
    NoUser(UserId),
    /// No user with this address.
    #[error("there is no user {0:?}")]
    NoEmail(String),
    /// No such workspace, or it is deleted.
    #[error("there is no workspace {0}")]
    NoWorkspace(WorkspaceId),
    /// The user is no member.
    #[error("user {0} is no member of this workspace")]
    NoMember(UserId),
    /// No such invitation.
    #[error("there is no invitation {0}")]
    NoInvitation(Uuid),
    /// No such session of the user.
    #[error("there is no session {0}")]
    NoSession(SessionId),
    /// No such key, or it is somebody else's.
    #[error("there is no api key {0}")]
    NoApiKey(ApiKeyId),
    /// No such credential.
    #[error("there is no credential {0}")]
    NoCredential(CredentialId),
    /// No such variable.
    #[error("there is no variable {0:?}")]
    NoVariable(String),
    /// A credential of the workspace has this name, whatever the case.
    #[error("there is a credential named {0:?}")]
    CredentialNameTaken(String),
    /// A value that is too long for a variable.
    #[error("a value of {bytes} bytes was given, and a variable takes {MAX_VARIABLE_BYTES}")]
    VariableTooLarge {
        /// Its bytes, as JSON.
        bytes: usize,
    },
    /// The workspace's variables are more, or longer together, than executions can start with.
    #[error("a workspace has at most {MAX_VARIABLES} variables with {MAX_VARIABLES_BYTES} bytes together")]
    TooManyVariables,
    /// A link that was used, has expired, or was never given out.
    #[error("the link is not valid: it was used before, or it has expired")]
    InvalidLink,
    /// The invitation is for another address.
    #[error("the invitation is for another e-mail address")]
    WrongAddress,
    /// A password that must not be used.
    #[error("the password {0}")]
    WeakPassword(&'static str),
    /// A value that breaks a rule.
    #[error("{what} {rule}")]
    Invalid {
        /// Which value, as the API names it.
        what: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// An account with this address exists; told only to whoever may see all accounts.
    #[error("there is an account with this e-mail address")]
    EmailTaken,
    /// The user is a member already.
    #[error("this person is a member of the workspace already")]
    AlreadyMember,
    /// A workspace with this slug exists.
    #[error("there is a workspace with the slug {0:?}")]
    SlugTaken(String),
    /// The last admin cannot go.
    #[error("this is the last {} of the workspace: name another first", Role::Admin)]
    LastAdmin,
    /// The last operator cannot go.
    #[error("this is the last operator of the installation: name another first")]
    LastOperator,
    /// The last workspace cannot be deleted.
    #[error("this is the last workspace")]
    LastWorkspace,
    /// The caller's copy is out of date.
    #[error("{what} has changed: it is at version {version}")]
    Stale {
        /// Which thing: `user`, `workspace`, `member`, `credential` or `variable`.
        what: &'static str,
        /// The version it has now.
        version: u64,
    },
    /// Sign-in by an identity provider is not set up.
    #[error("no identity provider is configured")]
    NoProvider,
    /// The identity provider, or the way back from it.
    #[error("sign-in by the identity provider failed: {0}")]
    Provider(String),
    /// The identity provider cannot be reached.
    #[error("the identity provider is not available: {0}")]
    ProviderAway(String),
    /// A cursor of another list.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// A stored value is not what was stored.
    #[error("{what} cannot be read back: {message}")]
    Corrupt {
        /// Which value of which row.
        what: String,
        /// Why.
        message: String,
    },
    /// Hashing a password, or signing a token, failed within.
    #[error("{what} failed: {message}")]
    Crypto {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        message: String,
    },
    /// A sealed secret, or the master keys.
    #[error(transparent)]
    Vault(Arc<weir_vault::Error>),
    /// No token was given for a client of OAuth 2.0.
    #[error(transparent)]
    Token(#[from] TokenFailure),
    /// The process is stopping.
    #[error("weir is stopping")]
    Stopping,
    /// The database.
    #[error(transparent)]
    Db(#[from] weir_db::Error),
}

impl From<weir_vault::Error> for Error {
    fn from(error: weir_vault::Error) -> Self {
        Self::Vault(Arc::new(error))
    }
}

impl Error {
    /// How a caller must react.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unauthenticated(_) | Self::InvalidCredentials | Self::Provider(_) => ErrorKind::Unauthenticated,
            Self::LockedOut { .. } | Self::Busy => ErrorKind::Exhausted,
            Self::WorkspaceClosed
            | Self::NoPerson
            | Self::BeyondOwn(_)
            | Self::RegistrationClosed
            | Self::WrongAddress => ErrorKind::Forbidden,
            Self::NoUser(_)
            | Self::NoEmail(_)
            | Self::NoWorkspace(_)
            | Self::NoMember(_)
            | Self::NoInvitation(_)
            | Self::NoSession(_)
            | Self::NoApiKey(_)
            | Self::NoCredential(_)
            | Self::NoVariable(_)
            | Self::NoProvider => ErrorKind::NotFound,
            Self::InvalidLink | Self::WrongPassword | Self::WeakPassword(_) | Self::Invalid { .. } => {
                ErrorKind::Invalid
            }
            Self::EmailTaken
            | Self::AlreadyMember
            | Self::SlugTaken(_)
            | Self::LastAdmin
            | Self::LastOperator
            | Self::LastWorkspace
            | Self::CredentialNameTaken(_)
            | Self::TooManyVariables => ErrorKind::Conflict,
            Self::VariableTooLarge { .. } => ErrorKind::TooLarge,
            Self::Token(TokenFailure { is_transient: true, .. }) => ErrorKind::Unavailable,
            Self::Token(_) => ErrorKind::Invalid,
            Self::Vault(error) => error.kind(),
            Self::Stale { .. } => ErrorKind::Stale,
            Self::ProviderAway(_) | Self::Stopping => ErrorKind::Unavailable,
            Self::Cursor(_) => ErrorKind::Malformed,
            Self::Corrupt { .. } | Self::Crypto { .. } => ErrorKind::Internal,
            Self::Db(error) => error.kind(),
        }
    }
}
