//! The resources of a template, each family in the order in which it needs the others.

mod api;
mod authorizer;
mod connection;
mod deployment;
mod domain_name;
mod function;
mod integration;
mod integration_response;
mod lambda;
mod model;
mod other;
mod permission;
mod replies;
mod request_parameters;
mod route;
mod service;
mod stage;
mod table;
mod throttle;
mod usage_plan;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use api::{ApiDraft, ApiKind};
pub(super) use function::source as code_source;

use super::{
    App, cycles,
    diagnostic::{Diagnostics, did_you_mean},
    document::{Node, Value},
    intrinsics::Evaluator,
    properties::Properties,
    sections::Resource,
};

/// The types that are acted on, with the order in which they are read.
const ACTED_ON: [&str; 26] = [
    "AWS::ApiGatewayV2::Api",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Function",
    "AWS::Lambda::Version",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::IntegrationResponse",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Model",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::RouteResponse",
    "AWS::ApiGatewayV2::Deployment",
    "AWS::ApiGatewayV2::Stage",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::VpcLink",
    "AWS::DynamoDB::Table",
    "AWS::DynamoDB::GlobalTable",
    "AWS::Logs::LogGroup",
    "AWS::ApiGateway::Account",
    API_KEY,
    USAGE_PLAN,
    "AWS::ApiGateway::VpcLink",
    "AWS::ApiGateway::ClientCertificate",
];
const API_KEY: &str = "AWS::ApiGateway::ApiKey";
const USAGE_PLAN: &str = "AWS::ApiGateway::UsagePlan";
const USAGE_PLAN_KEY: &str = "AWS::ApiGateway::UsagePlanKey";

/// What the readers of all families share.
pub(super) struct Reading<'a> {
    pub(super) evaluator: &'a Evaluator<'a>,
    /// The folder that paths in the template are relative to.
    pub(super) template_folder: &'a Path,
    pub(super) now_ms: u64,
    /// Names of the template's functions.
    function_names: BTreeSet<String>,
    /// Their versions and aliases, `name:qualifier`.
    qualified_names: RefCell<BTreeSet<String>>,
    /// Ids of resources whose own fault was told.
    broken: RefCell<BTreeSet<String>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        evaluator: &'a Evaluator<'a>,
        template_folder: &'a Path,
        now_ms: u64,
    ) -> Self {
        let functions = evaluator.template.resources.iter().filter(|resource| {
            resource.type_name == "AWS::Lambda::Function" && evaluator.is_present(resource)
        });
        Self {
            evaluator,
            template_folder,
            now_ms,
            function_names: functions
                .filter_map(|function| evaluator.physical_name(function))
                .collect(),
            qualified_names: RefCell::default(),
            broken: RefCell::default(),
        }
    }

    fn diagnostics(&self) -> &'a Diagnostics {
        self.evaluator.diagnostics
    }

    fn stack_name(&self) -> &str {
        &self.evaluator.stack.name
    }

    fn account_id(&self) -> &str {
        &self.evaluator.stack.account_id
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        self.evaluator.stack.arn(service, resource)
    }

    fn has_function(&self, name: &str) -> bool {
        self.function_names.contains(name)
    }

    fn has_qualifier(&self, name: &str, qualifier: &str) -> bool {
        let qualified = format!("{name}:{qualifier}");
        qualifier == "$LATEST" || self.qualified_names.borrow().contains(&qualified)
    }

    /// The logical id of the resource that `Ref` knows by `id`.
    fn logical_id_of(&self, types: &[&str], id: &str) -> Option<&str> {
        let mut resources = self.evaluator.template.resources.iter();
        let found = resources.find(|resource| {
            types.contains(&resource.type_name.as_str())
                && self.evaluator.is_present(resource)
                && self.evaluator.physical_name(resource).as_deref() == Some(id)
        });
        found.map(|resource| resource.logical_id.as_str())
    }

    fn mark_broken(&self, declared: &Declared<'_>) {
        self.broken.borrow_mut().insert(declared.id.clone());
    }

    /// Tells that something names `id` in vain, unless `id` has a fault of its own.
    fn unless_broken(&self, id: &str, tell: impl FnOnce()) {
        if !self.broken.borrow().contains(id) {
            tell();
        }
    }

    /// Tells of what may only follow from another fault, when there is none.
    fn unless_anything_broken(&self, tell: impl FnOnce()) {
        if !self.diagnostics().has_errors() {
            tell();
        }
    }
}

