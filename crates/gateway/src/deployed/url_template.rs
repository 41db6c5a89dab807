//! The URL of an HTTP backend, with `{name}` in its path for `integration.request.path.name`.
//! What fills it stays within its place: a segment of the path, or a value of the query.

use std::fmt::Write as _;

use hyper::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but RFC 3986's unreserved characters is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A URL whose path may have variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    /// Scheme and authority.
    origin: String,
    path: Vec<Piece>,
    query: Option<String>,
    /// The whole, when nothing must be filled in.
    fixed: Option<Uri>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Variable(String),
}

/// Text that no backend can be called with. What requests fill in is no part of it: that may be
/// long, and secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid endpoint address: {url}: {problem}")]
pub struct InvalidUrl {
    /// The text.
    pub url: String,
    /// What is wrong with it.
    pub problem: String,
}

impl UrlTemplate {
    /// Parses an absolute `http` or `https` URL; its fragment is dropped.
    ///
    /// # Errors
    /// [`InvalidUrl`].
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let invalid = |problem: &str| InvalidUrl {
            url: text.to_owned(),
            problem: problem.to_owned(),
        };
        let (url, _fragment) = text.split_once('#').unwrap_or((text, ""));
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(invalid("it is no URL"));
        };
        if !["http", "https"].contains(&&*scheme.to_ascii_lowercase()) {
            return Err(invalid("only http and https can be called"));
        }
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(invalid("it holds a user name"));
        }
        if authority.contains(['{', '}']) {
            return Err(invalid("a request parameter cannot choose the host"));
        }
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (rest, None),
        };
        let mut template = Self {
            origin: format!("{scheme}://{authority}"),
            path: pieces(path).ok_or_else(|| invalid("a `{` of its path is not closed"))?,
            query,
            fixed: None,
        };
        let is_fixed = template.variables().next().is_none();
        let uri = template
            .fill(|_| Some("x"), &[])
            .map_err(|_| invalid("it is no URL"))?;
        template.fixed = is_fixed.then_some(uri);
        Ok(template)
    }

    /// The names of the path's variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.path.iter().filter_map(|piece| match piece {
            Piece::Variable(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// The query that stands in it.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The URL with the path's variables and a further query filled in.
    ///
    /// # Errors
    /// [`InvalidUrl`] when a variable has no value: without it, another resource would be meant.
    pub fn fill<'v>(
        &self,
        value: impl Fn(&str) -> Option<&'v str>,
        query: &[(String, String)],
    ) -> Result<Uri, InvalidUrl> {
        if let Some(fixed) = self.fixed.as_ref().filter(|_| query.is_empty()) {
            return Ok(fixed.clone());
        }
        let mut url = self.origin.clone();
        for piece in &self.path {
            match piece {
                Piece::Literal(text) => url.push_str(text),
                Piece::Variable(name) => {
                    let Some(value) = value(name).filter(|value| !value.is_empty()) else {
                        let problem = format!("the path parameter {name} has no value");
                        return Err(self.invalid(problem));
                    };
                    url.extend(utf8_percent_encode(value, ENCODED));
                }
            }
        }
        if self.path.is_empty() {
            url.push('/');
        }
        let mut separator = '?';
        if let Some(query) = &self.query {
            url.push(separator);
            url.push_str(query);
            separator = '&';
        }
        for (name, value) in query {
            url.push(separator);
            url.extend(utf8_percent_encode(name, ENCODED));
            url.push('=');
            url.extend(utf8_percent_encode(value, ENCODED));
            separator = '&';
        }
        url.parse().map_err(|_| {
            let problem = "it is no URL, or a too long one, once its parameters are filled in";
            self.invalid(problem.to_owned())
        })
    }

    fn invalid(&self, problem: String) -> InvalidUrl {
        let mut url = self.origin.clone();
        for piece in &self.path {
            match piece {
                Piece::Literal(text) => url.push_str(text),
                // Writing to a String does not fail.
                Piece::Variable(name) => drop(write!(url, "{{{name}}}")),
            }
        }
        InvalidUrl { url, problem }
    }
}

/// Splits a path at its `{name}`; `None` when a brace has no partner.
fn pieces(path: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = path;
    while let Some((literal, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        pieces.push(Piece::Variable(name.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(url: &str, id: Option<&str>, query: &[(&str, &str)]) -> Result<String, String> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let query: Vec<_> = query.iter().map(own).collect();
        UrlTemplate::parse(url)
            .and_then(|url| url.fill(|name| id.filter(|_| name == "id"), &query))
            .map(|uri| uri.to_string())
            .map_err(|error| error.problem)
    }

    #[test]
    fn path_and_query_are_filled_in() {
        for (url, id, query, filled) in [
            ("http://h", None, &[][..], "http://h/"),
            ("https://h:8443?a=1", None, &[], "https://h:8443/?a=1"),
            ("http://h/x#y", None, &[("q", "v")], "http://h/x?q=v"),
            (
                "http://h/{id}/x?a=1",
                Some("room 1"),
                &[("q", "a&b=c"), ("q", "#")],
                "http://h/room%201/x?a=1&q=a%26b%3Dc&q=%23",
            ),
            (
                "http://h/a-{id}.json",
                Some("ü"),
                &[],
                "http://h/a-%C3%BC.json",
            ),
            ("http://h/{id}", Some("{id}"), &[], "http://h/%7Bid%7D"),
            ("http://h/{id}", Some("x?y#z"), &[], "http://h/x%3Fy%23z"),
        ] {
            assert_eq!(fill(url, id, query).as_deref(), Ok(filled), "{url}");
        }
    }

    #[test]
    fn a_path_variable_needs_a_value() {
        let problem = Err("the path parameter id has no value");
        for id in [None, Some("")] {
            let filled = fill("http://h/rooms/{id}", id, &[]);
            assert_eq!(filled.as_deref().map_err(String::as_str), problem);
        }
    }

    #[test]
    fn a_failure_names_the_url_without_what_fills_it() {
        let url = UrlTemplate::parse("http://h/{room}/{id}?key=operators").unwrap();
        let secret = "secret".repeat(20_000);
        let query = [("token".to_owned(), secret.clone())];
        for id in [None, Some("7")] {
            let filled = url.fill(|name| if name == "id" { id } else { Some(&secret) }, &query);
            let error = filled.unwrap_err();
            assert_eq!(error.url, "http://h/{room}/{id}");
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn urls_that_hide_their_host_are_refused() {
        for url in [
            "http://user@host/",
            "http://{id}.example.com/",
            "http://h/{id",
            "http:///x",
            "http://h /x",
            "http://h/a b",
            "file:///etc/passwd",
            "/relative",
            "not a url",
            "",
        ] {
            assert!(UrlTemplate::parse(url).is_err(), "{url}");
        }
    }
}
