//! Templates: CloudFormation and SAM, read into APIs, functions and tables.
//!
//! A file is parsed into a tree that knows its lines (`document`), cut into `sections`, SAM's types
//! are expanded into plain ones (`sam`), intrinsic functions are evaluated (`intrinsics`), and the
//! `resources` are read family by family. Every fault on the way is collected (`diagnostic`); a
//! template with one loads nothing.

mod code;
mod conditions;
mod cycles;
mod diagnostic;
pub(crate) mod document;
pub mod dynamodb;
mod handler;
mod ids;
pub(crate) mod inspect;
mod intrinsics;
mod json;
mod parameters;
mod properties;
mod pseudo;
mod references;
mod resources;
mod sam;
mod sections;
mod urls;
mod values_from;
mod yaml;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use gatepost_model::{
    ApiId,
    api::Api,
    domain_name::DomainName,
    function::{Function, FunctionCode},
    usage_plan::UsagePlans,
};

use crate::{endpoint::Endpoint, lambda::FunctionPolicies};

pub use diagnostic::{Diagnostic, DiagnosticKind, TemplateErrors};
pub use values_from::ValuesFrom;

use diagnostic::{Diagnostics, did_you_mean};
use document::{MAX_BYTES, Position, Value};
use intrinsics::Evaluator;
use pseudo::Stack;
use urls::Urls;

/// As what a template is loaded.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// `AWS::Region`.
    pub region: String,
    /// `AWS::AccountId`.
    pub account_id: String,
    /// `AWS::StackName`; the name of the template's folder when `None`.
    pub stack_name: Option<String>,
    /// Values of parameters; a name may also be that of an export which `Fn::ImportValue` asks for.
    pub parameters: BTreeMap<String, String>,
    /// Where those are given.
    pub values_from: ValuesFrom,
    /// Values of exports of other stacks.
    pub import_values: BTreeMap<String, String>,
    /// The time that APIs and stages count as made at, milliseconds since the epoch.
    pub now_ms: u64,
    /// Where Gatepost will serve.
    pub endpoint: Endpoint,
    /// What the configuration has that a template may name.
    pub configured: Configured,
}

/// What the configuration has that a template may name: by its id on AWS, or by the logical id of
/// the template's own resource, which then has that name as its id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configured {
    /// VPC links; those of the template also by their `Name`.
    pub vpc_links: BTreeSet<String>,
    /// Client certificates.
    pub client_certificates: BTreeSet<String>,
}

/// A loaded template.
#[derive(Debug, Clone, Default)]
pub struct App {
    /// `AWS::StackName`.
    pub stack_name: String,
    /// The WebSocket APIs.
    pub apis: Vec<Api>,
    /// The logical id of each API.
    pub api_logical_ids: BTreeMap<ApiId, String>,
    /// The functions.
    pub functions: Vec<Function>,
    /// Who may invoke them.
    pub function_policies: FunctionPolicies,
    /// The DynamoDB tables.
    pub tables: Vec<Table>,
    /// The log groups.
    pub log_groups: Vec<LogGroup>,
    /// The custom domain names with their mappings.
    pub domain_names: Vec<DomainName>,
    /// The VPC links.
    pub vpc_links: Vec<VpcLink>,
    /// The API keys and usage plans.
    pub usage_plans: UsagePlans,
    /// `Outputs`, with URLs of this template's APIs turned into Gatepost's.
    pub outputs: BTreeMap<String, String>,
    /// Resource types that nothing acts on, with their logical ids.
    pub not_acted_on: Vec<(String, Vec<String>)>,
    /// What may not do what its author expects.
    pub warnings: Vec<Diagnostic>,
    /// URLs of this template's APIs that became Gatepost's.
    pub rewritten_urls: Vec<RewrittenUrl>,
    /// Which of the given parameters it has or imports.
    pub parameters_used: BTreeSet<String>,
    /// The files and folders that the app is made of, to be watched.
    pub sources: Vec<PathBuf>,
}

/// `AWS::DynamoDB::Table`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// `TableName`.
    pub name: String,
    /// The template's logical id.
    pub logical_id: String,
    /// The `CreateTable` request.
    pub create_table: serde_json::Value,
    /// `TimeToLiveSpecification.AttributeName`, when enabled.
    pub time_to_live_attribute: Option<String>,
}

