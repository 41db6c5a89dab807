//! `AWS::Serverless::Function`: a function with its role, version, alias and asynchronous settings.

use super::{Expansion, passed_through, reference, renamed};
use crate::template::{
    document::{Entry, Node, Position, Value},
    properties::Properties,
    sections::Resource,
};

/// Properties that `AWS::Lambda::Function` has under the same name.
const PASSED_THROUGH: [&str; 22] = [
    "Architectures",
    "CodeSigningConfigArn",
    "Description",
    "DurableConfig",
    "Environment",
    "EphemeralStorage",
    "FileSystemConfigs",
    "FunctionName",
    "Handler",
    "ImageConfig",
    "KmsKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "Runtime",
    "SnapStart",
    "TenancyConfig",
    "Timeout",
    "VpcConfig",
];

/// Properties that make something else, or that matter on AWS only.
const OTHERS: [&str; 27] = [
    "AssumeRolePolicyDocument",
    "AutoPublishAlias",
    "AutoPublishAliasAllProperties",
    "AutoPublishCodeSha256",
    "CapacityProviderConfig",
    "CodeUri",
    "DeadLetterQueue",
    "DeploymentPreference",
    "EventInvokeConfig",
    "Events",
    "FunctionScalingConfig",
    "FunctionUrlConfig",
    "ImageUri",
    "InlineCode",
    "PermissionsBoundary",
    "Policies",
    "PropagateTags",
    "ProvisionedConcurrencyConfig",
    "PublishToLatestPublished",
    "Role",
    "RolePath",
    "RuntimeManagementConfig",
    "SourceKMSKeyArn",
    "Tags",
    "Tracing",
    "VersionDeletionPolicy",
    "VersionDescription",
];

pub(super) fn expand(resource: &Resource, expansion: &mut Expansion<'_>) {
    let known: Vec<&str> = [PASSED_THROUGH.as_slice(), OTHERS.as_slice()].concat();
    let (logical_id, at) = (&resource.logical_id, resource.position);
    let raw = &resource.properties;
    let type_name = &resource.type_name;
    let diagnostics = expansion.diagnostics;
    let Some(properties) = Properties::new(type_name, raw, at, &[], &known, diagnostics) else {
        return;
    };
    warn_of_events(&properties, logical_id);
    let mut plain = passed_through(raw, &PASSED_THROUGH);
    plain.push(Entry::new("Code", code(raw, at)));
    plain.extend(renamed(raw, "DeadLetterQueue", "DeadLetterConfig"));
    expansion.make(resource, logical_id, "AWS::Lambda::Function", at, plain);
    if properties.node("Role").is_none() {
        let role = format!("{logical_id}Role");
        expansion.make(resource, &role, "AWS::IAM::Role", at, Vec::new());
    }
    if let Some(url) = properties.node("FunctionUrlConfig") {
        let id = format!("{logical_id}Url");
        expansion.make(resource, &id, "AWS::Lambda::Url", url.position, Vec::new());
    }
    let alias = properties
        .node("AutoPublishAlias")
        .map(|alias| expansion.with_parameters(alias));
    let mut qualifier = Node::string("$LATEST", at);
    if let Some(alias) = alias {
        publish(resource, &alias, expansion);
        qualifier = alias;
    }
    if let Some(config) = properties.node("EventInvokeConfig") {
        event_invoke_config(resource, config, qualifier, expansion);
    }
}

/// Other event sources than WebSocket routes are not served here.
fn warn_of_events(properties: &Properties<'_>, logical_id: &str) {
    for event in properties.entries_of("Events") {
        let kind = event
            .value
            .get("Type")
            .and_then(Node::as_text)
            .unwrap_or("?");
        let message = format!(
            "the event {} ({kind}) of {logical_id} is not acted on",
            event.key
        );
        properties.diagnostics.warn(event.position, message, "");
    }
}

