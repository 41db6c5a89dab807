//! A template for whoever judges it: every resource with its values and their places, those that
//! nothing here acts on included, however much of the rest is wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use gatepost_model::function::Runtime;

use super::{
    Diagnostic, LoadOptions, code,
    diagnostic::Diagnostics,
    document::{Node, Position, Value},
    handler,
    intrinsics::Evaluator,
    parameters::Parameter,
    properties::Properties,
    resources, sections,
};

/// What a template declares.
#[derive(Debug, Default)]
pub(crate) struct Inspection {
    /// The present resources, SAM's expanded.
    pub(crate) resources: Vec<Resource>,
    /// What the template cannot be loaded with.
    pub(crate) errors: Vec<Diagnostic>,
    /// What loads, and may not do what its author expects.
    pub(crate) warnings: Vec<Diagnostic>,
    /// The template as it is written.
    pub(crate) text: String,
    pub(crate) region: String,
    pub(crate) account_id: String,
}

/// A resource with its values.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) logical_id: String,
    pub(crate) type_name: String,
    /// What `Ref` knows it by.
    pub(crate) id: String,
    pub(crate) position: Position,
    /// Its properties; `Unknown` where a value cannot be told.
    pub(crate) properties: Node,
    /// The properties of the SAM resource that it was.
    pub(crate) serverless: Option<Node>,
    /// The resources that are made before it.
    pub(crate) depends_on: BTreeSet<String>,
    /// Where the template's code may be, best first; of functions only.
    pub(crate) code: Vec<PathBuf>,
}

impl Resource {
    /// The value below these keys.
    pub(crate) fn node(&self, path: &[&str]) -> Option<&Node> {
        let mut node = &self.properties;
        for key in path {
            node = node.get(key)?;
        }
        (node.value != Value::Null).then_some(node)
    }

    /// The text of a scalar property.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.node(&[name]).and_then(Node::as_text)
    }

    /// Where the property stands, or the resource when it does not.
    pub(crate) fn place(&self, path: &[&str]) -> Position {
        self.node(path).map_or(self.position, |node| node.position)
    }
}

/// Reads a template with everything that is known of it.
pub(crate) fn inspect(path: &Path, options: &LoadOptions) -> Inspection {
    let diagnostics = Diagnostics::new(path);
    let resources = super::read(path, options, &diagnostics, |evaluator, folder| {
        resources_of(evaluator, folder)
    });
    let (errors, warnings) = diagnostics.into_parts();
    Inspection {
        errors,
        warnings,
        resources: resources
            .map(|(_, resources)| resources)
            .unwrap_or_default(),
        // What cannot be read was told of.
        text: std::fs::read_to_string(path).unwrap_or_default(),
        region: options.region.clone(),
        account_id: options.account_id.clone(),
    }
}

fn resources_of(loaded: &Evaluator<'_>, folder: &Path) -> Vec<Resource> {
    // Loading told of every fault in what is acted on; the rest may name what only AWS knows.
    let unheard = Diagnostics::new(Path::new(""));
    let parameters = with_placeholders(loaded.parameters, &loaded.template.parameters);
    let evaluator = Evaluator::new(
        &unheard,
        loaded.template,
        loaded.stack,
        &parameters,
        loaded.import_values,
    );
    let mut found = Vec::new();
    for resource in &evaluator.template.resources {
        if !evaluator.is_present(resource) {
            continue;
        }
        let id = evaluator.physical_name(resource);
        let logical_id = resource.logical_id.clone();
        evaluator.evaluating.borrow_mut().push(logical_id.clone());
        let properties = evaluator.evaluate(&resource.properties);
        let serverless = resource.serverless.as_ref();
        let serverless = serverless.and_then(|node| evaluator.evaluate(node));
        evaluator.evaluating.borrow_mut().pop();
        let properties = properties.unwrap_or_else(|| Node::new(Value::Unknown, resource.position));
        found.push(Resource {
            id: id.unwrap_or_else(|| evaluator.stack.default_name(&logical_id)),
            type_name: resource.type_name.clone(),
            position: resource.position,
            serverless,
            depends_on: resource
                .depends_on
                .iter()
                .map(|(id, _)| id.clone())
                .collect(),
            code: code_of(resource, &properties, folder),
            properties,
            logical_id,
        });
    }
    for (from, to) in evaluator.dependencies.into_inner() {
        if let Some(resource) = found
            .iter_mut()
            .find(|resource| resource.logical_id == from)
        {
            resource.depends_on.insert(to);
        }
    }
    found
}

/// A parameter without a value here gets its own name as one, so that what holds it can be judged.
fn with_placeholders(
    parameters: &BTreeMap<String, Parameter>,
    declared: &[super::document::Entry],
) -> BTreeMap<String, Parameter> {
    let is_number = |name: &str| {
        let declared = declared.iter().find(|entry| entry.key == name);
        let type_name = declared.and_then(|entry| entry.value.get("Type")?.as_text());
        type_name.is_some_and(|name| name == "Number" || name.starts_with("List<"))
    };
    let mut parameters = parameters.clone();
    for (name, parameter) in &mut parameters {
        let at = match parameter {
            Parameter::InParameterStore => Position::START,
            Parameter::Value(node) if node.value == Value::Unknown => node.position,
            Parameter::Value(_) => continue,
        };
        if !is_number(name) {
            *parameter = Parameter::Value(Node::string(name.clone(), at));
        }
    }
    parameters
}

/// Where the code of a function may be, as the loader looks for it.
fn code_of(resource: &sections::Resource, properties: &Node, folder: &Path) -> Vec<PathBuf> {
    let code = properties
        .get("Code")
        .filter(|code| code.get("ZipFile").is_none());
    let Some(node) = code.filter(|_| resource.type_name == "AWS::Lambda::Function") else {
        return Vec::new();
    };
    let unheard = Diagnostics::new(Path::new(""));
    let at = resource.position;
    let none = &[];
    let owner = Properties::new("", properties, at, none, none, &unheard);
    let source = owner.and_then(|owner| resources::code_source(&owner, node));
    source.map_or_else(Vec::new, |source| {
        let metadata = resource.metadata.as_ref();
        code::candidates(folder, &resource.logical_id, &source, metadata)
    })
}

/// The files that may hold a handler's source, what is built from TypeScript included.
pub(crate) fn handler_files(runtime: &str, handler: &str) -> Vec<String> {
    let runtime = Runtime::parse(runtime);
    let files = runtime.and_then(|runtime| handler::files(&runtime, handler).ok());
    let mut files = files.unwrap_or_default();
    let sources = handler::typescript(&files);
    files.extend(sources);
    files
}
