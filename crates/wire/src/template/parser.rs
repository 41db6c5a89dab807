//! A template's source to its nodes.

use super::{Node, TemplateError, cursor::Cursor, reference::parse_reference};

/// Velocity's directives. Any other `#name` without arguments is text.
const DIRECTIVES: [&str; 13] = [
    "break", "define", "else", "elseif", "end", "evaluate", "foreach", "if", "include", "macro",
    "parse", "set", "stop",
];

pub(super) fn parse(source: &str) -> Result<Vec<Node>, TemplateError> {
    let mut cursor = Cursor::new(source);
    let mut text_start = cursor;
    let mut nodes = Vec::new();
    loop {
        cursor.take_until(&['$', '#', '\\']);
        let start = cursor;
        if cursor.take("$") {
            if let Some(reference) = parse_reference(&mut cursor, start)? {
                push_text(&mut nodes, start.since(text_start));
                nodes.push(Node::Reference(reference));
                text_start = cursor;
            }
        } else if cursor.take("#") {
            refuse_directive(start, cursor)?;
        } else if cursor.take("\\") {
            // Whether Velocity prints this backslash depends on what follows the `$` or `#`.
            if cursor.take("$") || cursor.take("#") {
                return Err(start.not_yet(cursor));
            }
        } else {
            push_text(&mut nodes, cursor.since(text_start));
            return Ok(nodes);
        }
    }
}

fn push_text(nodes: &mut Vec<Node>, text: &str) {
    if !text.is_empty() {
        nodes.push(Node::Text(text.to_owned()));
    }
}

/// Refuses a comment, a directive or a macro call; `cursor` is behind the `#`.
fn refuse_directive(start: Cursor<'_>, mut cursor: Cursor<'_>) -> Result<(), TemplateError> {
    let is_comment_or_block = ["#", "*", "[[", "@"]
        .into_iter()
        .any(|token| cursor.take(token));
    let is_formal = cursor.take("{");
    let is_directive = cursor.take_identifier().is_some_and(|name| {
        is_formal || cursor.rest().starts_with('(') || DIRECTIVES.contains(&name)
    });
    if is_comment_or_block || is_directive {
        return Err(start.not_yet(cursor));
    }
    Ok(())
}
