//! Sign-in by an identity provider: OpenID Connect's authorization code flow with PKCE, state and nonce.
//!
//! What must be remembered between the way there and the way back travels in a sealed cookie, so that any process can
//! finish what another began.

use std::sync::Arc;
use std::time::Duration;

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreIdTokenClaims, CoreProviderMetadata};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse as _,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use url::Url;
use weir_base::Timestamp;

use crate::config::OidcConfig;
use crate::{Client, Error, Identity, Tokens};

/// How long somebody may take at the provider.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// How long the provider's metadata and keys are used before they are asked for again.
const METADATA_LIFE: Duration = Duration::from_secs(60 * 60);

/// How long the provider may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The longest answer of the provider, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// What the cookie is sealed for.
const COOKIE: &str = "oidc/cookie";

/// Where to send somebody who wants to sign in, and what to remember until they come back.
#[derive(Debug, Clone)]
pub struct OidcBeginning {
    /// The provider's page.
    pub url: Url,
    /// The value of a cookie; only the browser that began can finish. It is good for ten minutes.
    pub cookie: String,
}

/// What the cookie holds.
#[derive(Serialize, Deserialize)]
struct Remembered {
    state: String,
    nonce: String,
    verifier: String,
    expires_at: Timestamp,
}

/// Somebody whom the provider vouches for.
pub(crate) struct Vouched {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) name: Option<String>,
}

/// The configured provider.
pub(crate) struct Provider {
    config: OidcConfig,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    http: Http,
    metadata: Mutex<Option<(Timestamp, Arc<CoreProviderMetadata>)>>,
}

impl Provider {
    pub(crate) fn new(config: OidcConfig, public_url: &Url, http: reqwest::Client) -> Result<Self, Error> {
        let invalid = |what| move |_| Error::Invalid { what, rule: "must be a URL" };
        let issuer = IssuerUrl::new(config.issuer.clone()).map_err(invalid("issuer"))?;
        let redirect = match &config.redirect_url {
            Some(url) => url.to_string(),
            None => format!("{}/auth/oidc/callback", public_url.as_str().trim_end_matches('/')),
        };
        let redirect = RedirectUrl::new(redirect).map_err(invalid("redirect_url"))?;
        Ok(Self { config, issuer, redirect, http: Http(http), metadata: Mutex::default() })
    }

    async fn metadata(&self, now: Timestamp) -> Result<Arc<CoreProviderMetadata>, Error> {
        if let Some((at, metadata)) = &*self.metadata.lock()
            && now < *at + METADATA_LIFE
        {
            return Ok(Arc::clone(metadata));
        }
        let call = |request| self.http.clone().call(request);
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &call)
            .await
            .map_err(|error| Error::ProviderAway(with_causes(&error)))?;
        let metadata = Arc::new(metadata);
        *self.metadata.lock() = Some((now, Arc::clone(&metadata)));
        Ok(metadata)
    }

    async fn begin(&self, now: Timestamp) -> Result<(Url, Remembered), Error> {
        let metadata = self.metadata(now).await?;
        let client = self.client(&metadata);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request =
            client.authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random);
        let scopes = ["email", "profile"].into_iter().chain(self.config.scopes.iter().map(String::as_str));
        for scope in scopes {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        let (url, state, nonce) = request.set_pkce_challenge(challenge).url();
        let remembered = Remembered {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
            expires_at: now + PATIENCE,
        };
        Ok((url, remembered))
    }

    async fn finish(&self, code: &str, remembered: Remembered, now: Timestamp) -> Result<Vouched, Error> {
        let metadata = self.metadata(now).await?;
        let client = self.client(&metadata);
        let call = |request| self.http.clone().call(request);
        let response = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| Error::Provider(with_causes(&error)))?
            .set_pkce_verifier(PkceCodeVerifier::new(remembered.verifier))
            .request_async(&call)
            .await
            .map_err(|error| match error {
                openidconnect::RequestTokenError::Request(error) => Error::ProviderAway(with_causes(&error)),
                error => Error::Provider(with_causes(&error)),
            })?;
        let token = response.id_token().ok_or_else(|| Error::Provider("it sent no id token".to_owned()))?;
        let nonce = Nonce::new(remembered.nonce);
        let verifier = client.id_token_verifier();
        let claims: &CoreIdTokenClaims =
            token.claims(&verifier, &nonce).map_err(|error| Error::Provider(with_causes(&error)))?;
        Ok(Vouched {
            issuer: claims.issuer().to_string(),
            subject: claims.subject().to_string(),
            email: claims.email().map(|email| email.to_string()),
            email_verified: claims.email_verified() == Some(true),
            name: claims.name().and_then(|name| name.get(None)).map(|name| name.to_string()),
        })
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> ProviderClient {
        CoreClient::from_provider_metadata(
            metadata.clone(),
            ClientId::new(self.config.client_id.clone()),
            self.config.client_secret.clone().map(ClientSecret::new),
        )
        .set_redirect_uri(self.redirect.clone())
    }
}

