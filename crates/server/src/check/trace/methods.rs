//! What the methods of known values do.

use std::rc::Rc;

use super::{
    EffectKind, Tracer,
    calls::Given,
    expressions::repeated,
    value::{Client, Piece, Value, join},
};
use crate::check::source::syntax::Line;

impl Tracer<'_> {
    /// The methods of values that are known.
    pub(super) fn known_method(
        &mut self,
        object: &Value,
        name: &str,
        given: &[Given],
        line: Line,
    ) -> Option<Value> {
        let first = given.first().map(|given| given.value.clone());
        let key = || first.as_ref().and_then(Value::known_text);
        let other = || given.get(1).map(|given| given.value.clone());
        match (object, name) {
            (Value::Event(path), "get") => {
                let member = self.event_member(path, &key()?, true, line);
                Some(match (member, other()) {
                    (Value::Nothing, Some(default)) => default,
                    (member, _) => member,
                })
            }
            (Value::Event(path), "encode" | "toString" | "strip" | "trim") => {
                Some(Value::Event(Rc::clone(path)))
            }
            (Value::Environment, "get") => Some(match self.variable(&key()?) {
                Value::Unknown => other().unwrap_or(Value::Unknown),
                value => value,
            }),
            (Value::Object(members), "get") => {
                let member = object.member(&key()?);
                let is_told = !members
                    .borrow()
                    .iter()
                    .any(|(key, _)| key == "..." || key == "?");
                match member {
                    Some(value) => Some(value),
                    None if is_told => Some(other().unwrap_or(Value::Nothing)),
                    None => Some(Value::Unknown),
                }
            }
            (Value::Object(members), "update" | "setdefault") => {
                if let Some(Value::Object(others)) = &first {
                    let others = others.borrow().clone();
                    members.borrow_mut().extend(others);
                }
                members.borrow_mut().extend(
                    given
                        .iter()
                        .filter_map(|given| Some((given.name.clone()?, given.value.clone()))),
                );
                Some(Value::Nothing)
            }
            (Value::Text(_) | Value::Json(_), name) => text_method(object, name, first.as_ref()),
            (Value::Bytes(_), "hex" | "toString" | "decode") => Some(Value::some_text()),
            (Value::Library(path), "read" | "readlines") if &**path == "open(b)" => {
                Some(Value::Bytes(None))
            }
            (Value::Library(path), "read") if &**path == "open(t)" => Some(Value::some_text()),
            (Value::Library(path), "encode" | "decode") if path.starts_with("Text") => first,
            (Value::List(items), "append" | "push") => {
                // Told as a call too: it may be a list of what is gone.
                if items.borrow().len() < 64 {
                    items.borrow_mut().extend(first);
                }
                let has_connection_id = false;
                let name = name.to_owned();
                self.record(
                    line,
                    EffectKind::Call {
                        name,
                        has_connection_id,
                    },
                );
                Some(Value::Nothing)
            }
            (Value::List(_), "includes") => {
                let items = object.clone();
                let Value::List(items) = &items else {
                    return None;
                };
                let wanted = first?;
                let items = items.borrow();
                let mut is_told = true;
                for item in items.iter() {
                    match item.equals(&wanted) {
                        Some(true) => return Some(Value::Bool(true)),
                        Some(false) => {}
                        None => is_told = false,
                    }
                }
                Some(if is_told {
                    Value::Bool(false)
                } else {
                    Value::Unknown
                })
            }
            (Value::Client(client), "Table") => Some(Value::Client(Rc::new(Client {
                service: client.service.clone(),
                table: first,
            }))),
            (
                Value::Unknown,
                "SerializeToString" | "tobytes" | "to_bytes" | "toBuffer" | "arrayBuffer"
                | "getvalue",
            ) => Some(Value::Bytes(None)),
            _ => None,
        }
    }
}

fn text_method(text: &Value, name: &str, first: Option<&Value>) -> Option<Value> {
    let times = |value: Option<&Value>| match value {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    };
    match name {
        // The bytes of a text are a text's.
        "encode" | "decode" | "toString" | "strip" | "trim" | "trimEnd" | "rstrip" | "valueOf" => {
            Some(text.clone())
        }
        "repeat" => Some(repeated(text, times(first)?)),
        "padEnd" | "padStart" | "ljust" | "rjust" | "zfill" | "center" => {
            Some(repeated(&Value::text("x"), times(first)?))
        }
        "concat" => Some(join(text.pieces().into_iter().chain(first?.pieces()))),
        "join" => Some(Value::some_text()),
        "format" => Some(join([Piece::Hole(Value::Unknown)])),
        "replace" => {
            let whole = text.known_text()?;
            let from = first?.known_text()?;
            // What `wss://` is replaced with is seen where it is used.
            (!whole.contains(&from)).then(|| text.clone())
        }
        "startsWith" | "startswith" => {
            let prefix = first?.known_text()?;
            Some(Value::Bool(text.known_text()?.starts_with(&prefix)))
        }
        "lower" | "toLowerCase" => Some(Value::text(text.known_text()?.to_lowercase())),
        _ => None,
    }
}
