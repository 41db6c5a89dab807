//! Statements, one after the other.

use std::{collections::HashMap, rc::Rc};

use super::{
    EffectKind, Guard, GuardHandler, Handling, Tracer,
    expressions::is_known_error,
    value::{ClassValue, Closure, Members, Scope, Value},
};
use crate::check::source::{
    Language,
    syntax::{
        Block, Case, Class, Expression, ExpressionKind, Handler, Pattern, Statement, StatementKind,
        Try,
    },
};

/// How a block ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Goes,
    /// What follows is not reached: a return, a failure, a jump.
    Leaves,
}

impl Tracer<'_> {
    pub(super) fn block(&mut self, block: &Block, scope: &Rc<Scope>) -> Flow {
        for statement in block {
            // Functions may be used before they are declared.
            if let StatementKind::Function(function) = &statement.kind {
                let closure = self.closure(function, scope);
                scope.set(&function.name, Value::Function(closure));
            }
        }
        for statement in block {
            if !self.step() || self.statement(statement, scope) == Flow::Leaves {
                self.late_exports(block, scope);
                return Flow::Leaves;
            }
        }
        self.late_exports(block, scope);
        Flow::Goes
    }

    /// `export { handler }` may stand before what it names.
    fn late_exports(&mut self, block: &Block, scope: &Rc<Scope>) {
        for statement in block {
            if let StatementKind::Export { name, exported } = &statement.kind {
                let value = scope.get(name).unwrap_or(Value::Unknown);
                let exports = Rc::clone(&self.modules[self.module()].exports);
                exports.borrow_mut().push((exported.clone(), value));
            }
        }
    }

    pub(super) fn closure(
        &self,
        function: &Rc<crate::check::source::syntax::Function>,
        scope: &Rc<Scope>,
    ) -> Rc<Closure> {
        Rc::new(Closure {
            function: Rc::clone(function),
            scope: Rc::clone(scope),
            module: self.module(),
            this: None,
        })
    }

    fn statement(&mut self, statement: &Statement, scope: &Rc<Scope>) -> Flow {
        let line = statement.line;
        match &statement.kind {
            StatementKind::Expression(expression) => {
                self.standing(expression, scope);
                Flow::Goes
            }
            StatementKind::Assign { target, value } => {
                self.tells_by_assignment(target, value);
                let value = self.expression(value, scope);
                self.bind(target, value, scope);
                Flow::Goes
            }
            StatementKind::Return(value) => {
                self.ends_handling();
                self.tells_by_return(value.as_ref());
                let value = value.as_ref();
                let value = value.map_or(Value::Nothing, |value| self.expression(value, scope));
                if self.is_in_handler() {
                    let value = value.clone();
                    self.record(line, EffectKind::Return { value });
                }
                if let Some(frame) = self.frames.last_mut() {
                    frame.returns.push(value);
                }
                Flow::Leaves
            }
            StatementKind::Raise(value) => {
                let value = value.as_ref().map(|value| self.expression(value, scope));
                let message = value.as_ref().and_then(is_known_error);
                self.record(line, EffectKind::Raise { message });
                Flow::Leaves
            }
            StatementKind::If {
                condition,
                then,
                otherwise,
            } => {
                self.notes_status_code(condition);
                match self.expression(condition, scope).truth() {
                    Some(true) => self.block(then, scope),
                    Some(false) => self.block(otherwise, scope),
                    None => self.branches(&[then, otherwise], scope),
                }
            }
            StatementKind::For { item, over, body } => {
                let over = self.expression(over, scope);
                let items = Self::items_of(&over);
                for value in items {
                    self.bind(item, value, scope);
                    self.branches(&[body, &Vec::new()], scope);
                }
                Flow::Goes
            }
            StatementKind::While { condition, body } => {
                self.expression(condition, scope);
                self.branches(&[body, &Vec::new()], scope);
                Flow::Goes
            }
            StatementKind::Switch { subject, cases } => self.switch(subject, cases, scope),
            StatementKind::Try(parts) => self.attempt(parts, scope),
            StatementKind::Function(_) | StatementKind::Export { .. } => Flow::Goes,
            StatementKind::Class(class) => {
                let value = self.class(class, scope);
                scope.set(&class.name, value);
                Flow::Goes
            }
            StatementKind::Import(import) => {
                self.import(import, scope, line);
                Flow::Goes
            }
            StatementKind::Block(block) => self.block(block, scope),
            StatementKind::Jump => {
                self.ends_handling();
                Flow::Leaves
            }
        }
    }

    /// An expression that stands alone: what it starts and nobody waits for goes on by itself.
    fn standing(&mut self, expression: &Expression, scope: &Rc<Scope>) {
        let is_call = matches!(expression.kind, ExpressionKind::Call { .. });
        if !is_call || self.file().language == Language::Python {
            self.expression(expression, scope);
            return;
        }
        let first = self.trace.effects.len();
        let sheltered = self.standing_call(expression, scope);
        if self.frames.first().is_some_and(|frame| !frame.is_async) {
            // Without a promise Lambda waits until nothing is left to do.
            return;
        }
        let effects = self.trace.effects.iter_mut().enumerate().skip(first);
        for (number, effect) in effects {
            effect.is_unawaited |= !sheltered.contains(&number);
        }
    }

    pub(super) fn class(&mut self, class: &Rc<Class>, scope: &Rc<Scope>) -> Value {
        let parent = class
            .parent
            .as_ref()
            .map(|parent| self.expression(parent, scope));
        let parent = match parent {
            Some(Value::Class(parent)) => Some(parent),
            _ => None,
        };
        let statics = Members::default();
        for (name, value) in &class.fields {
            let value = self.expression(value, scope);
            statics.borrow_mut().push((name.clone(), value));
        }
        Value::Class(Rc::new(ClassValue {
            class: Rc::clone(class),
            scope: Rc::clone(scope),
            module: self.module(),
            parent,
            statics,
        }))
    }

    /// Walks blocks of which one is run, nobody knows which.
    pub(super) fn branches(&mut self, blocks: &[&Block], scope: &Rc<Scope>) -> Flow {
        let before = scope.names.borrow().clone();
        let mut ends = Vec::new();
        for block in blocks {
            scope.names.borrow_mut().clone_from(&before);
            let flow = self.block(block, scope);
            if flow == Flow::Goes {
                ends.push(scope.names.borrow().clone());
            }
        }
        if ends.is_empty() {
            return Flow::Leaves;
        }
        *scope.names.borrow_mut() = merged(ends);
        Flow::Goes
    }

    fn switch(&mut self, subject: &Expression, cases: &[Case], scope: &Rc<Scope>) -> Flow {
        let subject = self.expression(subject, scope);
        // Which case it is, when all before it can be told.
        let mut chosen = None;
        let mut is_told = true;
        for (number, case) in cases.iter().enumerate() {
            for value in &case.values {
                let value = self.expression(value, scope);
                match subject.equals(&value) {
                    Some(true) if chosen.is_none() => chosen = Some(number),
                    None if chosen.is_none() => is_told = false,
                    _ => {}
                }
            }
        }
        if is_told {
            let default = cases.iter().position(|case| case.is_default);
            let Some(chosen) = chosen.or(default) else {
                return Flow::Goes;
            };
            return self.case(&cases[chosen..], scope);
        }
        let before = scope.names.borrow().clone();
        let mut ends = Vec::new();
        for number in 0..cases.len() {
            scope.names.borrow_mut().clone_from(&before);
            if self.case(&cases[number..], scope) == Flow::Goes {
                ends.push(scope.names.borrow().clone());
            }
        }
        if !cases.iter().any(|case| case.is_default) {
            ends.push(before);
        }
        if ends.is_empty() {
            return Flow::Leaves;
        }
        *scope.names.borrow_mut() = merged(ends);
        Flow::Goes
    }

    /// A case with those that it falls through to.
    fn case(&mut self, cases: &[Case], scope: &Rc<Scope>) -> Flow {
        for case in cases {
            if self.block(&case.body, scope) == Flow::Leaves {
                // `break` leaves the switch only.
                let jumps = case.body.iter().any(ends_with_jump);
                return if jumps { Flow::Goes } else { Flow::Leaves };
            }
            if !case.falls_through {
                break;
            }
        }
        Flow::Goes
    }

    fn attempt(&mut self, parts: &Try, scope: &Rc<Scope>) -> Flow {
        let number = self.begin_guard(&parts.handlers);
        let flow = self.block(&parts.body, scope);
        self.active_guards.pop();
        let mut goes = flow == Flow::Goes;
        for (index, handler) in parts.handlers.iter().enumerate() {
            let before = scope.names.borrow().clone();
            if let Some(binding) = &handler.binding {
                self.bind(binding, Value::Unknown, scope);
            }
            let first = self.begin_handling();
            let flow = self.block(&handler.body, scope);
            self.end_handling(number, index, first, flow);
            goes |= flow == Flow::Goes;
            let after = scope.names.borrow().clone();
            *scope.names.borrow_mut() = merged(vec![before, after]);
        }
        let finally = self.block(&parts.finally, scope);
        if goes && finally == Flow::Goes {
            Flow::Goes
        } else {
            Flow::Leaves
        }
    }

    pub(super) fn begin_guard(&mut self, handlers: &[Handler]) -> usize {
        let handlers = handlers.iter().map(|handler| GuardHandler {
            catches: handler.catches.clone(),
            effects: 0..0,
            tells: false,
            only_raises: false,
            status_code: None,
        });
        let handlers = handlers.collect();
        let number = self.trace.guards.len();
        self.trace.guards.push(Guard { handlers });
        self.active_guards.push(number);
        number
    }

    pub(super) fn begin_handling(&mut self) -> usize {
        self.handling.push(Handling {
            frames: self.frames.len(),
            tells: false,
            ends: false,
            status_code: None,
        });
        self.trace.effects.len()
    }

    pub(super) fn end_handling(&mut self, guard: usize, index: usize, first: usize, flow: Flow) {
        let last = self.trace.effects.len();
        let handling = self.handling.pop();
        let raises = self.trace.effects[first..]
            .iter()
            .any(|effect| matches!(effect.kind, EffectKind::Raise { .. }));
        if let (Some(handling), Some(handler)) =
            (handling, self.trace.guards[guard].handlers.get_mut(index))
        {
            handler.effects = first..last;
            handler.tells = handling.tells;
            handler.only_raises = flow == Flow::Leaves && raises && !handling.ends;
            handler.status_code = handling.status_code;
        }
    }

    /// A return or jump out of a handler.
    fn ends_handling(&mut self) {
        let frames = self.frames.len();
        if let Some(handling) = self.handling.last_mut() {
            handling.ends |= handling.frames == frames;
        }
    }

    /// `return False` in a handler tells the caller what happened.
    fn tells_by_return(&mut self, value: Option<&Expression>) {
        // What is called meanwhile counts by what it does.
        let is_value = value.is_some_and(|value| {
            !matches!(
                value.kind,
                ExpressionKind::Nothing | ExpressionKind::Call { .. }
            )
        });
        let is_handler = self.is_in_handler();
        let frames = self.frames.len();
        if let Some(handling) = self.handling.last_mut()
            && handling.frames == frames
            && is_value
            && !is_handler
        {
            handling.tells = true;
        }
    }

    /// `gone = True`, `results[id] = …` in a handler are for what follows it.
    fn tells_by_assignment(&mut self, target: &Pattern, value: &Expression) {
        let tells = match target {
            Pattern::Place(_) => true,
            _ => matches!(value.kind, ExpressionKind::Bool(_)),
        };
        if let Some(handling) = self.handling.last_mut() {
            handling.tells |= tells;
        }
    }
}

fn ends_with_jump(statement: &Statement) -> bool {
    match &statement.kind {
        StatementKind::Jump => true,
        StatementKind::Block(block) => block.iter().any(ends_with_jump),
        StatementKind::If {
            then, otherwise, ..
        } => then.iter().chain(otherwise).any(ends_with_jump),
        _ => false,
    }
}

/// The names that branches leave: what they leave differently is unknown.
fn merged(mut ends: Vec<HashMap<String, Value>>) -> HashMap<String, Value> {
    let mut names = ends.pop().unwrap_or_default();
    for end in ends {
        for (name, value) in end {
            match names.get(&name) {
                Some(other)
                    if !matches!((other, &value), (Value::Nothing, _) | (_, Value::Nothing))
                        && !other.is_same(&value) =>
                {
                    names.insert(name, Value::Unknown);
                }
                // What is made once, when it is first needed, is there.
                Some(other) if !matches!(other, Value::Nothing) => {}
                _ => {
                    names.insert(name, value);
                }
            }
        }
    }
    names
}
