//! The sections of a template: parameters, mappings, conditions, resources, outputs.

use super::{
    diagnostic::{DiagnosticKind, Diagnostics, did_you_mean},
    document::{Entry, Node, Position, Value},
};

/// The transform that makes `AWS::Serverless::*` types mean something.
const SERVERLESS_TRANSFORM: &str = "AWS::Serverless-2016-10-31";

/// The most resources of a template, as on AWS.
const MAX_RESOURCES: usize = 500;

const SECTIONS: [&str; 12] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

/// What stands beside a resource's Type; a Description is in no reference, but is accepted on AWS.
const RESOURCE_ATTRIBUTES: [&str; 12] = [
    "Condition",
    "Connectors",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Description",
    "IgnoreGlobals",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];

/// A template, cut into its sections.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) parameters: Vec<Entry>,
    pub(super) mappings: Vec<Entry>,
    pub(super) conditions: Vec<Entry>,
    pub(super) globals: Vec<Entry>,
    pub(super) resources: Vec<Resource>,
    pub(super) outputs: Vec<Entry>,
    /// What SAM lets one refer to beside logical ids: `Chat.Stage` is `ChatDefaultStage`.
    pub(super) referable: Vec<(String, String)>,
    /// Whether SAM's transform is declared.
    pub(super) is_sam: bool,
}

/// A resource as it stands in the template, its values not yet resolved.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) logical_id: String,
    pub(super) type_name: String,
    pub(super) position: Position,
    pub(super) properties: Node,
    pub(super) depends_on: Vec<(String, Position)>,
    pub(super) condition: Option<(String, Position)>,
    pub(super) metadata: Option<Node>,
    pub(super) ignore_globals: Option<Node>,
    /// SAM makes it for another resource: nobody wrote it.
    pub(super) is_made: bool,
    /// The properties of the SAM resource that it was, of which the plain one says less.
    pub(super) serverless: Option<Node>,
}

impl Template {
    pub(super) fn resource(&self, logical_id: &str) -> Option<&Resource> {
        self.resources
            .iter()
            .find(|resource| resource.logical_id == logical_id)
    }
}

/// Reads the sections of a document.
pub(super) fn read(root: &Node, diagnostics: &Diagnostics) -> Template {
    let section = |name: &str| section(root, name, diagnostics);
    for entry in root.entries() {
        if !SECTIONS.contains(&entry.key.as_str()) {
            let message = format!("`{}` is not a section of a template", entry.key);
            let mend = did_you_mean(&entry.key, SECTIONS, "remove it");
            diagnostics.error(entry.position, message, mend);
        }
    }
    let entries = section("Resources");
    if entries.len() > MAX_RESOURCES {
        diagnostics.error(
            entries[MAX_RESOURCES].position,
            format!(
                "Number of resources, {}, is greater than maximum allowed, {MAX_RESOURCES}",
                entries.len()
            ),
            "split the template",
        );
    }
    let resources: Vec<Resource> = entries
        .iter()
        .take(MAX_RESOURCES)
        .filter_map(|entry| resource(entry, diagnostics))
        .collect();
    if entries.is_empty() {
        let at = root
            .get("Resources")
            .map_or(root.position, |node| node.position);
        diagnostics.error(at, "the template has no Resources", "add the section");
    }
    Template {
        is_sam: transforms(root.get("Transform"), diagnostics),
        parameters: section("Parameters"),
        mappings: section("Mappings"),
        conditions: section("Conditions"),
        globals: section("Globals"),
        outputs: section("Outputs"),
        resources,
        referable: Vec::new(),
    }
}

fn section(root: &Node, name: &str, diagnostics: &Diagnostics) -> Vec<Entry> {
    match root.get(name).map(|node| (&node.value, node)) {
        None | Some((Value::Null, _)) => Vec::new(),
        Some((Value::Map(entries), _)) => entries
            .iter()
            .filter(|entry| {
                let is_loop = entry.key.starts_with("Fn::ForEach::");
                if is_loop {
                    let what = "`Fn::ForEach` (AWS::LanguageExtensions)";
                    diagnostics.not_yet(entry.position, what, "write its entries out");
                }
                !is_loop
            })
            .cloned()
            .collect(),
        Some((_, node)) => {
            let message = format!("{name} must be a mapping, this is {}", node.kind());
            diagnostics.error(node.position, message, "");
            Vec::new()
        }
    }
}

