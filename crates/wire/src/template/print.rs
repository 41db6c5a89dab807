//! Values as text: as Java prints them, and as JSON.

use super::{
    problem::Problem,
    render::{Outcome, Renderer},
    value::{Host, Key, Text, Value},
};
use crate::expression::number::Number;

/// How deeply lists and maps are printed: as deeply as JSON is read.
pub(super) const MAX_DEPTH: usize = 128;

impl<'a> Renderer<'a> {
    /// A value as its `toString()`.
    pub(super) fn text_of(&mut self, value: &Value<'a>) -> Outcome<Text<'a>> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            Value::Bool(flag) => Ok(Text::Borrowed(bool_text(*flag))),
            Value::Null => Ok(Text::Borrowed("null")),
            other => self.deeper(|this| this.captured(|this| this.print(other))),
        }
    }

    /// Prints a value as its `toString()`, nothing as nothing.
    pub(super) fn print(&mut self, value: &Value<'a>) -> Outcome<()> {
        match value {
            Value::Null => Ok(()),
            value => self.print_below(value, MAX_DEPTH),
        }
    }

    fn print_below(&mut self, value: &Value<'a>, depth_left: usize) -> Outcome<()> {
        if depth_left == 0 {
            return Err(Problem::TooDeep.into());
        }
        match value {
            Value::Null => self.push("null"),
            Value::Bool(flag) => self.push(bool_text(*flag)),
            Value::Number(number) => self.print_number(*number),
            Value::Text(text) => self.push(text),
            Value::List(id) => {
                self.push("[")?;
                let mut index = 0;
                while let Some(item) = self.heap.list(*id).get(index).cloned() {
                    self.push(if index == 0 { "" } else { ", " })?;
                    match item {
                        Value::List(inner) if inner == *id => self.push("(this Collection)")?,
                        item => self.print_below(&item, depth_left - 1)?,
                    }
                    index += 1;
                }
                self.push("]")
            }
            Value::Map(id) => {
                self.push("{")?;
                let mut index = 0;
                while let Some((key, member)) = self.heap.map(*id).0.get_index(index) {
                    let (key, member) = (key.clone(), member.clone());
                    self.push(if index == 0 { "" } else { ", " })?;
                    self.print_key(&key)?;
                    self.push("=")?;
                    match member {
                        Value::Map(inner) if inner == *id => self.push("(this Map)")?,
                        member => self.print_below(&member, depth_left - 1)?,
                    }
                    index += 1;
                }
                self.push("}")
            }
            Value::Entry(id) => {
                let key = self.heap.entry_key(*id).clone();
                let member = self.heap.entry_value(*id).clone();
                self.print_key(&key)?;
                self.push("=")?;
                self.print_below(&member, depth_left - 1)
            }
            Value::Block(nodes) => self.deeper(|this| this.nodes(nodes)),
            Value::Host(Host::Context) => {
                let map = self.context_map()?;
                self.print_below(&map, depth_left - 1)
            }
            Value::Host(Host::StageVariables) => {
                let map = self.stage_variables_map()?;
                self.print_below(&map, depth_left - 1)
            }
            // Java prints the names of their classes.
            Value::Host(Host::Input | Host::Util) | Value::Loop(_) => Ok(()),
        }
    }

    fn print_key(&mut self, key: &Key<'a>) -> Outcome<()> {
        match key {
            Key::Null => self.push("null"),
            Key::Bool(flag) => self.push(bool_text(*flag)),
            Key::Whole(whole) => self.print_number(Number::Whole(*whole)),
            Key::Text(text) => self.push(text),
        }
    }

    fn print_number(&mut self, number: Number) -> Outcome<()> {
        let mut text = String::new();
        number.push(&mut text);
        self.push(&text)
    }

    /// A value as JSON.
    pub(super) fn json_of(&mut self, value: &Value<'a>) -> Outcome<Text<'a>> {
        self.captured(|this| this.push_json(value, MAX_DEPTH))
    }

    pub(super) fn push_json(&mut self, value: &Value<'a>, depth_left: usize) -> Outcome<()> {
        if depth_left == 0 {
            return Err(Problem::TooDeep.into());
        }
        match value {
            Value::Null => self.push("null"),
            Value::Bool(flag) => self.push(bool_text(*flag)),
            // JSON has no other numbers.
            Value::Number(Number::Double(double)) if !double.is_finite() => self.push("null"),
            Value::Number(number) => self.print_number(*number),
            Value::Text(text) => self.push_json_text(text),
            Value::List(id) => {
                self.push("[")?;
                let mut index = 0;
                while let Some(item) = self.heap.list(*id).get(index).cloned() {
                    self.push(if index == 0 { "" } else { "," })?;
                    self.push_json(&item, depth_left - 1)?;
                    index += 1;
                }
                self.push("]")
            }
            Value::Map(id) => {
                self.push("{")?;
                let mut index = 0;
                while let Some((key, member)) = self.heap.map(*id).0.get_index(index) {
                    let (key, member) = (key.clone(), member.clone());
                    self.push(if index == 0 { "" } else { "," })?;
                    match &key {
                        Key::Text(text) => self.push_json_text(text)?,
                        other => {
                            self.push("\"")?;
                            self.print_key(other)?;
                            self.push("\"")?;
                        }
                    }
                    self.push(":")?;
                    self.push_json(&member, depth_left - 1)?;
                    index += 1;
                }
                self.push("}")
            }
            other => {
                let text = self.text_of(other)?;
                self.push_json_text(&text)
            }
        }
    }

    /// A text as JSON, in quotes.
    pub(super) fn push_json_text(&mut self, text: &str) -> Outcome<()> {
        let needs_escape = |c: u8| c < 0x20 || c == b'"' || c == b'\\';
        self.push("\"")?;
        if text.bytes().any(needs_escape) {
            let quoted = serde_json::Value::from(text).to_string();
            self.push(&quoted[1..quoted.len() - 1])?;
        } else {
            self.push(text)?;
        }
        self.push("\"")
    }
}

fn bool_text(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}
