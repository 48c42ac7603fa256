//! Rules about what a node says beside its params: retries, time limits, errors, joins.

use super::codes::{
    CHECKPOINT_NEEDLESS, JOIN_NEEDLESS, ON_ERROR_UNSUPPORTED, RETRY_INVALID, RETRY_UNSUPPORTED, TIMEOUT_INVALID,
};
use super::subject::{NodeView, Subject};
use crate::document::{Exponential, Join, OnError, Retry};
use crate::problem::Problem;

/// The longest time limit: a year.
pub(super) const MAX_TIMEOUT_SECONDS: f64 = 365.0 * 86_400.0;
/// The longest wait before a retry: 30 days.
const MAX_DELAY_SECONDS: f64 = 30.0 * 86_400.0;
/// The most attempts, and the most waits that may be listed.
const MAX_ATTEMPTS: u32 = 100;
/// The most that a wait may grow by each time.
const MAX_FACTOR: f64 = 100.0;

pub(super) fn check(subject: &Subject<'_>, problems: &mut Vec<Problem>) {
    for (index, view) in subject.nodes.iter().enumerate() {
        let mut broken = Vec::new();
        if let Some(retry) = &view.node.data.retry {
            unsupported_retry(view, &mut broken);
            invalid_retry(retry, &format!("{}/data/retry", view.at), &mut broken);
        }
        broken.extend(timeout(view));
        broken.extend(on_error(view));
        broken.extend(join(view, subject.preceding[index].len()));
        broken.extend(checkpoint(view));
        problems.extend(broken.into_iter().map(|problem| view.blame(problem)));
    }
}

fn unsupported_retry(view: &NodeView<'_>, broken: &mut Vec<Problem>) {
    let Some(info) = view.info else { return };
    if info.role.is_container() || info.pure {
        let (reason, hint) = if info.role.is_container() {
            ("a container is not retried as a whole", "put `retry` on the nodes inside")
        } else {
            ("it computes the same every time", "remove `retry`")
        };
        broken.push(RETRY_UNSUPPORTED.at(
            format!("{}/data/retry", view.at),
            format!("`{}` cannot be retried: {reason}", view.node.id),
            hint,
        ));
    }
}

fn invalid_retry(retry: &Retry, at: &str, broken: &mut Vec<Problem>) {
    if let Some(attempts) = retry.max_attempts
        && !(1..=MAX_ATTEMPTS).contains(&attempts)
    {
        broken.push(RETRY_INVALID.at(
            format!("{at}/max_attempts"),
            format!("a node cannot be attempted {attempts} times"),
            format!("use 1 (no retry) to {MAX_ATTEMPTS}"),
        ));
    }
    if retry.delays_seconds.is_some() && retry.exponential.is_some() {
        broken.push(RETRY_INVALID.at(
            format!("{at}/exponential"),
            "there are both `delays_seconds` and `exponential`",
            "keep one of the two",
        ));
    }
    if let Some(delays) = &retry.delays_seconds {
        if delays.is_empty() || delays.len() > MAX_ATTEMPTS as usize {
            broken.push(RETRY_INVALID.at(
                format!("{at}/delays_seconds"),
                format!("there are {} waits", delays.len()),
                format!("list 1 to {MAX_ATTEMPTS}; the last one repeats. `max_attempts: 1` switches retries off"),
            ));
        }
        for (index, delay) in delays.iter().enumerate() {
            broken.extend(wait(*delay, format!("{at}/delays_seconds/{index}")));
        }
    }
    if let Some(Exponential { initial_seconds, factor, max_seconds, .. }) = &retry.exponential {
        broken.extend(wait(*initial_seconds, format!("{at}/exponential/initial_seconds")));
        broken.extend(max_seconds.and_then(|max| wait(max, format!("{at}/exponential/max_seconds"))));
        if let Some(factor) = factor
            && !(1.0..=MAX_FACTOR).contains(factor)
        {
            broken.push(RETRY_INVALID.at(
                format!("{at}/exponential/factor"),
                format!("waits cannot grow by {}", shown(*factor)),
                format!("use 1 to {MAX_FACTOR}"),
            ));
        }
    }
}

fn wait(seconds: f64, at: String) -> Option<Problem> {
    (!(0.0..=MAX_DELAY_SECONDS).contains(&seconds)).then(|| {
        RETRY_INVALID.at(
            at,
            format!("a wait of {} seconds is not possible", shown(seconds)),
            format!("use 0 to {MAX_DELAY_SECONDS} (30 days)"),
        )
    })
}

/// A number as people write it, short even when it is out of all proportion.
pub(super) fn shown(number: f64) -> String {
    if number.abs() < 1e15 { number.to_string() } else { format!("{number:e}") }
}

fn timeout(view: &NodeView<'_>) -> Option<Problem> {
    let seconds = view.node.data.timeout_seconds?;
    (!(seconds > 0.0 && seconds <= MAX_TIMEOUT_SECONDS)).then(|| {
        TIMEOUT_INVALID.at(
            format!("{}/data/timeout_seconds", view.at),
            format!("an attempt cannot time out after {} seconds", shown(seconds)),
            format!("use a number above 0, at most {MAX_TIMEOUT_SECONDS} (a year)"),
        )
    })
}

fn on_error(view: &NodeView<'_>) -> Option<Problem> {
    let unsupported = view.node.data.on_error == OnError::Continue && !view.info?.handles.has_default();
    unsupported.then(|| {
        ON_ERROR_UNSUPPORTED.at(
            format!("{}/data/on_error", view.at),
            format!("after an error, `{}` would not know by which handle to go on", view.node.id),
            "use `on_error: branch` with an edge from the `error` handle",
        )
    })
}

fn join(view: &NodeView<'_>, incoming: usize) -> Option<Problem> {
    (view.node.data.join == Join::Any && incoming < 2).then(|| {
        JOIN_NEEDLESS.at(
            format!("{}/data/join", view.at),
            format!("`{}` has no two incoming edges to choose from", view.node.id),
            "remove `join`, or add the other edges",
        )
    })
}

fn checkpoint(view: &NodeView<'_>) -> Option<Problem> {
    (view.node.data.checkpoint && !view.info?.pure).then(|| {
        CHECKPOINT_NEEDLESS.at(
            format!("{}/data/checkpoint", view.at),
            format!("the output of `{}` is recorded in any case", view.node.id),
            "remove `checkpoint`",
        )
    })
}
