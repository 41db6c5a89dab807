//! References: what they stand for, and how `#set` changes it.

use super::{
    document::{ITEM_BYTES, MEMBER_BYTES},
    problem::Problem,
    render::{Outcome, Renderer},
    syntax::{Accessor, Expression, Method, Reference},
    value::{Host, Key, ListId, LoopId, MapId, Text, Value},
};
use crate::expression::number::Number;

impl<'a> Renderer<'a> {
    /// The value of a reference; nothing when any part of it is nothing.
    pub(super) fn reference(&mut self, reference: &'a Reference) -> Outcome<Value<'a>> {
        self.budget.steps(1)?;
        self.place = reference.place;
        let value = self.variable(reference.variable)?;
        let (value, accessors) = self.without_host(value, reference)?;
        self.accessed(value, accessors, reference)
    }

    /// What a variable of AWS's has below it, without making a map of all of it when only one
    /// value is asked for; and the accessors that are left.
    fn without_host(
        &mut self,
        value: Value<'a>,
        reference: &'a Reference,
    ) -> Outcome<(Value<'a>, &'a [Accessor])> {
        let accessors = &reference.accessors[..];
        match value {
            Value::Host(Host::Context) => {
                if let Some((path, count)) = &reference.path
                    && let Some(value) = self.context_variable(path)?
                {
                    return Ok((value, &accessors[*count..]));
                }
                Ok((self.context_map()?, accessors))
            }
            Value::Host(Host::StageVariables) => {
                let Some(Accessor::Property(name) | Accessor::Index(Expression::Text(name))) =
                    accessors.first()
                else {
                    return Ok((self.stage_variables_map()?, accessors));
                };
                let value = self.input.context.stage_variables.get(&**name);
                let value = value.map_or(Value::Null, |text| Value::Text(Text::Borrowed(text)));
                Ok((value, &accessors[1..]))
            }
            value => Ok((value, accessors)),
        }
    }

    fn accessed(
        &mut self,
        mut value: Value<'a>,
        accessors: &'a [Accessor],
        reference: &'a Reference,
    ) -> Outcome<Value<'a>> {
        for accessor in accessors {
            value = match accessor {
                _ if matches!(value, Value::Null) => return Ok(Value::Null),
                Accessor::Property(name) => self.property(&value, name)?,
                Accessor::Index(index) => {
                    let index = self.deeper(|this| this.evaluate(index))?;
                    self.item(&value, &index)?
                }
                Accessor::Method(method) => {
                    self.deeper(|this| this.method(&value, method, reference))?
                }
            };
        }
        Ok(value)
    }

