//! `GetIntegrations`, `GetIntegration`.

use gatepost_model::{
    api::Api,
    integration::{
        ConnectionType, ContentHandlingStrategy, Integration, IntegrationType, PassthroughBehavior,
    },
};
use serde_json::{Value, json};

use super::{
    json::{present, unless_empty},
    rescue::ControlPlaneError,
};

pub(super) fn find<'a>(
    api: &'a Api,
    integration_id: &str,
) -> Result<&'a Integration, ControlPlaneError> {
    api.definition
        .integrations
        .iter()
        .find(|integration| id(integration) == integration_id)
        .ok_or_else(|| not_found(integration_id))
}

pub(super) fn not_found(integration_id: &str) -> ControlPlaneError {
    ControlPlaneError::NotFound {
        resource: "Integration",
        id: integration_id.to_owned(),
    }
}

pub(super) fn id(integration: &Integration) -> &str {
    integration.integration_id.as_str()
}

pub(super) fn body(integration: &Integration) -> Value {
    let (connection_type, connection_id) = match &integration.connection_type {
        ConnectionType::Internet => ("INTERNET", None),
        ConnectionType::VpcLink(id) => ("VPC_LINK", Some(id)),
    };
    let passthrough_behavior = match integration.passthrough_behavior {
        PassthroughBehavior::WhenNoMatch => "WHEN_NO_MATCH",
        PassthroughBehavior::WhenNoTemplates => "WHEN_NO_TEMPLATES",
        PassthroughBehavior::Never => "NEVER",
    };
    let server_name = integration.server_name_to_verify.as_ref();
    present(json!({
        "connectionId": connection_id,
        "connectionType": connection_type,
        "contentHandlingStrategy":
            integration.content_handling_strategy.map(ContentHandlingStrategy::as_str),
        "credentialsArn": integration.credentials_arn,
        "description": integration.description,
        "integrationId": integration.integration_id.as_str(),
        "integrationMethod": integration.integration_method,
        "integrationResponseSelectionExpression":
            integration_response_selection_expression(integration.integration_type),
        "integrationType": integration.integration_type.as_str(),
        "integrationUri": integration.integration_uri,
        "passthroughBehavior": passthrough_behavior,
        "payloadFormatVersion": "1.0",
        "requestParameters": unless_empty(&integration.request_parameters),
        "requestTemplates": unless_empty(&integration.request_templates),
        "templateSelectionExpression": integration.template_selection_expression,
        // At most 29 seconds, so it never saturates.
        "timeoutInMillis": u64::try_from(integration.timeout.as_millis()).unwrap_or(u64::MAX),
        "tlsConfig": server_name.map(|name| json!({ "serverNameToVerify": name })),
    }))
}

/// Read-only on AWS, and decided by the type; proxies select no response.
fn integration_response_selection_expression(kind: IntegrationType) -> Option<&'static str> {
    match kind {
        IntegrationType::Mock | IntegrationType::Http => Some("${integration.response.statuscode}"),
        IntegrationType::Aws => Some("${integration.response.body.errorMessage}"),
        IntegrationType::AwsProxy | IntegrationType::HttpProxy => None,
    }
}
