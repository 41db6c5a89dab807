//! Nodes to text.

use std::{collections::HashMap, rc::Rc};

use super::{
    Template, TemplateInput,
    budget::Budget,
    problem::{MAX_OUTPUT_BYTES, Problem},
    syntax::{Call, Expression, Macro, Node, Place, Reference, Slot},
    value::{Heap, Host, LoopId, Text, Value},
    variables,
};
use crate::expression::{java_regex::JavaRegex, number::Number};

/// How deeply calls, texts and lists may be within each other while they are evaluated.
const MAX_DEPTH: usize = 200;
/// How many macros may be within each other: `velocimacro.max.depth`.
const MAX_MACROS: usize = 20;

/// What ends an evaluation before its end.
#[derive(Debug)]
pub(super) enum Exit {
    Problem(Problem),
    /// `#break`, of the innermost loop or macro, or of this loop.
    Break(Option<LoopId>),
    /// `#stop`.
    Stop,
}

impl From<Problem> for Exit {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

pub(super) type Outcome<T> = Result<T, Exit>;

/// A macro that is called.
struct Frame<'a> {
    parameters: &'a [Slot],
    arguments: &'a [Expression],
    /// What parameters were set to within the macro.
    locals: Vec<(Slot, Value<'a>)>,
    /// The block of a `#@` call.
    body: Option<&'a [Node]>,
    /// The frame of the caller, in which arguments are evaluated whenever they are used.
    caller: Option<usize>,
}

/// A loop that runs.
pub(super) struct Loop {
    pub(super) id: LoopId,
    pub(super) index: usize,
    pub(super) length: usize,
}

pub(super) struct Renderer<'a> {
    pub(super) template: &'a Template,
    pub(super) input: &'a TemplateInput<'a>,
    pub(super) budget: Budget,
    pub(super) heap: Heap<'a>,
    /// The variables by slot; what was never set is not there.
    variables: Vec<Option<Value<'a>>>,
    frames: Vec<Frame<'a>>,
    /// The frame whose macro is being rendered.
    frame: Option<usize>,
    pub(super) loops: Vec<Loop>,
    loop_count: u32,
    pub(super) output: String,
    /// Where the template is, for errors.
    pub(super) place: Place,
    depth: usize,
    /// The body, read when first asked for.
    pub(super) body: Option<Value<'a>>,
    /// Patterns that are no literals, compiled once: of a whole text, and of its parts.
    pub(super) patterns: HashMap<(bool, String), Rc<JavaRegex>>,
}

/// Renders a template; on failure with its place.
pub(super) fn render<'a>(
    template: &'a Template,
    input: &'a TemplateInput<'a>,
) -> Result<String, (Problem, Place)> {
    let mut renderer = Renderer {
        template,
        input,
        budget: Budget::new(),
        heap: Heap::default(),
        variables: vec![None; template.names.len()],
        frames: Vec::new(),
        frame: None,
        loops: Vec::new(),
        loop_count: 0,
        output: String::with_capacity(template.source.len()),
        place: 0,
        depth: 0,
        body: None,
        patterns: HashMap::new(),
    };
    for (slot, host) in [
        (variables::CONTEXT, Host::Context),
        (variables::INPUT, Host::Input),
        (variables::STAGE_VARIABLES, Host::StageVariables),
        (variables::UTIL, Host::Util),
    ] {
        renderer.variables[slot as usize] = Some(Value::Host(host));
    }
    match renderer.nodes(&template.body) {
        Ok(()) | Err(Exit::Stop | Exit::Break(_)) => Ok(renderer.output),
        Err(Exit::Problem(problem)) => Err((problem, renderer.place)),
    }
}

impl<'a> Renderer<'a> {
    pub(super) fn nodes(&mut self, nodes: &'a [Node]) -> Outcome<()> {
        for node in nodes {
            self.node(node)?;
        }
        Ok(())
    }

