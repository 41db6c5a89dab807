//! From an API's definition to what is served. What is not built yet is refused here once more,
//! so that nothing protected is ever served open, whoever deploys it.

use std::{collections::HashMap, sync::Arc};

use gatepost_model::{
    api::{Api, ApiDefinition},
    integration::{ConnectionType, Integration, IntegrationType},
    route::{Route, RouteAuthorization, RouteKey},
    stage::Stage,
};
use gatepost_wire::{
    expression::{parameter_mapping::ParameterMapping, selection::SelectionExpression},
    template::Template,
};
use hyper::Method;

use super::{
    Backend, DeployedAuthorizer, DeployedIntegration, DeployedIntegrationResponse, DeployedMock,
    DeployedRoute, DeployedStage, IdentitySource, ResponseKey, Templates, WithStageVariables,
};

/// Why an API cannot be deployed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct CompileError {
    /// Which part of the API, e.g. `route $connect`.
    pub place: String,
    /// What is wrong, and the mend.
    pub what: String,
}

impl CompileError {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
        }
    }
}

impl DeployedStage {
    /// Compiles what `stage` of `api` serves.
    ///
    /// # Errors
    /// Everything that cannot work or is not built yet, at once.
    pub fn compile(
        api: &Api,
        stage: &Stage,
        definition: &ApiDefinition,
    ) -> Result<Self, Vec<CompileError>> {
        let mut errors = Vec::new();
        let selection = SelectionExpression::parse(&definition.route_selection_expression)
            .map_err(|error| {
                errors.push(CompileError::new(
                    "routeSelectionExpression",
                    error.to_string(),
                ));
            })
            .ok();
        let mut connect = None;
        let mut disconnect = None;
        let mut default = None;
        let mut custom = HashMap::new();
        for route in &definition.routes {
            match compile_route(route, definition) {
                Err(error) => errors.push(error),
                Ok(deployed) => {
                    let deployed = Arc::new(deployed);
                    match &route.route_key {
                        RouteKey::Connect => connect = Some(deployed),
                        RouteKey::Disconnect => disconnect = Some(deployed),
                        RouteKey::Default => default = Some(deployed),
                        RouteKey::Custom(key) => {
                            custom.insert(Box::from(&**key), deployed);
                        }
                    }
                }
            }
        }
        match selection {
            Some(route_selection_expression) if errors.is_empty() => Ok(Self {
                api_id: api.api_id.clone(),
                stage_name: stage.stage_name.clone(),
                stage_variables: Arc::new(stage.stage_variables.clone()),
                route_selection_expression,
                disable_execute_api_endpoint: definition.disable_execute_api_endpoint,
                connect,
                disconnect,
                default,
                custom,
            }),
            _ => Err(errors),
        }
    }
}

fn compile_route(route: &Route, definition: &ApiDefinition) -> Result<DeployedRoute, CompileError> {
    let place = format!("route {}", route.route_key);
    let not_yet = |what: &str| {
        Err(CompileError::new(
            place.clone(),
            format!("{what} is not there yet in Gatepost"),
        ))
    };
    let authorizer = match &route.authorization {
        RouteAuthorization::None => None,
        RouteAuthorization::AwsIam => return not_yet("authorization type AWS_IAM"),
        RouteAuthorization::Custom(_) if route.route_key != RouteKey::Connect => {
            let what = "Currently, authorization is restricted to the $connect route only";
            return Err(CompileError::new(place, what));
        }
        RouteAuthorization::Custom(id) => {
            let Some(authorizer) = definition.authorizer(id) else {
                return Err(CompileError::new(
                    place,
                    format!("authorizer {id} does not exist"),
                ));
            };
            Some(DeployedAuthorizer {
                authorizer_id: id.clone(),
                function: WithStageVariables(authorizer.authorizer_uri.clone()),
                identity_source: identity_sources(authorizer.identity_source.iter(), &place)?,
            })
        }
    };
    if route.api_key_required {
        return not_yet("apiKeyRequired");
    }
    if route.model_selection_expression.is_some() && !route.request_models.is_empty() {
        return not_yet("validation with request models");
    }
    let required = route
        .request_parameters
        .iter()
        .filter(|(_, required)| **required);
    let integration = match &route.target {
        None => None,
        Some(id) => {
            let Some(integration) = definition.integration(id) else {
                return Err(CompileError::new(
                    place,
                    format!("integration {id} does not exist"),
                ));
            };
            Some(Arc::new(compile_integration(integration, &place)?))
        }
    };
    Ok(DeployedRoute {
        route_key: route.route_key.clone(),
        two_way: route.is_two_way(),
        authorizer,
        required_parameters: identity_sources(required.map(|(name, _)| name), &place)?,
        integration,
    })
}

