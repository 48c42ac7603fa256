//! How often who may ask: windows of a minute that slide, kept for as long as somebody asks.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use moka::sync::Cache;
use parking_lot::Mutex;
use weir_base::{Actor, ApiKeyId, Principal, UserId};

use crate::access::Counted;
use crate::config::Limits;
use crate::gate::Refused;
use crate::problem::{Problem, codes};

/// In milliseconds.
const WINDOW: u64 = 60_000;

/// Askers that are counted at a time; beyond it those who asked least are forgotten.
const MAX_ASKERS: u64 = 100_000;

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
    windows: Cache<Asker, Arc<Mutex<Window>>>,
    began: Instant,
}

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Asker {
    User(UserId),
    Key(ApiKeyId),
    Address(IpAddr),
    Login(IpAddr),
    Hook(IpAddr),
}

/// How many requests are allowed within any minute.
#[derive(Debug, Clone)]
struct Quota {
    /// 0 for no limit.
    limit: u32,
    /// As the headers have it.
    written: HeaderValue,
    policy: HeaderValue,
}

/// The requests of this minute and the one before; of those, as many count as lie within the last 60 seconds when they
/// came evenly.
#[derive(Debug, Default)]
struct Window {
    /// Which minute is the current one.
    minute: u64,
    current: u32,
    previous: u32,
}

/// Where somebody stands after a request.
pub(crate) struct Standing {
    limit: HeaderValue,
    policy: HeaderValue,
    remaining: u32,
    /// Seconds until more is allowed.
    reset: u64,
}

/// What counting one more request came to.
#[derive(Debug, PartialEq, Eq)]
enum Counting {
    /// It is allowed, and so many more, which grow again with the next minute.
    Allowed { remaining: u32, reset: u64 },
    /// It is one too many; the next is allowed after so many milliseconds.
    Refused { after: u64 },
}

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        let windows = Cache::builder().max_capacity(MAX_ASKERS).time_to_idle(Duration::from_millis(2 * WINDOW)).build();
        Self {
            user: Quota::new("user", limits.user),
            key: Quota::new("key", limits.key),
            address: Quota::new("address", limits.address),
            login: Quota::new("login", limits.login),
            hook: Quota::new("hook", limits.hook),
            windows,
            began: Instant::now(),
        }
    }

    /// Counts a request of whoever is signed in; callers in this process are not counted.
    pub(crate) fn count_principal(&self, principal: &Principal) -> Result<Option<Standing>, Refused> {
        match principal.actor {
            Actor::User { user, .. } => self.count(&self.user, Asker::User(user)),
            Actor::ApiKey { key, .. } => self.count(&self.key, Asker::Key(key)),
            Actor::Trigger(_) | Actor::Operator | Actor::Anonymous => Ok(None),
        }
    }

    /// Counts a request without a valid sign-in.
    pub(crate) fn count_address(&self, address: Option<IpAddr>, counted: Counted) -> Result<Option<Standing>, Refused> {
        let Some(address) = address.map(network) else { return Ok(None) };
        match counted {
            Counted::Address => self.count(&self.address, Asker::Address(address)),
            Counted::Login => self.count(&self.login, Asker::Login(address)),
            Counted::Hook => self.count(&self.hook, Asker::Hook(address)),
            Counted::Not => Ok(None),
        }
    }

    fn count(&self, quota: &Quota, asker: Asker) -> Result<Option<Standing>, Refused> {
        if quota.limit == 0 {
            return Ok(None);
        }
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let window = self.windows.get(&asker).unwrap_or_else(|| self.windows.get_with(asker, Arc::default));
        let counting = window.lock().count(now, quota.limit);
        let standing = |remaining, reset| Standing {
            limit: quota.written.clone(),
            policy: quota.policy.clone(),
            remaining,
            reset,
        };
        match counting {
            Counting::Allowed { remaining, reset } => Ok(Some(standing(remaining, reset))),
            Counting::Refused { after } => {
                let seconds = after.div_ceil(1000).max(1);
                let detail = format!("more than {} requests within a minute", quota.limit);
                let problem = Problem::new(codes::RATE_LIMITED, detail).retry_after(seconds);
                Err(Refused::new(problem, Some(standing(0, seconds))))
            }
        }
    }
}

