//! `CreateIntegrationResponse`, `UpdateIntegrationResponse`, `DeleteIntegrationResponse`.

use std::collections::BTreeMap;

use gatepost_gateway::new_id::resource_id;
use gatepost_model::{
    api::ApiDefinition,
    integration::{Integration, IntegrationResponse},
};
use serde_json::Value;

use super::{
    change_integration::{self, content_handling_strategy, templates},
    changes::Answer,
    integration_response,
    patch::{merge, replace, set},
    rescue::{ControlPlaneError, conflict},
};
use crate::{
    admission::integration as admission,
    shapes::apigatewayv2::{
        CreateIntegrationResponseRequest, DeleteIntegrationResponseRequest,
        UpdateIntegrationResponseRequest,
    },
};

impl From<CreateIntegrationResponseRequest> for UpdateIntegrationResponseRequest {
    fn from(request: CreateIntegrationResponseRequest) -> Self {
        Self {
            api_id: request.api_id,
            content_handling_strategy: request.content_handling_strategy,
            integration_id: request.integration_id,
            integration_response_id: String::new(),
            integration_response_key: Some(request.integration_response_key),
            response_parameters: request.response_parameters,
            response_templates: request.response_templates,
            template_selection_expression: request.template_selection_expression,
        }
    }
}

fn position(integration: &Integration, response_id: &str) -> Result<usize, ControlPlaneError> {
    let mut responses = integration.integration_responses.iter();
    responses
        .position(|known| integration_response::id(known) == response_id)
        .ok_or_else(|| integration_response::not_found(response_id))
}

pub(super) fn create(
    definition: &mut ApiDefinition,
    request: CreateIntegrationResponseRequest,
) -> Answer {
    let integration = change_integration::find(definition, &request.integration_id)?;
    let mut created = IntegrationResponse {
        integration_response_id: resource_id::<6>().into(),
        integration_response_key: String::new(),
        response_templates: BTreeMap::new(),
        response_parameters: BTreeMap::new(),
        template_selection_expression: None,
        content_handling_strategy: None,
    };
    apply(&mut created, request.into(), integration)?;
    let body = integration_response::body(&created);
    integration.integration_responses.push(created);
    Ok(body)
}

pub(super) fn update(
    definition: &mut ApiDefinition,
    request: UpdateIntegrationResponseRequest,
) -> Answer {
    let integration = change_integration::find(definition, &request.integration_id)?;
    let at = position(integration, &request.integration_response_id)?;
    let mut updated = integration.integration_responses[at].clone();
    apply(&mut updated, request, integration)?;
    let body = integration_response::body(&updated);
    integration.integration_responses[at] = updated;
    Ok(body)
}

/// Changes a response of the integration as is asked, and admits it.
fn apply(
    response: &mut IntegrationResponse,
    request: UpdateIntegrationResponseRequest,
    integration: &Integration,
) -> Result<(), ControlPlaneError> {
    replace(
        &mut response.integration_response_key,
        request.integration_response_key,
    );
    replace(&mut response.response_templates, request.response_templates);
    let parameters = request.response_parameters.unwrap_or_default();
    merge(&mut response.response_parameters, parameters);
    set(
        &mut response.template_selection_expression,
        request.template_selection_expression,
    );
    if let Some(strategy) = request.content_handling_strategy {
        response.content_handling_strategy = Some(content_handling_strategy(strategy));
    }
    let key = &response.integration_response_key;
    admission::response_key(key)?;
    let others = integration.integration_responses.iter();
    let others = others
        .filter(|other| other.integration_response_id != response.integration_response_id)
        .map(|other| other.integration_response_key.as_str());
    admission::unique_response_key(key, others).map_err(conflict)?;
    if let Some(expression) = &response.template_selection_expression {
        admission::template_selection_expression(expression)?;
    }
    templates(&response.response_templates)
}

pub(super) fn delete(
    definition: &mut ApiDefinition,
    DeleteIntegrationResponseRequest {
        integration_id,
        integration_response_id,
        ..
    }: DeleteIntegrationResponseRequest,
) -> Answer {
    let integration = change_integration::find(definition, &integration_id)?;
    let at = position(integration, &integration_response_id)?;
    integration.integration_responses.remove(at);
    Ok(Value::Null)
}
