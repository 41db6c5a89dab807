//! Holding a message to a schema. Texts are those of the validator that AWS uses, as its
//! `validationErrorString` shows them.

use std::{borrow::Cow, cmp::Ordering, collections::HashMap, fmt::Write};

use serde_json::{Map, Number, Value};

use super::{
    keyword::{Keyword, Schema, SchemaId, Types},
    number,
    pattern::Pattern,
};

/// Steps that every message may take, and those for each of its bytes.
const BASE_STEPS: usize = 1_000_000;
const STEPS_PER_BYTE: usize = 32;
/// How deep the validator goes; a message is at most 128 levels deep.
const MAX_DEPTH: usize = 512;
/// The greatest text about what does not match, bytes.
const MAX_TEXT_BYTES: usize = 2048;
/// What of the message is told at most in one place, characters.
const MAX_SHOWN_CHARS: usize = 256;

/// One validation.
pub(super) struct Check<'a> {
    schemas: &'a [Schema],
    steps: usize,
    depth: usize,
    /// What came of shared schemas: by schema, place of the value, and whether its mistakes were
    /// told.
    known: HashMap<(SchemaId, *const Value, bool), bool>,
    /// Whether mistakes are told: not those of schemas of which only some must match.
    aloud: bool,
    told: Vec<String>,
    told_bytes: usize,
}

/// The validation was given up.
struct GivenUp;

type Verdict = Result<bool, GivenUp>;

impl<'a> Check<'a> {
    pub(super) fn new(schemas: &'a [Schema], bytes: usize) -> Self {
        Self {
            schemas,
            steps: BASE_STEPS.saturating_add(bytes.saturating_mul(STEPS_PER_BYTE)),
            depth: 0,
            known: HashMap::new(),
            aloud: true,
            told: Vec::new(),
            told_bytes: 0,
        }
    }

