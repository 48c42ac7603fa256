//! What each type of credential must look like, and what of it is no secret.

use reqwest::header::HeaderName;
use serde_json::{Map, Value, json};
use url::Url;
use weir_base::Credential;

use crate::Error;

/// A credential as JSON has at most this many bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;

const MAX_FIELDS: usize = 50;
const MAX_FIELD_NAME_CHARS: usize = 100;

/// Refuses what could not be used. No message holds a value.
pub(super) fn check(credential: &Credential) -> Result<(), Error> {
    match credential {
        Credential::Bearer { token } => {
            demand(is_token(token), "credential.token", "must be ASCII without blanks, and not empty")
        }
        Credential::Basic { username, password } => {
            let plain = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
            let rule = "must not be empty, nor hold a colon or control characters";
            demand(plain(username) && !username.contains(':'), "credential.username", rule)?;
            // Without a password the user's name would be the secret, and that is shown.
            demand(plain(password), "credential.password", "must not be empty, nor hold control characters")
        }
        Credential::ApiKey { header, key } => {
            let is_name = HeaderName::from_bytes(header.as_bytes()).is_ok();
            demand(is_name, "credential.header", "must be the name of an HTTP header")?;
            let fits = key.trim() == key && !key.is_empty() && key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            demand(fits, "credential.key", "must be ASCII without blanks at its ends, and not empty")
        }
        Credential::Oauth2Client { token_url, client_id, client_secret, scopes } => {
            let fits = Url::parse(token_url).is_ok_and(|url| {
                is_web(&url) && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
            });
            let rule = "must be an http or https URL without a user, a password or a fragment";
            demand(fits, "credential.token_url", rule)?;
            demand(!client_id.is_empty(), "credential.client_id", "must not be empty")?;
            demand(!client_secret.is_empty(), "credential.client_secret", "must not be empty")?;
            let is_scope = |scope: &String| is_token(scope) && !scope.contains(['"', '\\']);
            let rule = "must be words of ASCII without blanks, quotes and backslashes";
            demand(scopes.iter().all(is_scope), "credential.scopes", rule)
        }
        Credential::Smtp { url, from } => {
            let fits = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "smtp" | "smtps") && has_host(&url));
            demand(fits, "credential.url", "must be smtp:// or smtps:// with a host")?;
            let fits = from.contains('@') && !from.chars().any(char::is_control);
            demand(fits, "credential.from", "must be a mail address")
        }
        Credential::Database { url } => {
            let fits = Url::parse(url).is_ok_and(|url| match url.scheme() {
                "postgres" | "postgresql" | "mysql" => has_host(&url),
                "sqlite" => !url.path().is_empty(),
                _ => false,
            });
            demand(fits, "credential.url", "must be postgres:// or mysql:// with a host, or sqlite: with a path")
        }
        Credential::Slack { secret } => {
            let fits = is_slack_token(secret) || Url::parse(secret).is_ok_and(|url| is_web(&url));
            demand(fits, "credential.secret", "must be a token that begins with xox, or the URL of a webhook")
        }
        Credential::Signing { secret } => demand(!secret.is_empty(), "credential.secret", "must not be empty"),
        Credential::Custom { fields } => {
            let rule = "must be 1 to 50 fields with names of 1 to 100 letters, digits, underscores and hyphens";
            let is_name = |name: &String| {
                (1..=MAX_FIELD_NAME_CHARS).contains(&name.len())
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            };
            let fits = (1..=MAX_FIELDS).contains(&fields.len()) && fields.keys().all(is_name);
            demand(fits, "credential.fields", rule)?;
            demand(fields.values().all(|value| !value.is_empty()), "credential.fields", "must have values in them")
        }
    }
}

/// What of a credential may be shown to whoever may see that it exists.
pub(super) fn hints(credential: &Credential) -> Map<String, Value> {
    let hints = match credential {
        Credential::Bearer { .. } | Credential::Signing { .. } => json!({}),
        Credential::Basic { username, .. } => json!({ "username": username }),
        Credential::ApiKey { header, .. } => json!({ "header": header }),
        Credential::Oauth2Client { token_url, client_id, scopes, .. } => {
            // Some servers are told who asks by the query.
            let token_url = token_url.split('?').next();
            json!({ "token_url": token_url, "client_id": client_id, "scopes": scopes })
        }
        Credential::Smtp { url, from } => {
            let mut hints = whereabouts(url);
            hints.insert("from".to_owned(), json!(from));
            return hints;
        }
        Credential::Database { url } => return whereabouts(url),
        Credential::Slack { secret } => {
            json!({ "sends_by": if is_slack_token(secret) { "token" } else { "webhook" } })
        }
        Credential::Custom { fields } => json!({ "fields": fields.keys().collect::<Vec<_>>() }),
    };
    match hints {
        Value::Object(hints) => hints,
        _ => Map::new(),
    }
}

/// A URL without its password and without its query, which may hold one as well.
fn whereabouts(url: &str) -> Map<String, Value> {
    let mut hints = Map::new();
    let Ok(url) = Url::parse(url) else { return hints };
    hints.insert("scheme".to_owned(), json!(url.scheme()));
    if let Some(host) = url.host_str() {
        hints.insert("host".to_owned(), json!(host));
    }
    if let Some(port) = url.port() {
        hints.insert("port".to_owned(), json!(port));
    }
    if !url.username().is_empty() {
        hints.insert("user".to_owned(), json!(url.username()));
    }
    let path = if url.has_host() { url.path().trim_start_matches('/') } else { url.path() };
    if !path.is_empty() {
        hints.insert("database".to_owned(), json!(path));
    }
    hints
}

fn demand(fits: bool, what: &'static str, rule: &'static str) -> Result<(), Error> {
    if fits { Ok(()) } else { Err(Error::Invalid { what, rule }) }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_slack_token(secret: &str) -> bool {
    secret.starts_with("xox") && is_token(secret)
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && has_host(url)
}

fn has_host(url: &Url) -> bool {
    url.host_str().is_some_and(|host| !host.is_empty())
}
