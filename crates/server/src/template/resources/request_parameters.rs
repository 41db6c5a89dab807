//! `RequestParameters` of an integration (data-plane spec 5.6): where to, and where from.

use std::collections::BTreeMap;

use gatepost_gateway::deployed::UrlTemplate;
use gatepost_model::{
    arn::lambda_function_of_uri,
    integration::Integration,
    route::{Route, RouteKey},
};
use gatepost_wire::expression::parameter_mapping::{MappingSource, MappingTarget};

use super::{Declared, Reading};
use crate::{
    admission::integration::{Half, request_parameter},
    template::{document::Position, properties::Properties},
};

/// Reads the mappings of an integration with this URI.
pub(super) fn read(properties: &Properties<'_>, uri: &str) -> BTreeMap<String, String> {
    let parameters = properties.string_map("RequestParameters");
    let is_lambda = lambda_function_of_uri(uri).is_some();
    let mut path_parameters = Vec::new();
    for entry in properties.entries_of("RequestParameters") {
        let Some(source) = parameters.get(&entry.key) else {
            continue;
        };
        match request_parameter(&entry.key, source) {
            Ok(mapping) => {
                if is_lambda && !is_of_invoke_api(&mapping.target) {
                    let message = format!("{} reaches no Lambda function", entry.key);
                    let mend = "take it from the proxy event, or put it into the request template";
                    properties.diagnostics.warn(entry.position, message, mend);
                }
                if let MappingTarget::Path(name) = mapping.target {
                    path_parameters.push((name, entry.position));
                }
            }
            Err((half, refused)) => {
                let at = match half {
                    Half::Target => entry.position,
                    Half::Source => entry.value.position,
                };
                let diagnostics = properties.diagnostics;
                diagnostics.error(at, refused.to_string(), refused.mend());
            }
        }
    }
    warn_of_unfilled(properties, uri, &path_parameters);
    parameters
}

/// Whether Lambda's Invoke API has this parameter; it takes nothing else from the request.
fn is_of_invoke_api(target: &MappingTarget) -> bool {
    const HEADERS: [&str; 4] = [
        "x-amz-client-context",
        "x-amz-invocation-type",
        "x-amz-log-type",
        "x-amzn-trace-id",
    ];
    match target {
        MappingTarget::Header(name) => HEADERS.contains(&&*name.to_ascii_lowercase()),
        MappingTarget::Querystring(name) => name == "Qualifier",
        MappingTarget::Path(_) => false,
    }
}

/// Warns of variables of the URL without a parameter, and of parameters without a variable.
fn warn_of_unfilled(properties: &Properties<'_>, uri: &str, parameters: &[(String, Position)]) {
    // A URL with stage variables is whole in its stage only.
    let Ok(url) = UrlTemplate::parse(uri) else {
        return;
    };
    for name in url.variables() {
        if !parameters.iter().any(|(known, _)| known == name) {
            let message = format!("nothing fills in {{{name}}}, and so every call fails");
            let mend = format!("map integration.request.path.{name} in RequestParameters");
            properties.warn_on_aws_too("IntegrationUri", message, mend);
        }
    }
    for (name, at) in parameters {
        if !url.variables().any(|known| known == name) {
            let message = format!("the URL has no {{{name}}} that this could fill in");
            properties.diagnostics.warn_on_aws_too(*at, message, "");
        }
    }
}

/// Warns of mappings that have no value on this route.
pub(super) fn warn_of_empty(
    route: &Route,
    integration: &Integration,
    declared: &Declared<'_>,
    reading: &Reading<'_>,
) {
    for (target, source) in &integration.request_parameters {
        let of_handshake = |place: &str, name: &str| {
            if route.route_key != RouteKey::Connect {
                return Some("only $connect has headers and a query".to_owned());
            }
            let declaration = format!("route.request.{place}.{name}");
            let is_declared = |known: &String| known.eq_ignore_ascii_case(&declaration);
            (!route.request_parameters.keys().any(is_declared)).then(|| {
                format!("AWS passes on what the route's RequestParameters declare: {declaration}")
            })
        };
        let reason = match MappingSource::parse(source) {
            Ok(MappingSource::Header(name) | MappingSource::MultiValueHeader(name)) => {
                of_handshake("header", &name)
            }
            Ok(MappingSource::Querystring(name) | MappingSource::MultiValueQuerystring(name)) => {
                of_handshake("querystring", &name)
            }
            Ok(MappingSource::Body(_))
                if matches!(route.route_key, RouteKey::Connect | RouteKey::Disconnect) =>
            {
                Some(format!("{} has no body", route.route_key))
            }
            _ => None,
        };
        if let Some(reason) = reason {
            let message = format!(
                "{target} has no value on the route {}: {reason}",
                route.route_key
            );
            reading
                .diagnostics()
                .warn(declared.resource.position, message, "");
        }
    }
}
