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

    /// As AWS's logs show it: `*` for every character but the last six. Of a short one less is
    /// shown, so that six at least are hidden.
    pub fn masked(&self) -> String {
        let length = self.0.chars().count();
        let hidden = length.saturating_sub(6).max(length.min(6));
        let shown = self.0.chars().skip(hidden);
        "*".repeat(hidden).chars().chain(shown).collect()
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
        assert_eq!(Secret::new("secret").masked(), "******");
        assert_eq!(Secret::new("a secret").masked(), "******et");
        assert_eq!(format!("{secret:?}"), "****");
    }
}