/// A resource with its values.
pub(super) struct Declared<'a> {
    resource: &'a Resource,
    /// What `Ref` knows it by.
    id: String,
    properties: Node,
    /// Of an `AWS::Lambda::Version`.
    version_number: usize,
}

impl Declared<'_> {
    fn properties<'p>(
        &'p self,
        required: &[&str],
        optional: &[&str],
        reading: &'p Reading<'_>,
    ) -> Option<Properties<'p>> {
        let resource = self.resource;
        Properties::new(
            &resource.type_name,
            &self.properties,
            resource.position,
            required,
            optional,
            reading.diagnostics(),
        )
    }

    /// The value of a property that names another resource by its id.
    fn text(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(Node::as_text)
    }
}

/// Reads all resources into `app`.
pub(super) fn read(reading: &Reading<'_>, app: &mut App) {
    let declared = declare(reading, app);
    cycles::refuse(reading.evaluator);
    let of_type = |type_name: &'static str| {
        declared
            .iter()
            .filter(move |declared| declared.resource.type_name == type_name)
    };
    let mut apis = Vec::new();
    let mut http_apis = BTreeSet::new();
    for declared in of_type("AWS::ApiGatewayV2::Api") {
        match api::read(declared, reading) {
            Some(ApiKind::WebSocket(draft)) => apis.push(*draft),
            Some(ApiKind::Http) => {
                http_apis.insert(declared.id.as_str());
                not_acted_on(app, "AWS::ApiGatewayV2::Api (HTTP)", declared.resource);
            }
            None => reading.mark_broken(declared),
        }
    }
    read_functions(reading, app, &declared);
    for type_name in ACTED_ON
        .iter()
        .filter(|name| name.starts_with("AWS::ApiGatewayV2::"))
    {
        for declared in of_type(type_name) {
            if let Some(id) = declared.text("ApiId")
                && http_apis.contains(id)
            {
                not_acted_on(app, &format!("{type_name} (HTTP)"), declared.resource);
            } else {
                read_of_api(type_name, declared, reading, &mut apis, app);
            }
        }
    }
    read_others(reading, app, &declared);
    let mut placed = Vec::new();
    for draft in apis {
        model::check_schemas(&draft, reading);
        stage::warn_of_undeployed(&draft, reading);
        deployment::warn_of_early_ones(&draft, &declared, reading);
        warn_of_unreachable(&draft, reading, app);
        permission::warn_of_missing(&draft, reading, &app.function_policies);
        replies::warn_of_missing(&draft, reading);
        connection::warn_of_unknown_vpc_links(&draft, reading);
        authorizer::warn_of_sources_that_never_resolve(&draft, reading);
        let (logical_id, at) = (draft.logical_id.clone(), draft.position);
        let api = draft.finish(reading);
        app.api_logical_ids.insert(api.api_id.clone(), logical_id);
        placed.push((api, at));
    }
    app.usage_plans = usage_plan::read(&declared, reading, &placed);
    app.apis = placed.into_iter().map(|(api, _)| api).collect();
}

/// The present resources with their values; the types that nothing acts on go on their list.
fn declare<'a>(reading: &Reading<'a>, app: &mut App) -> Vec<Declared<'a>> {
    let evaluator = reading.evaluator;
    let mut declared = Vec::new();
    for resource in &evaluator.template.resources {
        if !evaluator.is_present(resource) {
            continue;
        }
        let type_name = resource.type_name.as_str();
        if !(ACTED_ON.contains(&type_name) || type_name == USAGE_PLAN_KEY) {
            refuse_misspelt(resource, reading.diagnostics());
            // A role that SAM gives every function says nothing.
            if !(resource.is_made && type_name == "AWS::IAM::Role") {
                not_acted_on(app, type_name, resource);
            }
            continue;
        }
        let id = evaluator.physical_name(resource);
        evaluator
            .evaluating
            .borrow_mut()
            .push(resource.logical_id.clone());
        let properties = evaluator.evaluate(&resource.properties);
        evaluator.evaluating.borrow_mut().pop();
        depends_on(resource, evaluator);
        declared.push(Declared {
            resource,
            id: id.unwrap_or_else(|| evaluator.stack.default_name(&resource.logical_id)),
            properties: properties.unwrap_or_else(|| Node::new(Value::Unknown, resource.position)),
            version_number: match type_name {
                "AWS::Lambda::Version" => evaluator.version_number(resource),
                _ => 0,
            },
        });
    }
    declared
}

