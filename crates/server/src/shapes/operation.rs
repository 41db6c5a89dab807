//! Operations, found by method and path, and what came with a request for one.

use std::borrow::Cow;

use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{
    error::ShapeError,
    read::{FromInput, Reader},
};

/// The operations of a service.
pub trait OperationShape: Copy + 'static {
    /// All that are taken of the model.
    const ALL: &'static [Self];
    /// Method, path and name of the model's other operations.
    const OTHERS: &'static [(&'static str, &'static str, &'static str)];

    /// The name, e.g. `CreateApi`.
    fn name(self) -> &'static str;
    /// The method.
    fn method(self) -> &'static str;
    /// The path's template, e.g. `/v2/apis/{apiId}`.
    fn uri(self) -> &'static str;
    /// The status of success.
    fn status(self) -> u16;
}

/// What a method and path mean.
#[derive(Debug, Clone, PartialEq)]
pub enum Matched<O> {
    /// An operation, with the values of its path's members, by name.
    Operation(O, Vec<(&'static str, String)>),
    /// An operation of the service that is not taken of its model, by name.
    Other(&'static str),
}

impl<O: OperationShape> Matched<O> {
    /// The operation's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Operation(operation, _) => operation.name(),
            Self::Other(name) => name,
        }
    }

    /// The operation of `method` on the percent-decoded `segments`; `None` when the service has none
    /// there. A trailing empty segment changes nothing.
    pub fn find(method: &Method, segments: &[&str], query: &str) -> Option<Self> {
        let segments = segments.strip_suffix(&[""]).unwrap_or(segments);
        let is_of = |wanted: &str| wanted == method.as_str();
        // A query in a template, as in `/apikeys?mode=import`, is more to fulfil, so it comes first.
        let with_query = O::OTHERS
            .iter()
            .filter(|(of_method, uri, _)| is_of(of_method) && uri.contains('?'))
            .find(|(_, uri, _)| path_members(uri, segments, query).is_some());
        if let Some((_, _, name)) = with_query {
            return Some(Self::Other(name));
        }
        let own = O::ALL.iter().filter(|own| is_of(own.method()));
        let own = own
            .filter_map(|own| Some((*own, path_members(own.uri(), segments, query)?)))
            .min_by_key(|(_, members)| members.len());
        let other = O::OTHERS
            .iter()
            .filter(|(of_method, ..)| is_of(of_method))
            .filter_map(|(_, uri, name)| Some((*name, path_members(uri, segments, query)?.len())))
            .min_by_key(|(_, members)| *members);
        // Of two templates, the one with more words of its own is meant.
        match (own, other) {
            (Some((_, members)), Some((name, fewer))) if fewer < members.len() => {
                Some(Self::Other(name))
            }
            (Some((operation, members)), _) => Some(Self::Operation(operation, members)),
            (None, other) => other.map(|(name, _)| Self::Other(name)),
        }
    }
}

/// The members that `segments` give the template, when it is theirs.
fn path_members(
    uri: &'static str,
    segments: &[&str],
    query: &str,
) -> Option<Vec<(&'static str, String)>> {
    let (path, wanted_query) = uri.split_once('?').unwrap_or((uri, ""));
    if !wanted_query.is_empty() && !query.split('&').any(|pair| pair == wanted_query) {
        return None;
    }
    let template = path.trim_start_matches('/').trim_end_matches('/');
    let mut members = Vec::new();
    let mut rest = segments.iter();
    for word in template.split('/') {
        let segment = rest.next()?;
        let name = word
            .strip_prefix('{')
            .and_then(|word| word.strip_suffix('}'));
        match name {
            Some(name) if !segment.is_empty() => members.push((name, (*segment).to_owned())),
            None if word == *segment => {}
            _ => return None,
        }
    }
    rest.next().is_none().then_some(members)
}

/// What came with a request for an operation.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The values of the path's members, from [`Matched::Operation`].
    pub path: &'a [(&'static str, String)],
    /// The query, as it was sent.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body; empty counts as `{}`.
    pub body: &'a [u8],
}

impl Input<'_> {
    /// Reads the request. Members that the model does not have are ignored.
    ///
    /// # Errors
    /// [`ShapeError`], which tells of all violations.
    pub fn read<R: FromInput>(&self) -> Result<R, ShapeError> {
        let body = if R::HAS_BODY {
            self.document()?
        } else {
            Map::new()
        };
        let mut reader = Reader::default();
        let request = R::from_input(self, &body, &mut reader);
        reader.finish(request)
    }

    fn document(&self) -> Result<Map<String, Value>, ShapeError> {
        if self.body.trim_ascii().is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_slice(self.body) {
            Ok(Value::Object(members)) => Ok(members),
            Ok(_) => Err(ShapeError::no_document("an object is expected")),
            Err(error) => Err(ShapeError::no_document(&error.to_string())),
        }
    }

    pub(super) fn path_member(&self, name: &str) -> Vec<Cow<'_, str>> {
        let found = self.path.iter().find(|(of, _)| *of == name);
        found.iter().map(|(_, value)| Cow::from(value)).collect()
    }

    /// The decoded values of a query's member, in their order.
    pub fn query_members(&self, name: &str) -> Vec<Cow<'_, str>> {
        self.query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .filter(|(key, _)| decode(key) == name)
            .map(|(_, value)| decode(value))
            .collect()
    }

    pub(super) fn header_member(&self, name: &str) -> Vec<Cow<'_, str>> {
        let value = self.headers.get(name);
        value
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect()
    }
}

/// SDKs write a space as `%20`; `+` is theirs for nothing else.
fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}
