//! JSON to values and values to JSON; and paths over values.

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};

use super::{
    budget::Budget,
    problem::Problem,
    value::{Heap, Key, Map, Text, Value},
};
use crate::expression::{
    json_path::document::{Kind, Node},
    number::Number,
};

/// What an item of a list takes, and a member of a map beside its name, bytes.
pub(super) const ITEM_BYTES: usize = 32;
pub(super) const MEMBER_BYTES: usize = 96;

/// Why a text was not read.
pub(super) enum ReadError {
    /// It is no JSON.
    NotJson(String),
    /// It is too much.
    Problem(Problem),
}

/// Reads a JSON text that outlives the values: their texts are borrowed from it.
pub(super) fn read<'a>(
    json: &'a str,
    heap: &mut Heap<'a>,
    budget: &mut Budget,
) -> Result<Value<'a>, ReadError> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let mut reader = Reader {
        heap,
        budget,
        problem: None,
    };
    let read = Seed(&mut reader).deserialize(&mut deserializer);
    finish(
        read.and_then(|value| deserializer.end().map(|()| value)),
        &reader,
    )
}

/// Reads a JSON text that was made by the template.
pub(super) fn read_copied<'a>(
    json: &str,
    heap: &mut Heap<'a>,
    budget: &mut Budget,
) -> Result<Value<'a>, ReadError> {
    // From a reader serde_json lends no text, so that none of them can outlive `json`.
    let mut deserializer = serde_json::Deserializer::from_reader(json.as_bytes());
    let mut reader = Reader {
        heap,
        budget,
        problem: None,
    };
    let read = Seed(&mut reader).deserialize(&mut deserializer);
    finish(
        read.and_then(|value| deserializer.end().map(|()| value)),
        &reader,
    )
}

fn finish<'a>(
    read: serde_json::Result<Value<'a>>,
    reader: &Reader<'_, '_>,
) -> Result<Value<'a>, ReadError> {
    read.map_err(|error| match &reader.problem {
        Some(problem) => ReadError::Problem(problem.clone()),
        None => ReadError::NotJson(error.to_string()),
    })
}

struct Reader<'r, 'a> {
    heap: &'r mut Heap<'a>,
    budget: &'r mut Budget,
    problem: Option<Problem>,
}

impl Reader<'_, '_> {
    fn pay<E: serde::de::Error>(&mut self, bytes: usize) -> Result<(), E> {
        self.budget.memory(bytes).map_err(|problem| {
            self.problem = Some(problem);
            E::custom("too much")
        })
    }
}

struct Seed<'s, 'r, 'a>(&'s mut Reader<'r, 'a>);

impl<'de, 'a> DeserializeSeed<'de> for Seed<'_, '_, 'a>
where
    'de: 'a,
{
    type Value = Value<'a>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, 'a> Visitor<'de> for Seed<'_, '_, 'a>
where
    'de: 'a,
{
    type Value = Value<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value<'a>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value<'a>, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'a>, E> {
        Ok(Value::Number(Number::Whole(number.into())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'a>, E> {
        Ok(Value::Number(Number::Whole(number.into())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'a>, E> {
        Ok(Value::Number(Number::Double(number)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'a>, E> {
        Ok(Value::Text(Text::Borrowed(text)))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value<'a>, E> {
        self.0.pay(text.len())?;
        Ok(Value::Text(Text::Shared(text.into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value<'a>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Seed(&mut *self.0))? {
            self.0.pay(ITEM_BYTES)?;
            items.push(item);
        }
        Ok(Value::List(self.0.heap.add_list(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value<'a>, A::Error> {
        let mut map = Map::default();
        while let Some(key) = access.next_key_seed(Seed(&mut *self.0))? {
            let Value::Text(key) = key else {
                return Err(A::Error::custom("a key is no text"));
            };
            self.0.pay(MEMBER_BYTES)?;
            let value = access.next_value_seed(Seed(&mut *self.0))?;
            map.0.insert(Key::Text(key), value);
        }
        Ok(Value::Map(self.0.heap.add_map(map)))
    }
}

/// A value as a path sees it.
#[derive(Clone, Copy)]
pub(super) struct HeapNode<'h, 'a> {
    pub(super) heap: &'h Heap<'a>,
    pub(super) value: &'h Value<'a>,
}

impl<'h> Node<'h> for HeapNode<'h, '_> {
    fn kind(self) -> Kind<'h> {
        match self.value {
            Value::Bool(flag) => Kind::Bool(*flag),
            Value::Number(number) => Kind::Number(*number),
            Value::Text(text) => Kind::Text(text),
            Value::List(id) => Kind::Array(self.heap.list(*id).len()),
            Value::Map(id) => Kind::Object(self.heap.map(*id).0.len()),
            Value::Null | Value::Entry(_) | Value::Loop(_) | Value::Block(_) | Value::Host(_) => {
                Kind::Null
            }
        }
    }

    fn member(self, name: &str) -> Option<Self> {
        let Value::Map(id) = self.value else {
            return None;
        };
        let value = self.heap.map(*id).named(name)?;
        Some(Self { value, ..self })
    }

    fn item(self, index: usize) -> Option<Self> {
        let Value::List(id) = self.value else {
            return None;
        };
        let value = self.heap.list(*id).get(index)?;
        Some(Self { value, ..self })
    }

    fn children(self, child: &mut dyn FnMut(Option<Cow<'h, str>>, Self)) {
        match self.value {
            Value::List(id) => {
                for value in self.heap.list(*id) {
                    child(None, Self { value, ..self });
                }
            }
            Value::Map(id) => {
                for (key, value) in &self.heap.map(*id).0 {
                    let name = match key {
                        Key::Text(text) => Cow::Borrowed(&**text),
                        Key::Null => Cow::Borrowed("null"),
                        Key::Bool(flag) => Cow::Owned(flag.to_string()),
                        Key::Whole(whole) => Cow::Owned(whole.to_string()),
                    };
                    child(Some(name), Self { value, ..self });
                }
            }
            _ => {}
        }
    }
}
