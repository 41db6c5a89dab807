//! SAM: its resource types expanded into the plain ones that the SAM transform would make, under
//! the same logical ids, so that `!Ref` and `!GetAtt` of them work.

mod function;
mod globals;
mod layer_version;
mod simple_table;
mod websocket_api;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    diagnostic::{Diagnostics, did_you_mean},
    document::{Entry, Node, Position, Value},
    parameters::Parameter,
    sections::{Resource, Template},
};

/// All types of SAM; those that have no expansion here are not acted on.
const TYPES: [&str; 11] = [
    "AWS::Serverless::Api",
    "AWS::Serverless::Application",
    "AWS::Serverless::CapacityProvider",
    "AWS::Serverless::Connector",
    "AWS::Serverless::Function",
    "AWS::Serverless::GraphQLApi",
    "AWS::Serverless::HttpApi",
    "AWS::Serverless::LayerVersion",
    "AWS::Serverless::SimpleTable",
    "AWS::Serverless::StateMachine",
    "AWS::Serverless::WebSocketApi",
];

/// What the expansions share, and where they put what they make.
struct Expansion<'a> {
    diagnostics: &'a Diagnostics,
    parameters: &'a BTreeMap<String, Parameter>,
    resources: Vec<Resource>,
    referable: Vec<(String, String)>,
}

/// Expands SAM's resources in place.
pub(super) fn expand(
    template: &mut Template,
    parameters: &BTreeMap<String, Parameter>,
    diagnostics: &Diagnostics,
) {
    globals::check(&template.globals, template.is_sam, diagnostics);
    let mut expansion = Expansion {
        diagnostics,
        parameters,
        resources: Vec::new(),
        referable: Vec::new(),
    };
    for mut resource in std::mem::take(&mut template.resources) {
        if !resource.type_name.starts_with("AWS::Serverless::") {
            expansion.resources.push(resource);
            continue;
        }
        check_type(&resource, template.is_sam, diagnostics);
        globals::apply(&template.globals, &mut resource);
        match resource.type_name.as_str() {
            "AWS::Serverless::Function" => function::expand(&resource, &mut expansion),
            "AWS::Serverless::WebSocketApi" => websocket_api::expand(&resource, &mut expansion),
            "AWS::Serverless::SimpleTable" => simple_table::expand(&resource, &mut expansion),
            "AWS::Serverless::LayerVersion" => layer_version::expand(&resource, &mut expansion),
            _ => expansion.resources.push(resource),
        }
    }
    refuse_duplicates(&expansion.resources, diagnostics);
    template.resources = expansion.resources;
    template.referable = expansion.referable;
}

fn check_type(resource: &Resource, is_sam: bool, diagnostics: &Diagnostics) {
    let type_name = &resource.type_name;
    if !TYPES.contains(&type_name.as_str()) {
        diagnostics.error(
            resource.position,
            format!("`{type_name}` is not a resource type"),
            did_you_mean(type_name, TYPES, "correct the Type"),
        );
    } else if !is_sam {
        diagnostics.error(
            resource.position,
            format!("{type_name} needs SAM's transform"),
            "add `Transform: AWS::Serverless-2016-10-31` to the template",
        );
    }
}

fn refuse_duplicates(resources: &[Resource], diagnostics: &Diagnostics) {
    let mut logical_ids = BTreeSet::new();
    for resource in resources {
        if !logical_ids.insert(&resource.logical_id) {
            let message = format!("two resources have the logical id {}", resource.logical_id);
            diagnostics.error(resource.position, message, "rename one of them");
        }
    }
}

impl Expansion<'_> {
    /// Adds a resource made for `origin`.
    fn make(
        &mut self,
        origin: &Resource,
        logical_id: &str,
        type_name: &str,
        position: Position,
        properties: Vec<Entry>,
    ) {
        let is_main = logical_id == origin.logical_id;
        self.resources.push(Resource {
            logical_id: logical_id.to_owned(),
            type_name: type_name.to_owned(),
            position,
            properties: Node::new(Value::Map(properties), position),
            depends_on: if is_main {
                origin.depends_on.clone()
            } else {
                Vec::new()
            },
            condition: origin.condition.clone(),
            metadata: origin.metadata.clone().filter(|_| is_main),
            ignore_globals: None,
            is_made: !is_main,
            serverless: is_main.then(|| origin.properties.clone()),
        });
    }

    /// `node` with every `Ref` of a parameter replaced, as SAM does before it expands.
    fn with_parameters(&self, node: &Node) -> Node {
        let value = match &node.value {
            Value::List(items) => Value::List(
                items
                    .iter()
                    .map(|item| self.with_parameters(item))
                    .collect(),
            ),
            Value::Map(entries) => {
                if let [Entry { key, value, .. }] = entries.as_slice()
                    && key == "Ref"
                    && let Some(name) = value.as_text()
                    && let Some(Parameter::Value(parameter)) = self.parameters.get(name)
                {
                    parameter.value.clone()
                } else {
                    let entries = entries.iter().map(|entry| Entry {
                        value: self.with_parameters(&entry.value),
                        ..entry.clone()
                    });
                    Value::Map(entries.collect())
                }
            }
            other => other.clone(),
        };
        Node::new(value, node.position)
    }
}

/// The entry of `name`, under the name that the plain type has for it.
fn renamed(properties: &Node, name: &str, plain_name: &str) -> Option<Entry> {
    let entry = properties
        .entries()
        .iter()
        .find(|entry| entry.key == name)?;
    Some(Entry {
        key: plain_name.to_owned(),
        ..entry.clone()
    })
}

/// The entries of these names, which the plain type has too.
fn passed_through(properties: &Node, names: &[&str]) -> Vec<Entry> {
    let entries = properties.entries().iter();
    entries
        .filter(|entry| names.contains(&entry.key.as_str()))
        .cloned()
        .collect()
}

/// `{Ref: logical_id}`.
fn reference(logical_id: &str, at: Position) -> Node {
    Node::map([("Ref", Node::string(logical_id, at))], at)
}

/// `{Fn::Sub: [text, {name: value}]}`.
fn substituted(text: &str, name: &str, value: Node) -> Node {
    let at = value.position;
    let arguments = vec![Node::string(text, at), Node::map([(name, value)], at)];
    Node::map([("Fn::Sub", Node::new(Value::List(arguments), at))], at)
}
