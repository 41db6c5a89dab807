//! `JSONPath` in the dialect of Jayway's library, which AWS uses: children in dots and brackets,
//! indexes, slices, unions, wildcards and one deep scan. Filters and functions are refused.

mod parser;

use std::borrow::Cow;

use serde_json::Value;

use super::{ExpressionError, to_java_string};

/// A path into a JSON document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    /// Whether the selector applies to every value below as well (`..`).
    deep: bool,
    selector: Selector,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Selector {
    /// `.name`, `['name']`, `['a','b']`.
    Names(Vec<String>),
    /// `[0]`, `[-1]`, `[0,2]`.
    Indexes(Vec<i64>),
    /// `[from:to]`.
    Slice(Option<i64>, Option<i64>),
    /// `.*`, `[*]`.
    Wildcard,
}

impl JsonPath {
    /// Parses a path. As in Jayway's library the leading `$` may be missing.
    pub fn parse(path: &str) -> Result<Self, ExpressionError> {
        parser::parse(path)
    }

    /// The first match in `value`.
    pub fn first<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        if !self.definite() {
            return self.all(value).into_iter().next();
        }
        self.steps.iter().try_fold(value, |value, step| {
            let mut found = None;
            step.selector
                .select(value, &mut |child| found = Some(child));
            found
        })
    }

    /// All matches in `value`, each value before those below it.
    pub fn all<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut matches = vec![value];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in matches {
                step.select(value, &mut |child| next.push(child));
            }
            matches = next;
        }
        matches
    }

    /// Whether the path names at most one value.
    pub fn definite(&self) -> bool {
        self.steps.iter().all(|step| {
            !step.deep
                && match &step.selector {
                    Selector::Names(names) => names.len() == 1,
                    Selector::Indexes(indexes) => indexes.len() == 1,
                    Selector::Slice(..) | Selector::Wildcard => false,
                }
        })
    }

    /// What the path stands for: the match of a definite path, else the list of all matches.
    pub fn value<'v>(&self, value: &'v Value) -> Option<Cow<'v, Value>> {
        if self.definite() {
            self.first(value).map(Cow::Borrowed)
        } else {
            let matches = self.all(value).into_iter().cloned().collect();
            Some(Cow::Owned(Value::Array(matches)))
        }
    }

    /// [`Self::value`] as text.
    pub fn text(&self, value: &Value) -> Option<String> {
        self.value(value).map(|found| to_java_string(&found))
    }

    /// The names of a path that has nothing else.
    pub(super) fn names(&self) -> Option<Vec<&str>> {
        self.steps
            .iter()
            .map(|step| match &step.selector {
                Selector::Names(names) if !step.deep && names.len() == 1 => Some(&*names[0]),
                _ => None,
            })
            .collect()
    }
}

impl Step {
    fn select<'v>(&self, value: &'v Value, found: &mut dyn FnMut(&'v Value)) {
        self.selector.select(value, found);
        if self.deep {
            let mut children = Vec::new();
            Selector::Wildcard.select(value, &mut |child| children.push(child));
            for child in children {
                self.select(child, found);
            }
        }
    }
}

impl Selector {
    fn select<'v>(&self, value: &'v Value, found: &mut dyn FnMut(&'v Value)) {
        match (self, value) {
            (Self::Names(names), Value::Object(members)) => {
                names
                    .iter()
                    .filter_map(|name| members.get(name))
                    .for_each(found);
            }
            (Self::Indexes(indexes), Value::Array(items)) => indexes
                .iter()
                .filter_map(|index| items.get(position(*index, items.len())?))
                .for_each(found),
            (Self::Slice(from, to), Value::Array(items)) => {
                let bound = |index: Option<i64>, open| match index {
                    None => open,
                    Some(index) => position(index, items.len()).unwrap_or(0).min(items.len()),
                };
                let range = bound(*from, 0)..bound(*to, items.len());
                items.get(range).unwrap_or_default().iter().for_each(found);
            }
            (Self::Wildcard, Value::Array(items)) => items.iter().for_each(found),
            (Self::Wildcard, Value::Object(members)) => members.values().for_each(found),
            _ => {}
        }
    }
}

