//! Paths and queries, percent-decoded after they are split: an encoded `/` is part of its segment.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::rescue::ControlPlaneError;

/// The decoded segments of a path.
pub(super) fn segments(path: &str) -> Result<Vec<Cow<'_, str>>, ControlPlaneError> {
    path.strip_prefix('/')
        .unwrap_or(path)
        .split('/')
        .map(decode)
        .collect()
}

/// The decoded value of a query parameter; the first, when it stands there more than once.
pub(super) fn parameter<'a>(
    query: &'a str,
    name: &str,
) -> Result<Option<Cow<'a, str>>, ControlPlaneError> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| decode(value))
        .transpose()
}

fn decode(text: &str) -> Result<Cow<'_, str>, ControlPlaneError> {
    percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| ControlPlaneError::NotUtf8(text.to_owned()))
}
