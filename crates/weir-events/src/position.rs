//! Where in the log of events a reader is.

use std::fmt;
use std::str::FromStr;

/// The place of an event in the log: later events have greater places, and places stay what they are.
///
/// It is printed as `turn-row-index`, which clients of a live stream send back to go on where they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Rows of a lower turn come first; always 0 on SQLite.
    pub(crate) turn: i64,
    /// The row in the outbox.
    pub(crate) row: i64,
    /// The event within the row.
    pub(crate) index: u32,
}

/// Text that is no [`Position`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position in the log of events: send back the id of the last event as it came")]
pub struct InvalidPosition;

impl Position {
    /// Before every event.
    pub const START: Self = Self { turn: 0, row: 0, index: u32::MAX };

    /// After all events of a row.
    pub(crate) const fn after_row(turn: i64, row: i64) -> Self {
        Self { turn, row, index: u32::MAX }
    }

    /// The last row that needs not be read to go on from here.
    pub(crate) const fn last_read_row(self) -> i64 {
        if self.index == u32::MAX { self.row } else { self.row.saturating_sub(1) }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.turn, self.row, self.index)
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        // A sign would make several texts of one position.
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let mut parts = text.split('-');
        let (Some(turn), Some(row), Some(index), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidPosition);
        };
        if ![turn, row, index].into_iter().all(plain) {
            return Err(InvalidPosition);
        }
        let number = |part: &str| part.parse::<i64>().map_err(|_| InvalidPosition);
        Ok(Self { turn: number(turn)?, row: number(row)?, index: index.parse().map_err(|_| InvalidPosition)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_the_round_trip_and_others_are_refused() {
        let position = Position { turn: 7, row: 42, index: 3 };
        assert_eq!(position.to_string().parse(), Ok(position));
        for text in ["", "1", "1-2", "1-2-3-4", "-1-2-3", "1-2-x", "+1-2-3", "99999999999999999999-1-1"] {
            assert_eq!(text.parse::<Position>(), Err(InvalidPosition), "{text:?}");
        }
    }

    #[test]
    fn the_rest_of_a_row_comes_before_the_next_row() {
        let first = Position { turn: 0, row: 5, index: 0 };
        assert!(Position::START < first && first < Position::after_row(0, 5));
        assert_eq!((first.last_read_row(), Position::after_row(0, 5).last_read_row()), (4, 5));
    }
}
