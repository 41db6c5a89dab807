//! Names below AWS's variables that AWS does not have: most are misspelt.

use super::{
    Template, cursor,
    hosts::context,
    syntax::{Accessor, Call, Expression, Node, Place, Reference},
    variables,
};

const INPUT: &[&str] = &["body", "json", "path", "params"];
const UTIL: &[&str] = &[
    "escapeJavaScript",
    "urlEncode",
    "urlDecode",
    "base64Encode",
    "base64Decode",
    "parseJson",
];

/// A name that nothing has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misnamed {
    /// As it is written, e.g. `$context.conectionId`.
    pub written: String,
    /// What it is below, e.g. `$context.`
    pub parent: &'static str,
    /// The name, e.g. `conectionId`.
    pub name: String,
    /// The names that there are.
    pub known: &'static [&'static str],
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// All of a template, in its order, macros last.
pub(super) fn find(template: &Template) -> Vec<Misnamed> {
    let mut search = Search {
        template,
        found: Vec::new(),
        changes_context: false,
    };
    search.nodes(&template.body);
    for definition in template.macros.values() {
        search.nodes(&definition.body);
    }
    let Search {
        mut found,
        changes_context,
        ..
    } = search;
    if changes_context {
        found.retain(|misnamed| !misnamed.parent.starts_with("$context"));
    }
    found.sort_by_key(|misnamed| (misnamed.line, misnamed.column));
    found
}

struct Search<'t> {
    template: &'t Template,
    found: Vec<Misnamed>,
    /// The template gives `$context` members of its own.
    changes_context: bool,
}

impl Search<'_> {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Text(_) | Node::Stop | Node::Break(None) => {}
                Node::Reference { reference, .. } => self.reference(reference),
                Node::Set { target, value } => {
                    self.changes_context |= target.variable == variables::CONTEXT;
                    self.accessors(&target.accessors);
                    self.expression(value);
                }
                Node::If {
                    branches,
                    otherwise,
                } => {
                    for (condition, body) in branches {
                        self.expression(condition);
                        self.nodes(body);
                    }
                    self.nodes(otherwise);
                }
                Node::Foreach { items, body, .. } => {
                    self.expression(items);
                    self.nodes(body);
                }
                Node::Break(Some(scope)) => self.expression(scope),
                Node::Define { body, .. } => self.nodes(body),
                Node::Call(call) => self.call(call),
            }
        }
    }

    fn call(&mut self, call: &Call) {
        for argument in &call.arguments {
            self.expression(argument);
        }
        self.nodes(call.body.as_deref().unwrap_or_default());
    }

    fn expression(&mut self, expression: &Expression) {
        match expression {
            Expression::Text(_) | Expression::Number(_) | Expression::Bool(_) => {}
            Expression::Interpolated(nodes) => self.nodes(nodes),
            Expression::Range(ends) => {
                self.expression(&ends.0);
                self.expression(&ends.1);
            }
            Expression::List(items) => items.iter().for_each(|item| self.expression(item)),
            Expression::Map(members) => {
                for (key, value) in members {
                    self.expression(key);
                    self.expression(value);
                }
            }
            Expression::Reference(reference) => self.reference(reference),
            Expression::Not(operand) => self.expression(operand),
            Expression::Chain(chain) => {
                self.expression(&chain.0);
                chain.1.iter().for_each(|(_, item)| self.expression(item));
            }
        }
    }

    fn accessors(&mut self, accessors: &[Accessor]) {
        for accessor in accessors {
            match accessor {
                Accessor::Property(_) => {}
                Accessor::Method(method) => {
                    let arguments = method.arguments.iter();
                    arguments.for_each(|argument| self.expression(argument));
                }
                Accessor::Index(index) => self.expression(index),
            }
        }
    }

    fn reference(&mut self, reference: &Reference) {
        self.accessors(&reference.accessors);
        let place = reference.place;
        match (reference.variable, reference.accessors.as_slice()) {
            (variables::CONTEXT, [Accessor::Property(first), rest @ ..]) => {
                let members: (&str, &[&str]) = match &**first {
                    "identity" => ("$context.identity.", &context::IDENTITY),
                    "error" => ("$context.error.", &context::ERROR),
                    // Its members are the authorizer's.
                    "authorizer" => return,
                    _ => return self.expect("$context.", first, &context::VARIABLES, place),
                };
                if let [Accessor::Property(name), ..] = rest {
                    self.expect(members.0, name, members.1, place);
                }
            }
            (variables::INPUT, [Accessor::Property(name), ..]) if &**name != "empty" => {
                self.expect("$input.", name, INPUT, place);
            }
            (variables::INPUT, [Accessor::Method(method), ..]) => {
                self.expect("$input.", &method.name, INPUT, place);
            }
            (variables::UTIL, [Accessor::Property(name), ..]) => {
                self.expect("$util.", name, UTIL, place);
            }
            (variables::UTIL, [Accessor::Method(method), ..]) => {
                self.expect("$util.", &method.name, UTIL, place);
            }
            _ => {}
        }
    }

    fn expect(
        &mut self,
        parent: &'static str,
        name: &str,
        known: &'static [&'static str],
        place: Place,
    ) {
        if known.contains(&name) {
            return;
        }
        let (line, column) = cursor::line_and_column(&self.template.source, place);
        self.found.push(Misnamed {
            written: format!("{parent}{name}"),
            parent,
            name: name.to_owned(),
            known,
            line,
            column,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misnamed(source: &str) -> Vec<(String, usize, usize)> {
        let template = Template::parse(source).expect("a template");
        let found = find(&template).into_iter();
        found.map(|it| (it.written, it.line, it.column)).collect()
    }

    #[test]
    fn a_name_that_aws_does_not_have_is_found_wherever_it_stands() {
        let source = "$context.conectionId\n#set($x = \"${context.identity.sourceIP}\")\n\
                      #if($input.jsn('$.a') && $util.urlencode($context.error.msg))$x#end";
        assert_eq!(
            misnamed(source),
            [
                ("$context.conectionId".to_owned(), 1, 1),
                ("$context.identity.sourceIP".to_owned(), 2, 12),
                ("$input.jsn".to_owned(), 3, 5),
                ("$util.urlencode".to_owned(), 3, 26),
                ("$context.error.msg".to_owned(), 3, 42),
            ]
        );
    }

    #[test]
    fn what_aws_has_and_what_users_name_is_not_found() {
        for source in [
            "$context.connectionId $context.authorizer.anything $context.identity.sourceIp",
            "$context.error.messageString $context.status $stageVariables.anything",
            "$input.body $input.json('$') $input.path('$').a.b $input.params().header",
            "$util.parseJson($input.body).whatever $context",
            "#set($context.mine = 1)$context.mine",
            "#set($other = $context.connectionId.length())$other.anything",
        ] {
            assert_eq!(misnamed(source), [], "{source}");
        }
    }
}
