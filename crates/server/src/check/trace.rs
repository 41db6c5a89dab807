//! What a handler does, told from its source: a walk through it as it would run for one kind of
//! event, with values as far as they are known. Where a condition can be told, only its branch is
//! walked; else both are. What a handler calls in its own code folder is walked with it.

mod calls;
mod effect;
mod expressions;
mod library;
mod methods;
mod modules;
mod operations;
mod sdk;
mod statements;
mod value;

use std::{collections::BTreeMap, rc::Rc};

pub(crate) use effect::{Effect, EffectKind, Guard, GuardHandler, Place, Sdk};
pub(crate) use value::{Piece, Text, Value};

use super::source::{File, Sources, syntax::Line};
use modules::Loaded;

/// The most steps of a walk, and how deep calls and expressions may be in each other: source is
/// what its author makes it.
const MAX_STEPS: usize = 200_000;
const MAX_DEPTH: usize = 600;
const MAX_CALLS: usize = 24;

/// What makes a handler run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trigger {
    /// A route, by its key.
    Route(String),
    Authorizer,
    /// Anything else: a queue, another function.
    Other,
}

impl Trigger {
    /// `requestContext.eventType`.
    fn event_type(&self) -> Option<&'static str> {
        match self {
            Self::Route(key) if key == "$connect" => Some("CONNECT"),
            Self::Route(key) if key == "$disconnect" => Some("DISCONNECT"),
            Self::Route(_) => Some("MESSAGE"),
            Self::Authorizer => Some("CONNECT"),
            Self::Other => None,
        }
    }
}

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) effects: Vec<Effect>,
    pub(crate) guards: Vec<Guard>,
    /// The file has nothing of the handler's name.
    pub(crate) lacks_handler: bool,
    /// Where the handler begins.
    pub(crate) handler: Option<Place>,
    /// Whether the handler can end without a value.
    pub(crate) may_return_nothing: bool,
    /// The walk was cut off, or something in it was not understood.
    pub(crate) is_partial: bool,
}

impl Trace {
    /// The effects that happen while the handler runs or its modules are loaded.
    pub(crate) fn of<'t, T>(
        &'t self,
        pick: impl Fn(&'t EffectKind) -> Option<T> + 't,
    ) -> impl Iterator<Item = (&'t Effect, T)> + 't {
        let effects = self.effects.iter();
        effects.filter_map(move |effect| Some((effect, pick(&effect.kind)?)))
    }
}

/// Walks through `file`'s function `handler`.
pub(crate) fn trace(
    sources: &Sources,
    file: &Rc<File>,
    handler: &str,
    trigger: &Trigger,
    environment: &BTreeMap<String, String>,
) -> Trace {
    let mut tracer = Tracer {
        sources,
        environment,
        trigger,
        modules: Vec::new(),
        frames: Vec::new(),
        active_guards: Vec::new(),
        handling: Vec::new(),
        steps: 0,
        depth: 0,
        trace: Trace::default(),
    };
    let module = tracer.load(file);
    if let Some(Value::Function(closure)) = tracer.exported(module, handler) {
        tracer.run_handler(&closure);
    } else {
        tracer.trace.lacks_handler = !may_have(file, handler);
        tracer.trace.is_partial |= !tracer.trace.lacks_handler;
    }
    tracer.trace
}

/// Whether a name may come to a module in a way that was not followed: it stands there as a word,
/// or the module hands on all of another.
fn may_have(file: &File, name: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let hands_on = |line: &str| {
        [
            "import *",
            "export *",
            "exports = require(",
            // What `tsc` makes of `export *`.
            "exportStar(",
            "globals()",
        ]
        .iter()
        .any(|all| line.contains(all))
            && !line.contains("import * as")
    };
    file.text.split(|c| !is_part(c)).any(|word| word == name) || file.text.lines().any(hands_on)
}

struct Tracer<'a> {
    sources: &'a Sources,
    environment: &'a BTreeMap<String, String>,
    trigger: &'a Trigger,
    modules: Vec<Loaded>,
    /// The functions being walked, outermost first.
    frames: Vec<Frame>,
    /// The `try` blocks being walked.
    active_guards: Vec<usize>,
    /// The handlers of `try` blocks being walked, and in how many frames.
    handling: Vec<Handling>,
    steps: usize,
    depth: usize,
    trace: Trace,
}

/// A function being walked.
struct Frame {
    module: usize,
    /// Where it was called.
    called_at: Option<Place>,
    function: *const super::source::syntax::Function,
    returns: Vec<Value>,
    is_async: bool,
}

/// A handler of a `try` block being walked.
struct Handling {
    frames: usize,
    tells: bool,
    /// It may end otherwise than by failing again.
    ends: bool,
    status_code: Option<Place>,
}

impl Tracer<'_> {
    fn run_handler(&mut self, closure: &Rc<value::Closure>) {
        let file = Rc::clone(&self.modules[closure.module].file);
        self.trace.handler = Some(Place {
            file,
            line: closure.function.line,
        });
        let event = match self.trigger {
            Trigger::Other => Value::Unknown,
            _ => Value::event(&[]),
        };
        // Node's third parameter is the callback that answers.
        let arguments = [event, Value::library("context"), Value::library("callback")];
        let arguments = arguments.map(calls::Given::positional).into();
        let ends = self.invoke(closure, arguments, None);
        self.trace.may_return_nothing = ends.may_end_without_value;
    }

    /// One step further; false when the walk must end.
    fn step(&mut self) -> bool {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            self.trace.is_partial = true;
            return false;
        }
        true
    }

    /// Does something one level deeper, unless that is too deep.
    fn deeper<T>(&mut self, otherwise: T, walk: impl FnOnce(&mut Self) -> T) -> T {
        if self.depth >= MAX_DEPTH || !self.step() {
            self.trace.is_partial = true;
            return otherwise;
        }
        self.depth += 1;
        let result = walk(self);
        self.depth -= 1;
        result
    }

    fn module(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.module)
    }

    fn file(&self) -> Rc<File> {
        Rc::clone(&self.modules[self.module()].file)
    }

    fn place(&self, line: Line) -> Place {
        Place {
            file: self.file(),
            line,
        }
    }

    fn record(&mut self, line: Line, kind: EffectKind) {
        let trail = self.frames.iter();
        let trail = trail.filter_map(|frame| frame.called_at.clone()).collect();
        let effect = Effect {
            kind,
            place: self.place(line),
            trail,
            guards: self.active_guards.clone(),
            is_unawaited: false,
        };
        self.trace.effects.push(effect);
    }

    /// Whether the handler's own function is being walked, not one that it calls.
    fn is_in_handler(&self) -> bool {
        self.trace.handler.is_some() && self.frames.len() == 1
    }
}

#[cfg(test)]
mod tests;
