//! Methods of maps.

use super::{MAX_DEPTH, count, nothing};
use crate::template::{
    document::{ITEM_BYTES, MEMBER_BYTES},
    render::{Outcome, Renderer},
    value::{Key, MapId, Value},
};

/// What Java has and this has not.
const NOT_SUPPORTED: [&str; 8] = [
    "compute",
    "computeIfAbsent",
    "computeIfPresent",
    "forEach",
    "hashCode",
    "merge",
    "replaceAll",
    "sequencedEntrySet",
];

impl<'a> Renderer<'a> {
    pub(super) fn call_map(
        &mut self,
        id: MapId,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Outcome<Option<Value<'a>>> {
        let length = self.heap.map(id).0.len();
        Ok(Some(match (name, arguments) {
            ("size", []) => count(length),
            ("isEmpty", []) => Value::Bool(length == 0),
            ("get", [key]) => {
                let key = self.key(key)?;
                self.member(id, &key).unwrap_or(Value::Null)
            }
            ("getOrDefault", [key, default]) => {
                let key = self.key(key)?;
                self.member(id, &key).unwrap_or_else(|| default.clone())
            }
            ("put", [key, value]) => {
                let key = self.key(key)?;
                self.insert(id, key, value.clone())?.unwrap_or(Value::Null)
            }
            ("putIfAbsent", [key, value]) => {
                let key = self.key(key)?;
                match self.member(id, &key) {
                    Some(present) => present,
                    None => self.insert(id, key, value.clone())?.unwrap_or(Value::Null),
                }
            }
            ("replace", [key, value]) => {
                let key = self.key(key)?;
                match self.member(id, &key) {
                    Some(_) => self.insert(id, key, value.clone())?.unwrap_or(Value::Null),
                    None => Value::Null,
                }
            }
            ("putAll", [Value::Map(other)]) => {
                for index in 0..self.heap.map(*other).0.len() {
                    let Some((key, value)) = self.heap.map(*other).0.get_index(index) else {
                        break;
                    };
                    let (key, value) = (key.clone(), value.clone());
                    self.insert(id, key, value)?;
                }
                nothing()
            }
            ("remove", [key]) => {
                let key = self.key(key)?;
                self.budget.bytes(length * MEMBER_BYTES / 4)?;
                let removed = self.heap.map_mut(id).0.shift_remove(&key);
                removed.unwrap_or(Value::Null)
            }
            ("clear", []) => {
                self.heap.map_mut(id).0.clear();
                nothing()
            }
            ("containsKey", [key]) => {
                let key = self.key(key)?;
                Value::Bool(self.heap.map(id).0.contains_key(&key))
            }
            ("containsValue", [value]) => {
                let mut is_there = false;
                for index in 0..length {
                    let member = self.heap.map(id).0.get_index(index);
                    let member = member.map_or(Value::Null, |(_, member)| member.clone());
                    if self.same(&member, value, MAX_DEPTH)? {
                        is_there = true;
                        break;
                    }
                }
                Value::Bool(is_there)
            }
            ("keySet", []) => {
                self.budget.memory(length * ITEM_BYTES)?;
                let keys = self.heap.map(id).0.keys().map(Key::value).collect();
                Value::List(self.heap.add_list(keys))
            }
            ("values", []) => Value::List(self.values_of(id)?),
            ("entrySet", []) => {
                self.budget.memory(length * 2 * MEMBER_BYTES)?;
                let keys: Vec<Key<'a>> = self.heap.map(id).0.keys().cloned().collect();
                let entries = keys
                    .into_iter()
                    .map(|key| Value::Entry(self.heap.add_entry(id, key)))
                    .collect();
                Value::List(self.heap.add_list(entries))
            }
            ("toString" | "equals", _) => {
                return self.call_object(&Value::Map(id), name, arguments);
            }
            _ => {
                Self::not_supported("Map", &NOT_SUPPORTED, name)?;
                return Ok(None);
            }
        }))
    }

    fn member(&self, id: MapId, key: &Key<'a>) -> Option<Value<'a>> {
        self.heap.map(id).0.get(key).cloned()
    }
}
