//! What both languages are read with: the text, lines and children of a parse tree.

use tree_sitter::Node;

use super::syntax::Line;

/// Nothing in source that people write nests deeper; a bounded depth keeps every walk within the
/// stack.
const MAX_DEPTH: usize = 150;

/// A file being read.
#[derive(Clone)]
pub(super) struct Lower<'t> {
    text: &'t str,
    depth: usize,
}

impl<'t> Lower<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, depth: 0 }
    }

    /// One level further in; `None` where it is too deep.
    pub(super) fn deeper(&self) -> Option<Self> {
        (self.depth < MAX_DEPTH).then_some(Self {
            text: self.text,
            depth: self.depth + 1,
        })
    }

    pub(super) fn text(&self, node: Node<'_>) -> String {
        self.text
            .get(node.byte_range())
            .unwrap_or_default()
            .to_owned()
    }
}

pub(super) fn line_of(node: Node<'_>) -> Line {
    u32::try_from(node.start_position().row + 1).unwrap_or(u32::MAX)
}

/// The named children, comments left out.
pub(super) fn children_of(node: Node<'_>) -> Vec<Node<'_>> {
    let mut walk = node.walk();
    let children = node.named_children(&mut walk);
    children.filter(|child| child.kind() != "comment").collect()
}

/// Whether a keyword or operator stands among the node's own children.
pub(super) fn has_token(node: Node<'_>, token: &str) -> bool {
    let mut walk = node.walk();
    node.children(&mut walk).any(|child| child.kind() == token)
}

/// The value of a number as source writes it; 0 for what is none.
pub(super) fn number(text: &str) -> f64 {
    let text = text.replace('_', "");
    let whole = |digits: &str, radix| i64::from_str_radix(digits, radix).ok();
    let prefixed = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => whole(&text[2..], 16),
        Some("0o") => whole(&text[2..], 8),
        Some("0b") => whole(&text[2..], 2),
        _ => None,
    };
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
    prefixed.map_or_else(
        || text.trim_end_matches('n').parse().unwrap_or(0.0),
        |number| number as f64,
    )
}