fn identity_sources<'a>(
    expressions: impl Iterator<Item = &'a String>,
    place: &str,
) -> Result<Vec<IdentitySource>, CompileError> {
    expressions
        .filter(|expression| !expression.is_empty())
        .map(|expression| {
            let parts = [
                (
                    "route.request.header.",
                    IdentitySource::Header as fn(String) -> _,
                ),
                ("route.request.querystring.", IdentitySource::QueryString),
                ("stageVariables.", IdentitySource::StageVariable),
                ("context.", IdentitySource::Context),
            ];
            parts
                .iter()
                .find_map(|(prefix, source)| {
                    let name = expression
                        .strip_prefix(prefix)
                        .filter(|name| !name.is_empty())?;
                    Some(match source(name.to_owned()) {
                        IdentitySource::Header(name) => {
                            IdentitySource::Header(name.to_ascii_lowercase())
                        }
                        other => other,
                    })
                })
                .ok_or_else(|| {
                    let what = format!("`{expression}` names nothing of a handshake");
                    CompileError::new(place, what)
                })
        })
        .collect()
}

fn compile_integration(
    integration: &Integration,
    place: &str,
) -> Result<DeployedIntegration, CompileError> {
    let error = |what: String| {
        Err(CompileError::new(
            format!("{place}, integration {}", integration.integration_id),
            what,
        ))
    };
    let not_yet = |what: &str| error(format!("{what} is not there yet in Gatepost"));
    if matches!(integration.connection_type, ConnectionType::VpcLink(_)) {
        return not_yet("connection type VPC_LINK");
    }
    if integration.content_handling_strategy.is_some() {
        return not_yet("contentHandlingStrategy");
    }
    if integration.server_name_to_verify.is_some() {
        return not_yet("tlsConfig");
    }
    let backend = match integration.integration_type {
        IntegrationType::Aws => return not_yet("integration type AWS"),
        IntegrationType::Http => return not_yet("integration type HTTP"),
        IntegrationType::AwsProxy => {
            let Some(uri) = &integration.integration_uri else {
                return error("an AWS_PROXY integration needs an integrationUri".into());
            };
            Backend::LambdaProxy {
                function: WithStageVariables(uri.clone()),
            }
        }
        IntegrationType::HttpProxy => {
            let Some(uri) = &integration.integration_uri else {
                return error("an HTTP_PROXY integration needs an integrationUri".into());
            };
            let method = match integration.integration_method.as_deref() {
                None | Some("ANY") => None,
                Some(method) => match Method::from_bytes(method.as_bytes()) {
                    Ok(method) => Some(method),
                    Err(_) => return error(format!("`{method}` is no HTTP method")),
                },
            };
            let mut request_parameters = Vec::new();
            for (target, source) in &integration.request_parameters {
                match ParameterMapping::parse(target, source) {
                    Ok(mapping) => request_parameters.push(mapping),
                    Err(problem) => return error(problem.to_string()),
                }
            }
            let uri = WithStageVariables(uri.clone());
            Backend::HttpProxy {
                uri,
                method,
                request_parameters,
            }
        }
        IntegrationType::Mock => match compile_mock(integration) {
            Ok(mock) => Backend::Mock(mock),
            Err(what) => return error(what),
        },
    };
    Ok(DeployedIntegration {
        timeout: integration.timeout,
        backend,
    })
}

fn compile_mock(integration: &Integration) -> Result<DeployedMock, String> {
    let request_templates = compile_templates(
        integration.template_selection_expression.as_deref(),
        integration.request_templates.iter(),
    )?;
    let mut responses = Vec::new();
    for response in &integration.integration_responses {
        let key = &response.integration_response_key;
        if response.content_handling_strategy.is_some() {
            return Err(format!(
                "contentHandlingStrategy of integration response {key} is not there yet in Gatepost"
            ));
        }
        let pattern = key.strip_prefix('/').and_then(|key| key.strip_suffix('/'));
        let key = match pattern {
            Some(pattern) => regex::Regex::new(&format!("^(?:{pattern})$"))
                .map(ResponseKey::Pattern)
                .map_err(|error| format!("integration response key {key}: {error}"))?,
            None if key == "$default" => ResponseKey::Default,
            None => {
                return Err(format!(
                    "integration response key `{key}` is neither $default nor /regex/"
                ));
            }
        };
        let response_templates = compile_templates(
            response.template_selection_expression.as_deref(),
            response.response_templates.iter(),
        )?;
        responses.push(DeployedIntegrationResponse {
            key,
            response_templates,
        });
    }
    let passthrough_behavior = integration.passthrough_behavior;
    Ok(DeployedMock {
        request_templates,
        passthrough_behavior,
        responses,
    })
}

fn compile_templates<'a>(
    selection: Option<&str>,
    templates: impl Iterator<Item = (&'a String, &'a String)>,
) -> Result<Templates, String> {
    let selection = selection
        .map(SelectionExpression::parse)
        .transpose()
        .map_err(|error| format!("templateSelectionExpression: {error}"))?;
    let by_key = templates
        .map(|(key, text)| match Template::parse(text) {
            // Template keys are selected by value: `\$default` is written for `$default`.
            Ok(template) => Ok((key.replace("\\$", "$"), template)),
            Err(error) => Err(format!("template {key}: {error}")),
        })
        .collect::<Result<_, _>>()?;
    Ok(Templates { selection, by_key })
}
