//! Expressions to values.

use std::{cell::RefCell, rc::Rc};

use super::{
    EffectKind, Tracer, Trigger,
    calls::method_of,
    value::{Closure, Piece, Scope, Text, Value, join},
};
use crate::check::source::{
    Language,
    syntax::{Entry, Expression, ExpressionKind, Line, Operator, Pattern},
};

/// The longest list that is walked item by item.
const MAX_ITEMS: usize = 32;

impl Tracer<'_> {
    pub(super) fn expression(&mut self, expression: &Expression, scope: &Rc<Scope>) -> Value {
        self.deeper(Value::Unknown, |tracer| tracer.value_of(expression, scope))
    }

    fn value_of(&mut self, expression: &Expression, scope: &Rc<Scope>) -> Value {
        let line = expression.line;
        match &expression.kind {
            ExpressionKind::Name(name) => named(name, scope),
            ExpressionKind::Member {
                object,
                name,
                is_optional,
            } => {
                let object = self.expression(object, scope);
                self.member(&object, name, *is_optional, line)
            }
            ExpressionKind::Index(object, index) => {
                let object = self.expression(object, scope);
                let index = self.expression(index, scope);
                self.item(&object, &index, line)
            }
            ExpressionKind::Text(text) => Value::text(text.clone()),
            ExpressionKind::Template(parts) => {
                let parts: Vec<Value> = self.all(parts, scope);
                join(parts.iter().flat_map(Value::pieces))
            }
            ExpressionKind::Bytes(length) => Value::Bytes(Some(*length)),
            ExpressionKind::Number(number) => Value::Number(*number),
            ExpressionKind::Bool(value) => Value::Bool(*value),
            ExpressionKind::Nothing => Value::Nothing,
            ExpressionKind::Object(entries) => self.object(entries, scope),
            ExpressionKind::List(items) => Value::list(self.all(items, scope)),
            ExpressionKind::Call { .. } => self.call(expression, scope),
            ExpressionKind::Function(function) => Value::Function(self.closure(function, scope)),
            ExpressionKind::Class(class) => self.class(class, scope),
            ExpressionKind::Await(inner) => self.expression(inner, scope),
            ExpressionKind::Binary {
                operator,
                left,
                right,
            } => self.binary(*operator, left, right, scope),
            ExpressionKind::Not(inner) => {
                let truth = self.expression(inner, scope).truth();
                truth.map_or(Value::Unknown, |truth| Value::Bool(!truth))
            }
            ExpressionKind::Conditional {
                condition,
                then,
                otherwise,
            } => {
                self.notes_status_code(condition);
                match self.expression(condition, scope).truth() {
                    Some(true) => self.expression(then, scope),
                    Some(false) => self.expression(otherwise, scope),
                    None => {
                        let then = self.expression(then, scope);
                        let otherwise = self.expression(otherwise, scope);
                        if then.is_same(&otherwise) {
                            then
                        } else {
                            Value::Unknown
                        }
                    }
                }
            }
            ExpressionKind::Comprehension {
                item,
                over,
                element,
            } => {
                let over = self.expression(over, scope);
                let inner = Scope::inside(scope);
                let mut made = Vec::new();
                for value in Self::items_of(&over) {
                    self.bind(item, value, &inner);
                    made.push(self.expression(element, &inner));
                }
                Value::list(made)
            }
            ExpressionKind::Assign(target, value) => {
                let value = self.expression(value, scope);
                self.bind(target, value.clone(), scope);
                value
            }
            ExpressionKind::Sequence(parts) => {
                let mut values = self.all(parts, scope);
                values.pop().unwrap_or(Value::Nothing)
            }
            ExpressionKind::Other(parts) => {
                self.all(parts, scope);
                Value::Unknown
            }
        }
    }

    fn all(&mut self, parts: &[Expression], scope: &Rc<Scope>) -> Vec<Value> {
        let parts = parts.iter();
        parts.map(|part| self.expression(part, scope)).collect()
    }

    /// `object.name`.
    pub(super) fn member(
        &mut self,
        object: &Value,
        name: &str,
        is_optional: bool,
        line: Line,
    ) -> Value {
        match object {
            Value::Event(path) => self.event_member(path, name, is_optional, line),
            Value::Object(_) => match object.member(name) {
                Some(Value::Getter(getter)) => self.got(&getter),
                Some(value) => value,
                None => Value::Unknown,
            },
            Value::Instance(instance) => {
                let own = Value::Object(Rc::clone(&instance.fields));
                let own = own.member(name);
                own.or_else(|| method_of(&instance.class, name, Some(object)))
                    .unwrap_or(Value::Unknown)
            }
            Value::Class(class) => method_of(class, name, None).unwrap_or(Value::Unknown),
            Value::Module(module) => self.exported(*module, name).unwrap_or(Value::Unknown),
            Value::Library(path) => match (&**path, name) {
                ("os", "environ") | ("process", "env") => Value::Environment,
                (path, name) => Value::library(format!("{path}.{name}")),
            },
            Value::Environment => self.variable(name),
            Value::Answer(path) => Value::Answer(format!("{path}.{name}").into()),
            Value::Function(_) if name == "bind" => Value::Unknown,
            _ => Value::Unknown,
        }
    }

    /// The value of a getter; the getter itself, while what it returns is not there yet.
    pub(super) fn got(&mut self, getter: &Rc<Closure>) -> Value {
        match self.invoke(getter, Vec::new(), None).value {
            Value::Unknown | Value::Library(_) => Value::Getter(Rc::clone(getter)),
            value => value,
        }
    }

    /// `object[index]`.
    fn item(&mut self, object: &Value, index: &Value, line: Line) -> Value {
        if let Some(name) = index.known_text() {
            return self.member(object, &name, false, line);
        }
        match (object, index) {
            (Value::List(items), Value::Number(number)) => {
                let items = items.borrow();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a negative index is counted from the end"
                )]
                let at = if *number < 0.0 {
                    items.len().checked_sub(-number as usize)
                } else {
                    Some(*number as usize)
                };
                let item = at.and_then(|at| items.get(at).cloned());
                item.unwrap_or(Value::Unknown)
            }
            (Value::Answer(path), _) => Value::Answer(format!("{path}[]").into()),
            // A slice of text is text.
            (Value::Text(_), _) => Value::some_text(),
            _ => Value::Unknown,
        }
    }

    /// A member of the event; what the event of this kind does not have is nothing, and to reach
    /// for it fails.
    pub(super) fn event_member(
        &mut self,
        path: &Rc<[String]>,
        name: &str,
        is_optional: bool,
        line: Line,
    ) -> Value {
        let path: Vec<&str> = path.iter().map(String::as_str).chain([name]).collect();
        let is_python = self.file().language == Language::Python;
        if let ["requestContext", member] = path.as_slice() {
            let known = match (*member, self.trigger) {
                ("routeKey", Trigger::Route(key)) => Some(key.as_str()),
                ("eventType", trigger) => trigger.event_type(),
                _ => None,
            };
            if let Some(known) = known {
                return Value::text(known);
            }
        }
        if let [member, ..] = path.as_slice()
            && self.is_missing(member)
        {
            let fails = if is_python {
                path.len() == 1 && !is_optional
            } else {
                path.len() == 2 && !is_optional
            };
            if fails {
                let member = (*member).to_owned();
                self.record(line, EffectKind::MissingMember { member });
                return Value::Unknown;
            }
            if is_optional {
                return Value::Nothing;
            }
        }
        Value::event(&path)
    }

    /// Whether the event lacks a member that others have (data-plane spec 3.2).
    fn is_missing(&self, member: &str) -> bool {
        let is_message = self.trigger.event_type() == Some("MESSAGE");
        is_message
            && matches!(
                member,
                "headers"
                    | "multiValueHeaders"
                    | "queryStringParameters"
                    | "multiValueQueryStringParameters"
            )
    }

    /// The value of an environment variable.
    pub(super) fn variable(&self, name: &str) -> Value {
        match self.environment.get(name) {
            Some(value) => Value::Text(Text {
                pieces: vec![Piece::Literal(value.clone())],
                variable: Some(name.into()),
            }),
            None => Value::Unknown,
        }
    }

    fn object(&mut self, entries: &[Entry], scope: &Rc<Scope>) -> Value {
        let mut members = Vec::new();
        for entry in entries {
            match entry {
                Entry::Pair(key, value) => {
                    let key = self.expression(key, scope).known_text();
                    let value = self.expression(value, scope);
                    members.push((key.unwrap_or_else(|| "?".to_owned()), value));
                }
                Entry::Spread(inner) => match self.expression(inner, scope) {
                    Value::Object(others) => members.extend(others.borrow().iter().cloned()),
                    _ => members.push(("...".to_owned(), Value::Unknown)),
                },
            }
        }
        Value::Object(Rc::new(RefCell::new(members)))
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
        scope: &Rc<Scope>,
    ) -> Value {
        let first = self.expression(left, scope);
        // `a and b` runs `b` only when `a` holds.
        match (operator, first.truth()) {
            (Operator::And, Some(true)) | (Operator::Or, Some(false)) => {
                return self.expression(right, scope);
            }
            (Operator::And, Some(false)) | (Operator::Or, Some(true)) => return first,
            _ => {}
        }
        let second = self.expression(right, scope);
        match operator {
            Operator::Add => match (&first, &second) {
                (Value::Number(one), Value::Number(two)) => Value::Number(one + two),
                (Value::Text(_), _) | (_, Value::Text(_)) => {
                    join(first.pieces().into_iter().chain(second.pieces()))
                }
                (Value::Bytes(one), Value::Bytes(two)) => {
                    Value::Bytes(one.zip(*two).map(|(one, two)| one + two))
                }
                _ => Value::Unknown,
            },
            Operator::Multiply => multiplied(&first, &second),
            Operator::Equal => told(first.equals(&second)),
            Operator::NotEqual => told(first.equals(&second).map(|equal| !equal)),
            Operator::In => told(is_in(&first, &second)),
            // What is left is taken when it is something, which nobody knows.
            Operator::Or => first,
            Operator::And | Operator::Other => Value::Unknown,
        }
    }

    /// The values that a loop over `over` goes through.
    pub(super) fn items_of(over: &Value) -> Vec<Value> {
        match over {
            Value::List(items) if items.borrow().len() <= MAX_ITEMS => items.borrow().clone(),
            Value::Answer(path) => vec![Value::Answer(format!("{path}[]").into())],
            // The keys of a dictionary.
            object => match object.keys() {
                Some((keys, true)) if keys.len() <= MAX_ITEMS => {
                    keys.into_iter().map(Value::text).collect()
                }
                _ => vec![Value::Unknown],
            },
        }
    }

    pub(super) fn bind(&mut self, pattern: &Pattern, value: Value, scope: &Rc<Scope>) {
        match pattern {
            Pattern::Name(name) => {
                if self.file().language == Language::JavaScript
                    && !scope.names.borrow().contains_key(name)
                    && let Some(owner) = owner_of(scope, name)
                {
                    owner.set(name, value);
                    return;
                }
                scope.set(name, value);
            }
            Pattern::Place(place) => self.bind_place(place, value, scope),
            Pattern::Object(members) => {
                for (name, pattern, default) in members {
                    // Taking apart is no reaching into: what is not there is nothing.
                    let mut member = match &value {
                        Value::Event(path) if path.is_empty() && self.is_missing(name) => {
                            Value::event(&[name])
                        }
                        value => self.member(value, name, false, 0),
                    };
                    if let (Some(default), Value::Nothing | Value::Unknown) = (default, &member) {
                        member = self.expression(default, scope);
                    }
                    self.bind(pattern, member, scope);
                }
            }
            Pattern::List(patterns) => {
                for (at, pattern) in patterns.iter().enumerate() {
                    let item = match &value {
                        Value::List(items) => items.borrow().get(at).cloned(),
                        Value::Answer(path) => Some(Value::Answer(format!("{path}[]").into())),
                        _ => None,
                    };
                    self.bind(pattern, item.unwrap_or(Value::Unknown), scope);
                }
            }
            Pattern::Nothing => {}
        }
    }

    fn bind_place(&mut self, place: &Expression, value: Value, scope: &Rc<Scope>) {
        let (object, name) = match &place.kind {
            ExpressionKind::Member { object, name, .. } => {
                (self.expression(object, scope), Some(name.clone()))
            }
            ExpressionKind::Index(object, index) => {
                let object = self.expression(object, scope);
                (object, self.expression(index, scope).known_text())
            }
            _ => return,
        };
        let members = match &object {
            Value::Object(members) => members,
            Value::Instance(instance) => &instance.fields,
            _ => return,
        };
        members
            .borrow_mut()
            .push((name.unwrap_or_else(|| "?".to_owned()), value));
    }

    /// Notes a comparison of `error.statusCode` in a handler of a `try` block.
    pub(super) fn notes_status_code(&mut self, condition: &Expression) {
        if self.handling.is_empty() || self.file().language != Language::JavaScript {
            return;
        }
        if let Some(line) = status_code_compared(condition, 0) {
            let place = self.place(line);
            if let Some(handling) = self.handling.last_mut() {
                handling.status_code.get_or_insert(place);
            }
        }
    }
}

