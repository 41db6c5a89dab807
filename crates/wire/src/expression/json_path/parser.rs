//! Text to [`JsonPath`].

use super::{ExpressionError, JsonPath, Selector, Step};

pub(super) fn parse(path: &str) -> Result<JsonPath, ExpressionError> {
    if path.is_empty() {
        return Err(ExpressionError::Empty);
    }
    let mut parser = Parser {
        path,
        rest: path.strip_prefix('$').unwrap_or(path),
    };
    let mut steps = Vec::new();
    if !path.starts_with(['$', '.', '[']) {
        steps.push(Step {
            deep: false,
            selector: parser.dotted()?,
        });
    }
    while !parser.rest.is_empty() {
        steps.push(parser.step()?);
    }
    // One deep scan visits each value once; a second would multiply the visits by the depth of
    // what the client sent.
    if steps.iter().filter(|step| step.deep).count() > 1 {
        return Err(parser.error("a path may have only one `..`"));
    }
    Ok(JsonPath { steps })
}

struct Parser<'p> {
    path: &'p str,
    rest: &'p str,
}

impl Parser<'_> {
    fn step(&mut self) -> Result<Step, ExpressionError> {
        let deep = self.take("..");
        let selector = if self.rest.starts_with('[') {
            self.bracketed()?
        } else if deep || self.take(".") {
            self.dotted()?
        } else {
            return Err(self.error("expected `.` or `[` after a step"));
        };
        Ok(Step { deep, selector })
    }

    fn dotted(&mut self) -> Result<Selector, ExpressionError> {
        let end = self
            .rest
            .find(['.', '[', '(', ' ', '\t', '\n', '\r'])
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if rest.starts_with('(') {
            return Err(self.error(format!("the function `{name}()` is not supported")));
        }
        if rest.starts_with(char::is_whitespace) {
            return Err(self.error("write names with a space in brackets: `['a name']`"));
        }
        if name.is_empty() {
            return Err(self.error("expected a name after `.`"));
        }
        self.rest = rest;
        Ok(match name {
            "*" => Selector::Wildcard,
            name => Selector::Names(vec![name.to_owned()]),
        })
    }

    fn bracketed(&mut self) -> Result<Selector, ExpressionError> {
        self.take("[");
        self.skip_spaces();
        let selector = if self.take("*") {
            Selector::Wildcard
        } else if self.rest.starts_with('?') {
            return Err(self.error("filters (`[?…]`) are not supported"));
        } else if self.rest.starts_with(['\'', '"']) {
            Selector::Names(self.list(Self::quoted)?)
        } else {
            self.index_or_slice()?
        };
        self.skip_spaces();
        if self.take("]") {
            Ok(selector)
        } else {
            Err(self.error("expected `]`"))
        }
    }

    fn index_or_slice(&mut self) -> Result<Selector, ExpressionError> {
        let from = if self.rest.starts_with(':') {
            Vec::new()
        } else {
            self.list(Self::index)?
        };
        if from.len() > 1 || !self.take(":") {
            return Ok(Selector::Indexes(from));
        }
        self.skip_spaces();
        let to = if self.rest.starts_with(']') {
            None
        } else {
            Some(self.index()?)
        };
        Ok(Selector::Slice(from.first().copied(), to))
    }

    fn index(&mut self) -> Result<i64, ExpressionError> {
        let end = self
            .rest
            .find(|c: char| c != '-' && !c.is_ascii_digit())
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        let index = digits
            .parse()
            .map_err(|_| self.error("expected an index, a quoted name or `*` after `[`"))?;
        self.rest = rest;
        Ok(index)
    }

    /// A name in single or double quotes, where `\` escapes the next character.
    fn quoted(&mut self) -> Result<String, ExpressionError> {
        let mut characters = self.rest.char_indices();
        let Some((_, quote @ ('\'' | '"'))) = characters.next() else {
            return Err(self.error("expected a quoted name"));
        };
        let mut name = String::new();
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
                c if c == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(name);
                }
                c => name.push(c),
            }
        }
        Err(self.error("a quote is not closed"))
    }

    /// Items with commas between them, each kept once.
    fn list<T: PartialEq>(
        &mut self,
        item: fn(&mut Self) -> Result<T, ExpressionError>,
    ) -> Result<Vec<T>, ExpressionError> {
        let mut items = vec![item(self)?];
        self.skip_spaces();
        while self.take(",") {
            self.skip_spaces();
            let item = item(self)?;
            if !items.contains(&item) {
                items.push(item);
            }
            self.skip_spaces();
        }
        Ok(items)
    }

    fn take(&mut self, token: &str) -> bool {
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn error(&self, problem: impl Into<String>) -> ExpressionError {
        ExpressionError::syntax(self.path, problem)
    }
}
