//! Integrations, their templates and their responses.

use gatepost_model::integration::{ConnectionType, Integration, IntegrationType};
use gatepost_wire::{
    expression::{parameter_mapping::ParameterMapping, selection::SelectionExpression},
    template::Template,
};
use hyper::Method;

use super::CompileError;
use crate::deployed::{
    Backend, DeployedIntegration, DeployedIntegrationResponse, DeployedMock, ResponseKey,
    Templates, WithStageVariables,
};

/// The integration of the route at `place`.
pub(super) fn compile_integration(
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
