//! Text to [`JsonPath`].

use super::{
    ExpressionError, JsonPath, Selector, Step,
    function::{Argument, Call, Function},
};

mod filter;

/// How deeply filters may nest.
const MAX_DEPTH: usize = 16;

pub(super) fn parse(path: &str) -> Result<JsonPath, ExpressionError> {
    if path.is_empty() {
        return Err(ExpressionError::Empty);
    }
    let mut parser = Parser {
        path,
        rest: path,
        depth: 0,
    };
    let parsed = parser.json_path()?;
    if parser.rest.is_empty() {
        Ok(parsed)
    } else {
        Err(parser.error("expected `.` or `[` after a step"))
    }
}

pub(super) struct Parser<'p> {
    path: &'p str,
    rest: &'p str,
    /// In how many filters and parentheses this is.
    depth: usize,
}

impl Parser<'_> {
    fn json_path(&mut self) -> Result<JsonPath, ExpressionError> {
        let before = self.rest;
        let mut steps = Vec::new();
        let mut function = None;
        let has_root = self.take("$") || self.depth > 0 && self.take("@");
        if !has_root && !self.rest.starts_with(['.', '[']) {
            steps.push(Step {
                deep: false,
                selector: self.dotted()?,
            });
        }
        while self.rest.starts_with(['.', '[']) {
            if let Some(call) = self.call(&steps)? {
                function = Some(Box::new(call));
                break;
            }
            steps.push(self.step()?);
        }
        let source = before[..before.len() - self.rest.len()].into();
        Ok(JsonPath {
            source,
            steps,
            function,
        })
    }

    /// `.name(…)`, if it comes next.
    fn call(&mut self, steps: &[Step]) -> Result<Option<Call>, ExpressionError> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let Some(after_dot) = self.rest.strip_prefix('.') else {
            return Ok(None);
        };
        let name = &after_dot[..after_dot.find(|c| !is_name(c)).unwrap_or(after_dot.len())];
        let Some(arguments) = after_dot[name.len()..].strip_prefix('(') else {
            return Ok(None);
        };
        let Some(function) = Function::named(name) else {
            return Err(self.error(format!("the function `{name}()` is not supported")));
        };
        let follows_list = steps.iter().any(|step| {
            !step.deep
                && !matches!(&step.selector, Selector::Names(names) if names.len() == 1)
                && !matches!(&step.selector, Selector::Indexes(indexes) if indexes.len() == 1)
        });
        if follows_list && !steps.iter().any(|step| step.deep) {
            return Err(self.error(format!(
                "`{name}()` may follow a path to one value, or one with `..`, only"
            )));
        }
        self.rest = arguments;
        self.depth += 1;
        let arguments = self.arguments()?;
        self.depth -= 1;
        if !function.arguments().contains(&arguments.len()) {
            return Err(self.error(format!("`{name}()` has another number of arguments")));
        }
        Ok(Some(Call {
            function,
            arguments,
        }))
    }

    fn arguments(&mut self) -> Result<Vec<Argument>, ExpressionError> {
        let mut arguments = Vec::new();
        self.check_depth()?;
        self.skip_spaces();
        if self.take(")") {
            return Ok(arguments);
        }
        loop {
            self.skip_spaces();
            arguments.push(if self.rest.starts_with('$') {
                Argument::Path(self.json_path()?)
            } else {
                Argument::Literal(self.literal()?)
            });
            self.skip_spaces();
            if self.take(")") {
                return Ok(arguments);
            }
            if !self.take(",") {
                return Err(self.error("expected `,` or `)` in a function's arguments"));
            }
        }
    }

    fn step(&mut self) -> Result<Step, ExpressionError> {
        let deep = self.take("..");
        if !deep && self.rest.starts_with(".[") {
            self.take(".");
        }
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
        let is_end = |c: char| {
            matches!(c, '.' | '[' | '(' | ' ' | '\t' | '\n' | '\r')
                || self.depth > 0
                    && matches!(c, ')' | '=' | '<' | '>' | '!' | '&' | '|' | ',' | ']')
        };
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if rest.starts_with('(') {
            return Err(self.error(format!("the function `{name}()` is not supported")));
        }
        if self.depth == 0 && rest.starts_with(char::is_whitespace) {
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
        } else if self.take("?") {
            self.skip_spaces();
            if !self.take("(") {
                return Err(self.error("expected a filter as `[?(@.name == 'value')]`"));
            }
            let filter = self.filter()?;
            if !self.take(")") {
                return Err(self.error("expected `)` after a filter"));
            }
            Selector::Filter(Box::new(filter))
        } else if self.rest.starts_with(['\'', '"']) {
            let names = self.list(Self::quoted)?;
            if names.len() > 1 && self.depth > 0 {
                return Err(self.error("a filter cannot ask for several members at once"));
            }
            Selector::Names(names)
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

    fn check_depth(&self) -> Result<(), ExpressionError> {
        if self.depth > MAX_DEPTH {
            return Err(self.error("the path is nested too deeply"));
        }
        Ok(())
    }

    fn error(&self, problem: impl Into<String>) -> ExpressionError {
        ExpressionError::syntax(self.path, problem)
    }
}
