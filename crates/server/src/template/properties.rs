//! Typed reading of a resource's properties, with every fault told at its place.

use std::{collections::BTreeMap, ops::RangeInclusive, str::FromStr};

use super::{
    diagnostic::{Diagnostics, did_you_mean},
    document::{Entry, Node, Position, Value},
};
use crate::admission::Inadmissible;

/// The evaluated properties of a resource, or of an object among them.
#[derive(Clone)]
pub(super) struct Properties<'a> {
    /// What they belong to, for messages: `AWS::ApiGatewayV2::Stage` or `AccessLogSettings`.
    owner: &'a str,
    pub(super) position: Position,
    entries: &'a [Entry],
    pub(super) diagnostics: &'a Diagnostics,
}

impl<'a> Properties<'a> {
    /// Reads `node`, refusing properties that the owner does not have and missing required ones.
    /// `None` when it cannot be read further.
    pub(super) fn new(
        owner: &'a str,
        node: &'a Node,
        position: Position,
        required: &[&str],
        optional: &[&str],
        diagnostics: &'a Diagnostics,
    ) -> Option<Self> {
        let entries = match &node.value {
            Value::Map(entries) => entries,
            Value::Unknown => return None,
            _ => {
                let message = format!("{owner} must be a mapping, this is {}", node.kind());
                diagnostics.error(node.position, message, "");
                return None;
            }
        };
        let properties = Self {
            owner,
            position,
            entries,
            diagnostics,
        };
        let known = || required.iter().chain(optional).copied();
        for entry in entries {
            if !known().any(|name| name == entry.key) {
                diagnostics.error(
                    entry.position,
                    format!("{owner} has no property `{}`", entry.key),
                    did_you_mean(&entry.key, known(), "remove it"),
                );
            }
        }
        let mut is_whole = true;
        for name in required {
            if properties.node(name).is_none() {
                diagnostics.error(
                    position,
                    format!("{owner} needs the property {name}"),
                    "add it",
                );
                is_whole = false;
            }
        }
        is_whole.then_some(properties)
    }

    /// The property's value, unless it is absent or null.
    pub(super) fn node(&self, name: &str) -> Option<&'a Node> {
        self.entries
            .iter()
            .find(|entry| entry.key == name && entry.value.value != Value::Null)
            .map(|entry| &entry.value)
    }

    /// Where the property stands, or the resource when it does not.
    pub(super) fn place(&self, name: &str) -> Position {
        self.node(name).map_or(self.position, |node| node.position)
    }

    /// Tells that a property is wrong, at its place.
    pub(super) fn error(&self, name: &str, message: impl Into<String>, mend: impl Into<String>) {
        self.diagnostics.error(self.place(name), message, mend);
    }

    /// Tells that AWS does not admit a property, at its place.
    pub(super) fn refuse(&self, name: &str, refused: &Inadmissible) {
        self.error(name, refused.to_string(), refused.mend());
    }

    /// Tells of a property what `admitted` has against it; what it gives, if it has nothing.
    pub(super) fn admitted<T>(&self, name: &str, admitted: Result<T, Inadmissible>) -> Option<T> {
        admitted.map_err(|refused| self.refuse(name, &refused)).ok()
    }

    /// Warns of a property, at its place.
    pub(super) fn warn(&self, name: &str, message: impl Into<String>, mend: impl Into<String>) {
        self.diagnostics.warn(self.place(name), message, mend);
    }

    /// Warns of a property that AWS takes in vain too, at its place.
    pub(super) fn warn_on_aws_too(
        &self,
        name: &str,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.diagnostics
            .warn_on_aws_too(self.place(name), message, mend);
    }

    /// A string; numbers and booleans are taken by their text, as AWS does.
    pub(super) fn string(&self, name: &str) -> Option<String> {
        let node = self.node(name)?;
        node.as_text()
            .map(str::to_owned)
            .or_else(|| self.wrong_type(name, node, "a string"))
    }

    /// One of some words.
    pub(super) fn one_of(&self, name: &str, words: &[&str]) -> Option<String> {
        let text = self.string(name)?;
        if words.contains(&text.as_str()) {
            return Some(text);
        }
        let words = words.join(", ");
        self.error(
            name,
            format!("{name} is `{text}`"),
            format!("it must be one of {words}"),
        );
        None
    }

    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        let node = self.node(name)?;
        match node.as_text().map(str::to_ascii_lowercase).as_deref() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => self.wrong_type(name, node, "true or false"),
        }
    }

    /// A whole number within `range`.
    pub(super) fn integer<T>(&self, name: &str, range: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        let node = self.node(name)?;
        let Some(number) = node.as_text().and_then(|text| text.parse::<T>().ok()) else {
            return self.wrong_type(name, node, "a whole number");
        };
        if range.contains(&number) {
            return Some(number);
        }
        let (least, most) = (range.start(), range.end());
        self.error(
            name,
            format!("{name} is {number}"),
            format!("it must be {least} to {most}"),
        );
        None
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        let node = self.node(name)?;
        let number = node.as_text().and_then(|text| text.parse::<f64>().ok());
        number.or_else(|| self.wrong_type(name, node, "a number"))
    }

    /// A list of strings; a single one stands for a list of one.
    pub(super) fn strings(&self, name: &str) -> Vec<String> {
        let Some(node) = self.node(name) else {
            return Vec::new();
        };
        node.as_list()
            .unwrap_or(std::slice::from_ref(node))
            .iter()
            .filter_map(|item| match item.as_text() {
                Some(text) => Some(text.to_owned()),
                None => self.wrong_type(name, item, "a list of strings"),
            })
            .collect()
    }

    /// The entries of a mapping.
    pub(super) fn entries_of(&self, name: &str) -> &'a [Entry] {
        let Some(node) = self.node(name) else {
            return &[];
        };
        if let Value::Map(entries) = &node.value {
            return entries;
        }
        self.wrong_type::<()>(name, node, "a mapping");
        &[]
    }

    /// A mapping of strings to strings.
    pub(super) fn string_map(&self, name: &str) -> BTreeMap<String, String> {
        let entries = self.entries_of(name).iter();
        entries
            .filter_map(|entry| match entry.value.as_text() {
                Some(text) => Some((entry.key.clone(), text.to_owned())),
                None if entry.value.value == Value::Null => {
                    Some((entry.key.clone(), String::new()))
                }
                None => {
                    let what = format!("{name}.{}", entry.key);
                    self.wrong_type(&what, &entry.value, "a string")
                }
            })
            .collect()
    }

    /// An object with properties of its own.
    pub(super) fn object(
        &self,
        name: &'a str,
        required: &[&str],
        optional: &[&str],
    ) -> Option<Properties<'a>> {
        let node = self.node(name)?;
        Self::new(
            name,
            node,
            node.position,
            required,
            optional,
            self.diagnostics,
        )
    }

    /// Tells of a wrong type, unless the value's error was told before.
    fn wrong_type<T>(&self, name: &str, node: &Node, wanted: &str) -> Option<T> {
        if node.value != Value::Unknown {
            let owner = self.owner;
            let message = format!(
                "{name} of {owner} must be {wanted}, this is {}",
                node.kind()
            );
            self.diagnostics.error(node.position, message, "");
        }
        None
    }
}
