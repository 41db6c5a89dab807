//! `GetIntegrationResponses`, `GetIntegrationResponse`.

use gatepost_model::integration::{ContentHandlingStrategy, Integration, IntegrationResponse};
use serde_json::{Value, json};

use super::{
    json::{present, unless_empty},
    rescue::ControlPlaneError,
};

pub(super) fn find<'a>(
    integration: &'a Integration,
    response_id: &str,
) -> Result<&'a IntegrationResponse, ControlPlaneError> {
    integration
        .integration_responses
        .iter()
        .find(|response| id(response) == response_id)
        .ok_or_else(|| not_found(response_id))
}

pub(super) fn not_found(response_id: &str) -> ControlPlaneError {
    ControlPlaneError::NotFound {
        resource: "IntegrationResponse",
        id: response_id.to_owned(),
    }
}

pub(super) fn id(response: &IntegrationResponse) -> &str {
    response.integration_response_id.as_str()
}

pub(super) fn body(response: &IntegrationResponse) -> Value {
    present(json!({
        "contentHandlingStrategy":
            response.content_handling_strategy.map(ContentHandlingStrategy::as_str),
        "integrationResponseId": response.integration_response_id.as_str(),
        "integrationResponseKey": response.integration_response_key,
        "responseParameters": unless_empty(&response.response_parameters),
        "responseTemplates": unless_empty(&response.response_templates),
        "templateSelectionExpression": response.template_selection_expression,
    }))
}
