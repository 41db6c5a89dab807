//! A value that never reaches a log.

use std::fmt;

/// Text that prints as `****` and must be asked for by name.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// As AWS's logs show it: `*` for every character but the last six. What is so short that
    /// they would tell it shows none, and what is longer than any API key not its length.
    pub fn masked(&self) -> String {
        let length = self.0.chars().count();
        let hidden = if length < 12 { length } else { length - 6 };
        let shown = self.0.chars().skip(hidden);
        let stars = hidden.min(128);
        "*".repeat(stars).chars().chain(shown).collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_its_last_six_characters_only_where_it_is_asked_to() {
        let secret = Secret::new("0123456789abcdefghij");
        assert_eq!(secret.masked(), "**************efghij");
        assert_eq!(Secret::new("a secret").masked(), "********");
        assert_eq!(Secret::new("").masked(), "");
        assert_eq!(Secret::new("x".repeat(60_000)).masked().len(), 134);
        assert_eq!(format!("{secret:?}"), "****");
    }
}