/// A type that is nearly one that is acted on would be left out silently.
fn refuse_misspelt(resource: &Resource, diagnostics: &Diagnostics) {
    let type_name = resource.type_name.as_str();
    let is_own_family = type_name.starts_with("AWS::ApiGatewayV2::");
    let is_type = type_name.starts_with("Custom::") || type_name.split("::").count() == 3;
    // The only types of the family that this list does not have.
    let others = [
        "ApiGatewayManagedOverrides",
        "RoutingRule",
        "Portal",
        "PortalProduct",
    ];
    let is_other = others
        .iter()
        .any(|other| type_name.ends_with(&format!("::{other}")));
    if !is_type || is_own_family && !is_other {
        diagnostics.error(
            resource.position,
            format!("`{type_name}` is not a resource type"),
            did_you_mean(type_name, ACTED_ON, "correct the Type"),
        );
    }
}

fn depends_on(resource: &Resource, evaluator: &Evaluator<'_>) {
    for (target, at) in &resource.depends_on {
        if evaluator.template.resource(target).is_none() {
            let known = evaluator.template.resources.iter();
            let known = known.map(|resource| resource.logical_id.as_str());
            let message = format!("DependsOn names `{target}`, which does not exist");
            let mend = did_you_mean(target, known, "remove it");
            evaluator.diagnostics.error(*at, message, mend);
        }
        let edge = (resource.logical_id.clone(), target.clone());
        evaluator.dependencies.borrow_mut().insert(edge);
    }
}

fn not_acted_on(app: &mut App, type_name: &str, resource: &Resource) {
    let logical_id = resource.logical_id.clone();
    match app
        .not_acted_on
        .iter_mut()
        .find(|(name, _)| name == type_name)
    {
        Some((_, logical_ids)) => logical_ids.push(logical_id),
        None => app
            .not_acted_on
            .push((type_name.to_owned(), vec![logical_id])),
    }
}

fn read_functions(reading: &Reading<'_>, app: &mut App, declared: &[Declared<'_>]) {
    let of_type = |type_name: &'static str| {
        declared
            .iter()
            .filter(move |declared| declared.resource.type_name == type_name)
    };
    let mut layers = BTreeMap::new();
    for declared in of_type("AWS::Lambda::LayerVersion") {
        if let Some(path) = lambda::read_layer(declared, reading) {
            let evaluator = reading.evaluator;
            let number = evaluator.layer_version_number(declared.resource, &declared.id);
            let arn = reading.arn("lambda", &format!("layer:{}:{number}", declared.id));
            layers.insert(arn, path);
        }
    }
    for declared in of_type("AWS::Lambda::Function") {
        let Some(function) = function::read(declared, reading, &layers) else {
            reading.mark_broken(declared);
            continue;
        };
        if app
            .functions
            .iter()
            .any(|other| other.name == function.name)
        {
            let message = format!("Function already exist: {}", function.name);
            let at = declared.resource.position;
            reading
                .diagnostics()
                .error(at, message, "rename one of them");
        }
        app.functions.push(function);
    }
    let functions = &mut app.functions;
    for declared in of_type("AWS::Lambda::Version") {
        lambda::read_version(declared, reading, functions);
    }
    for declared in of_type("AWS::Lambda::Alias") {
        lambda::read_alias(declared, reading, functions);
    }
    for declared in of_type("AWS::Lambda::EventInvokeConfig") {
        lambda::read_event_invoke_config(declared, reading, functions);
    }
    let qualified = functions.iter().flat_map(|function| {
        let qualifiers = function.aliases.keys().chain(&function.versions);
        qualifiers.map(|qualifier| format!("{}:{qualifier}", function.name))
    });
    reading.qualified_names.borrow_mut().extend(qualified);
    let permissions = of_type("AWS::Lambda::Permission");
    for (name, statement) in permissions.filter_map(|declared| permission::read(declared, reading))
    {
        let policy = app.function_policies.entry(name).or_default();
        policy.statements.push(statement);
    }
}

