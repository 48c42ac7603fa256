//! A secret with a type, as whoever needs it gets it in the clear.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A typed secret. Its `Debug` form shows no secret; it serialises in the clear, for whoever seals it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Credential {
    /// `Authorization: Bearer <token>`.
    Bearer {
        /// The token.
        token: String,
    },
    /// HTTP basic authentication.
    Basic {
        /// The user's name.
        username: String,
        /// The password.
        password: String,
    },
    /// A key sent in a header of this name.
    ApiKey {
        /// The header's name.
        header: String,
        /// The key.
        key: String,
    },
    /// The client-credentials grant of OAuth 2.0: the token is fetched and renewed by Weir.
    Oauth2Client {
        /// Where tokens are given out.
        token_url: String,
        /// The client's name there.
        client_id: String,
        /// The client's secret.
        client_secret: String,
        /// What the token shall allow; may be empty.
        #[serde(default)]
        scopes: Vec<String>,
    },
    /// A mail server.
    Smtp {
        /// `smtp://` or `smtps://`, with user, password, host and port.
        url: String,
        /// The sender's address.
        from: String,
    },
    /// A database, by its URL: `postgres://`, `mysql://` or `sqlite:`.
    Database {
        /// With user and password.
        url: String,
    },
    /// A Slack application or incoming webhook: a bot token (`xoxb-...`) or the webhook's URL.
    Slack {
        /// The token or the URL.
        secret: String,
    },
    /// A secret shared with whoever signs messages.
    Signing {
        /// The key of the HMAC, as both sides write it.
        secret: String,
    },
    /// Anything else, by names of its own.
    Custom {
        /// The fields; all of them are secret.
        fields: BTreeMap<String, String>,
    },
}

impl Credential {
    /// The word for its type in the API and in stores.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Bearer { .. } => "bearer",
            Self::Basic { .. } => "basic",
            Self::ApiKey { .. } => "api_key",
            Self::Oauth2Client { .. } => "oauth2_client",
            Self::Smtp { .. } => "smtp",
            Self::Database { .. } => "database",
            Self::Slack { .. } => "slack",
            Self::Signing { .. } => "signing",
            Self::Custom { .. } => "custom",
        }
    }

    /// The texts in it that must never be printed. A password within a URL is told by itself as well.
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Bearer { token } => vec![token],
            Self::Basic { password, .. } => vec![password],
            Self::ApiKey { key, .. } => vec![key],
            Self::Oauth2Client { client_secret, .. } => vec![client_secret],
            Self::Smtp { url, .. } | Self::Database { url } => {
                std::iter::once(url.as_str()).chain(password(url)).collect()
            }
            Self::Slack { secret } | Self::Signing { secret } => vec![secret],
            Self::Custom { fields } => fields.values().map(String::as_str).collect(),
        }
    }
}

/// The password of a URL, as it is written there.
fn password(url: &str) -> Option<&str> {
    let (user_info, _) = url.split_once("://")?.1.rsplit_once('@')?;
    user_info.split_once(':').map(|(_, password)| password)
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential::{}(***)", self.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debugging_shows_no_secret_and_a_password_in_a_url_is_known_as_one() {
        let credential = Credential::Database { url: "postgres://ann:pa55word@db:5432/shop".to_owned() };
        assert_eq!(format!("{credential:?}"), "Credential::database(***)");
        assert!(credential.secrets().contains(&"pa55word"), "{:?}", credential.secrets());
    }
}
