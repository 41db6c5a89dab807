//! YAML with the short tags of CloudFormation (`!Ref x` is `{Ref: x}`), from the parser's events:
//! no recursion, nesting and alias expansion bounded.

use std::collections::{BTreeMap, HashMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::document::{Entry, MAX_DEPTH, MAX_NODES, Node, Position, SyntaxError, Value};

/// Parses the first document of `text`.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut reader = Reader::default();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let mend = if error.info().contains("tabs") {
                "; indent with spaces"
            } else {
                ""
            };
            SyntaxError::new(
                position(*error.marker()),
                format!("not YAML: {}{mend}", error.info()),
            )
        })?;
        let at = position(span.start);
        if root.is_some() && matches!(event, Event::DocumentStart(_)) {
            let message = "a second document begins here; a template is one document";
            return Err(SyntaxError::new(at, message));
        }
        root = root.or(reader.take(event, at)?);
    }
    Ok(root.unwrap_or(Node::new(Value::Null, Position::START)))
}

fn position(marker: Marker) -> Position {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position {
        line: count(marker.line()).max(1),
        column: count(marker.col()).saturating_add(1),
    }
}

#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    anchors: HashMap<usize, Anchor>,
    nodes: usize,
}

/// What an alias stands for, and how many nodes that is.
struct Anchor {
    node: Node,
    nodes: usize,
}

/// A collection that has begun.
struct Open {
    position: Position,
    anchor: usize,
    tag: Option<String>,
    content: Content,
    /// How many nodes there were before it.
    nodes_before: usize,
}

enum Content {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// Where each key stands.
        keys: BTreeMap<String, Position>,
        key: Option<(String, Position)>,
        merged: Vec<Node>,
    },
}

impl Reader {
    /// Takes an event; the root once it is whole.
    fn take(&mut self, event: Event<'_>, at: Position) -> Result<Option<Node>, SyntaxError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let before = self.nodes;
                let tag = tag.as_deref();
                let value = scalar(&text, style, tag);
                let node = tagged(Node::new(value, at), local_tag(tag));
                self.finish(node, anchor, before)
            }
            Event::SequenceStart(anchor, tag) => {
                let content = Content::List(Vec::new());
                self.begin(at, anchor, tag.as_deref(), content)?;
                Ok(None)
            }
            Event::MappingStart(anchor, tag) => {
                let content = Content::Map {
                    entries: Vec::new(),
                    keys: BTreeMap::new(),
                    key: None,
                    merged: Vec::new(),
                };
                self.begin(at, anchor, tag.as_deref(), content)?;
                Ok(None)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return Ok(None);
                };
                let value = match open.content {
                    Content::List(items) => Value::List(items),
                    Content::Map {
                        entries,
                        keys,
                        merged,
                        ..
                    } => Value::Map(merge(entries, keys, merged)?),
                };
                let node = tagged(Node::new(value, open.position), open.tag);
                self.finish(node, open.anchor, open.nodes_before)
            }
            Event::Alias(id) => {
                let Some(anchor) = self.anchors.get(&id) else {
                    return Err(SyntaxError::new(at, "the alias has no anchor before it"));
                };
                let before = self.nodes;
                self.nodes = self.nodes.saturating_add(anchor.nodes);
                if self.nodes > MAX_NODES {
                    return Err(too_many(at));
                }
                let node = anchor.node.clone();
                self.finish(node, 0, before)
            }
            _ => Ok(None),
        }
    }

    fn begin(
        &mut self,
        position: Position,
        anchor: usize,
        tag: Option<&Tag>,
        content: Content,
    ) -> Result<(), SyntaxError> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(SyntaxError::new(position, message));
        }
        self.open.push(Open {
            position,
            anchor,
            tag: local_tag(tag),
            content,
            nodes_before: self.nodes,
        });
        Ok(())
    }

    /// Puts a whole node where it belongs.
    fn finish(
        &mut self,
        node: Node,
        anchor: usize,
        nodes_before: usize,
    ) -> Result<Option<Node>, SyntaxError> {
        self.nodes += 1;
        if anchor != 0 {
            let nodes = self.nodes - nodes_before;
            // The anchor keeps a copy, which counts as well.
            self.nodes = self.nodes.saturating_add(nodes);
            let node = node.clone();
            self.anchors.insert(anchor, Anchor { node, nodes });
        }
        if self.nodes > MAX_NODES {
            return Err(too_many(node.position));
        }
        let Some(parent) = self.open.last_mut() else {
            return Ok(Some(node));
        };
        match &mut parent.content {
            Content::List(items) => items.push(node),
            Content::Map {
                entries,
                keys,
                key,
                merged,
            } => match key.take() {
                None => *key = Some(key_text(&node)?),
                Some((text, _)) if text == "<<" => merged.push(node),
                Some((text, position)) => {
                    if let Some(first) = keys.insert(text.clone(), position) {
                        let message = format!(
                            "the key `{text}` stands twice in this mapping, first in line {}",
                            first.line
                        );
                        return Err(SyntaxError::new(position, message));
                    }
                    entries.push(Entry {
                        key: text,
                        position,
                        value: node,
                    });
                }
            },
        }
        Ok(None)
    }
}

fn too_many(at: Position) -> SyntaxError {
    SyntaxError::new(
        at,
        format!("more than {MAX_NODES} values, aliases expanded"),
    )
}

