//! From where a request really comes, when proxies stand before the server.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The address of whoever sent a request that came in from `peer`: the last one that is not of a trusted proxy. What
/// stands further left in `X-Forwarded-For` may be anybody's invention.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut address = peer.to_canonical();
    if trusted.is_empty() {
        return address;
    }
    let values = headers.get_all("x-forwarded-for").iter().rev();
    let hops = values.flat_map(|value| value.to_str().unwrap_or("?").rsplit(','));
    for hop in hops {
        if !trusted.iter().any(|network| network.contains(&address)) {
            break;
        }
        match read(hop.trim()) {
            Some(before) => address = before.to_canonical(),
            None => break,
        }
    }
    address
}

/// An address, with a port or without.
fn read(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn seen(peer: &str, forwarded: &[&'static str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_static(value));
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_what_trusted_proxies_say_is_believed() {
        let inner = ["10.0.0.0/8", "fd00::/8"];
        assert_eq!(seen("203.0.113.7", &["1.2.3.4"], &[]), "203.0.113.7");
        assert_eq!(seen("203.0.113.7", &["1.2.3.4"], &inner), "203.0.113.7");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4"], &inner), "1.2.3.4");
        assert_eq!(seen("::ffff:10.0.0.1", &["1.2.3.4"], &inner), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], &inner), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", "1.2.3.4:5000"], &inner), "1.2.3.4");
        assert_eq!(seen("fd00::1", &["[2001:db8::7]:80"], &inner), "2001:db8::7");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, nonsense"], &inner), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["10.0.0.9"], &inner), "10.0.0.9");
        assert_eq!(seen("10.0.0.1", &[], &inner), "10.0.0.1");
    }
}
