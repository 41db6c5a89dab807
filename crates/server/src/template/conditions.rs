//! `Conditions`: evaluated when asked for, each once.

use super::{
    diagnostic::did_you_mean,
    document::{MAX_DEPTH, Node, Position, Value},
    intrinsics::Evaluator,
};

/// What is known of a condition.
#[derive(Debug, Clone, Copy)]
pub(super) enum Truth {
    /// It is being evaluated: asking for it now would be a circle.
    BeingEvaluated,
    /// Its truth, or that it has none and the error was told.
    Known(Option<bool>),
}

impl Evaluator<'_> {
    /// Evaluates all conditions, so that the faults of unused ones are told, too.
    pub(super) fn check_conditions(&self) {
        for entry in &self.template.conditions {
            self.condition(&entry.key, entry.position);
        }
    }

    /// The truth of a named condition; `None` once an error was told.
    pub(super) fn condition(&self, name: &str, at: Position) -> Option<bool> {
        let known = self.conditions.borrow().get(name).copied();
        match known {
            Some(Truth::Known(truth)) => return truth,
            Some(Truth::BeingEvaluated) => {
                let message = format!("the condition `{name}` depends on itself");
                self.diagnostics.error(at, message, "break the circle");
                return None;
            }
            None => {}
        }
        let conditions = &self.template.conditions;
        let Some(entry) = conditions.iter().find(|entry| entry.key == name) else {
            let known = conditions.iter().map(|entry| entry.key.as_str());
            let mend = did_you_mean(name, known, "add it to Conditions");
            self.diagnostics
                .error(at, format!("there is no condition `{name}`"), mend);
            return None;
        };
        let remember = |truth| self.conditions.borrow_mut().insert(name.to_owned(), truth);
        remember(Truth::BeingEvaluated);
        let depth = self.condition_depth.get();
        let truth = if depth < MAX_DEPTH {
            self.condition_depth.set(depth + 1);
            let truth = self.truth(&entry.value);
            self.condition_depth.set(depth);
            truth
        } else {
            let message = format!("conditions depend on each other over {MAX_DEPTH} levels");
            self.diagnostics.error(at, message, "shorten the chain");
            None
        };
        remember(Truth::Known(truth));
        truth
    }

    fn truth(&self, node: &Node) -> Option<bool> {
        let at = node.position;
        let (function, argument) = match (&node.value, node.entries()) {
            (Value::Bool(truth), _) => return Some(*truth),
            (_, [call]) => (call.key.as_str(), &call.value),
            _ => {
                let message = format!("a condition must be a function, this is {}", node.kind());
                self.diagnostics
                    .error(at, message, "use Fn::Equals, Fn::And, Fn::Or or Fn::Not");
                return None;
            }
        };
        let operands = argument.as_list().unwrap_or_default();
        match (function, operands) {
            ("Condition", _) => self.condition(argument.as_text()?, argument.position),
            ("Fn::Equals", [left, right]) => {
                let (left, right) = (self.evaluate(left)?, self.evaluate(right)?);
                if left.value == Value::Unknown || right.value == Value::Unknown {
                    return None;
                }
                Some(left.to_json_text() == right.to_json_text())
            }
            ("Fn::Not", [operand]) => self.truth(operand).map(|truth| !truth),
            // All operands are evaluated, so that all their errors are told.
            ("Fn::And" | "Fn::Or", [_, _, ..]) if operands.len() <= 10 => {
                let truths: Vec<_> = operands.iter().map(|operand| self.truth(operand)).collect();
                let truths: Vec<bool> = truths.into_iter().collect::<Option<_>>()?;
                Some(if function == "Fn::And" {
                    truths.into_iter().all(|truth| truth)
                } else {
                    truths.into_iter().any(|truth| truth)
                })
            }
            ("Fn::Equals", _) => self.wrong_operands(at, function, "two values"),
            ("Fn::Not", _) => self.wrong_operands(at, function, "one condition in a list"),
            ("Fn::And" | "Fn::Or", _) => self.wrong_operands(at, function, "2 to 10 conditions"),
            _ => {
                let message = format!("`{function}` is not a condition function");
                let known = ["Condition", "Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"];
                let mend = did_you_mean(
                    function,
                    known,
                    "use Fn::Equals, Fn::And, Fn::Or or Fn::Not",
                );
                self.diagnostics.error(at, message, mend);
                None
            }
        }
    }

    fn wrong_operands(&self, at: Position, function: &str, needs: &str) -> Option<bool> {
        self.diagnostics
            .error(at, format!("{function} needs {needs}"), "");
        None
    }
}

impl Node {
    /// Text by which values are equal: scalars by their text, since parameters are strings.
    fn to_json_text(&self) -> String {
        self.as_text()
            .map_or_else(|| self.to_json().to_string(), str::to_owned)
    }
}
