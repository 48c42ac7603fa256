//! How often who may ask: windows of a minute that slide, over all processes while there is a Redis.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;
use uuid::fmt::Simple;
use weir_base::{Actor, Principal};
use weir_cache::{Cache, SlidingWindow, Verdict};

use crate::access::Counted;
use crate::config::Limits;
use crate::gate::Refused;
use crate::problem::{Problem, codes};

const WINDOW: Duration = Duration::from_secs(60);

/// The bits of an IPv6 address by which whoever has one is told from others.
const NETWORK: u128 = !((1 << 64) - 1);

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Counts requests and refuses those that are too many.
pub(crate) struct Limiter {
    user: Quota,
    key: Quota,
    address: Quota,
    login: Quota,
    hook: Quota,
}

/// How many requests of one asker are allowed within any minute.
struct Quota {
    /// 0 for no limit.
    limit: u32,
    window: SlidingWindow,
    /// As the headers have it.
    written: HeaderValue,
    policy: HeaderValue,
}

/// Where somebody stands after a request.
pub(crate) struct Standing {
    limit: HeaderValue,
    policy: HeaderValue,
    remaining: u32,
    /// Seconds until more is allowed.
    reset: u64,
}

impl Limiter {
    pub(crate) fn new(cache: &Cache, limits: Limits) -> Self {
        let quota = |name, limit| Quota::new(cache, name, limit);
        Self {
            user: quota("user", limits.user),
            key: quota("key", limits.key),
            address: quota("address", limits.address),
            login: quota("login", limits.login),
            hook: quota("hook", limits.hook),
        }
    }

    /// Counts a request of whoever is signed in; callers in this process are not counted.
    pub(crate) async fn count_principal(&self, principal: &Principal) -> Result<Option<Standing>, Refused> {
        let (quota, id): (_, Uuid) = match principal.actor {
            Actor::User { user, .. } => (&self.user, user.as_uuid()),
            Actor::ApiKey { key, .. } => (&self.key, key.as_uuid()),
            Actor::Trigger(_) | Actor::Operator | Actor::Anonymous => return Ok(None),
        };
        quota.count(id.simple().encode_lower(&mut [0; Simple::LENGTH])).await
    }

    /// Counts a request without a valid sign-in.
    pub(crate) async fn count_address(
        &self,
        address: Option<IpAddr>,
        counted: Counted,
    ) -> Result<Option<Standing>, Refused> {
        let quota = match counted {
            Counted::Address => &self.address,
            Counted::Login => &self.login,
            Counted::Hook => &self.hook,
            Counted::Not => return Ok(None),
        };
        match address {
            Some(address) => quota.count(&network(address).to_string()).await,
            None => Ok(None),
        }
    }
}

impl Quota {
    fn new(cache: &Cache, name: &'static str, limit: u32) -> Self {
        // A short word and numbers are always a header.
        let policy = HeaderValue::try_from(format!("\"{name}\";q={limit};w={}", WINDOW.as_secs()));
        Self {
            limit,
            window: cache.window(name, WINDOW),
            written: HeaderValue::from(limit),
            policy: policy.unwrap_or(HeaderValue::from_static("")),
        }
    }

    async fn count(&self, asker: &str) -> Result<Option<Standing>, Refused> {
        if self.limit == 0 {
            return Ok(None);
        }
        let Verdict { allowed, remaining, reset_after, .. } = self.window.hit(asker, self.limit, 1).await;
        let reset = u64::try_from(reset_after.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
        let standing = Standing { limit: self.written.clone(), policy: self.policy.clone(), remaining, reset };
        if allowed {
            return Ok(Some(standing));
        }
        let detail = format!("more than {} requests within a minute", self.limit);
        Err(Refused::new(Problem::new(codes::RATE_LIMITED, detail).retry_after(reset), Some(standing)))
    }
}

impl Standing {
    /// As the drafts of the IETF's `RateLimit` headers up to the seventh have it, which is what clients know.
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, self.limit);
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RESET, HeaderValue::from(self.reset));
        headers.insert(POLICY, self.policy);
    }
}

/// An address, or of IPv6 the network that whoever has it can choose any address of.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_an_ipv6_network_are_one() {
        let same = |a: &str, b: &str| network(a.parse().unwrap()) == network(b.parse().unwrap());
        assert!(same("2001:db8:1:2::7", "2001:db8:1:2:ffff::1"));
        assert!(!same("2001:db8:1:2::7", "2001:db8:1:3::7"));
        assert!(!same("10.0.0.1", "10.0.0.2"));
    }
}