fn key_text(node: &Node) -> Result<(String, Position), SyntaxError> {
    match node.as_text() {
        Some(text) => Ok((text.to_owned(), node.position)),
        None => Err(SyntaxError::new(
            node.position,
            format!("a key must be a string, this is {}", node.kind()),
        )),
    }
}

/// `<<: *base`: the keys of `base` that the mapping does not set itself.
fn merge(
    mut entries: Vec<Entry>,
    mut keys: BTreeMap<String, Position>,
    merged: Vec<Node>,
) -> Result<Vec<Entry>, SyntaxError> {
    let bases = merged.into_iter().flat_map(|base| match base.value {
        Value::List(bases) => bases,
        _ => vec![base],
    });
    for base in bases {
        let Value::Map(inherited) = base.value else {
            let message = format!("`<<` merges mappings, this is {}", base.kind());
            return Err(SyntaxError::new(base.position, message));
        };
        for entry in inherited {
            if !keys.contains_key(&entry.key) {
                keys.insert(entry.key.clone(), entry.position);
                entries.push(entry);
            }
        }
    }
    Ok(entries)
}

/// The name of a local tag: `Sub` of `!Sub`.
fn local_tag(tag: Option<&Tag>) -> Option<String> {
    tag.filter(|tag| !tag.is_yaml_core_schema())
        .map(|tag| tag.suffix.trim_start_matches('!').to_owned())
        .filter(|name| !name.is_empty())
}

/// A short tag as the mapping it abbreviates.
fn tagged(node: Node, tag: Option<String>) -> Node {
    let Some(name) = tag else { return node };
    let key = match name.as_str() {
        "Ref" | "Condition" => name,
        _ => format!("Fn::{name}"),
    };
    let position = node.position;
    Node::map([(key.as_str(), node)], position)
}

/// A scalar by YAML's core schema; whatever is quoted or tagged `!!str` is a string.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_core = tag.is_some_and(Tag::is_yaml_core_schema);
    if style != ScalarStyle::Plain || is_core && tag.is_some_and(|tag| tag.suffix == "str") {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::String(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
        && text.ends_with(|c: char| c.is_ascii_digit() || c == '.')
        && text.contains(|c: char| c.is_ascii_digit())
        && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        parse(text).unwrap().to_json().to_string()
    }

    #[test]
    fn short_tags_are_their_long_forms() {
        assert_eq!(json("a: !Ref X"), r#"{"a":{"Ref":"X"}}"#);
        assert_eq!(json("a: !GetAtt X.Arn"), r#"{"a":{"Fn::GetAtt":"X.Arn"}}"#);
        assert_eq!(
            json("a: !Join ['/', [b, !Ref C]]"),
            r#"{"a":{"Fn::Join":["/",["b",{"Ref":"C"}]]}}"#
        );
        assert_eq!(
            json("a: !If\n  - IsProd\n  - 1\n  - !Ref AWS::NoValue\n"),
            r#"{"a":{"Fn::If":["IsProd",1,{"Ref":"AWS::NoValue"}]}}"#
        );
    }

    #[test]
    fn scalars_follow_the_core_schema_and_numbers_keep_their_text() {
        assert_eq!(
            json("[true, 'true', 12, 1.5, '12', 2012-10-17, !!str 7, ~, yes]"),
            r#"[true,"true",12,1.5,"12","2012-10-17","7",null,"yes"]"#
        );
        let account = parse("012345678901").unwrap();
        assert_eq!(account.as_text(), Some("012345678901"));
    }

    #[test]
    fn every_value_knows_its_line_and_column() {
        let root = parse("a: 1\nb:\n  - x\n  - !Ref Y\n").unwrap();
        let items = root.get("b").and_then(Node::as_list).unwrap();
        assert_eq!(items[1].position.line, 4);
        assert_eq!(root.entries()[1].position, Position { line: 2, column: 1 });
        assert_eq!(items[0].position, Position { line: 3, column: 5 });
    }

    #[test]
    fn a_key_twice_is_an_error_with_its_place() {
        let error = parse("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(error.position.line, 3);
        assert_eq!(
            error.message,
            "the key `a` stands twice in this mapping, first in line 1"
        );
    }

    #[test]
    fn what_would_be_lost_is_refused() {
        for (text, line, message) in [
            (
                "a: 1\n---\nb: 2\n",
                2,
                "a second document begins here; a template is one document",
            ),
            ("a: 1\n<<: x\n", 2, "`<<` merges mappings, this is a string"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(
                (error.position.line, error.message.as_str()),
                (line, message)
            );
        }
        assert_eq!(json("---\na: 1\n...\n"), r#"{"a":1}"#);
    }

    #[test]
    fn aliases_and_merge_keys_are_expanded() {
        assert_eq!(
            json("base: &b {x: 1, y: 2}\nsub:\n  <<: *b\n  y: 3\n"),
            r#"{"base":{"x":1,"y":2},"sub":{"y":3,"x":1}}"#
        );
    }

    #[test]
    fn a_billion_laughs_are_refused() {
        let lines = (1..12).map(|level| {
            let previous = vec![format!("*a{}", level - 1); 10].join(", ");
            format!("a{level}: &a{level} [{previous}]\n")
        });
        let text: Vec<String> = lines.collect();
        let text = format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{}", text.concat());
        let error = parse(&text).unwrap_err();
        assert_eq!(error.message, "more than 500000 values, aliases expanded");
    }

    #[test]
    fn deep_nesting_is_refused() {
        let error = parse(&("[".repeat(100) + &"]".repeat(100))).unwrap_err();
        assert_eq!(error.message, "nested deeper than 64 levels");
    }
}
