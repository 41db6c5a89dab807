//! Directives: `#set`, `#if`, `#foreach`, `#macro`, comments, and calls of macros.

use super::{BlockEnd, Parser, Pieces};
use crate::template::{
    TemplateError,
    cursor::Cursor,
    syntax::{Call, Expression, Macro, Node, Reference, Slot},
};

/// Words that are directives of Velocity's, apart from macros.
const DIRECTIVES: [&str; 13] = [
    "break", "define", "else", "elseif", "end", "evaluate", "foreach", "if", "include", "macro",
    "parse", "set", "stop",
];

impl<'s> Parser<'s, '_> {
    /// A `#`, behind its escapes; what it ends when it ends the block.
    pub(super) fn hash(
        &mut self,
        start: Cursor<'s>,
        escapes: usize,
        pieces: &mut Pieces,
    ) -> Result<Option<BlockEnd<'s>>, TemplateError> {
        let hash = self.cursor;
        let backslashes = &start.rest()[..escapes];
        let word = directive_word(&mut self.cursor);
        let is_known = word.is_some_and(|word| {
            DIRECTIVES.contains(&word) || self.declared.macros.contains_key(word)
        });
        let Some(word) = word else {
            pieces.push_token(backslashes);
            return self.comment_or_text(hash, pieces).map(|()| None);
        };
        // Of backslashes before a directive half remain; an odd one makes it text.
        let remaining = if is_known {
            &backslashes[..escapes / 2]
        } else {
            backslashes
        };
        pieces.push_token(remaining);
        if escapes % 2 == 1 {
            pieces.push_token(self.cursor.since(hash));
            return Ok(None);
        }
        self.directive(word, hash, pieces)
    }

    fn comment_or_text(
        &mut self,
        hash: Cursor<'s>,
        pieces: &mut Pieces,
    ) -> Result<(), TemplateError> {
        if self.cursor.take("##") {
            self.cursor.take_while(|c| c != '\n' && c != '\r');
            self.cursor.take_line_end();
            pieces.flush();
        } else if self.cursor.take("#*") {
            if self.cursor.take_before("*#").is_none() {
                return Err(hash.syntax("a comment `#*` is not closed by `*#`"));
            }
            pieces.flush();
        } else if self.cursor.take("#[[") {
            match self.cursor.take_before("]]#") {
                Some(text) => pieces.push_token(text),
                None => return Err(hash.syntax("a text `#[[` is not closed by `]]#`")),
            }
        } else {
            self.cursor.take("#");
            pieces.push_token("#");
        }
        Ok(())
    }

    /// A directive whose word has been read.
    fn directive(
        &mut self,
        word: &'s str,
        hash: Cursor<'s>,
        pieces: &mut Pieces,
    ) -> Result<Option<BlockEnd<'s>>, TemplateError> {
        match word {
            "end" => {
                self.cursor.take_blank_line_end();
                return Ok(Some(BlockEnd::End(hash)));
            }
            "else" => {
                self.cursor.take_blank_line_end();
                return Ok(Some(BlockEnd::Else(hash)));
            }
            "elseif" => return Ok(Some(BlockEnd::ElseIf(hash))),
            "set" => self.set(hash, pieces)?,
            "if" => {
                let node = self.if_statement(hash)?;
                pieces.push(node);
            }
            "foreach" => {
                let node = self.foreach(hash)?;
                pieces.push(node);
            }
            "macro" => {
                self.define_macro(hash)?;
                pieces.flush();
            }
            "define" => {
                let node = self.define(hash)?;
                pieces.push(node);
            }
            "break" => {
                let scope = self.optional_argument(hash)?;
                pieces.push(Node::Break(scope));
            }
            "stop" => {
                self.optional_argument(hash)?;
                pieces.push(Node::Stop);
            }
            "evaluate" | "include" | "parse" => {
                return Err(hash.syntax(format!(
                    "`#{word}` is not supported: a mapping template has no others, and no data \
                     becomes one"
                )));
            }
            name => {
                let node = self.call(name, hash)?;
                pieces.push(node);
            }
        }
        Ok(None)
    }

    /// `#set( $name = expression )`; without a parenthesis it is text.
    fn set(&mut self, hash: Cursor<'s>, pieces: &mut Pieces) -> Result<(), TemplateError> {
        let word_end = self.cursor;
        self.cursor.take_while(|c| c == ' ');
        if !self.cursor.take("(") {
            self.cursor = word_end;
            pieces.push_token(word_end.since(hash));
            return Ok(());
        }
        pieces.drop_spaces();
        self.cursor.skip_spaces();
        let target = self.expect_reference(hash, "#set")?;
        self.cursor.skip_spaces();
        if !self.cursor.take("=") {
            let at = self.cursor;
            return Err(at.syntax("expected `=` in a `#set`"));
        }
        let value = self.expression()?;
        self.close(hash)?;
        pieces.push(Node::Set { target, value });
        Ok(())
    }

    fn if_statement(&mut self, hash: Cursor<'s>) -> Result<Node, TemplateError> {
        self.enter(hash)?;
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        let mut condition = self.condition(hash)?;
        loop {
            let (body, end) = self.block()?;
            branches.push((condition, body));
            match end {
                BlockEnd::End(_) => break,
                BlockEnd::ElseIf(at) => condition = self.condition(at)?,
                BlockEnd::Else(at) => {
                    let (body, end) = self.block()?;
                    otherwise = body;
                    if !matches!(end, BlockEnd::End(_)) {
                        return Err(at.syntax("an `#else` is not closed by `#end`"));
                    }
                    break;
                }
                BlockEnd::Source => return Err(hash.syntax("an `#if` is not closed by `#end`")),
            }
        }
        self.leave();
        Ok(Node::If {
            branches,
            otherwise,
        })
    }

    fn condition(&mut self, hash: Cursor<'s>) -> Result<Expression, TemplateError> {
        self.open(hash)?;
        let condition = self.expression()?;
        self.close(hash)?;
        Ok(condition)
    }

    fn foreach(&mut self, hash: Cursor<'s>) -> Result<Node, TemplateError> {
        self.open(hash)?;
        let variable = self.variable_name(hash, "#foreach")?;
        self.cursor.skip_spaces();
        if !self.cursor.take_word("in") {
            let at = self.cursor;
            return Err(at.syntax("expected `in` in a `#foreach`"));
        }
        let items = self.expression()?;
        self.close(hash)?;
        let body = self.body(hash, "#foreach")?;
        Ok(Node::Foreach {
            variable,
            items,
            body,
        })
    }

    fn define(&mut self, hash: Cursor<'s>) -> Result<Node, TemplateError> {
        self.open(hash)?;
        let variable = self.variable_name(hash, "#define")?;
        self.close(hash)?;
        let body = self.body(hash, "#define")?;
        Ok(Node::Define { variable, body })
    }

    /// Of macros with one name the first counts, as in Velocity.
    fn define_macro(&mut self, hash: Cursor<'s>) -> Result<(), TemplateError> {
        self.open(hash)?;
        self.cursor.skip_spaces();
        let name = self.cursor.take_while(is_word);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            let at = self.cursor;
            return Err(at.syntax("expected a name in a `#macro`"));
        }
        let mut parameters = Vec::new();
        loop {
            self.cursor.skip_spaces();
            self.cursor.take(",");
            self.cursor.skip_spaces();
            if self.cursor.rest().starts_with(')') {
                break;
            }
            parameters.push(self.variable_name(hash, "#macro")?);
        }
        self.close(hash)?;
        let body = self.body(hash, "#macro")?;
        let macros = &mut self.declared.macros;
        if !macros.contains_key(name) {
            macros.insert(name.into(), Macro { parameters, body });
        }
        Ok(())
    }

    fn call(&mut self, word: &'s str, hash: Cursor<'s>) -> Result<Node, TemplateError> {
        let word_end = self.cursor;
        let mut arguments = Vec::new();
        self.cursor.skip_spaces();
        let has_arguments = self.cursor.take("(");
        if has_arguments {
            self.enter(hash)?;
            loop {
                self.cursor.skip_spaces();
                self.cursor.take(",");
                self.cursor.skip_spaces();
                if self.cursor.take(")") {
                    break;
                }
                if self.cursor.rest().is_empty() {
                    return Err(hash.syntax(format!("`#{word}(` is not closed by `)`")));
                }
                let argument = self.call_argument()?;
                arguments.push(argument);
            }
            self.leave();
            self.cursor.take_blank_line_end();
        } else {
            self.cursor = word_end;
        }
        let (name, body) = match word.strip_prefix('@') {
            Some(name) => (name, Some(self.body(hash, "#@")?)),
            None => (word, None),
        };
        Ok(Node::Call(Box::new(Call {
            place: hash.place(),
            name: name.into(),
            arguments,
            body,
            source: self.cursor.since(hash).into(),
        })))
    }

    /// `(expression)`, if it comes next.
    fn optional_argument(&mut self, hash: Cursor<'s>) -> Result<Option<Expression>, TemplateError> {
        let word_end = self.cursor;
        self.cursor.skip_spaces();
        if !self.cursor.take("(") {
            self.cursor = word_end;
            return Ok(None);
        }
        self.cursor.skip_spaces();
        let argument = if self.cursor.rest().starts_with(')') {
            None
        } else {
            Some(self.expression()?)
        };
        self.close(hash)?;
        Ok(argument)
    }

    fn body(&mut self, hash: Cursor<'s>, name: &str) -> Result<Vec<Node>, TemplateError> {
        self.enter(hash)?;
        let (body, end) = self.block()?;
        self.leave();
        match end {
            BlockEnd::End(_) => Ok(body),
            BlockEnd::Source => Err(hash.syntax(format!("a `{name}` is not closed by `#end`"))),
            BlockEnd::Else(at) | BlockEnd::ElseIf(at) => {
                Err(at.syntax(format!("an `#else` in a `{name}`, without its `#if`")))
            }
        }
    }

    fn open(&mut self, hash: Cursor<'s>) -> Result<(), TemplateError> {
        let word = self.cursor.since(hash);
        self.cursor.skip_spaces();
        if self.cursor.take("(") {
            Ok(())
        } else {
            Err(hash.syntax(format!("expected `(` after `{word}`")))
        }
    }

    fn close(&mut self, hash: Cursor<'s>) -> Result<(), TemplateError> {
        self.cursor.skip_spaces();
        let at = self.cursor;
        if self.cursor.take(")") {
            self.cursor.take_blank_line_end();
            return Ok(());
        }
        let problem = if at.rest().is_empty() {
            return Err(hash.syntax("a directive is not closed by `)`"));
        } else {
            "expected an operator or the `)` of the directive"
        };
        Err(at.syntax(problem))
    }

    fn expect_reference(
        &mut self,
        hash: Cursor<'s>,
        name: &str,
    ) -> Result<Reference, TemplateError> {
        let reference = if self.cursor.rest().starts_with('$') {
            self.reference()?
        } else {
            None
        };
        reference.ok_or_else(|| hash.syntax(format!("expected a variable in a `{name}`")))
    }

    fn variable_name(&mut self, hash: Cursor<'s>, name: &str) -> Result<Slot, TemplateError> {
        self.cursor.skip_spaces();
        let at = self.cursor;
        let reference = self.expect_reference(hash, name)?;
        if reference.accessors.is_empty() {
            Ok(reference.variable)
        } else {
            Err(at.syntax(format!("expected a plain variable in a `{name}`")))
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '@'
}

/// Reads `#word` or `#{word}`, if that comes next.
fn directive_word<'s>(cursor: &mut Cursor<'s>) -> Option<&'s str> {
    let mut ahead = *cursor;
    ahead.take("#");
    let is_formal = ahead.take("{");
    if !ahead
        .rest()
        .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '@')
    {
        return None;
    }
    let word = ahead.take_while(is_word);
    if word == "@" || is_formal && !ahead.take("}") {
        return None;
    }
    *cursor = ahead;
    Some(word)
}
