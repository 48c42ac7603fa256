//! When a schedule is due, in its time zone: pure arithmetic over cron patterns.

use chrono::TimeDelta;
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use serde::{Deserialize, Serialize};
use weir_base::Timestamp;

/// A tick that comes so late is still on time: the process was busy, not away.
const ON_TIME: TimeDelta = TimeDelta::seconds(60);

/// The most missed runs that are made up for in one go; the next look makes up for more.
const AT_ONCE: usize = 100;

/// What becomes of runs that were due while nobody was there to start them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// They are left out.
    #[default]
    Skip,
    /// The latest of them is started, the others are left out.
    Once,
    /// All of them are started, the oldest first.
    All,
}

/// A cron pattern in a time zone. Where the clocks are put forward, a fixed time within the gap is due right after it;
/// where they are put back, it is due once, and patterns with wildcards are due in both hours.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
}

/// What is due now, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    /// The moments to start for, the oldest first.
    pub(super) runs: Vec<Timestamp>,
    /// The first moment after these; `None` when the schedule has come to its end.
    pub(super) next: Option<Timestamp>,
}

impl Schedule {
    /// Reads a pattern of five fields, or six with seconds first, and the name of a time zone such as
    /// `Europe/Berlin`.
    ///
    /// # Errors
    /// What is wrong with which of the two.
    pub fn parse(pattern: &str, zone: &str) -> Result<Self, ScheduleError> {
        let parser = CronParser::builder().seconds(Seconds::Optional).build();
        let cron = parser.parse(pattern).map_err(|error| ScheduleError::Pattern(error.to_string()))?;
        let zone = zone.parse().map_err(|_| ScheduleError::Zone(zone.chars().take(64).collect()))?;
        Ok(Self { cron, zone })
    }

    /// The first moment after `instant` at which it is due; `None` when there is none any more.
    pub fn next_after(&self, instant: Timestamp) -> Option<Timestamp> {
        let local = instant.with_timezone(&self.zone);
        self.cron.find_next_occurrence(&local, false).ok().map(|next| next.to_utc())
    }

    /// What is due at `now` of a schedule whose next moment was to be `next_at`.
    pub(super) fn due(&self, next_at: Timestamp, missed: Missed, now: Timestamp) -> Due {
        let mut runs = Vec::new();
        let mut next = Some(next_at);
        match missed {
            Missed::All => {
                while let Some(at) = next.filter(|at| *at <= now && runs.len() < AT_ONCE) {
                    runs.push(at);
                    next = self.next_after(at);
                }
            }
            Missed::Once | Missed::Skip => {
                let latest = self.latest(next_at, now);
                let counts = |at: &Timestamp| missed == Missed::Once || now - *at <= ON_TIME;
                runs.extend(latest.filter(counts));
                next = if latest.is_some() { self.next_after(now) } else { next };
            }
        }
        Due { runs, next }
    }

    /// The latest moment from `next_at` to `now`.
    fn latest(&self, next_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
        if next_at > now {
            return None;
        }
        let local = now.with_timezone(&self.zone);
        let latest = self.cron.find_previous_occurrence(&local, true).ok().map(|at| at.to_utc());
        // The pattern may have been changed since `next_at` was found; then that moment still counts.
        Some(latest.filter(|at| *at >= next_at).unwrap_or(next_at))
    }
}

/// What is wrong with a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The pattern.
    #[error("the cron pattern cannot be read: {0}")]
    Pattern(String),
    /// The time zone.
    #[error("{0:?} is no time zone; write it as Europe/Berlin, Asia/Taipei or UTC")]
    Zone(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn texts(times: &[Timestamp]) -> Vec<String> {
        times.iter().map(ToString::to_string).collect()
    }

    fn following(pattern: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(pattern, zone).unwrap();
        let mut instant = at(from);
        let mut found = Vec::new();
        for _ in 0..count {
            instant = schedule.next_after(instant).unwrap();
            found.push(instant);
        }
        texts(&found)
    }

    #[test]
    fn a_daily_time_follows_the_clocks_of_its_zone() {
        // Berlin puts the clocks forward on 29 March 2026 and back on 25 October 2026.
        let spring = following("30 8 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3);
        assert_eq!(spring, ["2026-03-28 07:30:00 UTC", "2026-03-29 06:30:00 UTC", "2026-03-30 06:30:00 UTC"]);
        let autumn = following("30 8 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", 2);
        assert_eq!(autumn, ["2026-10-24 06:30:00 UTC", "2026-10-25 07:30:00 UTC"]);
    }

    #[test]
    fn a_time_within_the_gap_is_due_right_after_it() {
        let found = following("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
        assert_eq!(found, ["2026-03-29 01:00:00 UTC", "2026-03-30 00:30:00 UTC"]);
    }

    #[test]
    fn a_time_that_comes_twice_is_due_once() {
        let found = following("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(found, ["2026-10-25 00:30:00 UTC", "2026-10-26 01:30:00 UTC"]);
    }

    #[test]
    fn every_half_hour_is_due_in_both_hours_that_bear_one_name() {
        let found = following("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 4);
        assert_eq!(
            found,
            [
                "2026-10-25 00:30:00 UTC",
                "2026-10-25 01:00:00 UTC",
                "2026-10-25 01:30:00 UTC",
                "2026-10-25 02:00:00 UTC"
            ]
        );
    }

    #[test]
    fn missed_runs_are_skipped_made_up_once_or_all() {
        let hourly = Schedule::parse("0 * * * *", "UTC").unwrap();
        let (next_at, now) = (at("2026-11-21T01:00:00Z"), at("2026-11-21T04:30:00Z"));
        let next = Some(at("2026-11-21T05:00:00Z"));
        assert_eq!(hourly.due(next_at, Missed::Skip, now), Due { runs: vec![], next });
        assert_eq!(hourly.due(next_at, Missed::Once, now), Due { runs: vec![at("2026-11-21T04:00:00Z")], next });
        let all = hourly.due(next_at, Missed::All, now);
        assert_eq!((all.runs.len(), all.next), (4, next));
    }

    #[test]
    fn a_tick_some_seconds_late_is_no_missed_run() {
        let hourly = Schedule::parse("0 * * * *", "UTC").unwrap();
        let next_at = at("2026-11-21T01:00:00Z");
        let due = hourly.due(next_at, Missed::Skip, at("2026-11-21T01:00:07Z"));
        assert_eq!(due, Due { runs: vec![next_at], next: Some(at("2026-11-21T02:00:00Z")) });
        let early = hourly.due(next_at, Missed::All, at("2026-11-21T00:59:59Z"));
        assert_eq!(early, Due { runs: vec![], next: Some(next_at) });
    }

    #[test]
    fn making_up_for_all_comes_in_bounded_portions() {
        let each_second = Schedule::parse("* * * * * *", "UTC").unwrap();
        let due = each_second.due(at("2026-11-20T00:00:00Z"), Missed::All, at("2026-11-21T00:00:00Z"));
        assert_eq!(due.runs.len(), AT_ONCE);
        assert_eq!(due.next, Some(at("2026-11-20T00:01:40Z")));
    }

    #[test]
    fn what_cannot_be_read_says_which_part() {
        assert!(matches!(Schedule::parse("61 * * * *", "UTC"), Err(ScheduleError::Pattern(_))));
        assert!(matches!(Schedule::parse("* * * * *", "Mars/Olympus"), Err(ScheduleError::Zone(_))));
        assert_eq!(Schedule::parse("0 0 31 2 *", "UTC").unwrap().next_after(at("2026-01-01T00:00:00Z")), None);
    }
}