    pub(super) fn validate(mut self, instance: &Value) -> Result<(), String> {
        match self.check(0, instance) {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("[{}]", self.told.join(", "))),
            Err(GivenUp) => Err("[the validation takes too many steps]".to_owned()),
        }
    }

    /// Whether `value` matches the schema.
    fn check(&mut self, id: SchemaId, value: &Value) -> Verdict {
        let schema = &self.schemas[id];
        let key = (id, std::ptr::from_ref(value), self.aloud);
        if schema.is_shared
            && let Some(known) = self.known.get(&key)
        {
            return Ok(*known);
        }
        self.step(1)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(GivenUp);
        }
        let is_match = self.matches(schema, value)?;
        self.depth -= 1;
        if schema.is_shared {
            self.known.insert(key, is_match);
        }
        Ok(is_match)
    }

    /// The same, without a word.
    fn check_quietly(&mut self, id: SchemaId, value: &Value) -> Verdict {
        let aloud = std::mem::replace(&mut self.aloud, false);
        let verdict = self.check(id, value);
        self.aloud = aloud;
        verdict
    }

    fn matches(&mut self, schema: &'a Schema, value: &Value) -> Verdict {
        let mut is_match = true;
        for keyword in &schema.keywords {
            is_match &= self.holds(keyword, schema, value)?;
            if self.is_decided(is_match) {
                return Ok(false);
            }
        }
        // What is in a value that does not match is not looked at.
        match value {
            _ if !is_match => Ok(false),
            Value::Array(items) => self.items(schema, items),
            Value::Object(members) => self.members(schema, members),
            _ => Ok(true),
        }
    }

    fn items(&mut self, schema: &'a Schema, items: &[Value]) -> Verdict {
        let first = schema.items.first.iter().copied().map(Some);
        let ids = first.chain(std::iter::repeat(schema.items.others));
        let mut is_match = true;
        for (item, id) in items.iter().zip(ids) {
            let Some(id) = id else { break };
            is_match &= self.check(id, item)?;
            if self.is_decided(is_match) {
                break;
            }
        }
        Ok(is_match)
    }

    fn members(&mut self, schema: &'a Schema, members: &Map<String, Value>) -> Verdict {
        let properties = &schema.properties;
        if properties.is_empty() {
            return Ok(true);
        }
        let mut members: Vec<(&String, &Value)> = members.iter().collect();
        if self.aloud {
            members.sort_by_key(|(name, _)| *name);
        }
        let mut is_match = true;
        for (name, value) in members {
            let named = properties.named.get(name).copied();
            let mut is_additional = named.is_none();
            if let Some(id) = named {
                is_match &= self.check(id, value)?;
            }
            for (pattern, id) in &properties.patterns {
                if self.finds(pattern, name)? {
                    is_additional = false;
                    is_match &= self.check(*id, value)?;
                }
            }
            if let (true, Some(id)) = (is_additional, properties.others) {
                is_match &= self.check(id, value)?;
            }
            if self.is_decided(is_match) {
                break;
            }
        }
        Ok(is_match)
    }

    /// Whether a keyword holds.
    fn holds(&mut self, keyword: &'a Keyword, schema: &'a Schema, value: &Value) -> Verdict {
        match (keyword, value) {
            (Keyword::Type(types), value) => {
                let found = Types::of(value);
                Ok(self.unless(!types.contains(found), || {
                    format!(
                        "instance type ({}) does not match any allowed primitive type (allowed: \
                         {})",
                        found.names().collect::<String>(),
                        list(types.names())
                    )
                }))
            }
            (Keyword::Enum(values), value) => {
                self.step(values.len())?;
                let is_in = values.iter().any(|known| number::is_equal(known, value));
                Ok(self.unless(!is_in, || {
                    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
                    format!(
                        "instance value ({}) not found in enum (possible values: [{}])",
                        shown(&value.to_string()),
                        values.join(",")
                    )
                }))
            }
            (
                Keyword::AllOf(_) | Keyword::AnyOf(_) | Keyword::OneOf(_) | Keyword::Not(_),
                value,
            ) => self.combined(keyword, value),
            (keyword, Value::String(text)) => self.of_text(keyword, text),
            (keyword, Value::Number(number)) => Ok(self.of_number(keyword, number)),
            (keyword, Value::Array(items)) => self.of_array(keyword, items),
            (keyword, Value::Object(members)) => self.of_object(keyword, schema, members, value),
            (_, Value::Null | Value::Bool(_)) => Ok(true),
        }
    }

    /// How many of the combined schemas match, against how many must.
    fn combined(&mut self, keyword: &'a Keyword, value: &Value) -> Verdict {
        let ids = keyword.combined();
        let all = ids.len();
        let mut matched = 0;
        for id in ids {
            matched += usize::from(self.check_quietly(*id, value)?);
            if matched > 0 && matches!(keyword, Keyword::AnyOf(_)) {
                break;
            }
        }
        Ok(match keyword {
            Keyword::AllOf(_) => self.unless(matched < all, || {
                format!(
                    "instance failed to match all required schemas (matched only {matched} out of \
                     {all})"
                )
            }),
            Keyword::AnyOf(_) => self.unless(matched == 0, || {
                format!("instance failed to match at least one required schema among {all}")
            }),
            Keyword::OneOf(_) => self.unless(matched != 1, || {
                format!(
                    "instance failed to match exactly one schema (matched {matched} out of {all})"
                )
            }),
            _ => self.unless(matched > 0, || {
                "instance matched a schema which it should not have".to_owned()
            }),
        })
    }

    fn of_text(&mut self, keyword: &'a Keyword, text: &str) -> Verdict {
        Ok(match keyword {
            Keyword::Format(format) => {
                self.step(format.cost(text))?;
                self.unless(!format.is_of(text), || {
                    format!("string \"{}\" is {}", shown(text), format.describe())
                })
            }
            Keyword::Pattern(pattern) => {
                let is_found = self.finds(pattern, text)?;
                self.unless(!is_found, || {
                    let source = pattern.source();
                    format!(
                        "ECMA 262 regex \"{source}\" does not match input string \"{}\"",
                        shown(text)
                    )
                })
            }
            Keyword::MinLength(least) => {
                let length = text.chars().count();
                self.unless(length < *least, || {
                    format!(
                        "string \"{}\" is too short (length: {length}, required minimum: {least})",
                        shown(text)
                    )
                })
            }
            Keyword::MaxLength(most) => {
                let length = text.chars().count();
                self.unless(length > *most, || {
                    format!(
                        "string \"{}\" is too long (length: {length}, maximum allowed: {most})",
                        shown(text)
                    )
                })
            }
            _ => true,
        })
    }

    fn of_number(&mut self, keyword: &Keyword, value: &Number) -> bool {
        match keyword {
            Keyword::Minimum(least, is_exclusive) => match number::compare(value, least) {
                Ordering::Less => self.unless(true, || {
                    format!(
                        "numeric instance is lower than the required minimum (minimum: {least}, \
                         found: {value})"
                    )
                }),
                ordering => self.unless(*is_exclusive && ordering == Ordering::Equal, || {
                    format!(
                        "numeric instance is not strictly greater than the required minimum {least}"
                    )
                }),
            },
            Keyword::Maximum(most, is_exclusive) => match number::compare(value, most) {
                Ordering::Greater => self.unless(true, || {
                    format!(
                        "numeric instance is greater than the required maximum (maximum: {most}, \
                         found: {value})"
                    )
                }),
                ordering => self.unless(*is_exclusive && ordering == Ordering::Equal, || {
                    format!(
                        "numeric instance is not strictly lower than the required maximum {most}"
                    )
                }),
            },
            Keyword::MultipleOf(divisor) => self
                .unless(!number::is_multiple_of(value, divisor), || {
                    format!("remainder of division is not zero ({value} / {divisor})")
                }),
            _ => true,
        }
    }

    fn of_array(&mut self, keyword: &'a Keyword, items: &[Value]) -> Verdict {
        let length = items.len();
        Ok(match keyword {
            Keyword::NoAdditionalItems(most) => self.unless(length > *most, || {
                format!(
                    "schema only allows {most} elements in array but instance has {length} elements"
                )
            }),
            Keyword::MinItems(least) => self.unless(length < *least, || {
                format!(
                    "array is too short: must have at least {least} elements but instance has \
                     {length} elements"
                )
            }),
            Keyword::MaxItems(most) => self.unless(length > *most, || {
                format!(
                    "array is too long: must have at most {most} elements but instance has \
                     {length} elements"
                )
            }),
            Keyword::UniqueItems => {
                self.step(length)?;
                let mut texts: Vec<String> = items.iter().map(number::canonical).collect();
                // Each text is a part of the message.
                self.step(texts.iter().map(String::len).sum::<usize>() / 16)?;
                texts.sort_unstable();
                let has_twins = texts.windows(2).any(|pair| pair[0] == pair[1]);
                self.unless(has_twins, || {
                    "array must not contain duplicate elements".to_owned()
                })
            }
            _ => true,
        })
    }

    fn of_object(
        &mut self,
        keyword: &'a Keyword,
        schema: &'a Schema,
        members: &Map<String, Value>,
        value: &Value,
    ) -> Verdict {
        let count = members.len();
        Ok(match keyword {
            Keyword::Required(names) => {
                let missing = self.missing(names, members)?;
                self.unless(!missing.is_empty(), || {
                    format!("object has missing required properties ({})", list(missing))
                })
            }
            Keyword::NoAdditionalProperties => {
                let unwanted = self.unwanted(schema, members)?;
                self.unless(!unwanted.is_empty(), || {
                    format!(
                        "object instance has properties which are not allowed by the schema: {}",
                        list(unwanted)
                    )
                })
            }
            Keyword::MinProperties(least) => self.unless(count < *least, || {
                format!(
                    "object has too few properties (found {count} but schema requires at least \
                     {least})"
                )
            }),
            Keyword::MaxProperties(most) => self.unless(count > *most, || {
                format!(
                    "object has too many properties (found {count} but schema requires at most \
                     {most})"
                )
            }),
            Keyword::PropertyDependency { property, required }
                if members.contains_key(property) =>
            {
                let missing = self.missing(required, members)?;
                self.unless(!missing.is_empty(), || {
                    format!(
                        "property {property:?} of object has missing property dependencies (schema \
                         requires {}; missing: {})",
                        list(required.iter().map(String::as_str)),
                        list(missing)
                    )
                })
            }
            Keyword::SchemaDependency { property, schema } if members.contains_key(property) => {
                self.check(*schema, value)?
            }
            _ => true,
        })
    }

    /// The names that no member has.
    fn missing(
        &mut self,
        names: &'a [String],
        members: &Map<String, Value>,
    ) -> Result<Vec<&'a str>, GivenUp> {
        self.step(names.len())?;
        let missing = names.iter().filter(|name| !members.contains_key(*name));
        Ok(missing.map(String::as_str).collect())
    }

    /// The members that `additionalProperties: false` does not allow, sorted.
    fn unwanted<'m>(
        &mut self,
        schema: &Schema,
        members: &'m Map<String, Value>,
    ) -> Result<Vec<&'m str>, GivenUp> {
        let properties = &schema.properties;
        let mut unwanted = Vec::new();
        for name in members.keys() {
            self.step(1)?;
            let mut is_wanted = properties.named.contains_key(name);
            for (pattern, _) in &properties.patterns {
                if !is_wanted {
                    is_wanted = self.finds(pattern, name)?;
                }
            }
            if !is_wanted {
                unwanted.push(name.as_str());
            }
        }
        unwanted.sort_unstable();
        Ok(unwanted)
    }

    /// Whether a text has what an expression looks for. When the search was given up nothing is
    /// known of the message: it may stand under `not`, where "no" would let it pass.
    fn finds(&mut self, pattern: &Pattern, text: &str) -> Verdict {
        self.step(pattern.cost(text))?;
        pattern.is_match(text).map_err(|_| GivenUp)
    }

    /// Whether there is nothing more to find out.
    fn is_decided(&self, is_match: bool) -> bool {
        !is_match && !self.aloud
    }

    /// Tells what is wrong, if it is; whether it is not.
    fn unless(&mut self, is_wrong: bool, text: impl FnOnce() -> String) -> bool {
        if is_wrong && self.aloud && self.told_bytes < MAX_TEXT_BYTES {
            let mut text = on_one_line(&text());
            text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES - self.told_bytes));
            self.told_bytes += text.len();
            self.told.push(text);
        }
        !is_wrong
    }

    fn step(&mut self, steps: usize) -> Result<(), GivenUp> {
        self.steps = self.steps.checked_sub(steps).ok_or(GivenUp)?;
        Ok(())
    }
}

/// `["a","b"]`.
fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let texts = texts
        .into_iter()
        .map(|text| Value::from(shown(text)).to_string());
    format!("[{}]", texts.collect::<Vec<_>>().join(","))
}

/// A text of the client, cut.
fn shown(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}

/// A text without line breaks and other control characters: it becomes one line of a log.
fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            // Writing to a String does not fail.
            let _ = write!(line, "\\u{:04x}", c as u32);
        } else {
            line.push(c);
        }
    }
    line
}
