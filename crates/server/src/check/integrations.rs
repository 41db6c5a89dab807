//! Integrations: what reaches the backend, and what comes back of it.

use gatepost_gateway::deployed::ResponseKey;
use gatepost_model::arn::lambda_function_of_uri;
use gatepost_wire::template::Template;

use super::{
    app::{Api, App, Route},
    finding::Findings,
    slug::Slug,
};
use crate::template::{
    document::{Entry, Node},
    inspect::Resource,
};

/// The default timeout, milliseconds (data-plane spec 5.1).
const TIMEOUT_MILLIS: u64 = 29_000;

pub(super) fn check(app: &App<'_>, findings: &Findings) {
    handlers(app, findings);
    for api in &app.apis {
        for route in &api.routes {
            let Some(integration) = route.integration else {
                continue;
            };
            responses(route, integration, findings);
            parameters(route, integration, findings);
            stage_variables(api, integration, findings);
            match integration.text("IntegrationType") {
                Some("HTTP" | "HTTP_PROXY") => {
                    connection_id(route, integration, findings);
                    if route.key == "$connect" {
                        handshake_headers(integration, findings);
                    }
                }
                Some("AWS_PROXY") => timeout(app, route, integration, findings),
                _ => {}
            }
        }
        for integration in app.of_type("AWS::ApiGatewayV2::Integration") {
            if integration.text("ApiId") == Some(&api.resource.id) {
                templates(integration, findings);
            }
        }
        for response in app.of_type("AWS::ApiGatewayV2::IntegrationResponse") {
            if response.text("ApiId") == Some(&api.resource.id) {
                parsed(response, "ResponseTemplates", findings);
            }
        }
    }
}

/// Functions whose file lacks their handler.
fn handlers(app: &App<'_>, findings: &Findings) {
    for function in &app.functions {
        let Some(node) = function.resource.node(&["Handler"]) else {
            continue;
        };
        if function.traces.iter().any(|(_, trace)| trace.lacks_handler) {
            let handler = node.as_text().unwrap_or_default();
            let name = handler.rsplit('.').next().unwrap_or(handler);
            findings.template(
                Slug::HandlerMissing,
                node.position,
                format!("the handler is {handler}, and its file has no {name}"),
                "name a function of the file, or define it there",
            );
        }
    }
}

fn entries<'r>(resource: &'r Resource, name: &str) -> &'r [Entry] {
    resource
        .node(&[name])
        .map(Node::entries)
        .unwrap_or_default()
}

/// What is no proxy answers through an integration response only: on `$connect`, whose status it
/// gives, and on two-way routes.
fn responses(route: &Route<'_>, integration: &Resource, findings: &Findings) {
    let kind = integration.text("IntegrationType");
    let is_custom = matches!(kind, Some("AWS" | "HTTP" | "MOCK"));
    let answers = route.key == "$connect" || route.is_two_way();
    let responses = &route.integration_responses;
    let is_function = integration
        .text("IntegrationUri")
        .is_some_and(|uri| lambda_function_of_uri(uri).is_some());
    let has_one = responses.iter().any(|response| {
        let key = response.text("IntegrationResponseKey");
        key.is_none_or(|key| is_for_success(key, is_function))
    });
    // Where nobody waits for the answer there may be none, but not only some for failures.
    let needs_one = answers || !responses.is_empty() && route.key != "$disconnect";
    if is_custom && needs_one && !has_one {
        let message = format!(
            "{}, the {} integration of the route {}, has no integration response{}",
            integration.logical_id,
            kind.unwrap_or_default(),
            route.key,
            if responses.is_empty() {
                ""
            } else {
                " for success"
            }
        );
        let mend = "add an AWS::ApiGatewayV2::IntegrationResponse with \
                    `IntegrationResponseKey: $default`";
        let at = integration.position;
        findings.template(Slug::IntegrationResponseMissing, at, message, mend);
    }
}

