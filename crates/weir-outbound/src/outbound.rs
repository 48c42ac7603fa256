//! The way out: two clients, of which one reaches public addresses only.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Name, Resolve};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use crate::Error;
use crate::access::HttpAccess;
use crate::guard::{GuardedResolver, Reach, Refusal, SystemResolver, judge, judge_host};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests to where the settings let them. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    access: Arc<HttpAccess>,
    /// For hosts the operator listed.
    listed: Client,
    /// For all others.
    public: Client,
    /// For what is not HTTP: any address, and public ones.
    resolvers: [Arc<dyn Resolve>; 2],
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("access", &self.access).finish_non_exhaustive()
    }
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
        let guarded = Arc::new(GuardedResolver { access: Arc::clone(&access), inner: Arc::clone(&resolver) });
        let public = client()?.dns_resolver(Arc::clone(&guarded)).build()?;
        Ok(Self { access, listed, public, resolvers: [resolver, guarded] })
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

    /// The addresses at which this host may be reached by another protocol than HTTP, under the same rules. Connect to
    /// one of these: a name that is resolved again may have changed its mind.
    ///
    /// # Errors
    /// [`Error::Refused`] when none of its addresses may be reached, [`Error::Unreachable`] when it has none.
    pub async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        let parsed = match literal.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => Host::Ipv4(address),
            Ok(IpAddr::V6(address)) => Host::Ipv6(address),
            // As in URLs: in lower case, and with every notation of an address read as one.
            Err(_) => Host::parse(host)
                .map_err(|error| Error::Unsendable { host: host.to_owned(), cause: error.to_string() })?,
        };
        let borrowed = match &parsed {
            Host::Domain(name) => Host::Domain(name.as_str()),
            Host::Ipv4(address) => Host::Ipv4(*address),
            Host::Ipv6(address) => Host::Ipv6(*address),
        };
        let [any, public] = &self.resolvers;
        let resolver = match judge_host(&self.access, &borrowed, port)? {
            Reach::Listed => any,
            Reach::Public => public,
        };
        let name = match parsed {
            Host::Domain(name) => name,
            Host::Ipv4(address) => return Ok(vec![(address, port).into()]),
            Host::Ipv6(address) => return Ok(vec![(address, port).into()]),
        };
        let unreachable = |cause: String| Error::Unreachable { host: host.to_owned(), cause };
        let resolved = resolver.resolve(name.parse::<Name>().map_err(|error| unreachable(error.to_string()))?).await;
        let addresses = resolved.map_err(|error| match error.downcast::<Refusal>() {
            Ok(refusal) => Error::from(*refusal),
            Err(error) => unreachable(error.to_string()),
        })?;
        let addresses: Vec<_> = addresses.map(|address| SocketAddr::new(address.ip(), port)).collect();
        if addresses.is_empty() { Err(unreachable("the name has no address".to_owned())) } else { Ok(addresses) }
    }

    /// The longest answer that is taken, in bytes.
    pub fn max_response_bytes(&self) -> u64 {
        self.access.max_response_bytes
    }
}

/// TLS as clients of other systems speak it: 1.2 or 1.3, certificates checked against the public authorities.
///
/// # Errors
/// [`Error::Tls`] when it cannot be set up.
pub fn tls() -> Result<ClientConfig, Error> {
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    Ok(ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn client() -> Result<ClientBuilder, Error> {
    Ok(Client::builder()
        .tls_backend_preconfigured(tls()?)
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION"))))
}
