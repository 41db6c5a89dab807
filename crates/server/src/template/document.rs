//! A YAML or JSON document as a tree in which every value knows its place.

use super::{json, yaml};

/// The deepest nesting that is read: templates on AWS are far shallower, and a bounded depth keeps
/// every walk of the tree within the stack.
pub(crate) const MAX_DEPTH: usize = 64;
/// The most values that a document may have, aliases expanded.
pub(crate) const MAX_NODES: usize = 500_000;
/// The largest file that is read, bytes. AWS takes 1 MB from a bucket.
pub(crate) const MAX_BYTES: usize = 8 << 20;

/// A place in the template, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Position {
    /// The beginning of the file.
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) position: Position,
}

/// A value. Numbers keep their text, so that an account id such as `012345678901` stays whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// A value that could not be resolved; its error has been told.
    Unknown,
}

/// A key of a mapping with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) position: Position,
    pub(crate) value: Node,
}

/// Why a document could not be read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) position: Position,
    pub(crate) message: String,
}

impl SyntaxError {
    pub(crate) fn new(position: Position, message: impl Into<String>) -> Self {
        Self {
            position,
            message: message.into(),
        }
    }
}

/// Parses a template: JSON when it begins with `{`, else YAML.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        // A YAML flow mapping begins so too; what is not JSON may still be YAML.
        return json::parse(text).or_else(|error| yaml::parse(text).map_err(|_| error));
    }
    yaml::parse(text)
}

impl Node {
    pub(crate) fn new(value: Value, position: Position) -> Self {
        Self { value, position }
    }

    pub(crate) fn string(text: impl Into<String>, position: Position) -> Self {
        Self::new(Value::String(text.into()), position)
    }

    pub(crate) fn map<'k>(
        entries: impl IntoIterator<Item = (&'k str, Node)>,
        position: Position,
    ) -> Self {
        let entries = entries
            .into_iter()
            .map(|(key, value)| Entry::new(key, value))
            .collect();
        Self::new(Value::Map(entries), position)
    }

    /// The entries of a mapping; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }

    pub(crate) fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The text of a scalar: CloudFormation converts numbers and booleans to strings freely.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) | Value::Number(text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            _ => None,
        }
    }

    /// What kind of value it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Unknown => "unknown",
        }
    }

    /// As JSON, in the order of the template. An unresolved value is `null`.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null | Value::Unknown => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(text) => {
                serde_json::from_str(text).map_or_else(|_| Json::String(text.clone()), Json::Number)
            }
            Value::String(text) => Json::String(text.clone()),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.value.to_json()))
                .collect(),
        }
    }
}

impl Entry {
    /// An entry that is placed where its value is.
    pub(crate) fn new(key: &str, value: Node) -> Self {
        Self {
            key: key.to_owned(),
            position: value.position,
            value,
        }
    }
}
