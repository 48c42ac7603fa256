//! Keeps requests of workflows away from what only the inside of a network should reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::access::HttpAccess;

/// A request was not let out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its address is not public.
    #[error("{target} is {rule}, which workflows may not reach; the setting http.allow lists exceptions")]
    Address {
        /// The host of the URL.
        target: String,
        /// What it is instead of public.
        rule: &'static str,
    },
    /// Its host has no public address.
    #[error(
        "{host} resolves to {address}, {rule}, which workflows may not reach; the setting http.allow lists exceptions"
    )]
    Resolved {
        /// The host of the URL.
        host: String,
        /// One of its addresses.
        address: IpAddr,
        /// What that is instead of public.
        rule: &'static str,
    },
    /// It is not HTTP.
    #[error("the scheme {scheme:?} is not allowed: only http and https are")]
    Scheme {
        /// The scheme of the URL.
        scheme: String,
    },
}

/// How far a request to a URL may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Any address: the operator listed the host.
    Listed,
    /// Public addresses and listed networks; names are judged again by what they resolve to.
    Public,
}

/// Judges the URL itself; whatever notation a literal address has, the URL parser has read it already.
pub(super) fn judge(access: &HttpAccess, url: &Url) -> Result<Reach, Refusal> {
    let scheme = || Refusal::Scheme { scheme: url.scheme().to_owned() };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(scheme());
    }
    let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else { return Err(scheme()) };
    if access.lists_host(&host, port) {
        return Ok(Reach::Listed);
    }
    let address = match host {
        Host::Domain(_) => return Ok(Reach::Public),
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
    };
    match rule_against(address) {
        Some(rule) if !access.lists_address(address) => Err(Refusal::Address { target: host.to_string(), rule }),
        _ => Ok(Reach::Public),
    }
}

/// Hands out only addresses that may be reached, so that a name cannot change its mind between check and connection.
pub(super) struct GuardedResolver {
    pub(super) access: Arc<HttpAccess>,
    pub(super) inner: Arc<dyn Resolve>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let resolving = self.inner.resolve(name);
        let access = Arc::clone(&self.access);
        Box::pin(async move {
            let mut refused = None;
            let mut reachable = Vec::new();
            for address in resolving.await? {
                match rule_against(address.ip()) {
                    Some(rule) if !access.lists_address(address.ip()) => refused = Some((address.ip(), rule)),
                    _ => reachable.push(address),
                }
            }
            match refused {
                Some((address, rule)) if reachable.is_empty() => Err(Refusal::Resolved { host, address, rule }.into()),
                _ => Ok(Box::new(reachable.into_iter()) as Addrs),
            }
        })
    }
}

/// What the operating system resolves.
pub(super) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// What makes this address unreachable for workflows; `None` for a public one.
pub fn rule_against(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => rule_against_v4(address),
        IpAddr::V6(address) => rule_against_v6(address),
    }
}

fn rule_against_v4(address: Ipv4Addr) -> Option<&'static str> {
    Some(match address.octets() {
        // Azure's host, which hands out credentials, has an address that looks public.
        [169, 254, 169, 254] | [168, 63, 129, 16] | [100, 100, 100, 200] => "a cloud's metadata address",
        [0, ..] => "an unspecified address",
        [127, ..] => "a loopback address",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "a private address",
        [100, 64..=127, ..] => "a shared (carrier-grade NAT) address",
        [169, 254, ..] => "a link-local address",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "a documentation address",
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => "a special-purpose address",
        [224..=239, ..] => "a multicast address",
        [240..=255, ..] => "a reserved address",
        _ => return None,
    })
}

fn rule_against_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => return Some("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => return Some("a loopback address"),
        // These hold an address of version 4 in their last 32 bits: mapped, compatible, translated, NAT64.
        [0, 0, 0, 0, 0, 0xffff | 0, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => {
            let [.., a, b, c, d] = address.octets();
            return rule_against_v4(Ipv4Addr::new(a, b, c, d));
        }
        _ => {}
    }
    Some(match segments[0] {
        0xfd00 if segments[1] == 0x0ec2 => "a cloud's metadata address",
        0xfc00..=0xfdff => "a private (unique local) address",
        0xfe80..=0xfebf => "a link-local address",
        0xfec0..=0xfeff => "a private (site-local) address",
        0xff00..=0xffff => "a multicast address",
        0x2001 if segments[1] == 0x0db8 => "a documentation address",
        0x3fff if segments[1] < 0x1000 => "a documentation address",
        // Teredo, ORCHID, benchmarking and the like; then 6to4: tunnels to wherever the sender likes.
        0x2001 if segments[1] < 0x0200 => "a special-purpose address",
        0x2002 => "a tunnel (6to4) address",
        0x2000..=0x3fff => return None,
        _ => "not a public address",
    })
}
