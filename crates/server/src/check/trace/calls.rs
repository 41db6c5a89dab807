//! Calls: into the app's own functions, and out of it.

use std::{ops::Range, rc::Rc};

use super::{
    EffectKind, Frame, MAX_CALLS, Place, Tracer,
    statements::Flow,
    value::{ClassValue, Closure, Instance, Members, Scope, Value},
};
use crate::check::source::{
    Language,
    syntax::{Argument, Expression, ExpressionKind, Handler, Line, Pattern},
};

/// What compilers put around modules.
const WRAPPERS: [&str; 4] = ["__importDefault", "__importStar", "__toCommonJS", "__toESM"];

/// An argument of a call.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) name: Option<String>,
    pub(super) value: Value,
    pub(super) is_spread: bool,
}

impl Given {
    pub(super) fn positional(value: Value) -> Self {
        Self {
            name: None,
            value,
            is_spread: false,
        }
    }
}

/// What a call of a function gave.
pub(super) struct Ended {
    pub(super) value: Value,
    pub(super) may_end_without_value: bool,
}

impl Tracer<'_> {
    pub(super) fn call(&mut self, expression: &Expression, scope: &Rc<Scope>) -> Value {
        self.call_with_shelter(expression, scope).0
    }

    /// A call that stands alone; the effects of its arguments are not its own.
    pub(super) fn standing_call(
        &mut self,
        expression: &Expression,
        scope: &Rc<Scope>,
    ) -> Range<usize> {
        self.deeper(0..0, |tracer| tracer.call_with_shelter(expression, scope).1)
    }

    fn call_with_shelter(
        &mut self,
        expression: &Expression,
        scope: &Rc<Scope>,
    ) -> (Value, Range<usize>) {
        let ExpressionKind::Call {
            callee,
            arguments,
            is_new,
        } = &expression.kind
        else {
            return (Value::Unknown, 0..0);
        };
        let line = expression.line;
        if let ExpressionKind::Member { object, name, .. } = &callee.kind {
            let is_promise = self.file().language == Language::JavaScript;
            if is_promise && matches!(name.as_str(), "catch" | "then") && !arguments.is_empty() {
                return (self.promise(object, name, arguments, scope), 0..0);
            }
            let object = self.expression(object, scope);
            let guard = self.swallows(&object, name, arguments);
            let first = self.trace.effects.len();
            let given = self.arguments(arguments, scope);
            let last = self.trace.effects.len();
            if guard {
                self.active_guards.pop();
            }
            if *is_new
                && !matches!(object, Value::Library(_))
                && let Some(value) = self.bundled(name, &given, line)
            {
                return (value, first..last);
            }
            let shelter = if is_gathering(&object, name) {
                0..0
            } else {
                first..last
            };
            let value = self.call_member(&object, name, given, *is_new, line);
            return (value, shelter);
        }
        let callee_value = self.expression(callee, scope);
        let first = self.trace.effects.len();
        let given = self.arguments(arguments, scope);
        let last = self.trace.effects.len();
        if *is_new
            && !matches!(callee_value, Value::Library(_))
            && let ExpressionKind::Name(name) = &callee.kind
            && let Some(value) = self.bundled(name, &given, line)
        {
            return (value, first..last);
        }
        if let ExpressionKind::Name(name) = &callee.kind
            && WRAPPERS.contains(&name.as_str())
        {
            let first = given.into_iter().next();
            let whole = first.map_or(Value::Unknown, |first| first.value);
            return (whole, 0..0);
        }
        let value = match (&callee_value, &callee.kind) {
            // `super(…)` in a constructor.
            (Value::Library(name), _) if &**name == "super" => {
                self.call_super(given, scope, line);
                Value::Unknown
            }
            (Value::Function(_) | Value::Class(_) | Value::Library(_), _) => {
                self.call_value(&callee_value, given, *is_new, line)
            }
            (_, ExpressionKind::Name(name)) => {
                self.call_unknown(&Value::Unknown, name, &given, line)
            }
            _ => self.call_unknown(&Value::Unknown, "", &given, line),
        };
        (value, first..last)
    }

    fn arguments(&mut self, arguments: &[Argument], scope: &Rc<Scope>) -> Vec<Given> {
        let mut given = Vec::new();
        for argument in arguments {
            let value = self.expression(&argument.value, scope);
            match (&value, argument.is_spread) {
                (Value::List(items), true) => {
                    given.extend(items.borrow().iter().cloned().map(Given::positional));
                }
                (Value::Object(members), true) => {
                    let members = members.borrow();
                    given.extend(members.iter().map(|(name, value)| Given {
                        name: Some(name.clone()),
                        value: value.clone(),
                        is_spread: false,
                    }));
                }
                _ => given.push(Given {
                    name: argument.name.clone(),
                    value,
                    is_spread: argument.is_spread,
                }),
            }
        }
        given
    }

    /// `promise.catch(handler)` is a `try` block, `promise.then(next, handler)` too.
    fn promise(
        &mut self,
        object: &Expression,
        name: &str,
        arguments: &[Argument],
        scope: &Rc<Scope>,
    ) -> Value {
        let handler = arguments.get(usize::from(name != "catch"));
        let guard = handler.map(|_| {
            self.begin_guard(&[Handler {
                catches: Vec::new(),
                binding: None,
                body: Vec::new(),
            }])
        });
        let mut value = self.expression(object, scope);
        if guard.is_some() {
            self.active_guards.pop();
        }
        if name == "then"
            && let Some(next) = arguments.first()
        {
            let next = self.expression(&next.value, scope);
            value = self.call_value(&next, vec![Given::positional(value)], false, object.line);
        }
        if let (Some(guard), Some(handler)) = (guard, handler) {
            let first = self.begin_handling();
            let handler = self.expression(&handler.value, scope);
            let frames = self.frames.len() + 1;
            if let Some(handling) = self.handling.last_mut() {
                handling.frames = frames;
            }
            let error = Given::positional(Value::Unknown);
            self.call_value(&handler, vec![error], false, object.line);
            self.end_handling(guard, 0, first, Flow::Goes);
        }
        value
    }

    /// Begins a guard where failures of what is given are only collected.
    fn swallows(&mut self, object: &Value, name: &str, arguments: &[Argument]) -> bool {
        let collects = match object {
            Value::Library(path) => match (&**path, name) {
                ("Promise", "allSettled") => true,
                ("asyncio", "gather") => arguments
                    .iter()
                    .any(|argument| argument.name.as_deref() == Some("return_exceptions")),
                _ => false,
            },
            _ => false,
        };
        if collects {
            let number = self.begin_guard(&[Handler {
                catches: Vec::new(),
                binding: None,
                body: Vec::new(),
            }]);
            // Whoever looks at the results is told.
            if let Some(handler) = self.trace.guards[number].handlers.first_mut() {
                handler.tells = true;
            }
        }
        collects
    }

    fn call_member(
        &mut self,
        object: &Value,
        name: &str,
        given: Vec<Given>,
        is_new: bool,
        line: Line,
    ) -> Value {
        // The own methods of texts, events and the like come first; then what the app defines.
        if let Some(value) = self.known_method(object, name, &given, line) {
            return value;
        }
        match self.member(object, name, true, line) {
            value @ (Value::Function(_) | Value::Class(_)) => {
                self.call_value(&value, given, is_new, line)
            }
            Value::Library(path) => self.call_library(&path, &given, is_new, line),
            _ => self.call_unknown(object, name, &given, line),
        }
    }

    pub(super) fn call_value(
        &mut self,
        callee: &Value,
        given: Vec<Given>,
        is_new: bool,
        line: Line,
    ) -> Value {
        match callee {
            Value::Function(closure) => {
                let place = self.place(line);
                self.invoke(closure, given, Some(place)).value
            }
            Value::Class(class) => self.instantiate(class, given, line),
            Value::Library(path) => self.call_library(path, &given, is_new, line),
            _ => Value::Unknown,
        }
    }

    /// Walks a function of the app.
    pub(super) fn invoke(
        &mut self,
        closure: &Rc<Closure>,
        given: Vec<Given>,
        called_at: Option<Place>,
    ) -> Ended {
        let nothing = Ended {
            value: Value::Unknown,
            may_end_without_value: false,
        };
        let function = Rc::as_ptr(&closure.function);
        let frames = self.frames.iter();
        let again = frames.filter(|frame| frame.function == function).count();
        if again >= 2 || self.frames.len() >= MAX_CALLS {
            return nothing;
        }
        self.deeper(nothing, |tracer| {
            let scope = Scope::inside(&closure.scope);
            if let Some(this) = &closure.this {
                scope.set("this", this.clone());
            }
            tracer.frames.push(Frame {
                module: closure.module,
                called_at,
                function,
                returns: Vec::new(),
                is_async: closure.function.is_async,
            });
            tracer.bind_parameters(closure, given, &scope);
            let flow = tracer.block(&closure.function.body, &scope);
            let frame = tracer.frames.pop();
            let mut returns = frame.map_or_else(Vec::new, |frame| frame.returns);
            let ends = flow == Flow::Goes;
            let may_end_without_value =
                ends || returns.iter().any(|value| matches!(value, Value::Nothing));
            if ends {
                returns.push(Value::Nothing);
            }
            Ended {
                value: one_of(&returns),
                may_end_without_value,
            }
        })
    }

    fn bind_parameters(&mut self, closure: &Rc<Closure>, given: Vec<Given>, scope: &Rc<Scope>) {
        let language = self.file().language;
        let mut positional: Vec<Value> = Vec::new();
        let mut named = Vec::new();
        let mut is_whole = true;
        if language == Language::Python
            && let Some(this) = &closure.this
        {
            positional.push(this.clone());
        }
        for given in given {
            match given.name {
                _ if given.is_spread => is_whole = false,
                Some(name) => named.push((name, given.value)),
                None => positional.push(given.value),
            }
        }
        let mut positional = positional.into_iter();
        for parameter in &closure.function.parameters {
            if parameter.is_rest {
                let rest: Vec<Value> = positional.by_ref().collect();
                let rest = if is_whole && !rest.is_empty() {
                    Value::list(rest)
                } else {
                    Value::Unknown
                };
                self.bind_new(&parameter.pattern, rest, scope);
                continue;
            }
            let by_name = match &parameter.pattern {
                Pattern::Name(name) => {
                    let at = named.iter().position(|(other, _)| other == name);
                    at.map(|at| named.remove(at).1)
                }
                _ => None,
            };
            let value = by_name.or_else(|| positional.next());
            let value = match (value, &parameter.default) {
                (Some(Value::Nothing) | None, Some(default)) if is_whole => {
                    self.expression(default, scope)
                }
                (Some(value), _) => value,
                (None, _) => Value::Unknown,
            };
            self.bind_new(&parameter.pattern, value, scope);
        }
    }

    /// Binds in this scope, whatever an outer one has.
    fn bind_new(&mut self, pattern: &Pattern, value: Value, scope: &Rc<Scope>) {
        if let Pattern::Name(name) = pattern {
            scope.set(name, value);
        } else {
            self.bind(pattern, value, scope);
        }
    }

    fn instantiate(&mut self, class: &Rc<ClassValue>, given: Vec<Given>, line: Line) -> Value {
        let fields: Members = Members::default();
        let mut ancestor = Some(class);
        while let Some(current) = ancestor {
            let statics = current.statics.borrow();
            fields.borrow_mut().splice(0..0, statics.iter().cloned());
            ancestor = current.parent.as_ref();
        }
        let instance = Value::Instance(Rc::new(Instance {
            class: Rc::clone(class),
            fields,
        }));
        for name in ["__init__", "constructor"] {
            if let Some(Value::Function(closure)) = method_of(class, name, Some(&instance)) {
                let place = self.place(line);
                self.invoke(&closure, given, Some(place));
                break;
            }
        }
        instance
    }

    fn call_super(&mut self, given: Vec<Given>, scope: &Rc<Scope>, line: Line) {
        let Some(this @ Value::Instance(_)) = scope.get("this") else {
            return;
        };
        let Value::Instance(instance) = &this else {
            return;
        };
        let Some(parent) = instance.class.parent.clone() else {
            return;
        };
        if let Some(Value::Function(closure)) = method_of(&parent, "constructor", Some(&this)) {
            let place = self.place(line);
            self.invoke(&closure, given, Some(place));
        }
    }

    /// A call that leads out of the app, to nobody knows what: functions that it is given are run,
    /// with what they can be given.
    pub(super) fn call_unknown(
        &mut self,
        object: &Value,
        name: &str,
        given: &[Given],
        line: Line,
    ) -> Value {
        if let Some(value) = self.operation_by_name(object, name, given, line) {
            return value;
        }
        let has_connection_id = given
            .iter()
            .any(|given| given.value.holds(&Value::leads_to_connection_id, 0));
        let kind = EffectKind::Call {
            name: name.to_owned(),
            has_connection_id,
        };
        self.record(line, kind);
        self.run_callbacks(object, name, given, line);
        match object {
            Value::Answer(path) => Value::Answer(format!("{path}.{name}()").into()),
            _ => Value::Unknown,
        }
    }

    /// Runs the functions among the arguments.
    pub(super) fn run_callbacks(
        &mut self,
        object: &Value,
        name: &str,
        given: &[Given],
        line: Line,
    ) {
        if self.trace.handler.is_none() {
            // While modules are loaded, functions are wrapped and not yet run.
            return;
        }
        for (at, callback) in given.iter().enumerate() {
            let Value::Function(closure) = &callback.value else {
                continue;
            };
            let rest = given
                .iter()
                .skip(at + 1)
                .filter(|given| given.name.is_none());
            let rest: Vec<Value> = rest.map(|given| given.value.clone()).collect();
            let arguments = match (name, rest.first()) {
                // `pool.map(send, ids)`, `Thread(target=send, args=(…))`.
                ("map", Some(items)) => Self::items_of(items).into_iter().take(1).collect(),
                ("submit" | "run_in_executor" | "to_thread", _) => rest,
                ("Thread" | "Process", _) => {
                    let arguments = given.iter();
                    let arguments = arguments
                        .filter(|given| given.name.as_deref() == Some("args"))
                        .find_map(|given| match &given.value {
                            Value::List(items) => Some(items.borrow().clone()),
                            _ => None,
                        });
                    arguments.unwrap_or_default()
                }
                // `ids.map(send)`.
                _ => Self::items_of(object).into_iter().take(1).collect(),
            };
            let arguments = arguments.into_iter().map(Given::positional).collect();
            let place = self.place(line);
            self.invoke(closure, arguments, Some(place));
        }
    }
}

/// A method of a class or of its parents.
pub(super) fn method_of(class: &Rc<ClassValue>, name: &str, this: Option<&Value>) -> Option<Value> {
    let mut methods = class.class.methods.iter().rev();
    if let Some(function) = methods.find(|function| function.name == name) {
        return Some(Value::Function(Rc::new(Closure {
            function: Rc::clone(function),
            scope: Rc::clone(&class.scope),
            module: class.module,
            this: this.cloned(),
        })));
    }
    let statics = Value::Object(Rc::clone(&class.statics));
    let parent = class.parent.as_ref();
    statics
        .member(name)
        .or_else(|| method_of(parent?, name, this))
}

/// Whether waiting for the call is waiting for all that it is given.
fn is_gathering(object: &Value, name: &str) -> bool {
    matches!(object, Value::Library(path) if &**path == "Promise")
        && matches!(name, "all" | "allSettled")
}

/// The one value of several, if they are the same.
fn one_of(values: &[Value]) -> Value {
    let mut values = values.iter();
    let Some(first) = values.next() else {
        return Value::Nothing;
    };
    if values.all(|value| value.is_same(first)) {
        first.clone()
    } else {
        Value::Unknown
    }
}
