//! What is known of a value before anything runs.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use crate::check::source::syntax::{Class, Function};

/// A value, as far as the source tells it.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Unknown,
    /// `None`, `null`, `undefined`.
    Nothing,
    Bool(bool),
    Number(f64),
    Text(Text),
    /// Bytes that are not the bytes of a text, and how many, if it can be told.
    Bytes(Option<usize>),
    /// The JSON of a value.
    Json(Rc<Value>),
    /// A member of the event that the handler gets: `requestContext`, `connectionId`.
    Event(Rc<[String]>),
    Object(Members),
    List(Rc<RefCell<Vec<Value>>>),
    Function(Rc<Closure>),
    /// A member whose value is what a function returns.
    Getter(Rc<Closure>),
    Class(Rc<ClassValue>),
    Instance(Rc<Instance>),
    /// A module of the app, by its number.
    Module(usize),
    /// Something that the app does not define, by its dotted name: `boto3.client`.
    Library(Rc<str>),
    /// The environment variables.
    Environment,
    /// A client of an AWS service.
    Client(Rc<Client>),
    /// `new PostToConnectionCommand(…)`.
    Command(Rc<Command>),
    /// What a call to AWS answered, or a part of it: `s3.get_object`, `Body`.
    Answer(Rc<str>),
}

pub(crate) type Members = Rc<RefCell<Vec<(String, Value)>>>;

/// Text of which some is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Text {
    pub(crate) pieces: Vec<Piece>,
    /// The environment variable that it is the value of.
    pub(crate) variable: Option<Rc<str>>,
}

#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Literal(String),
    /// So many bytes of something.
    Filler(usize),
    /// A value that stands in the text.
    Hole(Value),
}

/// A function with what it sees.
#[derive(Debug)]
pub(crate) struct Closure {
    pub(crate) function: Rc<Function>,
    pub(crate) scope: Rc<Scope>,
    pub(crate) module: usize,
    /// What it is a method of.
    pub(crate) this: Option<Value>,
}

#[derive(Debug)]
pub(crate) struct ClassValue {
    pub(crate) class: Rc<Class>,
    pub(crate) scope: Rc<Scope>,
    pub(crate) module: usize,
    pub(crate) parent: Option<Rc<ClassValue>>,
    pub(crate) statics: Members,
}

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) class: Rc<ClassValue>,
    pub(crate) fields: Members,
}

/// A client of an AWS service.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// As boto3 names it: `apigatewaymanagementapi`, `dynamodb`, `lambda`, `s3`.
    pub(crate) service: String,
    /// The table of a DynamoDB table resource.
    pub(crate) table: Option<Value>,
}

/// A command object of the JavaScript SDK.
#[derive(Debug)]
pub(crate) struct Command {
    /// As boto3 names the operation: `post_to_connection`.
    pub(crate) operation: String,
    pub(crate) input: Value,
}

/// The names that a piece of code sees.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub(crate) names: RefCell<HashMap<String, Value>>,
    pub(crate) parent: Option<Rc<Scope>>,
}

