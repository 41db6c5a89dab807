//! `AWS::ApiGatewayV2::IntegrationResponse`.

use gatepost_gateway::deployed::ResponseKey;
use gatepost_model::{
    arn::lambda_function_of_uri,
    integration::{Integration, IntegrationResponse, IntegrationType},
};

use super::{
    ApiDraft, Declared, Reading,
    integration::{check_templates, content_handling_strategy, template_selection_expression},
};
use crate::{admission::integration as admission, template::properties::Properties};

/// Reads an integration response into its integration.
pub(super) fn read(declared: &Declared<'_>, reading: &Reading<'_>, api: &mut ApiDraft) {
    let Some(properties) = declared.properties(
        &["ApiId", "IntegrationId", "IntegrationResponseKey"],
        &[
            "ContentHandlingStrategy",
            "ResponseParameters",
            "ResponseTemplates",
            "TemplateSelectionExpression",
        ],
        reading,
    ) else {
        return;
    };
    let (Some(integration_id), Some(key)) = (
        properties.string("IntegrationId"),
        properties.string("IntegrationResponseKey"),
    ) else {
        return;
    };
    let integrations = &mut api.definition.integrations;
    let Some(integration) = integrations
        .iter_mut()
        .find(|integration| integration.integration_id.as_str() == integration_id)
    else {
        reading.unless_broken(&integration_id, || {
            let message = format!("Invalid Integration identifier specified {integration_id}");
            let mend = "name an integration of the same API";
            properties.error("IntegrationId", message, mend);
        });
        return;
    };
    check_key(&properties, &key, integration);
    if properties.node("ResponseParameters").is_some() {
        let message = "ResponseParameters change nothing: what a client gets has no headers";
        properties.warn_on_aws_too("ResponseParameters", message, "remove it");
    }
    let response_templates = properties.string_map("ResponseTemplates");
    check_templates(&properties, "ResponseTemplates", &response_templates);
    integration.integration_responses.push(IntegrationResponse {
        integration_response_id: declared.id.as_str().into(),
        integration_response_key: key,
        response_templates,
        response_parameters: properties.string_map("ResponseParameters"),
        template_selection_expression: template_selection_expression(&properties),
        content_handling_strategy: content_handling_strategy(&properties),
    });
}

/// Refuses what is no key, and warns of one that nothing selects.
fn check_key(properties: &Properties<'_>, key: &str, integration: &Integration) {
    let name = "IntegrationResponseKey";
    let responses = integration.integration_responses.iter();
    let others = responses.map(|response| response.integration_response_key.as_str());
    let unique = admission::unique_response_key(key, others);
    if properties.admitted(name, unique).is_none() {
        return;
    }
    let Some(parsed) = properties.admitted(name, admission::response_key(key)) else {
        return;
    };
    let kind = integration.integration_type;
    if kind.is_proxy() {
        let message = format!("{} selects no integration response", kind.as_str());
        properties.warn_on_aws_too(name, message, "its answer reaches the client as it is");
        return;
    }
    let matches_status = (100..600).any(|status: u16| parsed.matches(&status.to_string()));
    let is_default = matches!(parsed, ResponseKey::Default);
    let uri = integration.integration_uri.as_deref().unwrap_or_default();
    if kind == IntegrationType::Aws && lambda_function_of_uri(uri).is_some() {
        // A key for a status matches no error that a function throws.
        if matches_status && !parsed.matches("Error: no") {
            let message = format!(
                "the key {key} looks like a status, but a Lambda function's errorMessage is what \
                 selects a response"
            );
            let mend = "write $default, or a /regex/ of the errorMessage";
            properties.warn_on_aws_too(name, message, mend);
        }
    } else if !is_default && !matches_status {
        let message = format!("the key {key} matches no HTTP status");
        properties.warn_on_aws_too(name, message, "write $default, or e.g. /2\\d\\d/");
    }
}
