//! `AWS::Lambda::Function`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use gatepost_model::{
    FunctionName,
    function::{Function, FunctionCode, RESERVED_VARIABLES, Runtime},
};

use super::{Declared, Reading};
use crate::template::{
    code::{self, CodeSource},
    diagnostic::DiagnosticKind,
    document::{Node, Value},
    handler,
    properties::Properties,
};

pub(super) fn read(
    declared: &Declared<'_>,
    reading: &Reading<'_>,
    layers: &BTreeMap<String, PathBuf>,
) -> Option<Function> {
    let properties = declared.properties(
        &["Code"],
        &[
            "Architectures",
            "CapacityProviderConfig",
            "CodeSigningConfigArn",
            "DeadLetterConfig",
            "Description",
            "DurableConfig",
            "Environment",
            "EphemeralStorage",
            "FileSystemConfigs",
            "FunctionName",
            "FunctionScalingConfig",
            "Handler",
            "ImageConfig",
            "KmsKeyArn",
            "Layers",
            "LoggingConfig",
            "MemorySize",
            "PackageType",
            "PublishToLatestPublished",
            "RecursiveLoop",
            "ReservedConcurrentExecutions",
            "Role",
            "Runtime",
            "RuntimeManagementConfig",
            "SnapStart",
            "Tags",
            "TenancyConfig",
            "Timeout",
            "TracingConfig",
            "VpcConfig",
        ],
        reading,
    )?;
    for name in [
        "DeadLetterConfig",
        "DurableConfig",
        "FileSystemConfigs",
        "TenancyConfig",
    ] {
        if properties.node(name).is_some() {
            properties.warn(name, format!("{name} is not acted on"), "");
        }
    }
    let logging = [
        "ApplicationLogLevel",
        "LogFormat",
        "LogGroup",
        "SystemLogLevel",
    ];
    if let Some(config) = properties.object("LoggingConfig", &[], &logging)
        && let Some(group) = config.string("LogGroup")
    {
        let message = format!("the log group {group} gets nothing");
        let mend = "the function's lines are in /aws/lambda/{its name} here";
        config.warn("LogGroup", message, mend);
    }
    let logical_id = &declared.resource.logical_id;
    let is_image = properties.string("PackageType").as_deref() == Some("Image")
        || properties
            .node("Code")
            .is_some_and(|code| code.get("ImageUri").is_some());
    if is_image {
        let mend = "Gatepost runs functions without containers: package it as Zip with a Runtime";
        let (kind, at) = (DiagnosticKind::NotHere, properties.place("Code"));
        let message = format!("{logical_id} is an image function");
        properties.diagnostics.error_of(kind, at, message, mend);
        return None;
    }
    let name = name(&properties, declared)?;
    let timeout = properties.integer("Timeout", 1..=900).unwrap_or(3);
    let memory_mb = properties
        .integer("MemorySize", 128..=10_240)
        .unwrap_or(128);
    let environment = environment(&properties);
    let layers = used_layers(&properties, layers);
    let runtime = runtime(&properties)?;
    let handler = handler_of(&properties, &runtime)?;
    Some(Function {
        arn: reading.arn("lambda", &format!("function:{name}")),
        code: code_of(
            declared,
            reading,
            &properties,
            &runtime,
            &handler,
            !layers.is_empty(),
        )?,
        name,
        logical_id: logical_id.clone(),
        runtime,
        handler,
        layers,
        environment,
        timeout: Duration::from_secs(timeout),
        memory_mb,
        reserved_concurrency: properties.integer("ReservedConcurrentExecutions", 0..=u32::MAX),
        event_invoke_configs: BTreeMap::new(),
        aliases: BTreeMap::new(),
        versions: Vec::new(),
        version: gatepost_model::function::LATEST.to_owned(),
        description: properties.string("Description"),
    })
}

fn name(properties: &Properties<'_>, declared: &Declared<'_>) -> Option<FunctionName> {
    let name = &declared.id;
    let is_name = name
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c));
    // A name that Gatepost makes itself may be longer than AWS would make it.
    let is_given = properties.node("FunctionName").is_some();
    if name.is_empty() || !is_name || is_given && name.len() > 64 {
        let message = format!("the function name `{name}` is not one");
        properties.error(
            "FunctionName",
            message,
            "use 1 to 64 letters, digits, - and _",
        );
        return None;
    }
    Some(name.as_str().into())
}

fn runtime(properties: &Properties<'_>) -> Option<Runtime> {
    if properties.node("Runtime").is_none() {
        let mend = "add e.g. `Runtime: python3.13`";
        properties.error("Runtime", "a function needs the property Runtime", mend);
        return None;
    }
    let identifier = properties.string("Runtime")?;
    let runtime = Runtime::parse(&identifier);
    if runtime.is_none() {
        let message = format!("the runtime {identifier} is not run here");
        let (kind, at) = (DiagnosticKind::NotHere, properties.place("Runtime"));
        let mend = "use python3.*, nodejs*.x or provided.*";
        properties.diagnostics.error_of(kind, at, message, mend);
    }
    runtime
}

fn handler_of(properties: &Properties<'_>, runtime: &Runtime) -> Option<String> {
    match (properties.node("Handler"), runtime) {
        (Some(_), _) => properties.string("Handler"),
        (None, Runtime::Provided(_)) => Some("bootstrap".to_owned()),
        (None, _) => {
            let mend = "add e.g. `Handler: app.handler`";
            properties.error("Handler", "a function needs the property Handler", mend);
            None
        }
    }
}