/// Where `.statusCode` is compared with 410, unless `$metadata` or a name is looked at too.
fn status_code_compared(condition: &Expression, depth: usize) -> Option<Line> {
    if depth > 8 {
        return None;
    }
    match &condition.kind {
        ExpressionKind::Binary {
            operator: Operator::Equal | Operator::NotEqual,
            left,
            right,
        } => {
            let is_gone = |side: &Expression| matches!(side.kind, ExpressionKind::Number(number) if (number - 410.0).abs() < 0.5);
            let is_member = |side: &Expression| matches!(&side.kind, ExpressionKind::Member { name, .. } if name == "statusCode");
            let compares = is_gone(right) && is_member(left) || is_gone(left) && is_member(right);
            compares.then_some(condition.line)
        }
        ExpressionKind::Binary {
            operator: Operator::And,
            left,
            right,
        } => {
            status_code_compared(left, depth + 1).or_else(|| status_code_compared(right, depth + 1))
        }
        ExpressionKind::Not(inner) => status_code_compared(inner, depth + 1),
        _ => None,
    }
}

/// What a name means; one that the app does not bind is the runtime's.
fn named(name: &str, scope: &Rc<Scope>) -> Value {
    match name {
        "undefined" => Value::Nothing,
        "del" | "delete" => Value::library(name),
        _ => scope.get(name).unwrap_or_else(|| Value::library(name)),
    }
}

