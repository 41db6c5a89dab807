//! Values of a template. Lists and maps lie in a heap and are named by their number in it, so that
//! several variables can mean one of them, and nothing nests, whatever holds what: neither
//! dropping a value nor copying one ever recurses.

use std::{
    hash::{Hash, Hasher},
    ops::Deref,
    rc::Rc,
};

use indexmap::{Equivalent, IndexMap};

use super::syntax::Node;
use crate::expression::number::Number;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Text<'a>),
    List(ListId),
    Map(MapId),
    /// A `Map.Entry`.
    Entry(EntryId),
    /// `$foreach`.
    Loop(LoopId),
    /// What `#define` defined: rendered wherever it is used.
    Block(&'a [Node]),
    /// A variable of AWS's.
    Host(Host),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    Context,
    Input,
    StageVariables,
    Util,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListId(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MapId(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryId(u32);

/// A loop that runs: how many are around it, and which of all loops it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LoopId {
    pub(super) depth: u32,
    pub(super) serial: u32,
}

/// A text of the template or the request, or one that was made.
#[derive(Debug, Clone)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Shared(Rc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Shared(text.into())
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text<'_> {}

/// A key of a map. Doubles, lists and maps are keys by their text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key<'a> {
    Null,
    Bool(bool),
    Whole(i128),
    Text(Text<'a>),
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Null => state.write_u8(0),
            Self::Bool(flag) => flag.hash(state),
            Self::Whole(whole) => whole.hash(state),
            Self::Text(text) => Name(text).hash(state),
        }
    }
}

impl<'a> Key<'a> {
    pub(super) fn value(&self) -> Value<'a> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Whole(whole) => Value::Number(Number::Whole(*whole)),
            Self::Text(text) => Value::Text(text.clone()),
        }
    }
}

/// A name that is looked up among keys.
#[derive(Hash)]
struct Name<'n>(&'n str);

impl Equivalent<Key<'_>> for Name<'_> {
    fn equivalent(&self, key: &Key<'_>) -> bool {
        matches!(key, Key::Text(text) if **text == *self.0)
    }
}

/// A map, in the order of its first insertions.
#[derive(Debug, Default)]
pub(super) struct Map<'a>(pub(super) IndexMap<Key<'a>, Value<'a>>);

impl<'a> Map<'a> {
    /// The value of a text.
    pub(super) fn named(&self, name: &str) -> Option<&Value<'a>> {
        self.0.get(&Name(name))
    }
}

/// All lists, maps and entries of a rendering.
#[derive(Debug, Default)]
pub(super) struct Heap<'a> {
    lists: Vec<Vec<Value<'a>>>,
    maps: Vec<Map<'a>>,
    entries: Vec<(MapId, Key<'a>)>,
}

/// The number of what is added to a vector. Budgets end long before numbers do.
fn number_of<T>(all: &[T]) -> u32 {
    u32::try_from(all.len()).unwrap_or(u32::MAX)
}

impl<'a> Heap<'a> {
    pub(super) fn add_list(&mut self, items: Vec<Value<'a>>) -> ListId {
        let id = ListId(number_of(&self.lists));
        self.lists.push(items);
        id
    }

    pub(super) fn add_map(&mut self, map: Map<'a>) -> MapId {
        let id = MapId(number_of(&self.maps));
        self.maps.push(map);
        id
    }

    pub(super) fn add_entry(&mut self, map: MapId, key: Key<'a>) -> EntryId {
        let id = EntryId(number_of(&self.entries));
        self.entries.push((map, key));
        id
    }

    pub(super) fn list(&self, id: ListId) -> &Vec<Value<'a>> {
        &self.lists[id.0 as usize]
    }

    pub(super) fn list_mut(&mut self, id: ListId) -> &mut Vec<Value<'a>> {
        &mut self.lists[id.0 as usize]
    }

    pub(super) fn map(&self, id: MapId) -> &Map<'a> {
        &self.maps[id.0 as usize]
    }

    pub(super) fn map_mut(&mut self, id: MapId) -> &mut Map<'a> {
        &mut self.maps[id.0 as usize]
    }

    pub(super) fn entry_key(&self, id: EntryId) -> &Key<'a> {
        &self.entries[id.0 as usize].1
    }

    pub(super) fn entry_map(&self, id: EntryId) -> MapId {
        self.entries[id.0 as usize].0
    }

    /// The value of an entry; nothing once its key is gone.
    pub(super) fn entry_value(&self, id: EntryId) -> &Value<'a> {
        let (map, key) = &self.entries[id.0 as usize];
        self.map(*map).0.get(key).unwrap_or(&Value::Null)
    }
}