/// Whether a response may be selected when nothing went wrong: a function then has no
/// `errorMessage`, everything else a status from 200 on.
fn is_for_success(key: &str, is_function: bool) -> bool {
    match ResponseKey::parse(key) {
        Ok(ResponseKey::Default) | Err(_) => true,
        Ok(key) => !is_function && (200..300).any(|status: u16| key.matches(&status.to_string())),
    }
}

/// HTTP backends are told nothing of the connection by default (data-plane spec 5.5).
fn connection_id(route: &Route<'_>, integration: &Resource, findings: &Findings) {
    let parameters = entries(integration, "RequestParameters").iter();
    let templates = entries(integration, "RequestTemplates").iter();
    let mut values = parameters.chain(templates).map(|entry| &entry.value);
    let is_mapped = values.any(|value| {
        value
            .as_text()
            .is_none_or(|text| text.contains("context.connectionId") || text.trim() == "$context")
    });
    let in_uri = integration
        .text("IntegrationUri")
        .is_some_and(|uri| uri.contains("{connectionId}"));
    // A two-way route may answer without knowing whom.
    if !is_mapped && !in_uri && !route.is_two_way() {
        let message = format!(
            "{} calls a backend for the route {} and does not map the connection id",
            integration.logical_id, route.key
        );
        let mend = "add RequestParameters with \
                    `integration.request.header.ConnectionId: context.connectionId`";
        let at = integration.position;
        findings.template(Slug::ConnectionIdNotMapped, at, message, mend);
    }
}

/// `$connect` hands a backend the client's handshake headers (data-plane spec 5.5).
fn handshake_headers(integration: &Resource, findings: &Findings) {
    if integration.text("IntegrationType") != Some("HTTP_PROXY") {
        return;
    }
    let mut names = entries(integration, "RequestParameters").iter();
    let is_masked = names.any(|entry| {
        let name = entry.key.to_ascii_lowercase();
        name == "integration.request.header.sec-websocket-version"
    });
    if !is_masked {
        let message = format!(
            "{} hands the client's Sec-WebSocket-* headers to the backend of $connect",
            integration.logical_id
        );
        let mend = "add RequestParameters with \
                    `integration.request.header.Sec-WebSocket-Version: \"'0'\"`";
        let at = integration.position;
        findings.template(Slug::WebsocketHeaders, at, message, mend);
    }
}

/// Sources that the route's events have (data-plane spec 5.6).
fn parameters(route: &Route<'_>, integration: &Resource, findings: &Findings) {
    let declared = entries(route.resource, "RequestParameters");
    for entry in entries(integration, "RequestParameters") {
        let Some(source) = entry.value.as_text() else {
            continue;
        };
        let at = entry.value.position;
        let of_handshake = [
            "header.",
            "querystring.",
            "multivalueheader.",
            "multivaluequerystring.",
        ];
        let rest = source.strip_prefix("route.request.");
        let handshake = rest.and_then(|rest| {
            let kind = of_handshake.iter().find(|kind| rest.starts_with(**kind))?;
            Some(format!(
                "route.request.{}{}",
                kind.trim_start_matches("multivalue"),
                &rest[kind.len()..]
            ))
        });
        if let Some(wanted) = handshake {
            if route.key != "$connect" {
                let message = format!("the route {} has no {source}", route.key);
                let mend = "map from route.request.body or context: only $connect has headers and \
                            a query string";
                findings.template(Slug::ParameterNeverResolves, at, message, mend);
            } else if !declared.iter().any(|entry| entry.key == wanted) {
                let message = format!("the route $connect does not declare {wanted}");
                let mend = format!("add `{wanted}: {{Required: false}}` to its RequestParameters");
                findings.template(Slug::ParameterNotDeclared, at, message, mend);
            }
        } else if rest.is_some_and(|rest| rest.starts_with("body"))
            && matches!(route.key, "$connect" | "$disconnect")
        {
            let message = format!("the route {} has no {source}", route.key);
            let mend = "map from what its event has: context, and on $connect headers and query";
            findings.template(Slug::ParameterNeverResolves, at, message, mend);
        }
    }
}