/// Whether SAM's transform is among the template's; refuses macros, which run on AWS only.
fn transforms(node: Option<&Node>, diagnostics: &Diagnostics) -> bool {
    let Some(node) = node else { return false };
    let mut is_sam = false;
    for transform in node.as_list().unwrap_or(std::slice::from_ref(node)) {
        match transform.as_text() {
            Some(SERVERLESS_TRANSFORM) => is_sam = true,
            // Its functions are refused where they stand.
            Some("AWS::LanguageExtensions") => {}
            name => {
                let name = name.unwrap_or("AWS::Include");
                diagnostics.error_of(
                    DiagnosticKind::NotHere,
                    transform.position,
                    format!("the transform `{name}` runs on AWS only"),
                    "name the template that it makes (`aws cloudformation get-template \
                     --template-stage Processed`)",
                );
            }
        }
    }
    is_sam
}

fn resource(entry: &Entry, diagnostics: &Diagnostics) -> Option<Resource> {
    let (logical_id, node) = (&entry.key, &entry.value);
    if logical_id.is_empty() || !logical_id.bytes().all(|c| c.is_ascii_alphanumeric()) {
        diagnostics.error(
            entry.position,
            format!("Resource name {logical_id} is non alphanumeric."),
            "use letters and digits only",
        );
    }
    if !matches!(node.value, Value::Map(_)) {
        let message = format!("{logical_id} must be a mapping with a Type");
        diagnostics.error(entry.position, message, "");
        return None;
    }
    let type_name = node.get("Type").and_then(Node::as_text);
    let is_custom = type_name.is_some_and(|name| {
        name.starts_with("Custom::") || name == "AWS::CloudFormation::CustomResource"
    });
    for attribute in node.entries() {
        // Serverless writes a Version beside the Type of its custom resources.
        let is_known = RESOURCE_ATTRIBUTES.contains(&attribute.key.as_str())
            || is_custom && attribute.key == "Version";
        if !is_known {
            diagnostics.error(
                attribute.position,
                format!("`{}` is not an attribute of a resource", attribute.key),
                did_you_mean(
                    &attribute.key,
                    RESOURCE_ATTRIBUTES,
                    "properties stand under `Properties`",
                ),
            );
        }
    }
    let Some(type_name) = type_name else {
        let message = format!("{logical_id} has no Type");
        diagnostics.error(
            entry.position,
            message,
            "add one, e.g. AWS::ApiGatewayV2::Api",
        );
        return None;
    };
    // On AWS neither takes a function: without this a condition would be dropped.
    let name_in = |node: &Node, attribute: &str| {
        if node.as_text().is_none() {
            let message = format!("{attribute} takes names only, this is {}", node.kind());
            diagnostics.error(node.position, message, "write the name itself");
        }
        Some((node.as_text()?.to_owned(), node.position))
    };
    let properties = match node.get("Properties") {
        Some(properties) if properties.value != Value::Null => properties.clone(),
        _ => Node::new(Value::Map(Vec::new()), entry.position),
    };
    if !matches!(properties.value, Value::Map(_)) {
        let message = format!("the Properties of {logical_id} must be a mapping");
        diagnostics.error(properties.position, message, "");
        return None;
    }
    Some(Resource {
        logical_id: logical_id.clone(),
        type_name: type_name.to_owned(),
        position: entry.position,
        properties,
        depends_on: node.get("DependsOn").map_or_else(Vec::new, |node| {
            let targets = node.as_list().unwrap_or(std::slice::from_ref(node));
            let names = targets.iter();
            names
                .filter_map(|node| name_in(node, "DependsOn"))
                .collect()
        }),
        condition: node
            .get("Condition")
            .and_then(|node| name_in(node, "Condition")),
        metadata: node.get("Metadata").cloned(),
        ignore_globals: node.get("IgnoreGlobals").cloned(),
        is_made: false,
        serverless: None,
    })
}
