//! Expressions, from the weakest operator to a single operand. Operators of one precedence make
//! one flat chain.

use super::Parser;
use crate::template::{
    TemplateError,
    syntax::{Expression, Operator},
};

/// Operators by precedence, the weakest first; each before those that it begins with.
const PRECEDENCES: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or), ("or", Operator::Or)],
    &[("&&", Operator::And), ("and", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("eq", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("ne", Operator::NotEqual),
    ],
    &[
        ("<=", Operator::LessOrEqual),
        ("le", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("ge", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        ("lt", Operator::Less),
        (">", Operator::Greater),
        ("gt", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[
        ("*", Operator::Multiply),
        ("/", Operator::Divide),
        ("%", Operator::Remainder),
    ],
];

impl Parser<'_, '_> {
    pub(super) fn expression(&mut self) -> Result<Expression, TemplateError> {
        self.chain(0)
    }

    fn chain(&mut self, precedence: usize) -> Result<Expression, TemplateError> {
        let Some(operators) = PRECEDENCES.get(precedence) else {
            return self.unary();
        };
        let first = self.chain(precedence + 1)?;
        let mut others = Vec::new();
        loop {
            self.cursor.skip_spaces();
            let operator = operators.iter().find(|(token, _)| {
                if token.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    self.cursor.take_word(token)
                } else {
                    self.cursor.take(token)
                }
            });
            let Some((_, operator)) = operator else {
                return Ok(if others.is_empty() {
                    first
                } else {
                    Expression::Chain(Box::new((first, others)))
                });
            };
            others.push((*operator, self.chain(precedence + 1)?));
        }
    }

    fn unary(&mut self) -> Result<Expression, TemplateError> {
        self.cursor.skip_spaces();
        let at = self.cursor;
        if self.cursor.take("!") || self.cursor.take_word("not") {
            self.enter(at)?;
            let negated = self.unary()?;
            self.leave();
            return Ok(Expression::Not(Box::new(negated)));
        }
        if self.cursor.take("(") {
            self.enter(at)?;
            let inner = self.expression()?;
            self.leave();
            self.cursor.skip_spaces();
            if !self.cursor.take(")") {
                return Err(at.syntax("a `(` is not closed by `)`"));
            }
            return Ok(inner);
        }
        self.operand()
    }

    /// A reference or a literal.
    fn operand(&mut self) -> Result<Expression, TemplateError> {
        let at = self.cursor;
        if at.rest().starts_with('$')
            && let Some(reference) = self.reference()?
        {
            return Ok(Expression::Reference(Box::new(reference)));
        }
        match self.literal()? {
            Some(literal) => Ok(literal),
            None => Err(at.syntax("expected a value: `$name`, a number, a text in quotes, …")),
        }
    }

    /// An argument of a macro: an operand, or a bare word.
    pub(super) fn call_argument(&mut self) -> Result<Expression, TemplateError> {
        let at = self.cursor;
        let word = self
            .cursor
            .take_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == '@');
        let is_word = word.starts_with(|c: char| c.is_ascii_alphabetic());
        if is_word && word != "true" && word != "false" {
            return Ok(Expression::Text(word.into()));
        }
        self.cursor = at;
        self.operand()
    }

    /// Expressions with commas between them, up to `close`.
    pub(super) fn expressions(&mut self, close: &str) -> Result<Vec<Expression>, TemplateError> {
        let mut expressions = Vec::new();
        self.cursor.skip_spaces();
        if self.cursor.take(close) {
            return Ok(expressions);
        }
        loop {
            expressions.push(self.expression()?);
            self.cursor.skip_spaces();
            let at = self.cursor;
            if self.cursor.take(close) {
                return Ok(expressions);
            }
            if !self.cursor.take(",") {
                return Err(at.syntax(format!("expected `,` or `{close}`")));
            }
        }
    }
}