fn owner_of(scope: &Rc<Scope>, name: &str) -> Option<Rc<Scope>> {
    let mut parent = scope.parent.as_ref()?;
    loop {
        if parent.names.borrow().contains_key(name) {
            return Some(Rc::clone(parent));
        }
        parent = parent.parent.as_ref()?;
    }
}

fn told(truth: Option<bool>) -> Value {
    truth.map_or(Value::Unknown, Value::Bool)
}

fn is_in(item: &Value, of: &Value) -> Option<bool> {
    match of {
        Value::List(items) => {
            let items = items.borrow();
            let mut is_told = true;
            for other in items.iter() {
                match item.equals(other) {
                    Some(true) => return Some(true),
                    Some(false) => {}
                    None => is_told = false,
                }
            }
            is_told.then_some(false)
        }
        Value::Object(members) => {
            let name = item.known_text()?;
            let members = members.borrow();
            let is_told = !members.iter().any(|(key, _)| key == "..." || key == "?");
            let is_there = members.iter().any(|(key, _)| *key == name);
            (is_there || is_told).then_some(is_there)
        }
        _ => None,
    }
}

/// `"x" * 200_000`.
fn multiplied(first: &Value, second: &Value) -> Value {
    match (first, second) {
        (Value::Number(one), Value::Number(two)) => Value::Number(one * two),
        (Value::Text(_), Value::Number(times)) | (Value::Number(times), Value::Text(_)) => {
            let text = if matches!(first, Value::Text(_)) {
                first
            } else {
                second
            };
            repeated(text, *times)
        }
        (Value::Bytes(length), Value::Number(times)) => {
            Value::Bytes(length.map(|length| length.saturating_mul(size(*times))))
        }
        _ => Value::Unknown,
    }
}

/// A text so many times.
pub(super) fn repeated(text: &Value, times: f64) -> Value {
    join([Piece::Filler(
        text.least_bytes(0).saturating_mul(size(times)),
    )])
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size that saturates is too large anyway"
)]
pub(super) fn size(number: f64) -> usize {
    number as usize
}

/// The text of an error that is raised, when it is known.
pub(super) fn is_known_error(value: &Value) -> Option<String> {
    match value {
        Value::Text(_) => value.known_text(),
        Value::Object(_) => value.member("message")?.known_text(),
        _ => None,
    }
}