fn code(properties: &Node, at: Position) -> Node {
    if let Some(inline) = properties.get("InlineCode") {
        return Node::map([("ZipFile", inline.clone())], inline.position);
    }
    if let Some(image) = properties.get("ImageUri") {
        return Node::map([("ImageUri", image.clone())], image.position);
    }
    match properties.get("CodeUri") {
        // As the SAM CLI: the folder of the template.
        None => Node::string(".", at),
        Some(uri) => bucket_or_path(uri),
    }
}

/// `{Bucket, Key, Version}` under the names of `AWS::Lambda::Function`; a path as it is.
pub(super) fn bucket_or_path(uri: &Node) -> Node {
    let entries = uri.entries().iter().map(|entry| Entry {
        key: match entry.key.as_str() {
            "Bucket" => "S3Bucket".to_owned(),
            "Key" => "S3Key".to_owned(),
            "Version" => "S3ObjectVersion".to_owned(),
            other => other.to_owned(),
        },
        ..entry.clone()
    });
    match uri.value {
        Value::Map(_) => Node::new(Value::Map(entries.collect()), uri.position),
        _ => uri.clone(),
    }
}

/// The version and the alias of `AutoPublishAlias`.
fn publish(resource: &Resource, alias: &Node, expansion: &mut Expansion<'_>) {
    let (function, at) = (&resource.logical_id, alias.position);
    let Some(name) = alias.as_text() else {
        let message = format!("the AutoPublishAlias of {function} must be a string");
        expansion.diagnostics.error(at, message, "");
        return;
    };
    let version = format!("{function}Version");
    let alias_id = format!("{function}Alias{name}");
    let of_function = || Entry::new("FunctionName", reference(function, at));
    expansion.make(
        resource,
        &version,
        "AWS::Lambda::Version",
        at,
        vec![of_function()],
    );
    let number = vec![Node::string(&version, at), Node::string("Version", at)];
    let number = Node::map([("Fn::GetAtt", Node::new(Value::List(number), at))], at);
    let properties = vec![
        of_function(),
        Entry::new("FunctionVersion", number),
        Entry::new("Name", alias.clone()),
    ];
    expansion.make(resource, &alias_id, "AWS::Lambda::Alias", at, properties);
    expansion
        .referable
        .push((format!("{function}.Version"), version));
    expansion
        .referable
        .push((format!("{function}.Alias"), alias_id));
}

fn event_invoke_config(
    resource: &Resource,
    config: &Node,
    qualifier: Node,
    expansion: &mut Expansion<'_>,
) {
    let at = config.position;
    let function = &resource.logical_id;
    let known = [
        "DestinationConfig",
        "MaximumEventAgeInSeconds",
        "MaximumRetryAttempts",
    ];
    Properties::new(
        "EventInvokeConfig",
        config,
        at,
        &[],
        &known,
        expansion.diagnostics,
    );
    let mut properties = passed_through(config, &known[1..]);
    properties.push(Entry::new("FunctionName", reference(function, at)));
    properties.push(Entry::new("Qualifier", qualifier));
    if let Some(destinations) = config.get("DestinationConfig") {
        // Without a Destination SAM makes a queue or topic, which gets no records here.
        let (named, made): (Vec<&Entry>, Vec<&Entry>) = destinations
            .entries()
            .iter()
            .partition(|outcome| outcome.value.get("Destination").is_some());
        for outcome in made {
            let kind = outcome.value.get("Type").and_then(Node::as_text);
            let message = format!(
                "{} of {function} gets no records: a destination of the Type {} is not acted on",
                outcome.key,
                kind.unwrap_or("?")
            );
            let mend = "name a function with `Destination: !GetAtt Function.Arn`";
            expansion.diagnostics.warn(outcome.position, message, mend);
        }
        let outcomes = named.into_iter().map(|outcome| Entry {
            value: Node::new(
                Value::Map(passed_through(&outcome.value, &["Destination"])),
                outcome.value.position,
            ),
            ..outcome.clone()
        });
        let outcomes = Node::new(Value::Map(outcomes.collect()), destinations.position);
        properties.push(Entry::new("DestinationConfig", outcomes));
    }
    let id = format!("{function}EventInvokeConfig");
    expansion.make(
        resource,
        &id,
        "AWS::Lambda::EventInvokeConfig",
        at,
        properties,
    );
}
