//! The events that a query runs over, and the fields that are discovered in them.

use std::{cell::OnceCell, collections::BTreeMap, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value as Json;

use super::value::Value;
use crate::expression::number::Number;

/// Fields of JSON that are discovered in an event (CloudWatch Logs User Guide, "Fields in JSON logs").
const MAX_FIELDS: usize = 200;

/// An event.
#[derive(Debug)]
pub struct Event {
    /// Where it is.
    pub pointer: Pointer,
    /// When it was taken in, milliseconds since the epoch.
    pub ingested_ms: i64,
    /// Its stream.
    pub log_stream: Arc<str>,
    /// What it says.
    pub message: String,
    /// Whether it is from a function's log, in which more is discovered.
    pub is_of_function: bool,
    discovered: OnceCell<Discovered>,
}

/// Where an event is: what `@ptr` says, opaque to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// `@log`: `{account}:{group}`.
    pub log: Arc<str>,
    /// When it happened, milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// Which event of this millisecond.
    pub row: i64,
}

/// What a message holds, made out once.
#[derive(Debug, Default)]
struct Discovered {
    json: Option<Json>,
    function: Vec<(&'static str, Value)>,
}

impl Pointer {
    fn print(&self) -> String {
        let Self {
            log,
            timestamp_ms,
            row,
        } = self;
        BASE64_STANDARD.encode(format!("{timestamp_ms} {row} {log}"))
    }

    /// Reads an `@ptr`.
    pub fn parse(pointer: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64_STANDARD.decode(pointer).ok()?).ok()?;
        let (timestamp_ms, rest) = text.split_once(' ')?;
        let (row, log) = rest.split_once(' ')?;
        Some(Self {
            log: log.into(),
            timestamp_ms: timestamp_ms.parse().ok()?,
            row: row.parse().ok()?,
        })
    }
}

impl Event {
    /// An event.
    pub fn new(
        pointer: Pointer,
        ingested_ms: i64,
        log_stream: Arc<str>,
        message: String,
        is_of_function: bool,
    ) -> Self {
        Self {
            pointer,
            ingested_ms,
            log_stream,
            message,
            is_of_function,
            discovered: OnceCell::new(),
        }
    }

    /// The value of a field, if the event has it.
    pub(super) fn field(&self, name: &str) -> Value {
        match name {
            "@timestamp" => Value::Time(self.pointer.timestamp_ms),
            "@ingestionTime" => Value::Time(self.ingested_ms),
            "@message" => Value::text(self.message.as_str()),
            "@logStream" => Value::Text(Arc::clone(&self.log_stream)),
            "@log" => Value::Text(Arc::clone(&self.pointer.log)),
            "@ptr" => Value::text(self.pointer.print()),
            _ => self.discovered_field(name),
        }
    }

    /// All of its fields and their values, as `GetLogRecord` shows them: times as milliseconds.
    pub fn record(&self) -> BTreeMap<String, String> {
        let mut record = BTreeMap::new();
        for name in ["@message", "@logStream", "@log", "@ptr"] {
            record.insert(name.to_owned(), self.field(name).as_text().into_owned());
        }
        let times = [
            ("@timestamp", self.pointer.timestamp_ms),
            ("@ingestionTime", self.ingested_ms),
        ];
        record.extend(times.map(|(name, ms)| (name.to_owned(), ms.to_string())));
        let discovered = self.discovered();
        for (name, value) in &discovered.function {
            record.insert((*name).to_owned(), value.as_text().into_owned());
        }
        let mut names = Vec::new();
        if let Some(json) = &discovered.json {
            name_fields(json, "", &mut names);
        }
        for name in names {
            let value = self.field(&name);
            if !value.is_null() {
                record.insert(name, value.as_text().into_owned());
            }
        }
        record
    }

    fn discovered(&self) -> &Discovered {
        self.discovered.get_or_init(|| self.discover())
    }

    fn discovered_field(&self, name: &str) -> Value {
        let discovered = self.discovered();
        let path = match name.strip_prefix('@') {
            // A name that itself begins with `@` gets one more.
            Some(own) if own.starts_with('@') => own,
            Some(_) => {
                let of_function = discovered.function.iter().find(|(known, _)| *known == name);
                return of_function.map_or(Value::Null, |(_, value)| value.clone());
            }
            None => name,
        };
        let found = discovered.json.as_ref().and_then(|json| at(json, path));
        match found {
            Some(Json::String(text)) => Value::text(text.as_str()),
            Some(Json::Number(number)) => Value::text(number.to_string()),
            Some(Json::Bool(flag)) => Value::Bool(*flag),
            // Arrays and objects are only there as what they hold.
            None | Some(Json::Null | Json::Array(_) | Json::Object(_)) => Value::Null,
        }
    }

