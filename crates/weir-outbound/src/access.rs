//! What the operator lets requests do.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::Deserialize;
use url::Host;

/// The settings under `http`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpAccess {
    /// What is reachable although it is not public.
    pub allow: Vec<Allowed>,
    /// The longest answer that is taken, in bytes.
    pub max_response_bytes: u64,
}

impl Default for HttpAccess {
    fn default() -> Self {
        Self { allow: Vec::new(), max_response_bytes: 1024 * 1024 * 1024 }
    }
}

impl HttpAccess {
    /// Whether this host and port are listed by name, so that any address it has is fine.
    pub(crate) fn lists_host(&self, host: &Host<&str>, port: u16) -> bool {
        self.allow.iter().any(|allowed| match allowed {
            Allowed::Host { host: listed, port: only } => {
                *listed == host.to_owned() && only.is_none_or(|only| only == port)
            }
            Allowed::Network(_) => false,
        })
    }

    /// Whether this address lies in a listed network.
    pub(crate) fn lists_address(&self, address: IpAddr) -> bool {
        self.allow.iter().any(|allowed| match allowed {
            Allowed::Network(network) => network.contains(&address),
            Allowed::Host { .. } => false,
        })
    }
}

/// An exception to the rule that only public addresses are reachable, such as `localhost:8080` or `10.1.0.0/16`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Allowed {
    /// This host, whatever it resolves to.
    Host {
        /// A name, or an address in the form it has in URLs.
        host: Host<String>,
        /// Only this port.
        port: Option<u16>,
    },
    /// All addresses of this network.
    Network(IpNet),
}

/// Text that is not an [`Allowed`] was given where one is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is neither a host, nor host:port, nor a network such as 10.1.0.0/16")]
pub struct InvalidAllowed {
    given: String,
}

impl FromStr for Allowed {
    type Err = InvalidAllowed;

    fn from_str(text: &str) -> Result<Self, InvalidAllowed> {
        let invalid = || InvalidAllowed { given: text.chars().take(200).collect() };
        if let Ok(network) = text.parse() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(IpNet::from(address)));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !text.ends_with(']') => (host, Some(port.parse().map_err(|_| invalid())?)),
            _ => (text, None),
        };
        let host = Host::parse(host).map_err(|_| invalid())?;
        Ok(Self::Host { host, port })
    }
}

impl TryFrom<String> for Allowed {
    type Error = InvalidAllowed;

    fn try_from(text: String) -> Result<Self, InvalidAllowed> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(allow: &[&str]) -> HttpAccess {
        let allow = allow.iter().map(|text| text.parse().expect("an exception")).collect();
        HttpAccess { allow, ..HttpAccess::default() }
    }

    #[test]
    fn entries_are_hosts_ports_and_networks() {
        let access = access(&["localhost:8080", "db.internal", "127.0.0.1:9000", "10.1.0.0/16", "::1", "[fd00::1]:80"]);
        let lists = |host: &str, port| access.lists_host(&Host::parse(host).expect("a host").as_ref_str(), port);
        assert!(lists("localhost", 8080) && lists("LOCALHOST", 8080) && !lists("localhost", 8081));
        assert!(lists("db.internal", 1) && !lists("x.db.internal", 1));
        assert!(lists("127.0.0.1", 9000) && !lists("127.0.0.1", 80));
        assert!(lists("[fd00::1]", 80) && !lists("[fd00::1]", 81));
        let contains = |address: &str| access.lists_address(address.parse().expect("an address"));
        assert!(contains("10.1.2.3") && !contains("10.2.0.1") && contains("::1") && !contains("127.0.0.1"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "a b", "host:port", "host:99999", "10.0.0.0/33", "http://x", "[::1"] {
            assert!(text.parse::<Allowed>().is_err(), "{text:?}");
        }
    }

    trait AsRefStr {
        fn as_ref_str(&self) -> Host<&str>;
    }

    impl AsRefStr for Host<String> {
        fn as_ref_str(&self) -> Host<&str> {
            match self {
                Self::Domain(name) => Host::Domain(name),
                Self::Ipv4(address) => Host::Ipv4(*address),
                Self::Ipv6(address) => Host::Ipv6(*address),
            }
        }
    }
}
