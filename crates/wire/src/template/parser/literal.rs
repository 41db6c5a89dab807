//! Literals: texts, numbers, booleans, ranges, lists and maps.

use std::borrow::Cow;

use super::{BlockEnd, Parser};
use crate::{
    expression::number::Number,
    template::{
        TemplateError,
        cursor::Cursor,
        syntax::{Expression, Node},
    },
};

impl Parser<'_, '_> {
    /// A literal, if one comes next.
    pub(super) fn literal(&mut self) -> Result<Option<Expression>, TemplateError> {
        let at = self.cursor;
        let rest = at.rest();
        Ok(Some(if rest.starts_with(['\'', '"']) {
            self.text()?
        } else if self.cursor.take("[") {
            self.enter(at)?;
            let list = self.list_or_range()?;
            self.leave();
            list
        } else if self.cursor.take("{") {
            self.enter(at)?;
            let map = self.map()?;
            self.leave();
            map
        } else if self.cursor.take_word("true") {
            Expression::Bool(true)
        } else if self.cursor.take_word("false") {
            Expression::Bool(false)
        } else if rest.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') {
            return self.number().map(|number| number.map(Expression::Number));
        } else {
            return Ok(None);
        }))
    }

    /// `12`, `-1.5`, `.5`, `1e3`; `1` of `1..3`.
    fn number(&mut self) -> Result<Option<Number>, TemplateError> {
        let at = self.cursor;
        self.cursor.take("-");
        let is_digit = |c: char| c.is_ascii_digit();
        let whole = !self.cursor.take_while(is_digit).is_empty();
        let mut is_double = false;
        if !self.cursor.rest().starts_with("..") {
            let before_dot = self.cursor;
            if self.cursor.take(".") {
                let fraction = self.cursor.take_while(is_digit);
                is_double = true;
                if !whole && fraction.is_empty() {
                    self.cursor = before_dot;
                }
            }
        }
        let before_exponent = self.cursor;
        if self.cursor.take("e") || self.cursor.take("E") {
            let _sign = self.cursor.take("-") || self.cursor.take("+");
            if self.cursor.take_while(is_digit).is_empty() {
                self.cursor = before_exponent;
            } else {
                is_double = true;
            }
        }
        let digits = self.cursor.since(at);
        let number = if is_double {
            digits.parse().ok().map(Number::Double)
        } else {
            digits.parse().ok().map(Number::Whole)
        };
        if number.is_none() {
            let is_long = digits.len() > 30;
            self.cursor = at;
            return if is_long {
                Err(at.syntax("a number is too large"))
            } else {
                Ok(None)
            };
        }
        Ok(number)
    }

    fn list_or_range(&mut self) -> Result<Expression, TemplateError> {
        self.cursor.skip_spaces();
        if self.cursor.take("]") {
            return Ok(Expression::List(Vec::new()));
        }
        let first = self.expression()?;
        self.cursor.skip_spaces();
        let at = self.cursor;
        if self.cursor.take("..") {
            let last = self.expression()?;
            self.cursor.skip_spaces();
            if !self.cursor.take("]") {
                return Err(at.syntax("a range is not closed by `]`"));
            }
            return Ok(Expression::Range(Box::new((first, last))));
        }
        let mut items = vec![first];
        if self.cursor.take(",") {
            let others = self.expressions("]")?;
            if others.is_empty() {
                return Err(at.syntax("expected a value after `,`"));
            }
            items.extend(others);
        } else if !self.cursor.take("]") {
            return Err(at.syntax("expected `,`, `..` or `]`"));
        }
        Ok(Expression::List(items))
    }

    fn map(&mut self) -> Result<Expression, TemplateError> {
        let mut members = Vec::new();
        self.cursor.skip_spaces();
        if self.cursor.take("}") {
            return Ok(Expression::Map(members));
        }
        loop {
            let key = self.expression()?;
            self.cursor.skip_spaces();
            let at = self.cursor;
            if !self.cursor.take(":") {
                return Err(at.syntax("expected `:` after a key"));
            }
            members.push((key, self.expression()?));
            self.cursor.skip_spaces();
            let at = self.cursor;
            if self.cursor.take("}") {
                return Ok(Expression::Map(members));
            }
            if !self.cursor.take(",") {
                return Err(at.syntax("expected `,` or `}`"));
            }
        }
    }

    /// A text in quotes, which is doubled within it; in double quotes a template of its own.
    fn text(&mut self) -> Result<Expression, TemplateError> {
        let start = self.cursor;
        let quote = if self.cursor.take("'") { "'" } else { "\"" };
        self.cursor = start;
        self.cursor.take(quote);
        let content = self.cursor;
        let mut has_doubled_quotes = false;
        loop {
            self.cursor.take_while(|c| !quote.starts_with(c));
            if self.cursor.rest().is_empty() {
                return Err(start.syntax("a text in quotes is not closed"));
            }
            let end = self.cursor;
            self.cursor.take(quote);
            if !self.cursor.rest().starts_with(quote) {
                return self.text_between(start, content, end, quote, has_doubled_quotes);
            }
            has_doubled_quotes = true;
            self.cursor.take(quote);
        }
    }

    fn text_between(
        &mut self,
        start: Cursor<'_>,
        content: Cursor<'_>,
        end: Cursor<'_>,
        quote: &str,
        has_doubled_quotes: bool,
    ) -> Result<Expression, TemplateError> {
        let mut text = Cow::Borrowed(end.since(content));
        if has_doubled_quotes {
            text = Cow::Owned(text.replace(&quote.repeat(2), quote));
        }
        if quote == "'" {
            return Ok(Expression::Text(text.into()));
        }
        if text.contains("\\u") {
            text = Cow::Owned(unescape(&text));
        }
        if !text.contains(['$', '#']) {
            return Ok(Expression::Text(text.into()));
        }
        let cursor = match &text {
            Cow::Borrowed(_) => end.within(content),
            Cow::Owned(text) => start.over(text),
        };
        self.enter(start)?;
        let mut inner = Parser {
            cursor,
            declared: &mut *self.declared,
            depth: self.depth,
        };
        let (nodes, block_end) = inner.block()?;
        self.leave();
        match block_end {
            BlockEnd::Source => Ok(match &nodes[..] {
                // Such as `"$.tags"`: the `$` of a path begins no reference.
                [Node::Text(text)] => Expression::Text(text.clone()),
                _ => Expression::Interpolated(nodes),
            }),
            BlockEnd::End(at) | BlockEnd::Else(at) | BlockEnd::ElseIf(at) => {
                Err(at.syntax("an `#end` or `#else` in a text, without its `#if`"))
            }
        }
    }
}

/// A text with its `\uXXXX` replaced; other escapes are none in Velocity.
fn unescape(text: &str) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\u") {
        unescaped.push_str(before);
        let character = after
            .get(..4)
            .filter(|digits| digits.bytes().all(|c| c.is_ascii_hexdigit()))
            .and_then(|digits| char::from_u32(u32::from_str_radix(digits, 16).ok()?));
        if let Some(character) = character {
            unescaped.push(character);
            rest = &after[4..];
        } else {
            unescaped.push_str("\\u");
            rest = after;
        }
    }
    unescaped.push_str(rest);
    unescaped
}
