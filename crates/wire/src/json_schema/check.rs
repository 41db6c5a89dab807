//! Holding a message to a schema. Texts are those of the validator that AWS uses, as its
//! `validationErrorString` shows them.

use std::{cmp::Ordering, collections::HashMap, fmt::Write};

use serde_json::{Map, Value};

use super::{
    keyword::{Keyword, Schema, SchemaId, Types},
    number,
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
    /// What came of shared schemas: by schema, place of the value, and whether its mistakes are
    /// told.
    known: HashMap<(SchemaId, *const Value, bool), bool>,
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
            told: Vec::new(),
            told_bytes: 0,
        }
    }

    pub(super) fn validate(mut self, instance: &Value) -> Result<(), String> {
        match self.check(0, instance, true) {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("[{}]", self.told.join(", "))),
            Err(GivenUp) => Err("[the validation takes too many steps]".to_owned()),
        }
    }

    /// Whether `value` matches the schema; what does not is told when `aloud`.
    fn check(&mut self, id: SchemaId, value: &Value, aloud: bool) -> Verdict {
        let schema = &self.schemas[id];
        let key = (id, std::ptr::from_ref(value), aloud);
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
        let is_match = self.matches(schema, value, aloud)?;
        self.depth -= 1;
        if schema.is_shared {
            self.known.insert(key, is_match);
        }
        Ok(is_match)
    }

    fn matches(&mut self, schema: &'a Schema, value: &Value, aloud: bool) -> Verdict {
        let mut is_match = true;
        for keyword in &schema.keywords {
            if !self.holds(keyword, schema, value, aloud)? {
                is_match = false;
                if !aloud {
                    return Ok(false);
                }
            }
        }
        // What is in a value that does not match is not looked at.
        if !is_match {
            return Ok(false);
        }
        match value {
            Value::Array(items) => self.items(schema, items, aloud),
            Value::Object(members) => self.members(schema, members, aloud),
            _ => Ok(true),
        }
    }

    fn items(&mut self, schema: &'a Schema, items: &[Value], aloud: bool) -> Verdict {
        let first = schema.items.first.iter().copied().map(Some);
        let ids = first.chain(std::iter::repeat(schema.items.others));
        let mut is_match = true;
        for (item, id) in items.iter().zip(ids) {
            let Some(id) = id else { break };
            if !self.check(id, item, aloud)? {
                is_match = false;
                if !aloud {
                    break;
                }
            }
        }
        Ok(is_match)
    }

    fn members(
        &mut self,
        schema: &'a Schema,
        members: &Map<String, Value>,
        aloud: bool,
    ) -> Verdict {
        let properties = &schema.properties;
        let nothing = properties.named.is_empty()
            && properties.patterns.is_empty()
            && properties.others.is_none();
        if nothing {
            return Ok(true);
        }
        let mut members: Vec<(&String, &Value)> = members.iter().collect();
        if aloud {
            members.sort_by_key(|(name, _)| *name);
        }
        let mut is_match = true;
        for (name, value) in members {
            let mut is_additional = true;
            let mut check = |check: &mut Self, id| -> Verdict {
                is_additional = false;
                check.check(id, value, aloud)
            };
            if let Some(id) = properties.named.get(name) {
                is_match &= check(self, *id)?;
            }
            for (pattern, id) in &properties.patterns {
                self.step(pattern.cost(name))?;
                if pattern.is_match(name) {
                    is_match &= check(self, *id)?;
                }
            }
            if let (true, Some(id)) = (is_additional, properties.others) {
                is_match &= self.check(id, value, aloud)?;
            }
            if !is_match && !aloud {
                break;
            }
        }
        Ok(is_match)
    }

    /// Whether a keyword holds; if not, what does not is told.
    fn holds(
        &mut self,
        keyword: &'a Keyword,
        schema: &'a Schema,
        value: &Value,
        aloud: bool,
    ) -> Verdict {
        let wrong = match (keyword, value) {
            (Keyword::Type(types), value) => {
                let found = Types::of(value);
                (!types.contains(found)).then(|| {
                    let found = found.names().collect::<String>();
                    let allowed = list(types.names());
                    format!(
                        "instance type ({found}) does not match any allowed primitive type \
                         (allowed: {allowed})"
                    )
                })
            }
            (Keyword::Enum(values), value) => {
                self.step(values.len())?;
                let is_in = values.iter().any(|known| number::is_equal(known, value));
                (!is_in).then(|| {
                    let values = values.iter().map(ToString::to_string).collect::<Vec<_>>();
                    format!(
                        "instance value ({}) not found in enum (possible values: [{}])",
                        shown(&value.to_string()),
                        values.join(",")
                    )
                })
            }
            (
                Keyword::AllOf(_) | Keyword::AnyOf(_) | Keyword::OneOf(_) | Keyword::Not(_),
                value,
            ) => self.combined(keyword, value)?,
            (Keyword::Format(format), Value::String(text)) => {
                self.step(text.len() / 16)?;
                (!format.is_of(text))
                    .then(|| format!("string \"{}\" is {}", shown(text), format.describe()))
            }
            (Keyword::Pattern(pattern), Value::String(text)) => {
                self.step(pattern.cost(text))?;
                (!pattern.is_match(text)).then(|| {
                    let source = pattern.source();
                    format!(
                        "ECMA 262 regex \"{source}\" does not match input string \"{}\"",
                        shown(text)
                    )
                })
            }
            (Keyword::MinLength(least), Value::String(text)) => {
                let length = text.chars().count();
                (length < *least).then(|| {
                    format!(
                        "string \"{}\" is too short (length: {length}, required minimum: {least})",
                        shown(text)
                    )
                })
            }
            (Keyword::MaxLength(most), Value::String(text)) => {
                let length = text.chars().count();
                (length > *most).then(|| {
                    format!(
                        "string \"{}\" is too long (length: {length}, maximum allowed: {most})",
                        shown(text)
                    )
                })
            }
            (_, Value::Number(number)) => of_number(keyword, number),
            (_, Value::Array(items)) => self.of_array(keyword, items)?,
            (_, Value::Object(members)) => {
                return self.of_object(keyword, schema, members, value, aloud);
            }
            _ => None,
        };
        Ok(self.tell(wrong, aloud))
    }

    /// How many of the combined schemas match, against how many must.
    fn combined(&mut self, keyword: &'a Keyword, value: &Value) -> Result<Option<String>, GivenUp> {
        let count = |check: &mut Self, ids: &[SchemaId]| -> Result<usize, GivenUp> {
            let mut matched = 0;
            for id in ids {
                matched += usize::from(check.check(*id, value, false)?);
            }
            Ok(matched)
        };
        Ok(match keyword {
            Keyword::AllOf(ids) => {
                let (matched, all) = (count(self, ids)?, ids.len());
                (matched < all).then(|| {
                    format!(
                        "instance failed to match all required schemas (matched only {matched} out \
                         of {all})"
                    )
                })
            }
            Keyword::AnyOf(ids) => {
                for id in ids {
                    if self.check(*id, value, false)? {
                        return Ok(None);
                    }
                }
                let all = ids.len();
                Some(format!(
                    "instance failed to match at least one required schema among {all}"
                ))
            }
            Keyword::OneOf(ids) => {
                let (matched, all) = (count(self, ids)?, ids.len());
                (matched != 1).then(|| {
                    format!(
                        "instance failed to match exactly one schema (matched {matched} out of \
                         {all})"
                    )
                })
            }
            Keyword::Not(id) => self
                .check(*id, value, false)?
                .then(|| "instance matched a schema which it should not have".to_owned()),
            _ => None,
        })
    }

    fn of_array(
        &mut self,
        keyword: &'a Keyword,
        items: &[Value],
    ) -> Result<Option<String>, GivenUp> {
        let length = items.len();
        Ok(match keyword {
            Keyword::NoAdditionalItems(most) if length > *most => Some(format!(
                "schema only allows {most} elements in array but instance has {length} elements"
            )),
            Keyword::MinItems(least) if length < *least => Some(format!(
                "array is too short: must have at least {least} elements but instance has {length} \
                 elements"
            )),
            Keyword::MaxItems(most) if length > *most => Some(format!(
                "array is too long: must have at most {most} elements but instance has {length} \
                 elements"
            )),
            Keyword::UniqueItems => {
                self.step(length)?;
                let mut texts: Vec<String> = items.iter().map(number::canonical).collect();
                // Each text is a part of the message.
                self.step(texts.iter().map(String::len).sum::<usize>() / 16)?;
                texts.sort_unstable();
                texts
                    .windows(2)
                    .any(|pair| pair[0] == pair[1])
                    .then(|| "array must not contain duplicate elements".to_owned())
            }
            _ => None,
        })
    }

    fn of_object(
        &mut self,
        keyword: &'a Keyword,
        schema: &'a Schema,
        members: &Map<String, Value>,
        value: &Value,
        aloud: bool,
    ) -> Verdict {
        let count = members.len();
        let missing = |required: &'a [String]| {
            let missing = required.iter().filter(|name| !members.contains_key(*name));
            missing.map(String::as_str).collect::<Vec<_>>()
        };
        let wrong = match keyword {
            Keyword::Required(names) => {
                self.step(names.len())?;
                let missing = missing(names);
                (!missing.is_empty())
                    .then(|| format!("object has missing required properties ({})", list(missing)))
            }
            Keyword::NoAdditionalProperties => {
                let unwanted = self.unwanted(schema, members)?;
                (!unwanted.is_empty()).then(|| {
                    format!(
                        "object instance has properties which are not allowed by the schema: {}",
                        list(unwanted)
                    )
                })
            }
            Keyword::MinProperties(least) => (count < *least).then(|| {
                format!(
                    "object has too few properties (found {count} but schema requires at least \
                     {least})"
                )
            }),
            Keyword::MaxProperties(most) => (count > *most).then(|| {
                format!(
                    "object has too many properties (found {count} but schema requires at most \
                     {most})"
                )
            }),
            Keyword::PropertyDependency { property, required }
                if members.contains_key(property) =>
            {
                self.step(required.len())?;
                let missing = missing(required);
                (!missing.is_empty()).then(|| {
                    format!(
                        "property {property:?} of object has missing property dependencies (schema \
                         requires {}; missing: {})",
                        list(required.iter().map(String::as_str)),
                        list(missing)
                    )
                })
            }
            Keyword::SchemaDependency { property, schema } if members.contains_key(property) => {
                return self.check(*schema, value, aloud);
            }
            _ => None,
        };
        Ok(self.tell(wrong, aloud))
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
                    self.step(pattern.cost(name))?;
                    is_wanted = pattern.is_match(name);
                }
            }
            if !is_wanted {
                unwanted.push(name.as_str());
            }
        }
        unwanted.sort_unstable();
        Ok(unwanted)
    }

    /// Tells what is wrong; whether nothing is.
    fn tell(&mut self, wrong: Option<String>, aloud: bool) -> bool {
        let Some(mut text) = wrong else {
            return true;
        };
        if aloud && self.told_bytes < MAX_TEXT_BYTES {
            text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES - self.told_bytes));
            self.told_bytes += text.len();
            self.told.push(text);
        }
        false
    }

    fn step(&mut self, steps: usize) -> Result<(), GivenUp> {
        self.steps = self.steps.checked_sub(steps).ok_or(GivenUp)?;
        Ok(())
    }
}

