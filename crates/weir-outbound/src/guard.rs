//! Keeps requests away from what only the inside of a network should reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::access::HttpAccess;

/// A request was not let out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its address is not public.
    #[error("{target} is {rule}, which may not be reached; the setting http.allow lists exceptions")]
    Address {
        /// The host of the URL.
        target: String,
        /// What it is instead of public.
        rule: &'static str,
    },
    /// Its host has no public address.
    #[error("{host} resolves to {address}, {rule}, which may not be reached; the setting http.allow lists exceptions")]
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
    judge_host(access, &host, port)
}

/// Judges a host and port, whatever is spoken there.
pub(super) fn judge_host(access: &HttpAccess, host: &Host<&str>, port: u16) -> Result<Reach, Refusal> {
    if access.lists_host(host, port) {
        return Ok(Reach::Listed);
    }
    let address = match host {
        Host::Domain(_) => return Ok(Reach::Public),
        Host::Ipv4(address) => IpAddr::V4(*address),
        Host::Ipv6(address) => IpAddr::V6(*address),
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

/// What keeps requests from this address; `None` for a public one.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_told_from_public_ones() {
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "100.100.100.200",
            "127.0.0.1",
            "127.8.8.8",
            "168.63.129.16",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:192.168.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(rule_against(special.parse().expect("an address")).is_some(), "{special} counts as public");
        }
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00::1",
        ] {
            assert_eq!(rule_against(public.parse().expect("an address")), None, "{public}");
        }
    }
}
