//! Tokens and event ids. A token is a place between two events and the direction to read from
//! there, so it is the same again when there is nothing more: which is how readers see the end.

use std::{fmt, ops::Range};

use gatepost_gateway::store::LogPosition;

use super::error::LogsError;

const TIMESTAMP_DIGITS: usize = 18;
const DIGITS: usize = 56;

/// The id of an event: 56 digits, as AWS's, in the order of the events.
pub(super) struct EventId(pub LogPosition);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogPosition { timestamp_ms, row } = self.0;
        write!(f, "3{timestamp_ms:018}{row:037}")
    }
}

impl EventId {
    fn parse(text: &str) -> Option<LogPosition> {
        let digits = text.strip_prefix('3')?;
        if text.len() != DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (timestamp_ms, row) = digits.split_at(TIMESTAMP_DIGITS);
        Some(LogPosition {
            timestamp_ms: timestamp_ms.parse().ok()?,
            row: row.parse().ok()?,
        })
    }
}

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cursor {
    /// `f/…`: read from here towards newer events.
    Forward(LogPosition),
    /// `b/…`: read from here towards older events.
    Backward(LogPosition),
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forward(place) => write!(f, "f/{}", EventId(*place)),
            Self::Backward(place) => write!(f, "b/{}", EventId(*place)),
        }
    }
}

impl Cursor {
    pub(super) fn parse(token: &str) -> Result<Self, LogsError> {
        let cursor = match token.split_once('/') {
            Some(("f", id)) => EventId::parse(id).map(Self::Forward),
            Some(("b", id)) => EventId::parse(id).map(Self::Backward),
            _ => None,
        };
        cursor.ok_or(LogsError::InvalidToken)
    }

    /// The place of the token.
    pub(super) const fn place(self) -> LogPosition {
        match self {
            Self::Forward(place) | Self::Backward(place) => place,
        }
    }

    /// Whether events are read from the newest on.
    pub(super) const fn is_newest_first(self) -> bool {
        matches!(self, Self::Backward(_))
    }

    /// What is left of a range in this direction.
    pub(super) fn cut(self, range: Range<LogPosition>) -> Range<LogPosition> {
        match self {
            Self::Forward(place) => place.max(range.start)..range.end,
            Self::Backward(place) => range.start..place.min(range.end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_nothing_else_is_one() {
        let place = LogPosition {
            timestamp_ms: 1_790_294_508_123,
            row: 42,
        };
        let token = Cursor::Forward(place).to_string();
        assert_eq!(
            token,
            "f/30000017902945081230000000000000000000000000000000000042"
        );
        assert_eq!(Cursor::parse(&token).unwrap(), Cursor::Forward(place));
        let backward = Cursor::Backward(place).to_string();
        assert_eq!(Cursor::parse(&backward).unwrap(), Cursor::Backward(place));
        let (too_large, not_ascii) = (
            format!("f/3{}", "9".repeat(55)),
            "f/3".to_owned() + &"ü".repeat(55),
        );
        for no_token in [
            "",
            "f/",
            "f/3",
            "x/3",
            &token[1..],
            &token[..40],
            &too_large,
            &not_ascii,
        ] {
            assert!(Cursor::parse(no_token).is_err(), "{no_token}");
        }
    }
}