fn of_number(keyword: &Keyword, value: &serde_json::Number) -> Option<String> {
    match keyword {
        Keyword::Minimum(least, is_exclusive) => match number::compare(value, least) {
            Ordering::Less => Some(format!(
                "numeric instance is lower than the required minimum (minimum: {least}, found: \
                 {value})"
            )),
            Ordering::Equal if *is_exclusive => Some(format!(
                "numeric instance is not strictly greater than the required minimum {least}"
            )),
            _ => None,
        },
        Keyword::Maximum(most, is_exclusive) => match number::compare(value, most) {
            Ordering::Greater => Some(format!(
                "numeric instance is greater than the required maximum (maximum: {most}, found: \
                 {value})"
            )),
            Ordering::Equal if *is_exclusive => Some(format!(
                "numeric instance is not strictly lower than the required maximum {most}"
            )),
            _ => None,
        },
        Keyword::MultipleOf(divisor) => (!number::is_multiple_of(value, divisor))
            .then(|| format!("remainder of division is not zero ({value} / {divisor})")),
        _ => None,
    }
}

/// `["a","b"]`.
fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let texts = texts
        .into_iter()
        .map(|text| Value::from(shown(text)).to_string());
    format!("[{}]", texts.collect::<Vec<_>>().join(","))
}

/// A text of the client, cut, on one line.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == MAX_SHOWN_CHARS {
            shown.push('…');
            break;
        }
        if c.is_control() {
            // Writing to a String does not fail.
            let _ = write!(shown, "\\u{:04x}", c as u32);
        } else {
            shown.push(c);
        }
    }
    shown
}
