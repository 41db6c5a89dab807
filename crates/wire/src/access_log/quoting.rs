//! Values that clients choose stay in their place of the row, in whatever the row is written.

use std::fmt::Write as _;

/// Characters of a value that a row shows.
const MAX_VALUE: usize = 1024;

/// What a format looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Json,
    Xml,
    /// CLF, CSV, and whatever else.
    Text,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Within a string of JSON, or within quotes: `"` and `\` have a `\` before them.
    Backslash,
    /// Within XML.
    Entities,
    /// As a whole cell of CSV: in quotes where it must be.
    Cell,
}

impl Style {
    pub(super) fn of(format: &str) -> Self {
        match format.trim_start().chars().next() {
            Some('{' | '[') => Self::Json,
            Some('<') => Self::Xml,
            _ => Self::Text,
        }
    }

    /// The quoting of a variable; `is_cell` when commas are around it.
    pub(super) fn quoting(self, is_cell: bool) -> Quoting {
        match self {
            Self::Xml => Quoting::Entities,
            Self::Text if is_cell => Quoting::Cell,
            Self::Json | Self::Text => Quoting::Backslash,
        }
    }
}

impl Quoting {
    /// Appends a value.
    pub(super) fn push(self, value: &str, line: &mut String) {
        let needs_quotes = self == Self::Cell && value.contains(['"', ',']);
        if needs_quotes {
            line.push('"');
        }
        for c in value.chars().take(MAX_VALUE) {
            match (self, c) {
                (_, c) if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                    // Writing to a String does not fail.
                    let _ = write!(line, "\\u{:04x}", u32::from(c));
                }
                (Self::Backslash, '"' | '\\') => line.extend(['\\', c]),
                (Self::Cell, '"') => line.push_str("\"\""),
                (Self::Entities, '&') => line.push_str("&amp;"),
                (Self::Entities, '<') => line.push_str("&lt;"),
                (Self::Entities, '>') => line.push_str("&gt;"),
                (Self::Entities, '"') => line.push_str("&quot;"),
                (Self::Entities, '\'') => line.push_str("&apos;"),
                (_, c) => line.push(c),
            }
        }
        if needs_quotes {
            line.push('"');
        }
    }
}
