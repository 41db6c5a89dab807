//! Methods: Java's, as far as templates call them.

mod list;
mod map;
mod number;
mod pattern;
mod text;

use std::cmp::Ordering;

use super::{
    problem::Problem,
    render::{Exit, Outcome, Renderer},
    syntax::Method,
    value::{Host, Text, Value},
};
use crate::expression::number::Number;

/// How deeply lists and maps are compared.
const MAX_DEPTH: usize = 64;

impl<'a> Renderer<'a> {
    /// Calls a method; `None` when Java has none of that name for these arguments.
    pub(super) fn call(
        &mut self,
        target: &Value<'a>,
        method: &'a Method,
        arguments: &[Value<'a>],
    ) -> Outcome<Option<Value<'a>>> {
        self.budget.steps(1)?;
        let name = &*method.name;
        match target {
            Value::Host(Host::Input) => self.call_input(name, arguments, &method.prepared),
            Value::Host(Host::Util) => self.call_util(name, arguments),
            Value::Text(text) => self.call_text(text, method, arguments),
            Value::List(id) => self.call_list(*id, name, arguments),
            Value::Map(id) => self.call_map(*id, name, arguments),
            Value::Number(number) => self.call_number(*number, name, arguments),
            Value::Bool(flag) => self.call_bool(*flag, name, arguments),
            Value::Entry(id) => Ok(match (name, arguments) {
                ("getKey", []) => Some(self.heap.entry_key(*id).value()),
                ("getValue", []) => Some(self.heap.entry_value(*id).clone()),
                ("setValue", [value]) => {
                    let key = self.heap.entry_key(*id).clone();
                    let map = self.heap.entry_map(*id);
                    Some(self.insert(map, key, value.clone())?.unwrap_or(Value::Null))
                }
                _ => self.call_object(target, name, arguments)?,
            }),
            Value::Loop(id) => match (name, arguments) {
                ("stop", []) => Err(Exit::Break(Some(*id))),
                ("hasNext" | "isFirst" | "isLast" | "getIndex" | "getCount", []) => {
                    let property = match name {
                        "isFirst" => "first",
                        "isLast" => "last",
                        "getIndex" => "index",
                        "getCount" => "count",
                        name => name,
                    };
                    Ok(Some(self.loop_property(*id, property)))
                }
                _ => Ok(None),
            },
            Value::Null | Value::Block(_) | Value::Host(_) => {
                self.call_object(target, name, arguments)
            }
        }
    }

    /// What every object has.
    fn call_object(
        &mut self,
        target: &Value<'a>,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Outcome<Option<Value<'a>>> {
        Ok(match (name, arguments) {
            ("toString", []) => Some(Value::Text(self.text_of(target)?)),
            ("equals", [other]) => Some(Value::Bool(self.same(target, other, MAX_DEPTH)?)),
            _ => None,
        })
    }

    fn call_bool(
        &mut self,
        flag: bool,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Outcome<Option<Value<'a>>> {
        Ok(match (name, arguments) {
            ("booleanValue", []) => Some(Value::Bool(flag)),
            ("compareTo" | "compare", [Value::Bool(other)]) => Some(ordering(flag.cmp(other))),
            ("parseBoolean" | "valueOf", [value]) => {
                let text = self.text_of(value)?;
                Some(Value::Bool(text.eq_ignore_ascii_case("true")))
            }
            _ => self.call_object(&Value::Bool(flag), name, arguments)?,
        })
    }

    /// Refuses a method that Java has and this has not, so that it never counts as nothing.
    fn not_supported(class: &str, methods: &[&str], name: &str) -> Outcome<()> {
        if methods.contains(&name) {
            return Err(Problem::NotSupported(format!("{class}.{name}")).into());
        }
        Ok(())
    }

    fn made(&mut self, text: String) -> Outcome<Option<Value<'a>>> {
        Ok(Some(Value::Text(self.text(text)?)))
    }
}

/// What `compareTo` returns.
fn ordering<'a>(ordering: Ordering) -> Value<'a> {
    Value::Number(Number::Whole(ordering as i128))
}

/// What a method of no type returns: Velocity prints nothing for it.
fn nothing<'a>() -> Value<'a> {
    Value::Text(Text::Borrowed(""))
}

/// A number of things.
fn count<'a>(count: usize) -> Value<'a> {
    Value::Number(Number::Whole(count as i128))
}

/// A position that was found, or −1.
fn position<'a>(found: Option<usize>) -> Value<'a> {
    found.map_or(Value::Number(Number::Whole(-1)), count)
}

/// A whole number of an argument that is one.
fn whole(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::Number(Number::Whole(whole)) => Some(*whole),
        _ => None,
    }
}