type ProviderClient = CoreClient<
    openidconnect::EndpointSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointMaybeSet,
    openidconnect::EndpointMaybeSet,
>;

impl Identity {
    /// Whether people can sign in by an identity provider.
    pub fn has_provider(&self) -> bool {
        self.core.provider.is_some()
    }

    /// Begins a sign-in by the identity provider.
    ///
    /// # Errors
    /// [`Error::NoProvider`], [`Error::ProviderAway`].
    pub async fn oidc_begin(&self) -> Result<OidcBeginning, Error> {
        let provider = self.core.provider.as_ref().ok_or(Error::NoProvider)?;
        let (url, remembered) = provider.begin(self.core.now()).await?;
        let remembered = serde_json::to_vec(&remembered)
            .map_err(|error| Error::Crypto { what: "sealing the cookie", message: error.to_string() })?;
        Ok(OidcBeginning { url, cookie: self.core.keyring.seal(&remembered, COOKIE) })
    }

    /// Finishes a sign-in by the identity provider with what it sent back, and the cookie of the beginning.
    ///
    /// Whoever was here before is known by issuer and subject. Somebody new is taken for the owner of the account with
    /// their address, if both the provider and Weir know it to be theirs; else gets an account by the invitations of
    /// that address, or where registration is open.
    ///
    /// # Errors
    /// [`Error::Provider`], [`Error::ProviderAway`], [`Error::RegistrationClosed`], [`Error::NoProvider`];
    /// [`Error::Unauthenticated`] for an account that is not active.
    pub async fn oidc_finish(&self, code: &str, state: &str, cookie: &str, client: &Client) -> Result<Tokens, Error> {
        let core = &self.core;
        let provider = core.provider.as_ref().ok_or(Error::NoProvider)?;
        let lost = || Error::Provider("it was not begun in this browser, or long ago".to_owned());
        let remembered = core.keyring.open(cookie, COOKIE).map_err(|_| lost())?;
        let remembered: Remembered = serde_json::from_slice(&remembered).map_err(|_| lost())?;
        let same = bool::from(remembered.state.as_bytes().ct_eq(state.as_bytes()));
        if !same || remembered.expires_at <= core.now() {
            return Err(lost());
        }
        let vouched = provider.finish(code, remembered, core.now()).await?;
        core.sign_in_vouched(vouched, client).await
    }
}

/// Talks to the provider within limits of time and size.
#[derive(Clone)]
struct Http(reqwest::Client);

/// Why the provider gave no answer.
#[derive(Debug, thiserror::Error)]
enum HttpError {
    #[error(transparent)]
    Request(#[from] reqwest::Error),
    #[error(transparent)]
    Http(#[from] openidconnect::http::Error),
    #[error("the answer has more than {MAX_ANSWER} bytes")]
    TooLarge,
}

impl Http {
    // By value: a future that borrows is not known to be `Send` for every lifetime behind the closures of its callers.
    async fn call(self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut request = reqwest::Request::try_from(request)?;
        *request.timeout_mut() = Some(TIMEOUT);
        let mut answer = self.0.execute(request).await?;
        let mut built = openidconnect::http::Response::builder().status(answer.status());
        if let Some(headers) = built.headers_mut() {
            headers.clone_from(answer.headers());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(HttpError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(built.body(body)?)
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