    fn discover(&self) -> Discovered {
        let message = self.message.trim();
        // In a function's log the first piece of JSON counts, elsewhere the whole message.
        let json = if self.is_of_function {
            let start = message.find('{');
            let first = start.and_then(|start| {
                let mut values = serde_json::Deserializer::from_str(&message[start..]).into_iter();
                values.next()?.ok()
            });
            first.filter(Json::is_object)
        } else if message.starts_with('{') {
            serde_json::from_str(message).ok()
        } else {
            None
        };
        let function = if self.is_of_function {
            discover_function(message)
        } else {
            Vec::new()
        };
        Discovered { json, function }
    }
}

/// Adds the names of the fields of a JSON value, at most as many as AWS discovers.
fn name_fields(json: &Json, path: &str, names: &mut Vec<String>) {
    if names.len() >= MAX_FIELDS {
        return;
    }
    let below = |name: &str| match path {
        // A name that itself begins with `@` gets one more.
        "" if name.starts_with('@') => format!("@{name}"),
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match json {
        Json::Object(members) => {
            for (name, member) in members {
                name_fields(member, &below(name), names);
            }
        }
        Json::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                name_fields(element, &below(&index.to_string()), names);
            }
        }
        _ => names.push(path.to_owned()),
    }
}

/// The value at a path such as `items.0.id`. The names of members may themselves have dots.
fn at<'j>(json: &'j Json, path: &str) -> Option<&'j Json> {
    if let Json::Array(elements) = json {
        let (index, rest) = path.split_once('.').unwrap_or((path, ""));
        let element = elements.get(index.parse::<usize>().ok()?)?;
        return if rest.is_empty() {
            Some(element)
        } else {
            at(element, rest)
        };
    }
    let members = json.as_object()?;
    if let Some(found) = members.get(path) {
        return Some(found);
    }
    path.match_indices('.')
        .find_map(|(dot, _)| at(members.get(&path[..dot])?, &path[dot + 1..]))
}

/// What is discovered in the lines that Lambda writes, and the request of other lines.
fn discover_function(message: &str) -> Vec<(&'static str, Value)> {
    let mut fields = Vec::new();
    let first = message.split_whitespace().take(4);
    if let Some(id) = first.into_iter().find(|word| is_uuid(word)) {
        fields.push(("@requestId", Value::text(id)));
    }
    let types = ["START", "END", "REPORT"];
    let Some(kind) = types.into_iter().find(|kind| {
        let behind = message.strip_prefix(kind);
        behind.is_some_and(|behind| behind.starts_with(" RequestId: "))
    }) else {
        return fields;
    };
    fields.push(("@type", Value::text(kind)));
    if kind == "REPORT" {
        let cells = message
            .split(['\t', '\n'])
            .filter_map(|c| c.split_once(": "));
        fields.extend(cells.filter_map(|(name, value)| report_field(name, value.trim())));
    }
    fields
}

fn report_field(name: &str, value: &str) -> Option<(&'static str, Value)> {
    let number = |unit: &str| value.strip_suffix(unit)?.trim().parse::<f64>().ok();
    let double = |number: f64| {
        let mut text = String::new();
        Number::Double(number).push(&mut text);
        Value::text(text)
    };
    // Lambda's MB are millions of bytes here.
    let bytes = || number("MB").map(|number| double(number * 1e6));
    let ms = || number("ms").map(double);
    Some(match name {
        "Duration" => ("@duration", ms()?),
        "Billed Duration" => ("@billedDuration", ms()?),
        "Init Duration" => ("@initDuration", ms()?),
        "Memory Size" => ("@memorySize", bytes()?),
        "Max Memory Used" => ("@maxMemoryUsed", bytes()?),
        "XRAY TraceId" => ("@xrayTraceId", Value::text(value)),
        "SegmentId" => ("@xraySegmentId", Value::text(value)),
        _ => return None,
    })
}

fn is_uuid(word: &str) -> bool {
    word.len() == 36
        && word.bytes().enumerate().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == b'-',
            _ => c.is_ascii_hexdigit(),
        })
}
