//! What a path is evaluated over: a parsed JSON text, or the live values of a template.

use std::borrow::Cow;

use serde_json::Value;

use crate::expression::number::Number;

/// What a node is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind<'d> {
    Null,
    Bool(bool),
    Number(Number),
    Text(&'d str),
    /// An array, and how many items it has.
    Array(usize),
    /// An object, and how many members it has.
    Object(usize),
}

/// A value in a document.
pub(crate) trait Node<'d>: Copy {
    fn kind(self) -> Kind<'d>;
    fn member(self, name: &str) -> Option<Self>;
    fn item(self, index: usize) -> Option<Self>;
    /// Every item, or every member with its name, in order.
    fn children(self, child: &mut dyn FnMut(Option<Cow<'d, str>>, Self));
}

impl<'d> Node<'d> for &'d Value {
    fn kind(self) -> Kind<'d> {
        match self {
            Value::Null => Kind::Null,
            Value::Bool(flag) => Kind::Bool(*flag),
            Value::Number(number) => Kind::Number(Number::of_json(number)),
            Value::String(text) => Kind::Text(text),
            Value::Array(items) => Kind::Array(items.len()),
            Value::Object(members) => Kind::Object(members.len()),
        }
    }

    fn member(self, name: &str) -> Option<Self> {
        self.as_object()?.get(name)
    }

    fn item(self, index: usize) -> Option<Self> {
        self.as_array()?.get(index)
    }

    fn children(self, child: &mut dyn FnMut(Option<Cow<'d, str>>, Self)) {
        match self {
            Value::Array(items) => items.iter().for_each(|item| child(None, item)),
            Value::Object(members) => members
                .iter()
                .for_each(|(name, member)| child(Some(Cow::Borrowed(name)), member)),
            _ => {}
        }
    }
}