impl Scope {
    pub(crate) fn inside(parent: &Rc<Self>) -> Rc<Self> {
        Rc::new(Self {
            names: RefCell::default(),
            parent: Some(Rc::clone(parent)),
        })
    }

    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        let own = self.names.borrow().get(name).cloned();
        own.or_else(|| self.parent.as_ref()?.get(name))
    }

    pub(crate) fn set(&self, name: &str, value: Value) {
        self.names.borrow_mut().insert(name.to_owned(), value);
    }
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(Text {
            pieces: vec![Piece::Literal(text.into())],
            variable: None,
        })
    }

    /// Text of which nothing is known.
    pub(crate) fn some_text() -> Self {
        Self::Text(Text {
            pieces: vec![Piece::Hole(Self::Unknown)],
            variable: None,
        })
    }

    pub(crate) fn object(members: Vec<(String, Self)>) -> Self {
        Self::Object(Rc::new(RefCell::new(members)))
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List(Rc::new(RefCell::new(items)))
    }

    pub(crate) fn event(path: &[&str]) -> Self {
        Self::Event(path.iter().map(|part| (*part).to_owned()).collect())
    }

    pub(crate) fn library(name: impl Into<Rc<str>>) -> Self {
        Self::Library(name.into())
    }

    /// The whole text, when all of it is known.
    pub(crate) fn known_text(&self) -> Option<String> {
        let Self::Text(text) = self else { return None };
        let mut whole = String::new();
        for piece in &text.pieces {
            match piece {
                Piece::Literal(literal) => whole.push_str(literal),
                Piece::Filler(_) | Piece::Hole(_) => return None,
            }
        }
        Some(whole)
    }

    /// The pieces of the value as text.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        match self {
            Self::Text(text) => text.pieces.clone(),
            Self::Number(number) => vec![Piece::Literal(number.to_string())],
            other => vec![Piece::Hole(other.clone())],
        }
    }

    /// The fewest bytes that the value has as text or JSON.
    pub(crate) fn least_bytes(&self, depth: usize) -> usize {
        if depth > 8 {
            return 0;
        }
        match self {
            Self::Text(text) => text
                .pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Literal(literal) => literal.len(),
                    Piece::Filler(length) => *length,
                    Piece::Hole(value) => value.least_bytes(depth + 1),
                })
                .sum(),
            Self::Bytes(length) => length.unwrap_or(0),
            Self::Json(value) => value.least_bytes(depth + 1),
            Self::Object(members) => members
                .borrow()
                .iter()
                .map(|(key, value)| key.len() + value.least_bytes(depth + 1))
                .sum(),
            Self::List(items) => items
                .borrow()
                .iter()
                .map(|item| item.least_bytes(depth + 1))
                .sum(),
            _ => 0,
        }
    }

    /// A member of an object, as far as it was seen to be made.
    pub(crate) fn member(&self, name: &str) -> Option<Self> {
        match self {
            Self::Object(members) => members
                .borrow()
                .iter()
                .rev()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone()),
            _ => None,
        }
    }

    /// The names of the members, and whether those are all.
    pub(crate) fn keys(&self) -> Option<(Vec<String>, bool)> {
        let Self::Object(members) = self else {
            return None;
        };
        let members = members.borrow();
        let is_told = |key: &&String| *key != "..." && *key != "?";
        let keys = members.iter().map(|(key, _)| key);
        let mut told: Vec<String> = keys.clone().filter(is_told).cloned().collect();
        let is_whole = told.len() == members.len();
        told.sort();
        told.dedup();
        Some((told, is_whole))
    }

    /// Whether `test` holds of the value or of anything in it.
    pub(crate) fn holds(&self, test: &dyn Fn(&Self) -> bool, depth: usize) -> bool {
        if test(self) {
            return true;
        }
        if depth > 8 {
            return false;
        }
        match self {
            Self::Json(value) => value.holds(test, depth + 1),
            Self::Object(members) => {
                let members = members.borrow();
                members
                    .iter()
                    .any(|(_, value)| value.holds(test, depth + 1))
            }
            Self::List(items) => {
                let items = items.borrow();
                items.iter().any(|item| item.holds(test, depth + 1))
            }
            Self::Text(text) => text.pieces.iter().any(|piece| match piece {
                Piece::Hole(value) => value.holds(test, depth + 1),
                _ => false,
            }),
            _ => false,
        }
    }

    /// Whether it is this member of the event.
    pub(crate) fn is_event(&self, path: &[&str]) -> bool {
        matches!(self, Self::Event(own) if own.iter().map(String::as_str).eq(path.iter().copied()))
    }

    /// Whether it is the id of the connection that the event is about.
    pub(crate) fn is_own_connection_id(&self) -> bool {
        match self {
            // Some wrap it in text.
            Self::Text(text) => match text.pieces.as_slice() {
                [Piece::Hole(value)] => value.is_own_connection_id(),
                _ => false,
            },
            value => value.is_event(&["requestContext", "connectionId"]),
        }
    }

    /// Whether whoever has it has the id of the event's connection.
    pub(crate) fn leads_to_connection_id(&self) -> bool {
        self.is_event(&[]) || self.is_event(&["requestContext"]) || self.is_own_connection_id()
    }

    /// What a condition makes of it, when that can be told.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Self::Nothing => Some(false),
            Self::Bool(value) => Some(*value),
            Self::Number(number) => Some(*number != 0.0),
            Self::Text(_) => self.known_text().map(|text| !text.is_empty()),
            Self::Function(_)
            | Self::Class(_)
            | Self::Instance(_)
            | Self::Module(_)
            | Self::Client(_) => Some(true),
            _ => None,
        }
    }

    /// Whether two values are the same, when that can be told.
    pub(crate) fn equals(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (Self::Text(_), Self::Text(_)) => Some(self.known_text()? == other.known_text()?),
            (Self::Number(one), Self::Number(two)) => Some((one - two).abs() < f64::EPSILON),
            (Self::Bool(one), Self::Bool(two)) => Some(one == two),
            (Self::Nothing, Self::Nothing) => Some(true),
            (Self::Nothing, Self::Text(_) | Self::Number(_) | Self::Bool(_))
            | (Self::Text(_) | Self::Number(_) | Self::Bool(_), Self::Nothing) => Some(false),
            _ => None,
        }
    }

    /// Whether both branches of a condition left the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Event(one), Self::Event(two)) => one == two,
            (Self::Library(one), Self::Library(two)) | (Self::Answer(one), Self::Answer(two)) => {
                one == two
            }
            (Self::Object(one), Self::Object(two)) => Rc::ptr_eq(one, two),
            (Self::List(one), Self::List(two)) => Rc::ptr_eq(one, two),
            (Self::Function(one), Self::Function(two)) => Rc::ptr_eq(&one.function, &two.function),
            (Self::Class(one), Self::Class(two)) => Rc::ptr_eq(one, two),
            (Self::Instance(one), Self::Instance(two)) => Rc::ptr_eq(one, two),
            (Self::Module(one), Self::Module(two)) => one == two,
            (Self::Client(one), Self::Client(two)) => Rc::ptr_eq(one, two),
            (Self::Environment, Self::Environment) => true,
            _ => self.equals(other) == Some(true),
        }
    }
}

/// Texts put together; what is known of both is one piece.
pub(crate) fn join(pieces: impl IntoIterator<Item = Piece>) -> Value {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(Piece::Literal(before)), Piece::Literal(literal)) => before.push_str(&literal),
            (_, piece) => joined.push(piece),
        }
    }
    Value::Text(Text {
        pieces: joined,
        variable: None,
    })
}