    fn node(&mut self, node: &'a Node) -> Outcome<()> {
        self.budget.steps(1)?;
        match node {
            Node::Text(text) => self.push(text),
            Node::Reference { reference, escapes } => self.print_reference(reference, *escapes),
            Node::Set { target, value } => self.set(target, value),
            Node::If {
                branches,
                otherwise,
            } => {
                for (condition, body) in branches {
                    if self.is_true(condition)? {
                        return self.deeper(|this| this.nodes(body));
                    }
                }
                self.deeper(|this| this.nodes(otherwise))
            }
            Node::Foreach {
                variable,
                items,
                body,
            } => self.foreach(*variable, items, body),
            Node::Define { variable, body } => {
                self.assign(*variable, Value::Block(body));
                Ok(())
            }
            Node::Break(scope) => Err(Exit::Break(match scope {
                None => None,
                Some(scope) => match self.evaluate(scope)? {
                    Value::Loop(id) => Some(id),
                    _ => None,
                },
            })),
            Node::Stop => Err(Exit::Stop),
            Node::Call(call) => self.call_macro(call),
        }
    }

    /// Evaluates one level deeper.
    pub(super) fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        if self.depth == MAX_DEPTH {
            return Err(Problem::TooDeep.into());
        }
        self.depth += 1;
        let outcome = inner(self);
        self.depth -= 1;
        outcome
    }

    pub(super) fn push(&mut self, text: &str) -> Outcome<()> {
        if self.output.len() + text.len() > MAX_OUTPUT_BYTES {
            return Err(Problem::OutputTooLong.into());
        }
        self.budget.bytes(text.len())?;
        self.output.push_str(text);
        Ok(())
    }

    /// What `write` writes, as a text of its own.
    pub(super) fn captured(
        &mut self,
        write: impl FnOnce(&mut Self) -> Outcome<()>,
    ) -> Outcome<Text<'a>> {
        let outer = std::mem::take(&mut self.output);
        let outcome = write(self);
        let captured = std::mem::replace(&mut self.output, outer);
        outcome?;
        self.text(captured)
    }

    /// A text that was made, paid for.
    pub(super) fn text(&mut self, text: String) -> Outcome<Text<'a>> {
        self.budget.memory(text.len())?;
        Ok(text.into())
    }

    fn print_reference(&mut self, reference: &'a Reference, escapes: usize) -> Outcome<()> {
        if escapes == 0 && self.print_input_json(reference)? {
            return Ok(());
        }
        let value = self.reference(reference)?;
        let has_value = !matches!(value, Value::Null);
        if escapes == 0 {
            return match value {
                Value::Null if reference.is_quiet => Ok(()),
                Value::Null => self.push(self.source_of(reference)),
                value => self.print(&value),
            };
        }
        // Of backslashes before what has a value half remain; an odd one shows its source.
        let is_shown = escapes % 2 == 1;
        if !has_value && !variables::is_of_aws(&self.template.names[reference.variable as usize]) {
            self.push(&"\\".repeat(escapes))?;
            return if reference.is_quiet && !is_shown {
                Ok(())
            } else {
                self.push(&reference.source)
            };
        }
        self.push(&"\\".repeat(escapes / 2))?;
        if is_shown {
            self.push(&reference.source)
        } else {
            self.print(&value)
        }
    }

    /// What is printed for a reference without a value: a parameter of a macro shows what the
    /// macro was called with.
    fn source_of(&self, reference: &'a Reference) -> &'a str {
        if reference.accessors.is_empty()
            && let Some(Expression::Reference(argument)) = self.argument(reference.variable)
        {
            return if argument.is_quiet {
                ""
            } else {
                &argument.source
            };
        }
        &reference.source
    }

    fn argument(&self, slot: Slot) -> Option<&'a Expression> {
        let frame = &self.frames[self.frame?];
        let index = frame.parameters.iter().position(|known| *known == slot)?;
        frame.arguments.get(index)
    }

    /// The value of a variable: a parameter's is that of its argument, in the caller.
    pub(super) fn variable(&mut self, slot: Slot) -> Outcome<Value<'a>> {
        let mut next = self.frame;
        while let Some(index) = next {
            self.budget.steps(1)?;
            let frame = &self.frames[index];
            if slot == variables::BODY_CONTENT
                && let Some(body) = frame.body
            {
                return Ok(Value::Block(body));
            }
            if let Some(parameter) = frame.parameters.iter().position(|known| *known == slot) {
                if let Some((_, value)) = frame.locals.iter().find(|(known, _)| *known == slot) {
                    return Ok(value.clone());
                }
                if let Some(argument) = frame.arguments.get(parameter) {
                    let here = std::mem::replace(&mut self.frame, frame.caller);
                    let value = self.deeper(|this| this.evaluate(argument));
                    self.frame = here;
                    return value;
                }
            }
            next = frame.caller;
        }
        Ok(self.variables[slot as usize].clone().unwrap_or(Value::Null))
    }

    pub(super) fn assign(&mut self, slot: Slot, value: Value<'a>) {
        let mut next = self.frame;
        while let Some(index) = next {
            let frame = &mut self.frames[index];
            if frame.parameters.contains(&slot) {
                frame.locals.retain(|(known, _)| *known != slot);
                frame.locals.push((slot, value.clone()));
            }
            next = frame.caller;
        }
        self.variables[slot as usize] = Some(value);
    }

    fn call_macro(&mut self, call: &'a Call) -> Outcome<()> {
        let template = self.template;
        let Some(Macro { parameters, body }) = template.macros.get(&call.name) else {
            return self.push(&call.source);
        };
        self.place = call.place;
        if self.frames.len() == MAX_MACROS {
            return Err(Problem::TooDeep.into());
        }
        let caller = self.frame;
        self.frame = Some(self.frames.len());
        self.frames.push(Frame {
            parameters,
            arguments: &call.arguments,
            locals: Vec::new(),
            body: call.body.as_deref(),
            caller,
        });
        let outcome = self.deeper(|this| this.nodes(body));
        self.frames.pop();
        self.frame = caller;
        match outcome {
            Err(Exit::Break(None)) => Ok(()),
            outcome => outcome,
        }
    }

    fn foreach(&mut self, variable: Slot, items: &'a Expression, body: &'a [Node]) -> Outcome<()> {
        let items = match self.evaluate(items)? {
            Value::List(id) => id,
            Value::Map(id) => self.values_of(id)?,
            // Velocity loops over nothing else.
            _ => return Ok(()),
        };
        let id = LoopId {
            depth: u32::try_from(self.loops.len()).unwrap_or(u32::MAX),
            serial: self.loop_count,
        };
        self.loop_count = self.loop_count.wrapping_add(1);
        let length = self.heap.list(items).len();
        let before = [variable, variables::FOREACH, variables::VELOCITY_COUNT]
            .map(|slot| (slot, self.variables[slot as usize].clone()));
        self.loops.push(Loop {
            id,
            index: 0,
            length,
        });
        let outcome = self.deeper(|this| {
            for index in 0..length {
                // A list that the loop makes shorter ends it.
                let Some(item) = this.heap.list(items).get(index).cloned() else {
                    break;
                };
                if let Some(running) = this.loops.last_mut() {
                    running.index = index;
                }
                this.budget.steps(1)?;
                let count = Number::Whole(index as i128 + 1);
                this.assign(variable, item);
                this.assign(variables::FOREACH, Value::Loop(id));
                this.assign(variables::VELOCITY_COUNT, Value::Number(count));
                match this.nodes(body) {
                    Ok(()) => {}
                    Err(Exit::Break(scope)) if scope.is_none_or(|scope| scope == id) => break,
                    Err(exit) => return Err(exit),
                }
            }
            Ok(())
        });
        self.loops.pop();
        for (slot, value) in before {
            self.variables[slot as usize] = value;
        }
        outcome
    }
}