/// Reads a child of an API into it.
fn read_of_api(
    type_name: &str,
    declared: &Declared<'_>,
    reading: &Reading<'_>,
    apis: &mut [ApiDraft],
    app: &mut App,
) {
    match type_name {
        "AWS::ApiGatewayV2::Api" => return,
        "AWS::ApiGatewayV2::DomainName" => {
            app.domain_names
                .extend(domain_name::read(declared, reading));
            return;
        }
        "AWS::ApiGatewayV2::VpcLink" => {
            app.vpc_links
                .extend(other::read_vpc_link(declared, reading));
            return;
        }
        _ => {}
    }
    let Some(api) = api_of(declared, reading, apis) else {
        reading.mark_broken(declared);
        return;
    };
    match type_name {
        "AWS::ApiGatewayV2::Integration" => integration::read(declared, reading, api),
        "AWS::ApiGatewayV2::IntegrationResponse" => {
            integration_response::read(declared, reading, api);
        }
        "AWS::ApiGatewayV2::Authorizer" => authorizer::read(declared, reading, api),
        "AWS::ApiGatewayV2::Model" => model::read(declared, reading, api),
        "AWS::ApiGatewayV2::Route" => route::read(declared, reading, api),
        "AWS::ApiGatewayV2::RouteResponse" => route::read_response(declared, reading, api),
        "AWS::ApiGatewayV2::Deployment" => deployment::read(declared, reading, api),
        "AWS::ApiGatewayV2::Stage" => stage::read(declared, reading, api),
        _ => {
            domain_name::read_mapping(declared, reading, api, &mut app.domain_names);
        }
    }
}

/// The API that `ApiId` names.
fn api_of<'d>(
    declared: &Declared<'_>,
    reading: &Reading<'_>,
    apis: &'d mut [ApiDraft],
) -> Option<&'d mut ApiDraft> {
    let Some(node) = declared.properties.get("ApiId") else {
        let message = format!("{} needs the property ApiId", declared.resource.type_name);
        reading
            .diagnostics()
            .error(declared.resource.position, message, "add it");
        return None;
    };
    let id = node.as_text()?;
    let found = apis.iter_mut().find(|api| api.api_id == id);
    if found.is_none() {
        reading.unless_broken(id, || {
            let message = format!("Invalid API identifier specified {id}");
            let mend = "name an AWS::ApiGatewayV2::Api of this template";
            reading.diagnostics().error(node.position, message, mend);
        });
    }
    found
}

fn read_others(reading: &Reading<'_>, app: &mut App, declared: &[Declared<'_>]) {
    for declared in declared {
        match declared.resource.type_name.as_str() {
            "AWS::DynamoDB::Table" => app.tables.extend(table::read(declared, reading)),
            "AWS::DynamoDB::GlobalTable" => {
                app.tables.extend(table::read_global(declared, reading));
            }
            "AWS::Logs::LogGroup" => {
                app.log_groups
                    .extend(other::read_log_group(declared, reading));
            }
            "AWS::ApiGateway::Account" => other::read_account(declared, reading),
            "AWS::ApiGateway::VpcLink" => other::read_rest_vpc_link(declared, reading),
            "AWS::ApiGateway::ClientCertificate" => {
                other::read_client_certificate(declared, reading);
            }
            _ => {}
        }
    }
}

/// Without `execute-api` and without a custom domain nothing reaches an API.
fn warn_of_unreachable(api: &ApiDraft, reading: &Reading<'_>, app: &App) {
    let mut mappings = app
        .domain_names
        .iter()
        .flat_map(|domain| &domain.api_mappings);
    if api.definition.disable_execute_api_endpoint
        && !mappings.any(|mapping| mapping.api_id.as_str() == api.api_id)
    {
        reading.diagnostics().warn(
            api.position,
            format!(
                "{} is reached by nothing: its endpoint is disabled",
                api.logical_id
            ),
            "add a custom domain name with an ApiMapping, or remove DisableExecuteApiEndpoint",
        );
    }
}
