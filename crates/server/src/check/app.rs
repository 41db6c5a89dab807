//! The app that a template declares: its APIs with what belongs to them, and its functions with
//! their source.

use std::{collections::BTreeMap, path::Path, rc::Rc};

use gatepost_model::arn::{FunctionReference, lambda_function_of_uri};

use super::{
    source::{Code, File, Sources},
    trace::{Trace, Trigger, trace},
};
use crate::template::{
    document::{Node, Position},
    inspect::{Inspection, Resource, handler_files},
};

/// The app.
pub(super) struct App<'i> {
    pub(super) inspection: &'i Inspection,
    pub(super) apis: Vec<Api<'i>>,
    pub(super) functions: Vec<Function<'i>>,
}

/// A WebSocket API.
pub(super) struct Api<'i> {
    pub(super) resource: &'i Resource,
    pub(super) routes: Vec<Route<'i>>,
    pub(super) stages: Vec<&'i Resource>,
    pub(super) deployments: Vec<&'i Resource>,
    pub(super) authorizers: Vec<&'i Resource>,
    pub(super) mappings: Vec<&'i Resource>,
}

pub(super) struct Route<'i> {
    pub(super) resource: &'i Resource,
    pub(super) key: &'i str,
    pub(super) integration: Option<&'i Resource>,
    pub(super) integration_responses: Vec<&'i Resource>,
    /// Its route responses.
    pub(super) replies: Vec<&'i Resource>,
    /// The function of the template that it invokes, by its number.
    pub(super) function: Option<usize>,
}

/// A Lambda function.
pub(super) struct Function<'i> {
    pub(super) resource: &'i Resource,
    /// What the handler does, for each way in which it is invoked.
    pub(super) traces: Vec<(Trigger, Trace)>,
}

/// The last part of an ARN, with the resource's id as a template writes it.
pub(super) fn as_written(arn: &str, resource: &Resource) -> String {
    let tail = arn.rsplit(':').next().unwrap_or(arn);
    tail.replace(&resource.id, &format!("${{{}}}", resource.logical_id))
}

impl Route<'_> {
    pub(super) fn integration_type(&self) -> Option<&str> {
        self.integration?.text("IntegrationType")
    }

    /// Whether replies are sent on it.
    pub(super) fn is_two_way(&self) -> bool {
        let selects = self
            .resource
            .text("RouteResponseSelectionExpression")
            .is_some();
        selects && !self.replies.is_empty()
    }
}

impl Function<'_> {
    /// The traces of one trigger or of all.
    pub(super) fn traces_of<'f>(
        &'f self,
        is_wanted: impl Fn(&Trigger) -> bool + 'f,
    ) -> impl Iterator<Item = &'f Trace> + 'f {
        let traces = self.traces.iter();
        traces
            .filter(move |(trigger, _)| is_wanted(trigger))
            .map(|(_, trace)| trace)
    }

    pub(super) fn trace(&self, route: &str) -> Option<&Trace> {
        let mut traces = self.traces.iter();
        let of_route = |trigger: &Trigger| matches!(trigger, Trigger::Route(key) if key == route);
        traces
            .find(|(trigger, _)| of_route(trigger))
            .map(|(_, trace)| trace)
    }

    /// Where an environment variable gets its value.
    pub(super) fn variable(&self, name: &str) -> Option<Position> {
        let path = ["Environment", "Variables", name];
        self.resource.node(&path).map(|node| node.position)
    }
}

impl<'i> App<'i> {
    pub(super) fn new(inspection: &'i Inspection, template: &Path) -> Self {
        let mut app = Self {
            inspection,
            apis: Vec::new(),
            functions: Vec::new(),
        };
        app.functions = app
            .of_type("AWS::Lambda::Function")
            .map(|resource| Function {
                resource,
                traces: Vec::new(),
            })
            .collect();
        app.apis = app
            .of_type("AWS::ApiGatewayV2::Api")
            .filter(|api| api.text("ProtocolType") != Some("HTTP"))
            .map(|api| app.api(api))
            .collect();
        app.trace_functions(template);
        app
    }

    pub(super) fn of_type(&self, type_name: &str) -> impl Iterator<Item = &'i Resource> + use<'i> {
        let type_name = type_name.to_owned();
        let resources = self.inspection.resources.iter();
        resources.filter(move |resource| resource.type_name == type_name)
    }