fn code_of(
    declared: &Declared<'_>,
    reading: &Reading<'_>,
    properties: &Properties<'_>,
    runtime: &Runtime,
    handler: &str,
    has_layers: bool,
) -> Option<FunctionCode> {
    let node = properties.node("Code")?;
    let files = match handler::files(runtime, handler) {
        Ok(files) => files,
        Err(message) => {
            let mend = "write e.g. app.handler for the function `handler` in the file `app`";
            properties.error("Handler", message, mend);
            return None;
        }
    };
    if let Some(inline) = node.get("ZipFile") {
        if !handler.starts_with("index.") && !files.is_empty() {
            let message = format!("inline code is the file `index`, the Handler is `{handler}`");
            properties.error("Handler", message, "write `Handler: index.handler`");
        }
        return inline
            .as_text()
            .map(|text| FunctionCode::Inline(text.to_owned()));
    }
    let source = source(properties, node)?;
    let resource = declared.resource;
    let folder = reading.template_folder;
    let found = code::candidates(
        folder,
        &resource.logical_id,
        &source,
        resource.metadata.as_ref(),
    );
    let Some(first) = found.first() else {
        let (message, mend) = match &source {
            CodeSource::Local(path) => (
                format!("the code folder `{path}` does not exist"),
                "correct the path, or run `sam build` if it is made by a build",
            ),
            CodeSource::Bucket { .. } => (
                format!("the code {} is not on this machine", source.describe()),
                "name a folder here, or the template in cdk.out, .serverless or .aws-sam/build, \
                 beside what was built",
            ),
        };
        let kind = DiagnosticKind::NotHere;
        properties
            .diagnostics
            .error_of(kind, node.position, message, mend);
        return None;
    };
    let holding = found
        .iter()
        .find(|path| files.is_empty() || files.iter().any(|file| code::holds(path, file)));
    if let Some(path) = holding {
        return Some(code::at(path));
    }
    let wanted = files.first().map_or("", String::as_str);
    let message = format!(
        "the handler `{handler}` needs {wanted}, which is not in `{}`",
        source.describe()
    );
    if has_layers {
        let mend = "it must be in one of the function's layers";
        properties.warn("Handler", message, mend);
        return Some(code::at(first));
    }
    let is_built = resource
        .metadata
        .as_ref()
        .is_some_and(|node| node.get("BuildMethod").is_some())
        || matches!(runtime, Runtime::Provided(_))
        || handler::typescript(&files)
            .iter()
            .any(|file| code::holds(first, file));
    let mend = if is_built {
        "build it first, e.g. with `sam build`"
    } else {
        "correct Handler or CodeUri"
    };
    let at = if matches!(runtime, Runtime::Provided(_)) {
        "Code"
    } else {
        "Handler"
    };
    let kind = if is_built {
        DiagnosticKind::NotHere
    } else {
        DiagnosticKind::Template
    };
    let at = properties.place(at);
    properties.diagnostics.error_of(kind, at, message, mend);
    None
}

/// `Code`: a bucket's object, or, before packaging, a local path.
pub(in crate::template) fn source(properties: &Properties<'_>, node: &Node) -> Option<CodeSource> {
    if let Some(path) = node.as_text() {
        return Some(
            match path
                .strip_prefix("s3://")
                .and_then(|rest| rest.split_once('/'))
            {
                Some((bucket, key)) => CodeSource::Bucket {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                },
                None => CodeSource::Local(path.to_owned()),
            },
        );
    }
    if node.value == Value::Unknown {
        return None;
    }
    let object = Properties::new(
        "Code",
        node,
        node.position,
        &["S3Bucket", "S3Key"],
        &["S3ObjectVersion", "SourceKMSKeyArn"],
        properties.diagnostics,
    )?;
    Some(CodeSource::Bucket {
        bucket: object.string("S3Bucket")?,
        key: object.string("S3Key")?,
    })
}

fn environment(properties: &Properties<'_>) -> BTreeMap<String, String> {
    let Some(environment) = properties.object("Environment", &[], &["Variables"]) else {
        return BTreeMap::new();
    };
    for entry in environment.entries_of("Variables") {
        let name = &entry.key;
        let at = entry.position;
        if RESERVED_VARIABLES.contains(&name.as_str()) {
            let message = format!("the environment variable {name} is reserved by Lambda");
            environment.diagnostics.error(at, message, "rename it");
        }
        let is_name = name.len() > 1
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
        if !is_name && !name.starts_with('_') {
            let message = format!("the environment variable name `{name}` is not one");
            let mend = "use at least two letters, digits and _, a letter first";
            environment.diagnostics.error(at, message, mend);
        }
        if let Some(value) = entry.value.as_text()
            && value.contains("{{resolve:")
        {
            let message = format!("the dynamic reference in {name} is not resolved here");
            let mend = "give its value with --env-file";
            environment
                .diagnostics
                .warn(entry.value.position, message, mend);
        }
    }
    environment.string_map("Variables")
}

fn used_layers(properties: &Properties<'_>, layers: &BTreeMap<String, PathBuf>) -> Vec<PathBuf> {
    let arns = properties.strings("Layers");
    let is_whole = arns.len()
        == properties
            .node("Layers")
            .and_then(Node::as_list)
            .map_or(0, <[_]>::len);
    if is_whole && arns.len() > 5 {
        properties.error("Layers", "a function has at most 5 layers", "remove some");
    }
    arns.iter()
        .filter_map(|arn| {
            let path = layers.get(arn);
            if path.is_none() {
                let message = format!("the layer {arn} is not in this template");
                let mend = "the function runs without it: add what it needs to the function's code";
                properties.warn("Layers", message, mend);
            }
            path.cloned()
        })
        .collect()
}
