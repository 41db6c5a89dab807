//! References: `$context.connectionId`, `${stageVariables['table']}`, `$!input.json('$.user')`.

use super::{Reference, TemplateError, cursor::Cursor};
use crate::expression::json_path::JsonPath;

/// What may follow the root of a reference.
#[derive(Debug, Clone, Copy)]
enum Accessor<'s> {
    /// `.name`
    Property(&'s str),
    /// `.name()` or `.name('argument')`
    Call(&'s str, Option<&'s str>),
    /// `['key']`
    Index(&'s str),
}

/// Parses the reference whose `$` at `start` has just been read; `None` when that `$` is text.
pub(super) fn parse_reference<'s>(
    cursor: &mut Cursor<'s>,
    start: Cursor<'s>,
) -> Result<Option<Reference>, TemplateError> {
    let mut parser = Parser {
        cursor: *cursor,
        start,
    };
    let reference = parser.reference()?;
    if reference.is_some() {
        *cursor = parser.cursor;
    }
    Ok(reference)
}

struct Parser<'s> {
    cursor: Cursor<'s>,
    start: Cursor<'s>,
}

impl<'s> Parser<'s> {
    fn reference(&mut self) -> Result<Option<Reference>, TemplateError> {
        // The `!` asks for nothing in place of an unknown reference: here that is so for all.
        self.cursor.take("!");
        let is_formal = self.cursor.take("{");
        let Some(root) = self.cursor.take_identifier() else {
            return if is_formal {
                Err(self.start.syntax("a name must follow `${`"))
            } else {
                Ok(None)
            };
        };
        let mut accessors = Vec::new();
        while let Some(accessor) = self.accessor()? {
            accessors.push(accessor);
        }
        if is_formal && !self.cursor.take("}") {
            return Err(self.start.syntax("`${` is not closed by `}`"));
        }
        self.known(root, &accessors).map(Some)
    }

    fn accessor(&mut self) -> Result<Option<Accessor<'s>>, TemplateError> {
        let before = self.cursor;
        if self.cursor.take(".") {
            let Some(name) = self.cursor.take_identifier() else {
                // The full stop of a sentence.
                self.cursor = before;
                return Ok(None);
            };
            if self.cursor.take("(") {
                let argument = self.quoted()?;
                self.close(")")?;
                return Ok(Some(Accessor::Call(name, argument)));
            }
            return Ok(Some(Accessor::Property(name)));
        }
        if self.cursor.take("[") {
            let Some(key) = self.quoted()? else {
                return Err(self.start.not_yet(self.cursor));
            };
            self.close("]")?;
            return Ok(Some(Accessor::Index(key)));
        }
        Ok(None)
    }

    /// A text in quotes, if one comes next.
    fn quoted(&mut self) -> Result<Option<&'s str>, TemplateError> {
        self.cursor.skip_spaces();
        let Some(quote) = ["'", "\""]
            .into_iter()
            .find(|quote| self.cursor.take(quote))
        else {
            return Ok(None);
        };
        let text = self
            .cursor
            .take_before(quote)
            .ok_or_else(|| self.start.syntax("a quote is not closed"))?;
        if quote == "\"" && is_interpolated(text) {
            return Err(self.start.not_yet(self.cursor));
        }
        self.cursor.skip_spaces();
        Ok(Some(text))
    }

    fn close(&mut self, bracket: &str) -> Result<(), TemplateError> {
        if self.cursor.take(bracket) {
            Ok(())
        } else {
            Err(self.start.not_yet(self.cursor))
        }
    }

    fn known(&self, root: &str, accessors: &[Accessor<'_>]) -> Result<Reference, TemplateError> {
        match (root, accessors) {
            ("context", [Accessor::Property(first), rest @ ..]) => {
                let mut path = (*first).to_owned();
                for accessor in rest {
                    let Accessor::Property(name) = accessor else {
                        return Err(self.start.not_yet(self.cursor));
                    };
                    path.push('.');
                    path.push_str(name);
                }
                Ok(Reference::Context(path))
            }
            ("input", [Accessor::Property("body")]) => Ok(Reference::InputBody),
            ("input", [Accessor::Call("json", Some(path))]) => JsonPath::parse(path)
                .map(Reference::InputJson)
                .map_err(|error| self.start.syntax(error.to_string())),
            ("stageVariables", [Accessor::Property(name) | Accessor::Index(name)]) => {
                Ok(Reference::StageVariable((*name).to_owned()))
            }
            _ => Err(self.start.not_yet(self.cursor)),
        }
    }
}

/// Whether Velocity would look for references and directives in a text in double quotes.
fn is_interpolated(text: &str) -> bool {
    let begins_reference = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '!' | '{');
    text.contains('#')
        || text
            .split('$')
            .skip(1)
            .any(|after_dollar| after_dollar.starts_with(begins_reference))
}
