//! Integrations, their templates and their responses.

use std::{collections::BTreeMap, sync::Arc};

use gatepost_model::{
    arn::lambda_function_of_uri,
    integration::{Integration, IntegrationType},
};
use gatepost_wire::{
    expression::{parameter_mapping::ParameterMapping, selection::SelectionExpression},
    template::Template,
};
use hyper::Method;

use super::{CompileError, surroundings::Surroundings};
use crate::{
    deployed::{
        Backend, DeployedIntegration, DeployedIntegrationResponse, HttpEndpoint,
        IntegrationResponses, LambdaFunction, ResponseKey, ResponseSelection, Templates,
        Transformation, UrlTemplate,
    },
    integration::{
        aws_service::{AwsService, InvalidService},
        bulkhead::Owner,
    },
    observe::metrics::RouteSeries,
};

/// The integration of the route at `place`.
pub(super) fn compile_integration(
    integration: &Integration,
    surroundings: &Surroundings<'_>,
    series: &Arc<RouteSeries>,
    place: &str,
) -> Result<DeployedIntegration, CompileError> {
    let at = |what: String| {
        let place = format!("{place}, integration {}", integration.integration_id);
        CompileError::new(place, what)
    };
    let request_parameters = integration
        .request_parameters
        .iter()
        .map(|(target, source)| ParameterMapping::parse(target, source))
        .collect::<Result<_, _>>()
        .map_err(|error| at(error.to_string()))?;
    Ok(DeployedIntegration {
        timeout: surroundings.limits.timeout_of(integration.timeout),
        request_parameters,
        content_handling: integration.content_handling_strategy,
        bulkhead: surroundings.bulkhead(Owner::Integration(integration.integration_id.clone())),
        series: Arc::clone(series),
        backend: backend(integration, surroundings).map_err(at)?,
    })
}

fn backend(integration: &Integration, surroundings: &Surroundings<'_>) -> Result<Backend, String> {
    let kind = integration.integration_type;
    let uri = || {
        let uri = integration.integration_uri.as_ref();
        uri.ok_or_else(|| format!("an {} integration needs an integrationUri", kind.as_str()))
    };
    let resolve = |uri: &str| surroundings.resolve(uri);
    let function = || {
        uri().map(|uri| LambdaFunction {
            uri: resolve(uri),
            by_role: integration.credentials_arn.is_some(),
        })
    };
    let endpoint = || {
        Ok::<_, String>(HttpEndpoint {
            url: UrlTemplate::parse(&resolve(uri()?)),
            method: method(integration)?,
            client: surroundings.client(integration)?,
        })
    };
    let by = |selection| transformation(integration, selection);
    Ok(match kind {
        IntegrationType::AwsProxy => Backend::LambdaProxy(function()?),
        IntegrationType::Aws if lambda_function_of_uri(uri()?).is_some() => Backend::Lambda {
            function: function()?,
            transformation: by(ResponseSelection::ErrorMessage)?,
        },
        IntegrationType::Aws => Backend::Service {
            service: service(uri()?, method(integration)?, surroundings)?,
            transformation: by(ResponseSelection::StatusCode)?,
        },
        IntegrationType::HttpProxy => Backend::HttpProxy(endpoint()?),
        IntegrationType::Http => Backend::Http {
            endpoint: endpoint()?,
            transformation: by(ResponseSelection::StatusCode)?,
        },
        IntegrationType::Mock => Backend::Mock(by(ResponseSelection::StatusCode)?),
    })
}

/// The service of a URI; one that only stage variables make no URI of fails each call.
fn service(
    uri: &str,
    method: Method,
    surroundings: &Surroundings<'_>,
) -> Result<Result<AwsService, InvalidService>, String> {
    let resolved = surroundings.resolve(uri);
    let service = AwsService::new(&resolved, method, &surroundings.outward.services);
    match service {
        Err(error) if resolved == uri => Err(error.to_string()),
        service => Ok(service),
    }
}

fn method(integration: &Integration) -> Result<Method, String> {
    match integration.integration_method.as_deref() {
        None | Some("ANY") => Ok(Method::POST),
        Some(method) => Method::from_bytes(method.as_bytes())
            .map_err(|_| format!("`{method}` is no HTTP method")),
    }
}

fn transformation(
    integration: &Integration,
    selection: ResponseSelection,
) -> Result<Transformation, String> {
    let responses = integration
        .integration_responses
        .iter()
        .map(|response| {
            Ok(DeployedIntegrationResponse {
                key: ResponseKey::parse(&response.integration_response_key)
                    .map_err(|error| error.to_string())?,
                response_templates: templates(
                    response.template_selection_expression.as_deref(),
                    &response.response_templates,
                )?,
                content_handling: response.content_handling_strategy,
            })
        })
        .collect::<Result<_, String>>()?;
    Ok(Transformation {
        request_templates: templates(
            integration.template_selection_expression.as_deref(),
            &integration.request_templates,
        )?,
        passthrough_behavior: integration.passthrough_behavior,
        responses: IntegrationResponses {
            selection,
            responses,
        },
    })
}

fn templates(
    selection: Option<&str>,
    templates: &BTreeMap<String, String>,
) -> Result<Templates, String> {
    let selection = selection
        .map(SelectionExpression::parse)
        .transpose()
        .map_err(|error| format!("templateSelectionExpression: {error}"))?;
    // Template keys are selected by value: `\$default` is written for `$default`.
    let by_key = templates
        .iter()
        .map(|(key, text)| (key.replace("\\$", "$"), Template::parse(text)))
        .collect();
    Ok(Templates { selection, by_key })
}
