//! What API Gateway does not admit of an API's parts, in its own words where they are known
//! (control-and-observability spec D.5). What a template declares and what a call makes are held to
//! the same.

pub(crate) mod authorizer;
pub(crate) mod integration;
pub(crate) mod model;
pub(crate) mod route;

/// Why something is not admitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Inadmissible {
    message: String,
    mend: String,
    is_in_awss_words: bool,
}

impl Inadmissible {
    /// What AWS says, and what to do about it.
    fn of_aws(message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            mend: mend.into(),
            is_in_awss_words: true,
        }
    }

    /// What is said where AWS's words are not known.
    fn of_ours(message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            mend: mend.into(),
            is_in_awss_words: false,
        }
    }

    /// What to do.
    pub(crate) fn mend(&self) -> &str {
        &self.mend
    }

    /// What a call is answered: AWS's words as they are, ours with the mend.
    pub(crate) fn answer(self) -> String {
        if self.is_in_awss_words || self.mend.is_empty() {
            self.message
        } else {
            format!("{}: {}", self.message, self.mend)
        }
    }
}

/// Whether `text` is `prefix` with a name behind it.
fn is_below(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|name| {
        !name.is_empty()
            && name
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || b"._$-".contains(&c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awss_words_stay_as_they_are_and_ours_say_the_mend() {
        let aws = Inadmissible::of_aws("Invalid role ARN", "write !GetAtt Role.Arn");
        assert_eq!(aws.mend(), "write !GetAtt Role.Arn");
        assert_eq!(aws.answer(), "Invalid role ARN");
        let ours = Inadmissible::of_ours("`x` is no HTTP URL", "begin it with http://");
        assert_eq!(ours.to_string(), "`x` is no HTTP URL");
        assert_eq!(ours.answer(), "`x` is no HTTP URL: begin it with http://");
        assert_eq!(Inadmissible::of_ours("no", "").answer(), "no");
    }
}