    pub(super) fn resource(&self, logical_id: &str) -> Option<&'i Resource> {
        let mut resources = self.inspection.resources.iter();
        resources.find(|resource| resource.logical_id == logical_id)
    }

    /// The functions that a route of the API invokes, with the routes' keys.
    pub(super) fn handlers<'a>(
        &'a self,
        api: &'a Api<'i>,
    ) -> impl Iterator<Item = (&'a Route<'i>, &'a Function<'i>)> {
        let routes = api.routes.iter();
        routes.filter_map(|route| Some((route, &self.functions[route.function?])))
    }

    /// The function of the template that a URI or ARN names.
    pub(super) fn function_named(&self, reference: &str) -> Option<usize> {
        let function = lambda_function_of_uri(reference).unwrap_or(reference);
        let name = FunctionReference::parse(function).ok()?.name;
        let mut functions = self.functions.iter();
        functions.position(|function| function.resource.id == name.as_str())
    }

    fn api(&self, api: &'i Resource) -> Api<'i> {
        let of_api = |type_name: &str| -> Vec<&'i Resource> {
            self.of_type(&format!("AWS::ApiGatewayV2::{type_name}"))
                .filter(|resource| resource.text("ApiId") == Some(&api.id))
                .collect()
        };
        let integrations = of_api("Integration");
        let integration_responses = of_api("IntegrationResponse");
        let route_responses = of_api("RouteResponse");
        let route = |resource: &'i Resource| {
            let target = resource.text("Target");
            let target = target.and_then(|target| target.strip_prefix("integrations/"));
            let integration = integrations
                .iter()
                .copied()
                .find(|integration| Some(integration.id.as_str()) == target);
            let belongs = |to: Option<&Resource>, other: &Resource, property: &str| {
                to.is_some_and(|to| other.text(property) == Some(&to.id))
            };
            let function = integration.and_then(|integration| {
                let kind = integration.text("IntegrationType")?;
                let uri = integration.text("IntegrationUri")?;
                matches!(kind, "AWS_PROXY" | "AWS").then(|| self.function_named(uri))?
            });
            Some(Route {
                resource,
                key: resource.text("RouteKey")?,
                integration,
                integration_responses: integration_responses
                    .iter()
                    .copied()
                    .filter(|response| belongs(integration, response, "IntegrationId"))
                    .collect(),
                replies: route_responses
                    .iter()
                    .copied()
                    .filter(|response| belongs(Some(resource), response, "RouteId"))
                    .collect(),
                function,
            })
        };
        Api {
            resource: api,
            routes: of_api("Route").into_iter().filter_map(route).collect(),
            stages: of_api("Stage"),
            deployments: of_api("Deployment"),
            authorizers: of_api("Authorizer"),
            mappings: of_api("ApiMapping"),
        }
    }

    /// Walks every handler once for each way in which it is invoked.
    fn trace_functions(&mut self, template: &Path) {
        let mut triggers: Vec<Vec<Trigger>> = vec![Vec::new(); self.functions.len()];
        for api in &self.apis {
            for route in &api.routes {
                let is_proxy = route.integration_type() == Some("AWS_PROXY");
                if let Some(function) = route.function.filter(|_| is_proxy) {
                    triggers[function].push(Trigger::Route(route.key.to_owned()));
                }
            }
            for authorizer in &api.authorizers {
                let uri = authorizer.text("AuthorizerUri");
                if let Some(function) = uri.and_then(|uri| self.function_named(uri)) {
                    triggers[function].push(Trigger::Authorizer);
                }
            }
        }
        let mut known: BTreeMap<Code, Rc<Sources>> = BTreeMap::new();
        for (function, mut triggers) in self.functions.iter_mut().zip(triggers) {
            if triggers.is_empty() {
                triggers.push(Trigger::Other);
            }
            triggers.sort();
            triggers.dedup();
            let Some((sources, file, handler)) =
                handler_of(function.resource, template, &mut known)
            else {
                continue;
            };
            let environment = environment_of(function.resource);
            function.traces = triggers
                .into_iter()
                .map(|trigger| {
                    let trace = trace(&sources, &file, &handler, &trigger, &environment);
                    (trigger, trace)
                })
                .collect();
        }
    }
}

/// The file that holds the handler, and the handler's name in it.
fn handler_of(
    function: &Resource,
    template: &Path,
    known: &mut BTreeMap<Code, Rc<Sources>>,
) -> Option<(Rc<Sources>, Rc<File>, String)> {
    let runtime = function.text("Runtime")?;
    let handler = function.text("Handler")?;
    let files = handler_files(runtime, handler);
    let name = if runtime.starts_with("python") {
        handler.rsplit('.').next()?
    } else {
        let file = handler.rsplit('/').next()?;
        file.split_once('.')?.1
    };
    let inline = function.node(&["Code", "ZipFile"]);
    let codes = match inline {
        Some(node) => vec![Code::Inline {
            template: template.to_owned(),
            text: node.as_text()?.to_owned(),
            before: node.position.line.saturating_sub(1),
        }],
        None => function.code.iter().map(|path| Code::at(path)).collect(),
    };
    codes.into_iter().find_map(|code| {
        let sources = known
            .entry(code.clone())
            .or_insert_with(|| Rc::new(Sources::new(code)));
        let file = files.iter().find_map(|file| sources.file(file))?;
        Some((Rc::clone(sources), file, name.to_owned()))
    })
}

fn environment_of(function: &Resource) -> BTreeMap<String, String> {
    let variables = function.node(&["Environment", "Variables"]);
    let variables = variables.map(Node::entries).unwrap_or_default();
    variables
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), entry.value.as_text()?.to_owned())))
        .collect()
}
