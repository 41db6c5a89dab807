//! Methods of lists.

use super::{MAX_DEPTH, count, nothing, position, whole};
use crate::template::{
    document::ITEM_BYTES,
    problem::Problem,
    render::{Exit, Outcome, Renderer},
    value::{ListId, Value},
};

/// What Java has and this has not.
const NOT_SUPPORTED: [&str; 17] = [
    "addFirst",
    "addLast",
    "forEach",
    "getFirst",
    "getLast",
    "hashCode",
    "listIterator",
    "parallelStream",
    "removeFirst",
    "removeIf",
    "removeLast",
    "replaceAll",
    "reversed",
    "sort",
    "spliterator",
    "stream",
    "ensureCapacity",
];

impl<'a> Renderer<'a> {
    pub(super) fn call_list(
        &mut self,
        id: ListId,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Outcome<Option<Value<'a>>> {
        let length = self.heap.list(id).len();
        Ok(Some(match (name, arguments) {
            ("size", []) => count(length),
            ("isEmpty", []) => Value::Bool(length == 0),
            ("get", [index]) => {
                let position = index_of("List.get", index, length)?;
                self.heap.list(id)[position].clone()
            }
            ("set", [index, value]) => {
                let position = index_of("List.set", index, length)?;
                std::mem::replace(&mut self.heap.list_mut(id)[position], value.clone())
            }
            ("add", [value]) => {
                self.budget.memory(ITEM_BYTES)?;
                self.heap.list_mut(id).push(value.clone());
                Value::Bool(true)
            }
            ("add", [index, value]) => {
                let position = index_of("List.add", index, length + 1)?;
                self.budget.memory(ITEM_BYTES)?;
                self.budget.bytes((length - position) * ITEM_BYTES)?;
                self.heap.list_mut(id).insert(position, value.clone());
                nothing()
            }
            ("addAll", [values]) => {
                let Some(values) = self.items(values)? else {
                    return Ok(None);
                };
                let is_changed = !values.is_empty();
                self.budget.memory(values.len() * ITEM_BYTES)?;
                self.heap.list_mut(id).extend(values);
                Value::Bool(is_changed)
            }
            ("addAll", [index, values]) => {
                let position = index_of("List.addAll", index, length + 1)?;
                let Some(values) = self.items(values)? else {
                    return Ok(None);
                };
                let is_changed = !values.is_empty();
                self.budget
                    .memory((length - position + values.len()) * ITEM_BYTES)?;
                self.heap.list_mut(id).splice(position..position, values);
                Value::Bool(is_changed)
            }
            ("remove", [index]) if whole(index).is_some() => {
                let position = index_of("List.remove", index, length)?;
                self.budget.bytes((length - position) * ITEM_BYTES)?;
                self.heap.list_mut(id).remove(position)
            }
            ("remove", [value]) => match self.find(id, value)? {
                Some(position) => {
                    self.budget.bytes((length - position) * ITEM_BYTES)?;
                    self.heap.list_mut(id).remove(position);
                    Value::Bool(true)
                }
                None => Value::Bool(false),
            },
            ("removeAll" | "retainAll", [values]) => {
                let Value::List(others) = values else {
                    return Ok(None);
                };
                let keeps = name == "retainAll";
                let mut kept = Vec::new();
                for value in self.copy_of(id)? {
                    if self.find(*others, &value)?.is_some() == keeps {
                        kept.push(value);
                    }
                }
                let is_changed = kept.len() != length;
                *self.heap.list_mut(id) = kept;
                Value::Bool(is_changed)
            }
            ("clear", []) => {
                self.heap.list_mut(id).clear();
                nothing()
            }
            ("contains", [value]) => Value::Bool(self.find(id, value)?.is_some()),
            ("containsAll", [values]) => {
                let Some(values) = self.items(values)? else {
                    return Ok(None);
                };
                let mut has_all = true;
                for value in values {
                    has_all = has_all && self.find(id, &value)?.is_some();
                }
                Value::Bool(has_all)
            }
            ("indexOf", [value]) => {
                let found = self.find_index(id, value, false)?;
                position(found)
            }
            ("lastIndexOf", [value]) => {
                let found = self.find_index(id, value, true)?;
                position(found)
            }
            ("subList", [from, to]) => {
                let from = index_of("List.subList", from, length + 1)?;
                let to = index_of("List.subList", to, length + 1)?;
                if to < from {
                    let reason = format!("{to} is before {from}");
                    return Err(Problem::method("List.subList", reason).into());
                }
                let items = self.heap.list(id)[from..to].to_vec();
                self.list(items)?
            }
            ("clone" | "toArray", []) => {
                let items = self.copy_of(id)?;
                Value::List(self.heap.add_list(items))
            }
            // A `#foreach` loops over either.
            ("iterator", []) => Value::List(id),
            ("toString" | "equals", _) => {
                return self.call_object(&Value::List(id), name, arguments);
            }
            _ => {
                Self::not_supported("List", &NOT_SUPPORTED, name)?;
                return Ok(None);
            }
        }))
    }

    /// The items of a list, as those of a new one.
    fn copy_of(&mut self, id: ListId) -> Outcome<Vec<Value<'a>>> {
        self.budget.memory(self.heap.list(id).len() * ITEM_BYTES)?;
        Ok(self.heap.list(id).clone())
    }

    fn items(&mut self, value: &Value<'a>) -> Outcome<Option<Vec<Value<'a>>>> {
        match value {
            Value::List(id) => self.copy_of(*id).map(Some),
            _ => Ok(None),
        }
    }

    fn find(&mut self, id: ListId, value: &Value<'a>) -> Outcome<Option<usize>> {
        self.find_index(id, value, false)
    }

    fn find_index(
        &mut self,
        id: ListId,
        value: &Value<'a>,
        from_end: bool,
    ) -> Outcome<Option<usize>> {
        let length = self.heap.list(id).len();
        for step in 0..length {
            let index = if from_end { length - 1 - step } else { step };
            let item = self.heap.list(id)[index].clone();
            if self.same(&item, value, MAX_DEPTH)? {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }
}

/// A position among `length` ones.
fn index_of(method: &str, index: &Value<'_>, length: usize) -> Result<usize, Exit> {
    let Some(index) = whole(index) else {
        return Err(Problem::method(method, "an index is no whole number").into());
    };
    usize::try_from(index)
        .ok()
        .filter(|position| *position < length)
        .ok_or_else(|| {
            let reason = format!("the index {index} is out of bounds");
            Problem::method(method, reason).into()
        })
}
