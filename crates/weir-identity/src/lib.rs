//! People, workspaces, members, sign-in, API keys, credentials and variables.
//!
//! Invariants: no password, token or key is kept in a form that it can be read back from; whoever lost a right, a
//! session or a key has lost it by the next request; no answer tells whether an address has an account; every
//! workspace keeps an admin, and the installation an operator.
//! Knows nothing of HTTP, and does not check permissions but where they depend on data: the API does.

mod access_token;
mod account;
mod api_key;
mod api_keys;
mod authenticate;
mod config;
mod credentials;
mod email;
mod error;
mod events;
mod first_admin;
mod hashing;
mod identity;
mod invitation;
mod invitations;
mod jwt;
mod key_uses;
mod lockout;
mod login;
mod mails;
mod member;
mod members;
mod oidc;
mod one_time;
mod password;
mod purge;
mod refresh;
mod register;
mod secret;
mod sessions;
mod signing_keys;
mod tickets;
mod tokens;
mod user;
mod users;
mod variables;
mod views;
mod vouched;
mod workspace;
mod workspaces;

use weir_db::Migration;

pub use api_key::ApiKey;
pub use api_keys::{ApiKeys, NewApiKey};
pub use config::{Config, OidcConfig, PasswordCost, Registration};
pub use credentials::{
    CredentialSummary, CredentialUpdate, Credentials, MAX_CREDENTIAL_NAME_CHARS, Resealed, SealedColumn, TokenFailure,
    reseal,
};
pub use error::{Denial, Error};
pub use first_admin::FirstAdmin;
pub use identity::{Identity, Parts};
pub use invitation::{Invitation, Preview};
pub use invitations::Invited;
pub use member::Member;
pub use members::{MemberUpdate, Members};
pub use oidc::OidcBeginning;
pub use register::{NewAccount, Registered};
pub use sessions::Session;
pub use tokens::{Client, Tokens};
pub use user::User;
pub use users::{UserUpdate, Users};
pub use variables::{MAX_VARIABLE_BYTES, MAX_VARIABLES, MAX_VARIABLES_BYTES, Variable, Variables};
pub use workspace::{Membership, Quotas, Workspace};
pub use workspaces::{NewWorkspace, WorkspaceUpdate, Workspaces};

/// The tables of this crate; their context is named `identity`.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "people",
        sqlite: include_str!("../migrations/sqlite/0001_people.sql"),
        postgres: include_str!("../migrations/postgres/0001_people.sql"),
    },
    Migration {
        version: 2,
        name: "credentials",
        sqlite: include_str!("../migrations/sqlite/0002_credentials.sql"),
        postgres: include_str!("../migrations/postgres/0002_credentials.sql"),
    },
];
