//! The way out: two clients, of which one reaches public addresses only.

use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::access::HttpAccess;
use super::guard::{GuardedResolver, Reach, Refusal, SystemResolver, judge};
use crate::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests of workflows, to where the settings let them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbound {
    access: Arc<HttpAccess>,
    /// For hosts the operator listed.
    listed: Client,
    /// For all others.
    public: Client,
}

impl Outbound {
    /// Names are resolved by the operating system; proxies of the environment are not used, as they would undo the rules.
    ///
    /// # Errors
    /// [`Error`] when the client or TLS cannot be set up.
    pub fn new(access: HttpAccess) -> Result<Self, Error> {
        Self::with_resolver(access, Arc::new(SystemResolver))
    }

    /// The same, with names resolved by `resolver`.
    ///
    /// # Errors
    /// [`Error`] when the client or TLS cannot be set up.
    pub fn with_resolver(access: HttpAccess, resolver: Arc<dyn Resolve>) -> Result<Self, Error> {
        let access = Arc::new(access);
        let listed = client()?.dns_resolver(Arc::clone(&resolver)).build()?;
        let guarded = GuardedResolver { access: Arc::clone(&access), inner: resolver };
        let public = client()?.dns_resolver(Arc::new(guarded)).build()?;
        Ok(Self { access, listed, public })
    }

    /// The client that may be used for this URL. Redirects are not followed by it: each hop is to be asked for again.
    ///
    /// # Errors
    /// [`Refusal`] when nothing may be sent there.
    pub fn client_for(&self, url: &Url) -> Result<&Client, Refusal> {
        Ok(match judge(&self.access, url)? {
            Reach::Listed => &self.listed,
            Reach::Public => &self.public,
        })
    }

    /// The longest answer that is taken, in bytes.
    pub(crate) fn max_response_bytes(&self) -> u64 {
        self.access.max_response_bytes
    }
}

fn client() -> Result<ClientBuilder, Error> {
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION"))))
}
