//! `JSONPath` in the dialect of Jayway's library, which AWS uses: children in dots and brackets,
//! indexes, slices, unions, wildcards, deep scans, filters, and functions at the end.

pub(crate) mod document;
pub(crate) mod evaluate;
mod filter;
mod function;
mod parser;

use std::borrow::Cow;

use serde_json::Value;

pub(crate) use self::{evaluate::Found, function::Made};
use self::{
    evaluate::{Work, evaluate},
    filter::Filter,
    function::Call,
};
use super::{ExpressionError, number::Number, to_java_string};

/// How many values one path may look at.
const MAX_WORK: usize = 1_000_000;

/// A path into a JSON document.
#[derive(Debug, Clone)]
pub struct JsonPath {
    source: Box<str>,
    steps: Vec<Step>,
    function: Option<Box<Call>>,
}

#[derive(Debug, Clone)]
struct Step {
    /// Whether the selector applies to every value below as well (`..`).
    deep: bool,
    selector: Selector,
}

#[derive(Debug, Clone)]
enum Selector {
    /// `.name`, `['name']`, `['a','b']`.
    Names(Vec<String>),
    /// `[0]`, `[-1]`, `[0,2]`.
    Indexes(Vec<i64>),
    /// `[from:to]`.
    Slice(Option<i64>, Option<i64>),
    /// `.*`, `[*]`.
    Wildcard,
    /// `[?(…)]`.
    Filter(Box<Filter>),
}

impl PartialEq for JsonPath {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for JsonPath {}

impl JsonPath {
    /// Parses a path. As in Jayway's library the leading `$` may be missing.
    pub fn parse(path: &str) -> Result<Self, ExpressionError> {
        parser::parse(path)
    }

    /// What the path stands for: the match of a definite path, else the list of all matches.
    /// A path that would have to look at more than a million values finds nothing.
    pub fn value<'v>(&self, value: &'v Value) -> Option<Cow<'v, Value>> {
        let mut work = Work::new(MAX_WORK);
        let object = |members: Vec<(&str, &Value)>| {
            let members = members.into_iter();
            Value::Object(
                members
                    .map(|(name, member)| (name.to_owned(), member.clone()))
                    .collect(),
            )
        };
        Some(match evaluate(self, value, value, &mut work).ok()? {
            Found::Nothing => return None,
            Found::One(value) => Cow::Borrowed(value),
            Found::Many(values) => Cow::Owned(values.into_iter().cloned().collect()),
            Found::Members(members) => Cow::Owned(object(members)),
            Found::ManyMembers(all) => Cow::Owned(all.into_iter().map(object).collect()),
            Found::Made(Made::Text(text)) => Cow::Owned(Value::String(text)),
            Found::Made(Made::Texts(texts)) => Cow::Owned(texts.into_iter().collect()),
            Found::Made(Made::Number(Number::Whole(whole))) => {
                Cow::Owned(i64::try_from(whole).ok()?.into())
            }
            Found::Made(Made::Number(Number::Double(double))) => Cow::Owned(double.into()),
        })
    }

    /// [`Self::value`] as text.
    pub fn text(&self, value: &Value) -> Option<String> {
        self.value(value).map(|found| to_java_string(&found))
    }

    /// The names of a path that has nothing else.
    pub(super) fn names(&self) -> Option<Vec<&str>> {
        if self.function.is_some() {
            return None;
        }
        self.steps
            .iter()
            .map(|step| match &step.selector {
                Selector::Names(names) if !step.deep && names.len() == 1 => Some(&*names[0]),
                _ => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