/// `AWS::Logs::LogGroup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroup {
    /// `LogGroupName`.
    pub name: String,
    /// The template's logical id.
    pub logical_id: String,
    /// `RetentionInDays`; forever when unset.
    pub retention_in_days: Option<u32>,
}

/// `AWS::ApiGatewayV2::VpcLink`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VpcLink {
    /// `vpcLinkId`.
    pub vpc_link_id: String,
    /// `Name`.
    pub name: String,
    /// `SecurityGroupIds`.
    pub security_group_ids: Vec<String>,
    /// `SubnetIds`.
    pub subnet_ids: Vec<String>,
}

/// A URL of an API on AWS that became Gatepost's. Only origins are kept, since the rest of a value
/// may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewrittenUrl {
    /// Where it stands: `Chat: API_URL` or `Outputs: Url`.
    pub place: String,
    /// The origin on AWS.
    pub from: String,
    /// What stands there now.
    pub to: String,
}

impl App {
    /// The URL of a stage under `base`: `{base}/{stage}` while the app has one API, else
    /// `{base}/_aws/execute-api/{apiId}/{stage}`.
    pub fn endpoint_for(&self, base: &str, api_id: &str, stage: &str) -> String {
        match self.apis.len() {
            0 | 1 => format!("{base}/{stage}"),
            _ => format!("{base}/_aws/execute-api/{api_id}/{stage}"),
        }
    }
}

/// Loads a template with everything that it is made of.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(path: &Path, options: &LoadOptions) -> Result<App, TemplateErrors> {
    let diagnostics = Diagnostics::new(path);
    let read = read(path, options, &diagnostics, |_, _| ());
    let app = read.map(|(app, ())| app).unwrap_or_default();
    // One of functions alone is run for them.
    let has_http_api = app
        .not_acted_on
        .iter()
        .any(|(kind, _)| kind.ends_with("(HTTP)"));
    if app.apis.is_empty() && (has_http_api || app.functions.is_empty()) {
        let mend = "give it an AWS::ApiGatewayV2::Api whose ProtocolType is WEBSOCKET";
        diagnostics.warn(Position::START, "the template has no WebSocket API", mend);
    }
    let (mut app, warnings) = diagnostics.finish(app)?;
    app.warnings = warnings;
    Ok(app)
}