impl Quota {
    fn new(name: &str, limit: u32) -> Self {
        // A short word and numbers are always a header.
        let policy = HeaderValue::try_from(format!("\"{name}\";q={limit};w={}", WINDOW / 1000));
        Self { limit, written: HeaderValue::from(limit), policy: policy.unwrap_or(HeaderValue::from_static("")) }
    }
}

impl Window {
    fn count(&mut self, now: u64, limit: u32) -> Counting {
        let (minute, elapsed) = (now / WINDOW, now % WINDOW);
        if minute != self.minute {
            self.previous = if minute == self.minute + 1 { self.current } else { 0 };
            (self.minute, self.current) = (minute, 0);
        }
        let previous = u64::from(self.previous) * (WINDOW - elapsed) / WINDOW;
        let used = previous + u64::from(self.current);
        if used < u64::from(limit) {
            self.current += 1;
            let remaining = u64::from(limit) - used - 1;
            return Counting::Allowed {
                remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
                reset: (WINDOW - elapsed).div_ceil(1000),
            };
        }
        // With time the previous minute weighs less; if the current one is full by itself, it must become the previous.
        let after = if self.current < limit {
            until_less(self.previous, limit - self.current, elapsed)
        } else {
            WINDOW - elapsed + until_less(self.current, limit, 0)
        };
        Counting::Refused { after }
    }
}

/// Milliseconds until fewer than `room` of a past minute's `requests` count, if `elapsed` of this one are over.
fn until_less(requests: u32, room: u32, elapsed: u64) -> u64 {
    // So many may count at most; what is left over is cut off when they are weighed.
    let fewer = u64::from(room);
    let weight = (fewer * WINDOW).saturating_sub(1) / u64::from(requests.max(1));
    (WINDOW - weight.min(WINDOW)).saturating_sub(elapsed)
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
    fn in_no_minute_are_more_allowed_than_the_limit_however_they_come() {
        for (limit, pace) in [(1, 7), (10, 100), (10, 6_001), (60, 999), (300, 13)] {
            let mut window = Window::default();
            let mut allowed: Vec<u64> = Vec::new();
            let mut now = 3;
            while now < 5 * WINDOW {
                if let Counting::Allowed { .. } = window.count(now, limit) {
                    allowed.push(now);
                }
                now += pace;
            }
            let most =
                allowed.iter().map(|at| allowed.iter().filter(|other| (*at..at + WINDOW).contains(*other)).count());
            let most = most.max().unwrap();
            // Requests do not come quite evenly, which is what the weighing takes them for.
            assert!(most <= limit as usize + limit as usize / 10 + 1, "{most} instead of {limit} at {pace}");
            assert!(allowed.len() >= 4 * limit as usize, "{} of {limit} at {pace}", allowed.len());
        }
    }

    #[test]
    fn who_waits_as_long_as_told_is_let_in_and_a_little_sooner_is_not() {
        for (limit, first) in [(1, 0), (2, 59_999), (10, 30_000), (60, 12_345), (300, 1)] {
            let mut window = Window::default();
            let mut now = first;
            for _ in 0..6 {
                let after = loop {
                    match window.count(now, limit) {
                        Counting::Allowed { .. } => {}
                        Counting::Refused { after } => break after,
                    }
                };
                assert!(after > 0 && after <= 2 * WINDOW, "{after}");
                assert!(matches!(window.count(now + after - 1, limit), Counting::Refused { .. }), "{limit} {first}");
                now += after;
                assert!(matches!(window.count(now, limit), Counting::Allowed { .. }), "{limit} at {now}");
            }
        }
    }

    #[test]
    fn neighbours_in_an_ipv6_network_are_one() {
        let same = |a: &str, b: &str| network(a.parse().unwrap()) == network(b.parse().unwrap());
        assert!(same("2001:db8:1:2::7", "2001:db8:1:2:ffff::1"));
        assert!(!same("2001:db8:1:2::7", "2001:db8:1:3::7"));
        assert!(!same("10.0.0.1", "10.0.0.2"));
    }
}
