//! Reading requests: types and constraints of the model, all violations gathered, up to
//! [`MAX_VIOLATIONS`].

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fmt::Write,
    sync::{Arc, LazyLock},
};

use parking_lot::Mutex;
use regex::Regex;
use serde_json::{Map, Value};

use super::{
    error::{MAX_VIOLATIONS, ShapeError, Violation},
    operation::Input,
};

/// What the model demands of a value beyond its type.
#[derive(Debug, Clone, Copy)]
pub enum Constraint {
    /// Length of a string, list or map: at least, and at most.
    Length(usize, usize),
    /// Value of a number: at least, and at most.
    Range(f64, f64),
    /// A regular expression that the whole string matches.
    Pattern(&'static str),
    /// One that the whole string does not match.
    NotPattern(&'static str),
    /// Each element of a list, or value of a map.
    Each(&'static [Constraint]),
    /// Each key of a map.
    Key(&'static [Constraint]),
    /// The value is not repeated in errors.
    Sensitive,
}

/// Where a read is, and what it found.
#[derive(Debug, Default)]
pub struct Reader {
    path: String,
    wrong_type: Option<ShapeError>,
    violations: Vec<Violation>,
}

/// A type of the model as it stands in JSON.
pub trait FromJson: Sized {
    /// Reads a value; `None` when the reader was told why not.
    fn from_json(value: &Value, reader: &mut Reader) -> Option<Self>;

    /// Reads it from path, query or header, where lists repeat.
    fn from_texts(texts: &[Cow<'_, str>], reader: &mut Reader) -> Option<Self> {
        let text = texts.first().map_or("", AsRef::as_ref);
        Self::from_json(&Value::String(text.to_owned()), reader)
    }

    /// Tells the reader which of the constraints the value violates.
    fn check(&self, _constraints: &'static [Constraint], _reader: &mut Reader) {}
}

/// A whole request.
pub trait FromInput: Sized {
    /// Whether members stand in the body.
    const HAS_BODY: bool;

    /// Reads the request; `None` when the reader was told why not.
    fn from_input(
        input: &Input<'_>,
        body: &Map<String, Value>,
        reader: &mut Reader,
    ) -> Option<Self>;
}

/// Where a member of a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(non_camel_case_types, reason = "as the generated files write them")]
pub enum Location {
    /// In the JSON body.
    body,
    /// In the path.
    path,
    /// In the query.
    query,
    /// In a header.
    header,
}

impl Location {
    /// Whether it is the body.
    pub const fn is_body(self) -> bool {
        matches!(self, Self::body)
    }
}

/// A member: an `Option` may be absent, anything else must be there. `null` counts as absent.
pub trait Member: Sized {
    /// Reads the member of a body, within its constraints.
    fn from_body(
        body: &Map<String, Value>,
        name: &str,
        constraints: &'static [Constraint],
        reader: &mut Reader,
    ) -> Option<Self>;

    /// Reads the member from outside the body.
    fn from_texts(
        texts: &[Cow<'_, str>],
        name: &str,
        constraints: &'static [Constraint],
        reader: &mut Reader,
    ) -> Option<Self>;

    /// Reads the member from where it stands.
    fn from_input(
        location: Location,
        input: &Input<'_>,
        body: &Map<String, Value>,
        name: &str,
        constraints: &'static [Constraint],
        reader: &mut Reader,
    ) -> Option<Self> {
        let texts = match location {
            Location::body => return Self::from_body(body, name, constraints, reader),
            Location::path => input.path_member(name),
            Location::query => input.query_members(name),
            Location::header => input.header_member(name),
        };
        Self::from_texts(&texts, name, constraints, reader)
    }
}

/// Whether JSON leaves a member out.
pub trait Absent {
    /// Whether it does.
    fn is_absent(&self) -> bool;
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: FromJson> Absent for T {
    fn is_absent(&self) -> bool {
        false
    }
}

impl<T: FromJson> Member for Option<T> {
    fn from_body(
        body: &Map<String, Value>,
        name: &str,
        constraints: &'static [Constraint],
        reader: &mut Reader,
    ) -> Option<Self> {
        match body.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(_) => T::from_body(body, name, constraints, reader).map(Some),
        }
    }

    fn from_texts(
        texts: &[Cow<'_, str>],
        name: &str,
        constraints: &'static [Constraint],
        reader: &mut Reader,
    ) -> Option<Self> {
        if texts.is_empty() {
            return Some(None);
        }
        <T as Member>::from_texts(texts, name, constraints, reader).map(Some)
    }
}

impl<T: FromJson> Member for T {
    fn from_body(
        body: &Map<String, Value>,
        name: &str,
        constraints: &'static [Constraint],
        reader: &mut Reader,
    ) -> Option<Self> {
        reader.at(name, |reader| match body.get(name) {
            None | Some(Value::Null) => reader.missing(),
            Some(value) => reader.checked(constraints, |reader| T::from_json(value, reader)),
        })
    }

    fn from_texts(
        texts: &[Cow<'_, str>],
        name: &str,
        constraints: &'static [Constraint],
        reader: &mut Reader,
    ) -> Option<Self> {
        reader.at(name, |reader| {
            if texts.is_empty() {
                return reader.missing();
            }
            reader.checked(constraints, |reader| {
                <T as FromJson>::from_texts(texts, reader)
            })
        })
    }
}

impl Reader {
    pub(super) fn finish<R>(self, request: Option<R>) -> Result<R, ShapeError> {
        match (self.wrong_type, request) {
            (Some(error), _) => Err(error),
            (None, Some(request)) if self.violations.is_empty() => Ok(request),
            _ => Err(ShapeError::violated(&self.violations)),
        }
    }

    fn missing<T>(&mut self) -> Option<T> {
        self.push(Violation::missing);
        None
    }

    fn checked<T: FromJson>(
        &mut self,
        constraints: &'static [Constraint],
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let value = read(self)?;
        value.check(constraints, self);
        Some(value)
    }

    fn at<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.path.len();
        if outer > 0 {
            self.path.push('.');
        }
        // Coral writes the names of members with a small first letter.
        let mut letters = step.chars();
        self.path
            .extend(letters.next().map(|c| c.to_ascii_lowercase()));
        self.path.push_str(letters.as_str());
        let result = read(self);
        self.path.truncate(outer);
        result
    }

    fn at_key<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.path.len();
        self.path.push('.');
        self.path.push_str(key);
        let result = read(self);
        self.path.truncate(outer);
        result
    }

    fn at_element<T>(&mut self, number: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.path.len();
        // Writing into a string does not fail.
        let _ = write!(self.path, ".{number}.member");
        let result = read(self);
        self.path.truncate(outer);
        result
    }

    pub(super) fn wrong_type<T>(&mut self, found: &Value, wanted: &str) -> Option<T> {
        let found = match found {
            Value::Null => "null",
            Value::Bool(true) => "TRUE_VALUE",
            Value::Bool(false) => "FALSE_VALUE",
            Value::Number(_) => "NUMBER_VALUE",
            Value::String(_) => "STRING_VALUE",
            Value::Array(_) => "list",
            Value::Object(_) => "structure",
        };
        self.wrong_type
            .get_or_insert_with(|| ShapeError::wrong_type(found, wanted));
        None
    }

    pub(super) fn not_of_set<T>(&mut self, value: &str, set: &[&str]) -> Option<T> {
        let demand = format!("Member must satisfy enum value set: [{}]", set.join(", "));
        self.violate(Some(value), &demand);
        None
    }

    fn violate(&mut self, value: Option<&str>, demand: &str) {
        self.push(|path| Violation::of(path, value, demand));
    }

    fn push(&mut self, violation: impl FnOnce(&str) -> Violation) {
        if !self.is_full() {
            self.violations.push(violation(&self.path));
        }
    }

    /// Whether no more violations are told of, so that none need be looked for.
    fn is_full(&self) -> bool {
        self.violations.len() >= MAX_VIOLATIONS
    }

    /// Whether the length is as it must be.
    fn check_length(&mut self, length: usize, min: usize, max: usize, shown: Option<&str>) -> bool {
        if length < min {
            let demand = format!("Member must have length greater than or equal to {min}");
            self.violate(shown, &demand);
        }
        if length > max {
            let demand = format!("Member must have length less than or equal to {max}");
            self.violate(shown, &demand);
        }
        (min..=max).contains(&length)
    }
}

impl FromJson for String {
    fn from_json(value: &Value, reader: &mut Reader) -> Option<Self> {
        match value {
            Value::String(text) => Some(text.clone()),
            other => reader.wrong_type(other, "a String"),
        }
    }

    fn check(&self, constraints: &'static [Constraint], reader: &mut Reader) {
        let is_secret = constraints
            .iter()
            .any(|constraint| matches!(constraint, Constraint::Sensitive));
        let shown = (!is_secret).then_some(self.as_str());
        for constraint in constraints {
            match constraint {
                Constraint::Length(min, max) => {
                    reader.check_length(self.chars().count(), *min, *max, shown);
                }
                Constraint::Pattern(pattern) if !matches_whole(pattern, self) => reader.violate(
                    shown,
                    &format!("Member must satisfy regular expression pattern: {pattern}"),
                ),
                Constraint::NotPattern(pattern) if matches_whole(pattern, self) => reader.violate(
                    shown,
                    &format!("Member must satisfy regular expression pattern: (?!{pattern}$).*"),
                ),
                _ => {}
            }
        }
    }
}

/// Whether the whole text matches. A test compiles each pattern of the models.
fn matches_whole(pattern: &'static str, text: &str) -> bool {
    compiled(pattern).is_some_and(|regex| regex.is_match(text))
}

/// The patterns that were asked for.
type Patterns = HashMap<&'static str, Option<Arc<Regex>>>;

/// The pattern, compiled when it is first asked for: that takes longer than any match.
fn compiled(pattern: &'static str) -> Option<Arc<Regex>> {
    static COMPILED: LazyLock<Mutex<Patterns>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock();
    let regex = compiled.entry(pattern).or_insert_with(|| {
        let regex = Regex::new(&format!("^(?:{pattern})$"));
        regex.ok().map(Arc::new)
    });
    regex.clone()
}

impl FromJson for bool {
    fn from_json(value: &Value, reader: &mut Reader) -> Option<Self> {
        match value {
            Value::Bool(is_so) => Some(*is_so),
            Value::String(text) if text == "true" => Some(true),
            Value::String(text) if text == "false" => Some(false),
            other => reader.wrong_type(other, "Boolean"),
        }
    }
}

impl FromJson for i32 {
    fn from_json(value: &Value, reader: &mut Reader) -> Option<Self> {
        let number = value.as_i64().and_then(|number| number.try_into().ok());
        number.or_else(|| reader.wrong_type(value, "an Integer"))
    }

    fn from_texts(texts: &[Cow<'_, str>], reader: &mut Reader) -> Option<Self> {
        let text = texts.first().map_or("", AsRef::as_ref);
        let number = text.parse().ok();
        number.or_else(|| reader.wrong_type(&Value::from(text), "an Integer"))
    }

    fn check(&self, constraints: &'static [Constraint], reader: &mut Reader) {
        check_range(f64::from(*self), constraints, reader);
    }
}

impl FromJson for i64 {
    fn from_json(value: &Value, reader: &mut Reader) -> Option<Self> {
        let number = value.as_i64();
        number.or_else(|| reader.wrong_type(value, "a Long"))
    }
}

impl FromJson for f64 {
    fn from_json(value: &Value, reader: &mut Reader) -> Option<Self> {
        let number = value.as_f64();
        number.or_else(|| reader.wrong_type(value, "a Double"))
    }

    fn check(&self, constraints: &'static [Constraint], reader: &mut Reader) {
        check_range(*self, constraints, reader);
    }
}

fn check_range(number: f64, constraints: &'static [Constraint], reader: &mut Reader) {
    for constraint in constraints {
        let Constraint::Range(min, max) = constraint else {
            continue;
        };
        let shown = number.to_string();
        if number < *min {
            let demand = format!("Member must have value greater than or equal to {min}");
            reader.violate(Some(&shown), &demand);
        }
        if number > *max {
            let demand = format!("Member must have value less than or equal to {max}");
            reader.violate(Some(&shown), &demand);
        }
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: &Value, reader: &mut Reader) -> Option<Self> {
        let Value::Array(elements) = value else {
            return reader.wrong_type(value, "list");
        };
        // All are read, so that all violations are known.
        let read: Vec<Option<T>> = (1..)
            .zip(elements)
            .map(|(number, element)| {
                if reader.is_full() {
                    return None;
                }
                reader.at_element(number, |reader| T::from_json(element, reader))
            })
            .collect();
        read.into_iter().collect()
    }

    fn from_texts(texts: &[Cow<'_, str>], reader: &mut Reader) -> Option<Self> {
        let read: Vec<Option<T>> = (1..)
            .zip(texts.chunks(1))
            .map(|(number, text)| reader.at_element(number, |reader| T::from_texts(text, reader)))
            .collect();
        read.into_iter().collect()
    }

    fn check(&self, constraints: &'static [Constraint], reader: &mut Reader) {
        for constraint in constraints {
            match constraint {
                Constraint::Length(min, max) => {
                    let fits = reader.check_length(self.len(), *min, *max, Some("[…]"));
                    if !fits {
                        return;
                    }
                }
                Constraint::Each(of_element) => {
                    for (number, element) in (1..).zip(self) {
                        if reader.is_full() {
                            return;
                        }
                        reader.at_element(number, |reader| element.check(of_element, reader));
                    }
                }
                _ => {}
            }
        }
    }
}

impl<T: FromJson> FromJson for BTreeMap<String, T> {
    fn from_json(value: &Value, reader: &mut Reader) -> Option<Self> {
        let Value::Object(members) = value else {
            return reader.wrong_type(value, "map");
        };
        let read: Vec<Option<(String, T)>> = members
            .iter()
            .map(|(key, value)| {
                if reader.is_full() {
                    return None;
                }
                let value = reader.at_key(key, |reader| T::from_json(value, reader))?;
                Some((key.clone(), value))
            })
            .collect();
        read.into_iter().collect()
    }

    fn check(&self, constraints: &'static [Constraint], reader: &mut Reader) {
        for constraint in constraints {
            match constraint {
                Constraint::Length(min, max) => {
                    let fits = reader.check_length(self.len(), *min, *max, Some("{…}"));
                    if !fits {
                        return;
                    }
                }
                Constraint::Each(of_value) => {
                    for (key, value) in self {
                        if reader.is_full() {
                            return;
                        }
                        reader.at_key(key, |reader| value.check(of_value, reader));
                    }
                }
                Constraint::Key(of_key) => {
                    for key in self.keys() {
                        if reader.is_full() {
                            return;
                        }
                        key.check(of_key, reader);
                    }
                }
                _ => {}
            }
        }
    }
}