    fn method(
        &mut self,
        target: &Value<'a>,
        method: &'a Method,
        reference: &'a Reference,
    ) -> Outcome<Value<'a>> {
        let mut arguments = Vec::with_capacity(method.arguments.len());
        for argument in &method.arguments {
            arguments.push(self.evaluate(argument)?);
        }
        self.place = reference.place;
        // What Java has not is nothing in Velocity.
        Ok(self
            .call(target, method, &arguments)?
            .unwrap_or(Value::Null))
    }

    /// `.name`, without arguments.
    fn property(&mut self, target: &Value<'a>, name: &str) -> Outcome<Value<'a>> {
        self.budget.steps(1)?;
        Ok(match target {
            Value::Map(id) => self
                .heap
                .map(*id)
                .named(name)
                .cloned()
                .unwrap_or(Value::Null),
            Value::Entry(id) => match name {
                "key" => self.heap.entry_key(*id).value(),
                "value" => self.heap.entry_value(*id).clone(),
                _ => Value::Null,
            },
            Value::Loop(id) => self.loop_property(*id, name),
            // Java's `isEmpty()`.
            Value::Text(text) if name == "empty" => Value::Bool(text.is_empty()),
            Value::List(id) if name == "empty" => Value::Bool(self.heap.list(*id).is_empty()),
            Value::Host(Host::Input) if name == "body" => {
                Value::Text(Text::Borrowed(self.input.body))
            }
            _ => Value::Null,
        })
    }

    /// `[index]`: of a list by its number, negative ones from the end, of a map by its key.
    fn item(&mut self, target: &Value<'a>, index: &Value<'a>) -> Outcome<Value<'a>> {
        self.budget.steps(1)?;
        match target {
            Value::List(id) => {
                let position = self.position(*id, index)?;
                Ok(self.heap.list(*id)[position].clone())
            }
            Value::Map(id) => {
                let key = self.key(index)?;
                let found = self.heap.map(*id).0.get(&key);
                Ok(found.cloned().unwrap_or(Value::Null))
            }
            _ => Ok(Value::Null),
        }
    }

    fn position(&mut self, list: ListId, index: &Value<'a>) -> Outcome<usize> {
        let length = self.heap.list(list).len();
        let text = self.text_of(index)?;
        let position = match index {
            Value::Number(Number::Whole(index)) if *index < 0 => index + length as i128,
            Value::Number(Number::Whole(index)) => *index,
            _ => -1,
        };
        usize::try_from(position)
            .ok()
            .filter(|position| *position < length)
            .ok_or_else(|| {
                let reason = format!("there is no item {} of {length}", &*text);
                Problem::method("[…]", reason).into()
            })
    }

    pub(super) fn loop_property(&self, id: LoopId, name: &str) -> Value<'a> {
        let depth = id.depth as usize;
        let Some(running) = self.loops.get(depth).filter(|running| running.id == id) else {
            return Value::Null;
        };
        let number = |number: usize| Value::Number(Number::Whole(number as i128));
        match name {
            "index" => number(running.index),
            "count" => number(running.index + 1),
            "hasNext" => Value::Bool(running.index + 1 < running.length),
            "first" => Value::Bool(running.index == 0),
            "last" => Value::Bool(running.index + 1 == running.length),
            "parent" => match depth.checked_sub(1) {
                Some(parent) => Value::Loop(self.loops[parent].id),
                None => Value::Null,
            },
            "topmost" => Value::Loop(self.loops[0].id),
            _ => Value::Null,
        }
    }

    /// `#set`: nothing is never assigned, as in Velocity.
    pub(super) fn set(&mut self, target: &'a Reference, value: &'a Expression) -> Outcome<()> {
        let value = self.evaluate(value)?;
        self.place = target.place;
        if matches!(value, Value::Null) {
            return Ok(());
        }
        let Some((last, before)) = target.accessors.split_last() else {
            self.assign(target.variable, value);
            return Ok(());
        };
        let root = match self.variable(target.variable)? {
            Value::Host(Host::Context) => self.context_map()?,
            Value::Host(Host::StageVariables) => self.stage_variables_map()?,
            root => root,
        };
        let holder = self.accessed(root, before, target)?;
        match (holder, last) {
            (Value::Map(id), Accessor::Property(name)) => {
                self.insert(id, Key::Text(Text::Borrowed(name)), value)?;
            }
            (Value::Map(id), Accessor::Index(index)) => {
                let index = self.evaluate(index)?;
                let key = self.key(&index)?;
                self.insert(id, key, value)?;
            }
            (Value::List(id), Accessor::Index(index)) => {
                let index = self.evaluate(index)?;
                let position = self.position(id, &index)?;
                self.heap.list_mut(id)[position] = value;
            }
            // Velocity says so in its log only.
            _ => {}
        }
        Ok(())
    }

    /// A value as a key.
    pub(super) fn key(&mut self, value: &Value<'a>) -> Outcome<Key<'a>> {
        Ok(match value {
            Value::Null => Key::Null,
            Value::Bool(flag) => Key::Bool(*flag),
            Value::Number(Number::Whole(whole)) => Key::Whole(*whole),
            Value::Text(text) => {
                self.budget.bytes(text.len())?;
                Key::Text(text.clone())
            }
            other => Key::Text(self.text_of(other)?),
        })
    }

    /// Puts a member into a map; what was there.
    pub(super) fn insert(
        &mut self,
        map: MapId,
        key: Key<'a>,
        value: Value<'a>,
    ) -> Outcome<Option<Value<'a>>> {
        self.pay_member()?;
        Ok(self.heap.map_mut(map).0.insert(key, value))
    }

    pub(super) fn pay_member(&mut self) -> Outcome<()> {
        Ok(self.budget.memory(MEMBER_BYTES)?)
    }

    /// A new list, paid for.
    pub(super) fn list(&mut self, items: Vec<Value<'a>>) -> Outcome<Value<'a>> {
        self.budget.memory(items.len() * ITEM_BYTES)?;
        Ok(Value::List(self.heap.add_list(items)))
    }

    /// The values of a map, as a list.
    pub(super) fn values_of(&mut self, map: MapId) -> Outcome<ListId> {
        self.budget
            .memory(self.heap.map(map).0.len() * ITEM_BYTES)?;
        let values = self.heap.map(map).0.values().cloned().collect();
        Ok(self.heap.add_list(values))
    }
}
