//! Headers and query parameters as events show them: once with one value, once with all.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

/// A name and its values, in the order they were sent.
pub(super) type Values<'a> = (Cow<'a, str>, Vec<&'a str>);

/// Brings together the values of each name; names stay in the order of their first value.
pub(super) fn group<'a>(
    pairs: impl IntoIterator<Item = (Cow<'a, str>, &'a str)>,
) -> Vec<Values<'a>> {
    let mut grouped: Vec<Values<'a>> = Vec::new();
    for (name, value) in pairs {
        match grouped.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => grouped.push((name, vec![value])),
        }
    }
    grouped
}

/// The map with one value for each name: the last.
pub(super) struct LastOfEach<'a>(pub(super) &'a [Values<'a>]);

impl Serialize for LastOfEach<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, values)| (name, values.last())))
    }
}

/// The map with all values of each name.
pub(super) struct AllOfEach<'a>(pub(super) &'a [Values<'a>]);

impl Serialize for AllOfEach<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, values)| (name, values)))
    }
}
