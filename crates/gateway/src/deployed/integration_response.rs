//! Integration responses: which one an answer selects (data-plane spec 5.8).

use gatepost_model::integration::ContentHandlingStrategy;
use gatepost_wire::expression::java_regex::{JavaRegex, JavaRegexError};

use super::Templates;

/// The integration responses of an integration, in the order they were made.
#[derive(Debug)]
pub struct IntegrationResponses {
    /// What of the answer selects one.
    pub selection: ResponseSelection,
    /// The responses.
    pub responses: Vec<DeployedIntegrationResponse>,
}

/// `integrationResponseSelectionExpression`, which AWS fixes for each kind of integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseSelection {
    /// `$integration.response.body.errorMessage`: Lambda custom.
    ErrorMessage,
    /// `$integration.response.statuscode`: all others.
    StatusCode,
}

/// An integration response.
#[derive(Debug)]
pub struct DeployedIntegrationResponse {
    /// Which answers it is for.
    pub key: ResponseKey,
    /// `responseTemplates` with their `templateSelectionExpression`.
    pub response_templates: Templates,
    /// `contentHandlingStrategy` of the response.
    pub content_handling: Option<ContentHandlingStrategy>,
}

impl IntegrationResponses {
    /// The response for what the selection expression evaluates to: the first whose `/regex/`
    /// matches, else `$default`. Nothing (a function that did not fail) is for `$default` alone.
    pub fn select(&self, value: Option<&str>) -> Option<&DeployedIntegrationResponse> {
        let matches = |response: &&DeployedIntegrationResponse| {
            value.is_some_and(|value| response.key.matches(value))
        };
        let is_default =
            |response: &&DeployedIntegrationResponse| matches!(response.key, ResponseKey::Default);
        let mut responses = self.responses.iter();
        responses
            .clone()
            .find(matches)
            .or_else(|| responses.find(is_default))
    }
}

/// `integrationResponseKey`.
#[derive(Debug)]
pub enum ResponseKey {
    /// `$default`.
    Default,
    /// `/regex/` in Java's dialect, matched against the whole value.
    Pattern(Box<JavaRegex>),
}

/// A key that AWS refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidResponseKey {
    /// Neither form.
    #[error("the integration response key `{0}` is not one; write $default or /regex/")]
    NoKey(String),
    /// No regular expression between the slashes.
    #[error("the integration response key `{key}`: {problem}")]
    NoRegex {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: JavaRegexError,
    },
}

impl ResponseKey {
    /// Parses `$default` or `/regex/`.
    ///
    /// # Errors
    /// [`InvalidResponseKey`].
    pub fn parse(key: &str) -> Result<Self, InvalidResponseKey> {
        if key == "$default" {
            return Ok(Self::Default);
        }
        let pattern = key
            .strip_prefix('/')
            .and_then(|key| key.strip_suffix('/'))
            .filter(|pattern| !pattern.is_empty())
            .ok_or_else(|| InvalidResponseKey::NoKey(key.to_owned()))?;
        match JavaRegex::whole(pattern) {
            Ok(whole) => Ok(Self::Pattern(Box::new(whole))),
            Err(problem) => Err(InvalidResponseKey::NoRegex {
                key: key.to_owned(),
                problem,
            }),
        }
    }

    /// Whether the whole of `value` matches; of `$default` nothing does.
    pub fn matches(&self, value: &str) -> bool {
        match self {
            Self::Default => false,
            // An expression that takes too many steps matches nothing.
            Self::Pattern(pattern) => pattern.is_match(value).unwrap_or(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn responses(keys: &[&str]) -> IntegrationResponses {
        let response = |key: &&str| DeployedIntegrationResponse {
            key: ResponseKey::parse(key).unwrap(),
            response_templates: Templates::default(),
            content_handling: None,
        };
        IntegrationResponses {
            selection: ResponseSelection::StatusCode,
            responses: keys.iter().map(response).collect(),
        }
    }

    fn selected(keys: &[&str], value: Option<&str>) -> Option<usize> {
        let responses = responses(keys);
        let selected = responses.select(value)?;
        responses
            .responses
            .iter()
            .position(|response| std::ptr::eq(response, selected))
    }

    #[test]
    fn the_first_key_that_matches_the_whole_value_is_selected_else_default() {
        let keys = ["$default", r"/2\d\d/", "/20[0-4]|404/", "/4\\d{2}/"];
        for (value, index) in [
            (Some("200"), 1),
            (Some("404"), 2),
            (Some("410"), 3),
            (Some("500"), 0),
            (Some("2000"), 0),
            (Some(""), 0),
            (None, 0),
        ] {
            assert_eq!(selected(&keys, value), Some(index), "{value:?}");
        }
        assert_eq!(selected(&["/200/"], Some("500")), None);
        assert_eq!(selected(&[], Some("200")), None);
    }

    #[test]
    fn nothing_is_for_default_alone() {
        assert_eq!(selected(&["/.*/"], None), None);
        assert_eq!(selected(&["/.*/"], Some("")), Some(0));
        assert_eq!(selected(&["/.*/", "$default"], None), Some(1));
    }

    #[test]
    fn keys_are_in_javas_dialect() {
        for (key, value) in [
            (r"/(?!2\d\d)\d+/", "404"),
            ("/(?s).*Bad Request.*/", "line\nBad Request: x"),
            ("/(.|\n)*denied(.|\n)*/", "a\ndenied\nb"),
            (r"/a++b/", "aab"),
            (r"/(\w)\1/", "aa"),
            (r"/\[Not Found\].*/", "[Not Found] room"),
            ("/a/b/", "a/b"),
        ] {
            assert_eq!(selected(&[key], Some(value)), Some(0), "{key}");
        }
        assert_eq!(selected(&[r"/(?!2\d\d)\d+/"], Some("204")), None);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for key in [
            "", "default", "200", "/", "//", "/(/", "/a)|(b/", "/[/", "/*/",
        ] {
            assert!(ResponseKey::parse(key).is_err(), "{key}");
        }
    }

    #[test]
    fn a_key_that_backtracks_without_end_matches_nothing() {
        let long = "a".repeat(4096);
        assert_eq!(selected(&[r"/(a*)*\1b/"], Some(&long)), None);
    }
}