/// `${stageVariables.name}` needs the variable in every stage.
fn stage_variables(api: &Api<'_>, integration: &Resource, findings: &Findings) {
    for property in ["IntegrationUri", "CredentialsArn", "ConnectionId"] {
        let Some(node) = integration.node(&[property]) else {
            continue;
        };
        let mut rest = node.as_text().unwrap_or_default();
        while let Some((_, after)) = rest.split_once("${stageVariables.") {
            let Some((name, tail)) = after.split_once('}') else {
                break;
            };
            rest = tail;
            let lacking = api.stages.iter().find(|stage| {
                let variables = stage.node(&["StageVariables"]);
                variables.is_none_or(|variables| variables.get(name).is_none())
            });
            if let Some(stage) = lacking {
                let stage = stage.text("StageName").unwrap_or(&stage.logical_id);
                let message = format!("the stage {stage} has no variable `{name}`");
                let mend = "add it to its StageVariables";
                findings.template(Slug::StageVariableMissing, node.position, message, mend);
            }
        }
    }
}

fn templates(integration: &Resource, findings: &Findings) {
    let kind = integration.text("IntegrationType").unwrap_or_default();
    let templates = entries(integration, "RequestTemplates");
    if kind.ends_with("_PROXY") {
        if let Some(first) = templates.first() {
            let message = format!(
                "{} is {kind} and has RequestTemplates",
                integration.logical_id
            );
            let mend = format!("remove them, or use {}", kind.trim_end_matches("_PROXY"));
            findings.template(Slug::RequestTemplatesIgnored, first.position, message, mend);
        }
        return;
    }
    parsed(integration, "RequestTemplates", findings);
    if kind == "MOCK" {
        let mut texts = templates.iter().map(|entry| entry.value.as_text());
        let gives_status = texts.any(|text| text.is_none_or(|text| text.contains("statusCode")));
        if !gives_status {
            let message = format!(
                "{} is MOCK and no template gives a status",
                integration.logical_id
            );
            let mend = "add RequestTemplates with `$default: '{\"statusCode\": 200}'`";
            let at = integration.position;
            findings.template(Slug::MockWithoutStatus, at, message, mend);
        }
    }
}

/// Templates that do not parse.
fn parsed(resource: &Resource, property: &str, findings: &Findings) {
    for entry in entries(resource, property) {
        let Some(text) = entry.value.as_text() else {
            continue;
        };
        if let Err(error) = Template::parse(text) {
            let at = entry.value.position;
            let message = format!("the mapping template {}: {error}", entry.key);
            findings.template(Slug::MappingTemplate, at, message, "correct it");
        }
    }
}

/// An integration that gives up before its function does.
fn timeout(app: &App<'_>, route: &Route<'_>, integration: &Resource, findings: &Findings) {
    let Some(function) = route.function else {
        return;
    };
    let function = app.functions[function].resource;
    let millis = |resource: &Resource, name: &str, otherwise: u64| match resource.node(&[name]) {
        None => Some(otherwise),
        Some(node) => node.as_text()?.parse::<u64>().ok(),
    };
    let own = millis(integration, "TimeoutInMillis", TIMEOUT_MILLIS);
    // Lambda's default is 3 seconds.
    let of_function = millis(function, "Timeout", 3);
    let (Some(own), Some(of_function)) = (own, of_function) else {
        return;
    };
    if of_function * 1000 > own {
        let message = format!(
            "{} may run {of_function} s, and the integration of the route {} waits {own} ms",
            function.logical_id, route.key
        );
        let mend = if own < TIMEOUT_MILLIS {
            "raise TimeoutInMillis, or lower the function's Timeout"
        } else {
            "lower the function's Timeout, or let it answer later by @connections"
        };
        let at = if integration.node(&["TimeoutInMillis"]).is_some() {
            integration.place(&["TimeoutInMillis"])
        } else {
            function.place(&["Timeout"])
        };
        findings.template(Slug::IntegrationTimeout, at, message, mend);
    }
}