/// Reads what can be read, and lets `look` see the evaluated template and its folder; `None` when
/// it is no template at all.
fn read<T>(
    path: &Path,
    options: &LoadOptions,
    diagnostics: &Diagnostics,
    look: impl FnOnce(&Evaluator<'_>, &Path) -> T,
) -> Option<(App, T)> {
    let text = read_text(path)
        .map_err(|(message, mend)| diagnostics.error(Position::START, message, mend))
        .ok()?;
    let root = document::parse(&text)
        .map_err(|error| diagnostics.error(error.position, error.message, ""))
        .ok()?;
    if !matches!(root.value, Value::Map(_)) {
        let message = format!("a template is a mapping, this is {}", root.kind());
        diagnostics.error(root.position, message, "begin with `Resources:`");
        return None;
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let stack = Stack {
        name: options
            .stack_name
            .clone()
            .unwrap_or_else(|| stack_name_of(folder)),
        region: options.region.clone(),
        account_id: options.account_id.clone(),
        configured: options.configured.clone(),
        values_from: options.values_from,
    };
    let mut template = sections::read(&root, diagnostics);
    let given = &options.parameters;
    let parameters = parameters::resolve(
        &template.parameters,
        given,
        options.values_from,
        diagnostics,
    );
    sam::expand(&mut template, &parameters, diagnostics);
    let imports = [&options.import_values, given];
    let evaluator = Evaluator::new(diagnostics, &template, &stack, &parameters, imports);
    evaluator.check_conditions();
    let mut app = App {
        stack_name: stack.name.clone(),
        ..App::default()
    };
    let reading = resources::Reading::new(&evaluator, folder, options.now_ms);
    resources::read(&reading, &mut app);
    read_outputs(&evaluator, &mut app);
    rewrite_urls(&mut app, &stack, &options.endpoint, &evaluator);
    let imports_used = evaluator.imports_used.borrow();
    app.parameters_used = parameters::used(&template.parameters, given, &imports_used);
    if options.values_from == ValuesFrom::Flags {
        let used = &app.parameters_used;
        parameters::refuse_unknown(&template.parameters, given, used, diagnostics);
    }
    app.sources = sources(path, &app);
    let seen = look(&evaluator, folder);
    Some((app, seen))
}

fn read_text(path: &Path) -> Result<String, (String, &'static str)> {
    let unreadable = |error: std::io::Error| {
        let message = format!("the template cannot be read: {error}");
        (message, "name a template that this user can read")
    };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > MAX_BYTES as u64 {
        let message = format!("the template is larger than {MAX_BYTES} bytes");
        return Err((message, "AWS takes 1 MB at most"));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|_| {
        let message = "the template is not UTF-8".to_owned();
        (message, "save it with the encoding UTF-8")
    })
}

/// The folder's name, as a stack may be called; build folders are named after what holds them.
fn stack_name_of(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let is_build_folder =
        |name: &str| matches!(name, ".aws-sam" | ".serverless" | "build" | "cdk.out");
    let name = folder
        .ancestors()
        .filter_map(|folder| folder.file_name()?.to_str())
        .find(|name| !is_build_folder(name))
        .unwrap_or("app");
    let mut name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    name.truncate(128);
    let name = name.trim_matches('-');
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.to_owned()
    } else {
        format!("app-{name}").trim_end_matches('-').to_owned()
    }
}

fn read_outputs(evaluator: &Evaluator<'_>, app: &mut App) {
    for output in &evaluator.template.outputs {
        let attributes = ["Condition", "Description", "Export", "Value"];
        for attribute in output.value.entries() {
            if !attributes.contains(&attribute.key.as_str()) {
                let message = format!("`{}` is not an attribute of an output", attribute.key);
                let mend = did_you_mean(&attribute.key, attributes, "remove it");
                evaluator
                    .diagnostics
                    .error(attribute.position, message, mend);
            }
        }
        let condition = output.value.get("Condition");
        let is_present = condition.is_none_or(|node| {
            let name = node.as_text().unwrap_or_default();
            evaluator.condition(name, node.position).unwrap_or(true)
        });
        if !is_present {
            continue;
        }
        let Some(value) = output.value.get("Value") else {
            let message = format!("the output {} has no Value", output.key);
            evaluator
                .diagnostics
                .error(output.position, message, "add one");
            continue;
        };
        if let Some(name) = output
            .value
            .get("Export")
            .and_then(|export| export.get("Name"))
        {
            // Nobody imports it here, but it may be wrong.
            evaluator.text(name, "the Name of an Export");
        }
        if let Some(text) = evaluator.text(value, "the Value of an output") {
            app.outputs.insert(output.key.clone(), text);
        }
    }
}

/// Turns URLs of the app's APIs into Gatepost's, and warns where a function would call AWS.
fn rewrite_urls(app: &mut App, stack: &Stack, endpoint: &Endpoint, evaluator: &Evaluator<'_>) {
    let urls = Urls {
        endpoint,
        api_ids: app.apis.iter().map(|api| api.api_id.as_str()).collect(),
        domain: format!("execute-api.{}.{}", stack.region, stack.url_suffix()),
    };
    for function in &mut app.functions {
        let logical_id = &function.logical_id;
        for (name, value) in &mut function.environment {
            let place = format!("{logical_id}: {name}");
            app.rewritten_urls.extend(urls.rewrite(value, &place));
            if let Some(host) = urls::real_aws_host(value) {
                let resource = evaluator.template.resource(logical_id);
                let at = resource.map_or(Position::START, |resource| resource.position);
                let message = format!("{logical_id} would call the real AWS: {name} names {host}");
                let mend = stack.values_from.environment_mend();
                evaluator.diagnostics.warn(at, message, mend);
            }
        }
    }
    for (name, value) in &mut app.outputs {
        let place = format!("Outputs: {name}");
        app.rewritten_urls.extend(urls.rewrite(value, &place));
    }
}

fn sources(template: &Path, app: &App) -> Vec<PathBuf> {
    let mut sources = vec![template.to_owned()];
    for function in &app.functions {
        match &function.code {
            FunctionCode::Directory(path) | FunctionCode::Zip(path) => sources.push(path.clone()),
            FunctionCode::Inline(_) => {}
        }
        sources.extend(function.layers.iter().cloned());
    }
    sources.sort();
    sources.dedup();
    sources
}
