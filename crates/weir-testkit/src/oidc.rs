//! An OpenID Connect provider of the tests' own.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::{Process, folder};
use crate::python;

const CLIENT_ID: &str = "weir";
const CLIENT_SECRET: &str = "the-secret-of-weir";

/// An OpenID Connect provider on the loopback interface: discovery, the authorization code flow, for which it demands
/// PKCE by S256, id tokens signed by RS256, and userinfo. Its one client may have any redirect URI.
#[derive(Debug)]
pub struct OidcProvider {
    port: u16,
    /// Ends the server with this value.
    pub(crate) _process: Process,
}

impl OidcProvider {
    /// Starts a provider, which ends with this value or with the process.
    ///
    /// # Panics
    /// If `make setup` was not run, or the provider does not start.
    pub fn start() -> Self {
        let arguments = [CLIENT_ID.into(), CLIENT_SECRET.into()];
        let command = python::command(include_str!("oidc_provider.py"), arguments);
        let mut process = Process::new(folder("oidc"), "KILL", command);
        let port = process.start(python::port);
        Self { port, _process: process }
    }

    /// The issuer: its metadata are at `/.well-known/openid-configuration` below it.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The id of the client that is registered.
    pub const fn client_id(&self) -> &'static str {
        CLIENT_ID
    }

    /// The secret of the client that is registered.
    pub const fn client_secret(&self) -> &'static str {
        CLIENT_SECRET
    }

    /// What the browser of a person does who is sent to `authorization_url` and signs in: opens the form, gives
    /// `subject`, and is sent back. Answers the URL it is sent back to. `claims` are what the provider knows of the
    /// person from now on, as an object (`{"email": .., "email_verified": true, "name": ..}`); the client is told
    /// those its scopes allow.
    ///
    /// # Panics
    /// If the provider does not know the client, or does not take the request.
    pub async fn sign_in(&self, authorization_url: &str, subject: &str, claims: &serde_json::Value) -> String {
        let subject = utf8_percent_encode(subject, NON_ALPHANUMERIC);
        let path = format!("/users/{subject}");
        let known = self.ask("PUT", &path, "application/json", &claims.to_string()).await;
        assert!(known.starts_with("HTTP/1.1 204 "), "{known}");
        self.submit(authorization_url, &format!("sub={subject}")).await
    }

    /// As [`Self::sign_in`], by a person who does not consent: the URL has an `error`.
    ///
    /// # Panics
    /// If the provider does not know the client, or does not take the request.
    pub async fn deny(&self, authorization_url: &str) -> String {
        self.submit(authorization_url, "action=deny").await
    }

    async fn submit(&self, authorization_url: &str, form: &str) -> String {
        let path = authorization_url
            .strip_prefix(&self.issuer())
            .unwrap_or_else(|| panic!("{authorization_url} is not a page of {}", self.issuer()));
        let page = self.ask("GET", path, "text/plain", "").await;
        assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("<form"), "{page}");
        let answer = self.ask("POST", path, "application/x-www-form-urlencoded", form).await;
        let location = answer.lines().find_map(|line| line.strip_prefix("Location: "));
        location.unwrap_or_else(|| panic!("the browser is not sent back: {answer}")).to_owned()
    }

    /// The whole answer, with its head.
    async fn ask(&self, method: &str, path: &str, content_type: &str, body: &str) -> String {
        let mut connection =
            TcpStream::connect(("127.0.0.1", self.port)).await.expect("the provider runs as long as this value");
        let (port, length) = (self.port, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\
             content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        connection.write_all(request.as_bytes()).await.expect("the provider reads");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.expect("the provider answers in UTF-8");
        answer
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn body(answer: &str) -> Value {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {head}\n{body}"))
    }

    #[tokio::test]
    async fn a_person_signs_in_by_the_code_flow_with_pkce() {
        const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let provider = OidcProvider::start();
        let metadata = body(&provider.ask("GET", "/.well-known/openid-configuration", "text/plain", "").await);
        assert_eq!(metadata["issuer"], provider.issuer());
        assert_eq!(metadata["id_token_signing_alg_values_supported"], json!(["RS256"]));

        let plain = format!(
            "{}?response_type=code&client_id={CLIENT_ID}&scope=openid%20email&state=xyz&nonce=n\
             &redirect_uri=http%3A%2F%2Fweir.example%2Fback",
            metadata["authorization_endpoint"].as_str().unwrap(),
        );
        let path = plain.strip_prefix(&provider.issuer()).unwrap();
        assert!(!provider.ask("GET", path, "text/plain", "").await.starts_with("HTTP/1.1 200 "));

        let url = format!("{plain}&code_challenge={CHALLENGE}&code_challenge_method=S256");
        let denied = provider.deny(&url).await;
        assert!(denied.contains("error=access_denied"), "{denied}");

        let claims = json!({"email": "ada@example.org", "email_verified": true});
        for (verifier, taken) in [("a-wrong-verifier-that-is-as-long-as-the-right-one", false), (VERIFIER, true)] {
            let back = provider.sign_in(&url, "ada|1", &claims).await;
            let query = back.strip_prefix("http://weir.example/back?").unwrap();
            let code = query.split('&').find_map(|pair| pair.strip_prefix("code=")).unwrap();
            assert!(query.split('&').any(|pair| pair == "state=xyz"), "{query}");
            let form = format!(
                "grant_type=authorization_code&code={code}&redirect_uri=http%3A%2F%2Fweir.example%2Fback\
                 &client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&code_verifier={verifier}"
            );
            let answer = provider.ask("POST", "/oauth2/token", "application/x-www-form-urlencoded", &form).await;
            assert_eq!(answer.starts_with("HTTP/1.1 200 "), taken, "{answer}");
            assert_eq!(body(&answer)["id_token"].is_string(), taken, "{answer}");
        }
    }
}
