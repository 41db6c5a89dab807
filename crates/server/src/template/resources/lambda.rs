//! What stands around a function: layers, versions, aliases, permissions, asynchronous invocation.

use std::{path::PathBuf, time::Duration};

use gatepost_model::{
    arn::FunctionReference,
    function::{EventInvokeConfig, Function},
};

use super::{Declared, Reading, function};
use crate::template::{code, code::CodeSource, document::Node, properties::Properties};

/// `AWS::Lambda::LayerVersion`: its folder or archive.
pub(super) fn read_layer(declared: &Declared<'_>, reading: &Reading<'_>) -> Option<PathBuf> {
    let properties = declared.properties(
        &["Content"],
        &[
            "CompatibleArchitectures",
            "CompatibleRuntimes",
            "Description",
            "LayerName",
            "LicenseInfo",
        ],
        reading,
    )?;
    let node = properties.node("Content")?;
    let source = function::source(&properties, node)?;
    let resource = declared.resource;
    let metadata = resource.metadata.as_ref();
    let logical_id = &resource.logical_id;
    let mut found = code::candidates(reading.template_folder, logical_id, &source, metadata);
    // A layer with a build method has its `python/` or `nodejs/` folder only after the build.
    if metadata.is_some_and(|metadata| metadata.get("BuildMethod").is_some()) {
        let is_built = |path: &PathBuf| !path.ends_with(format!(".aws-sam/build/{logical_id}"));
        found.sort_by_key(is_built);
    }
    if found.is_empty() {
        let (message, mend) = match &source {
            CodeSource::Local(path) => (
                format!("the layer folder `{path}` does not exist"),
                "correct the path",
            ),
            CodeSource::Bucket { .. } => (
                format!("the layer {} is not on this machine", source.describe()),
                "name a folder here, or the template beside what was built",
            ),
        };
        properties.diagnostics.error(node.position, message, mend);
        return None;
    }
    let path = found.swap_remove(0);
    Some(path.canonicalize().unwrap_or(path))
}

/// `AWS::Lambda::Version`.
pub(super) fn read_version(
    declared: &Declared<'_>,
    reading: &Reading<'_>,
    functions: &mut [Function],
) -> Option<()> {
    let properties = declared.properties(
        &["FunctionName"],
        &[
            "CodeSha256",
            "Description",
            "FunctionScalingConfig",
            "ProvisionedConcurrencyConfig",
            "RuntimePolicy",
        ],
        reading,
    )?;
    let function = function_of(&properties, functions, reading)?;
    function.versions.push(declared.version_number.to_string());
    Some(())
}

/// `AWS::Lambda::Alias`.
pub(super) fn read_alias(
    declared: &Declared<'_>,
    reading: &Reading<'_>,
    functions: &mut [Function],
) -> Option<()> {
    let properties = declared.properties(
        &["FunctionName", "FunctionVersion", "Name"],
        &[
            "Description",
            "ProvisionedConcurrencyConfig",
            "RoutingConfig",
        ],
        reading,
    )?;
    let name = properties.string("Name")?;
    let version = properties.string("FunctionVersion")?;
    let function = function_of(&properties, functions, reading)?;
    if version != "$LATEST" && !function.versions.contains(&version) {
        let message = format!("the function {} has no version {version}", function.name);
        properties.error("FunctionVersion", message, "add an AWS::Lambda::Version");
    }
    if properties.node("RoutingConfig").is_some() {
        let message = format!("the alias {name} invokes the version {version} only");
        let mend = "RoutingConfig is not acted on";
        properties.warn("RoutingConfig", message, mend);
    }
    function.aliases.insert(name, version);
    Some(())
}

/// `AWS::Lambda::EventInvokeConfig`.
pub(super) fn read_event_invoke_config(
    declared: &Declared<'_>,
    reading: &Reading<'_>,
    functions: &mut [Function],
) -> Option<()> {
    let properties = declared.properties(
        &["FunctionName", "Qualifier"],
        &[
            "DestinationConfig",
            "MaximumEventAgeInSeconds",
            "MaximumRetryAttempts",
        ],
        reading,
    )?;
    let destination = |outcome| {
        let config = properties.object("DestinationConfig", &[], &["OnFailure", "OnSuccess"])?;
        let outcome = config.object(outcome, &["Destination"], &[])?;
        outcome.string("Destination")
    };
    let (on_success, on_failure) = (destination("OnSuccess"), destination("OnFailure"));
    let qualifier = properties.string("Qualifier")?;
    let function = function_of(&properties, functions, reading)?;
    if !has_qualifier(function, &qualifier) {
        let message = format!(
            "the function {} has no version or alias {qualifier}",
            function.name
        );
        properties.error("Qualifier", message, "write $LATEST, or name an alias");
    }
    let mut config = EventInvokeConfig::default();
    if let Some(attempts) = properties.integer("MaximumRetryAttempts", 0..=2) {
        config.max_retry_attempts = attempts;
    }
    if let Some(seconds) = properties.integer("MaximumEventAgeInSeconds", 60..=21_600) {
        config.max_event_age = Duration::from_secs(seconds);
    }
    config.on_success = on_success;
    config.on_failure = on_failure;
    let configs = &mut function.event_invoke_configs;
    if configs.insert(qualifier.clone(), config).is_some() {
        let message = format!(
            "{}:{qualifier} has two AWS::Lambda::EventInvokeConfig",
            function.name
        );
        properties.error("Qualifier", message, "remove one of them");
    }
    Some(())
}

/// Whether the function has this version or alias.
pub(super) fn has_qualifier(function: &Function, qualifier: &str) -> bool {
    qualifier == "$LATEST"
        || function.aliases.contains_key(qualifier)
        || function.versions.iter().any(|version| version == qualifier)
}

/// The function that `FunctionName` names, by name or ARN.
fn function_of<'f>(
    properties: &Properties<'_>,
    functions: &'f mut [Function],
    reading: &Reading<'_>,
) -> Option<&'f mut Function> {
    let text = properties.node("FunctionName").and_then(Node::as_text)?;
    let name = FunctionReference::parse(text).map(|reference| reference.name);
    let found = name
        .ok()
        .and_then(|name| functions.iter_mut().find(|function| function.name == name));
    if found.is_none() {
        reading.unless_anything_broken(|| {
            let message = format!("the function {text} is not in this template");
            properties.error("FunctionName", message, "use !Ref Function");
        });
    }
    found
}
