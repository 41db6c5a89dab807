//! A template's source to its nodes, in the grammar of Velocity 1.7.

mod directive;
mod expression;
mod literal;
mod reference;

use std::collections::HashMap;

use super::{
    TemplateError,
    cursor::Cursor,
    syntax::{Macro, Node, Slot},
};

/// How deeply blocks, lists, parentheses and texts may nest.
const MAX_DEPTH: usize = 48;

/// Everything that a source is parsed to.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) body: Vec<Node>,
    pub(super) macros: HashMap<Box<str>, Macro>,
    /// The names of the variables, by slot.
    pub(super) names: Vec<Box<str>>,
}

pub(super) fn parse(source: &str) -> Result<Parsed, TemplateError> {
    let mut declared = Declared::default();
    for (name, slot) in super::variables::SLOTS {
        let given = declared.slot(name, Cursor::new(source))?;
        debug_assert_eq!(given, slot);
    }
    let mut parser = Parser {
        cursor: Cursor::new(source),
        declared: &mut declared,
        depth: 0,
    };
    let (body, end) = parser.block()?;
    match end {
        BlockEnd::Source => {}
        BlockEnd::End(at) => return Err(at.syntax("an `#end` without its `#if` or `#foreach`")),
        BlockEnd::Else(at) | BlockEnd::ElseIf(at) => {
            return Err(at.syntax("an `#else` without its `#if`"));
        }
    }
    Ok(Parsed {
        body,
        macros: declared.macros,
        names: declared.names,
    })
}

/// What the whole template declares.
#[derive(Debug, Default)]
struct Declared {
    macros: HashMap<Box<str>, Macro>,
    names: Vec<Box<str>>,
    slots: HashMap<Box<str>, Slot>,
}

impl Declared {
    fn slot(&mut self, name: &str, at: Cursor<'_>) -> Result<Slot, TemplateError> {
        if let Some(slot) = self.slots.get(name) {
            return Ok(*slot);
        }
        let slot = Slot::try_from(self.names.len())
            .map_err(|_| at.syntax("the template has too many variables"))?;
        self.names.push(name.into());
        self.slots.insert(name.into(), slot);
        Ok(slot)
    }
}

struct Parser<'s, 'd> {
    cursor: Cursor<'s>,
    declared: &'d mut Declared,
    /// In how many blocks, lists, parentheses and texts this is.
    depth: usize,
}

/// What ended a block, and where it began.
enum BlockEnd<'s> {
    Source,
    End(Cursor<'s>),
    Else(Cursor<'s>),
    ElseIf(Cursor<'s>),
}

/// The nodes of a block as they are found, and text that is not one of them yet.
#[derive(Default)]
struct Pieces {
    nodes: Vec<Node>,
    text: String,
    /// Where the text since the last token begins: `#set` eats it when it is but spaces.
    token_start: usize,
}

impl Pieces {
    /// Adds text that is a token of its own.
    fn push_token(&mut self, token: &str) {
        if !token.is_empty() {
            self.text.push_str(token);
            self.token_start = self.text.len();
        }
    }

    fn push(&mut self, node: Node) {
        self.flush();
        self.nodes.push(node);
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.nodes.push(Node::Text(text.into()));
        }
        self.token_start = 0;
    }

    /// Forgets the spaces before a `#set`, unless they follow text. So does Velocity.
    fn drop_spaces(&mut self) {
        let is_space = |c: char| c == ' ' || c == '\t';
        if self.text[self.token_start..].chars().all(is_space) {
            self.text.truncate(self.token_start);
        }
    }

    fn into_nodes(mut self) -> Vec<Node> {
        self.flush();
        self.nodes
    }
}

impl<'s> Parser<'s, '_> {
    /// Reads a block up to what ends it.
    fn block(&mut self) -> Result<(Vec<Node>, BlockEnd<'s>), TemplateError> {
        let mut pieces = Pieces::default();
        loop {
            let text = self.cursor.take_while(|c| !matches!(c, '$' | '#' | '\\'));
            pieces.text.push_str(text);
            let start = self.cursor;
            if start.rest().is_empty() {
                return Ok((pieces.into_nodes(), BlockEnd::Source));
            }
            let escapes = self.cursor.take_while(|c| c == '\\').len();
            if self.cursor.rest().starts_with('$') {
                self.dollar(start, escapes, &mut pieces)?;
            } else if self.cursor.rest().starts_with('#') {
                if let Some(end) = self.hash(start, escapes, &mut pieces)? {
                    return Ok((pieces.into_nodes(), end));
                }
            } else {
                pieces.push_token(self.cursor.since(start));
            }
        }
    }

    /// A `$`, behind its escapes: a reference, or text.
    fn dollar(
        &mut self,
        start: Cursor<'s>,
        escapes: usize,
        pieces: &mut Pieces,
    ) -> Result<(), TemplateError> {
        if let Some(reference) = self.reference()? {
            pieces.push(Node::Reference { reference, escapes });
        } else {
            self.cursor.take("$");
            pieces.push_token(self.cursor.since(start));
        }
        Ok(())
    }

    fn enter(&mut self, at: Cursor<'_>) -> Result<(), TemplateError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(at.syntax(format!("nothing may be nested more than {MAX_DEPTH} deep")));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }
}