/// The position that an index means; a negative one counts from the end.
fn position(index: i64, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(position) => Some(position),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn all(path: &str, value: &Value) -> Value {
        let path = JsonPath::parse(path).unwrap();
        path.all(value).into_iter().cloned().collect()
    }

    #[test]
    fn every_step_selects_what_it_names() {
        let value = json!({
            "a": {"b-c": [1, 2, 3], "d.e": "x", "it's": 5},
            "s": [{"n": 1}, {"n": 2}],
        });
        for (path, expected) in [
            ("$", json!([value])),
            ("$.a.b-c", json!([[1, 2, 3]])),
            ("a.b-c[0]", json!([1])),
            ("$.a.b-c[-1]", json!([3])),
            ("$.a.b-c[7]", json!([])),
            ("$.a.b-c[-4]", json!([])),
            ("$['a'][\"d.e\"]", json!(["x"])),
            ("$.a['it\\'s']", json!([5])),
            ("$.a['d.e','it\\'s']", json!(["x", 5])),
            ("$.a.b-c[0,2]", json!([1, 3])),
            ("$.a.b-c[1:]", json!([2, 3])),
            ("$.a.b-c[:-1]", json!([1, 2])),
            ("$.a.b-c[-9:9]", json!([1, 2, 3])),
            ("$.a.b-c[2:1]", json!([])),
            ("$.a.b-c[*]", json!([1, 2, 3])),
            ("$.s[*].n", json!([1, 2])),
            ("$..n", json!([1, 2])),
            ("$.s..[0]", json!([{"n": 1}])),
            ("$.s..*", json!([{"n": 1}, {"n": 2}, 1, 2])),
            ("$.a.b", json!([])),
            ("$.s.n", json!([])),
        ] {
            assert_eq!(all(path, &value), expected, "{path}");
        }
    }

    #[test]
    fn an_indefinite_path_stands_for_the_list_of_its_matches() {
        let value = json!({"s": [{"n": 1}, {"n": "x"}]});
        let text = |path: &str| JsonPath::parse(path).unwrap().text(&value);
        assert_eq!(text("$.s[*].n").as_deref(), Some("[1, x]"));
        assert_eq!(text("$..missing").as_deref(), Some("[]"));
        assert_eq!(text("$.s[1].n").as_deref(), Some("x"));
        assert_eq!(text("$.missing"), None);
        assert_eq!(
            JsonPath::parse("$.s[*].n").unwrap().first(&value),
            Some(&json!(1))
        );
    }

    #[test]
    fn what_is_not_supported_is_refused_with_its_name() {
        for (path, problem) in [
            ("", "empty"),
            ("$.", "name"),
            ("$.a[", "index"),
            ("$.a[0", "`]`"),
            ("$.a[]", "index"),
            ("$.a['b]", "quote"),
            ("$.a[?(@.b)]", "filter"),
            ("$.a.length()", "function"),
            ("$..a..b", "`..`"),
            ("$.a b", "space"),
            ("$x", "`.`"),
        ] {
            let error = JsonPath::parse(path).unwrap_err().to_string();
            assert!(error.contains(problem), "{path}: {error}");
        }
    }

    proptest! {
        #[test]
        fn parsing_and_selecting_never_panic(
            path in r"[$.\[\]'*a0:,\\-]{0,12}",
            json in r#"(\{"a":)?\[[0-9a"]{0,4}(,1){0,3}\]\}?"#,
        ) {
            let value = serde_json::from_str(&json).unwrap_or(json!({"a": [{"a": [1]}, 0]}));
            if let Ok(path) = JsonPath::parse(&path) {
                prop_assert_eq!(path.first(&value), path.all(&value).first().copied());
            }
        }
    }
}
