//! `AWS::ApiGatewayV2::Integration`.

use std::{collections::BTreeMap, time::Duration};

use gatepost_model::{
    arn::FunctionReference,
    integration::{ContentHandlingStrategy, Integration, IntegrationType, PassthroughBehavior},
    limits::INTEGRATION_TIMEOUT_MILLIS,
};

use super::{ApiDraft, Declared, Reading, connection, request_parameters, service};
use crate::{
    admission::integration as admission,
    template::{diagnostic::did_you_mean, properties::Properties},
};

pub(super) fn read(declared: &Declared<'_>, reading: &Reading<'_>, api: &mut ApiDraft) {
    match integration(declared, reading) {
        Some(integration) => api.definition.integrations.push(integration),
        None => reading.mark_broken(declared),
    }
}

fn integration(declared: &Declared<'_>, reading: &Reading<'_>) -> Option<Integration> {
    let properties = declared.properties(
        &["ApiId", "IntegrationType"],
        &[
            "ConnectionId",
            "ConnectionType",
            "ContentHandlingStrategy",
            "CredentialsArn",
            "Description",
            "IntegrationMethod",
            "IntegrationSubtype",
            "IntegrationUri",
            "PassthroughBehavior",
            "PayloadFormatVersion",
            "RequestParameters",
            "RequestTemplates",
            "ResponseParameters",
            "TemplateSelectionExpression",
            "TimeoutInMillis",
            "TlsConfig",
        ],
        reading,
    )?;
    let types = ["AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"];
    let integration_type = properties.one_of("IntegrationType", &types)?;
    let integration_type = IntegrationType::parse(&integration_type)?;
    refuse(&properties);
    warn_of_unused(&properties, integration_type);
    let request_templates = properties.string_map("RequestTemplates");
    if !integration_type.is_proxy() {
        check_templates(&properties, "RequestTemplates", &request_templates);
    }
    let integration_uri = uri(&properties, integration_type, reading);
    let request_parameters =
        request_parameters::read(&properties, integration_uri.as_deref().unwrap_or_default());
    let has_service = integration_uri
        .as_deref()
        .is_some_and(admission::is_service);
    let is_service = integration_type == IntegrationType::Aws && has_service;
    if is_service {
        service::warn_of_missing(&properties, &request_templates, &request_parameters);
    }
    let behaviors = ["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"];
    Some(Integration {
        integration_id: declared.id.as_str().into(),
        integration_type,
        integration_method: method(&properties, integration_type, integration_uri.as_deref()),
        integration_uri,
        connection_type: connection::connection_type(&properties, integration_type, reading),
        credentials_arn: credentials_arn(&properties),
        request_parameters,
        request_templates,
        template_selection_expression: template_selection_expression(&properties),
        passthrough_behavior: match properties
            .one_of("PassthroughBehavior", &behaviors)
            .as_deref()
        {
            Some("WHEN_NO_TEMPLATES") => PassthroughBehavior::WhenNoTemplates,
            Some("NEVER") => PassthroughBehavior::Never,
            _ => PassthroughBehavior::WhenNoMatch,
        },
        content_handling_strategy: content_handling_strategy(&properties),
        timeout: Duration::from_millis(
            properties
                .integer("TimeoutInMillis", INTEGRATION_TIMEOUT_MILLIS)
                .unwrap_or(*INTEGRATION_TIMEOUT_MILLIS.end()),
        ),
        server_name_to_verify: connection::server_name_to_verify(&properties),
        description: properties.string("Description"),
        integration_responses: Vec::new(),
    })
}

/// What WebSocket APIs do not have.
fn refuse(properties: &Properties<'_>) {
    for name in ["IntegrationSubtype", "ResponseParameters"] {
        if properties.node(name).is_some() {
            properties.refuse(name, &admission::for_http_apis_only(name));
        }
    }
    if properties
        .string("PayloadFormatVersion")
        .is_some_and(|version| version != "1.0")
    {
        let message = "a WebSocket API has the payload format 1.0 only";
        properties.warn_on_aws_too("PayloadFormatVersion", message, "remove it");
    }
}

/// What a kind of integration has no use for.
fn warn_of_unused(properties: &Properties<'_>, integration_type: IntegrationType) {
    let name = integration_type.as_str();
    let unused: &[&str] = match integration_type {
        IntegrationType::AwsProxy => &["RequestTemplates", "ContentHandlingStrategy"],
        IntegrationType::HttpProxy => &["RequestTemplates"],
        IntegrationType::Mock => &["IntegrationUri", "ContentHandlingStrategy"],
        IntegrationType::Aws | IntegrationType::Http => &[],
    };
    for property in unused {
        if properties.node(property).is_some() {
            let message = format!("{property} changes nothing: {name} does not use it");
            properties.warn_on_aws_too(property, message, "remove it");
        }
    }
}

fn credentials_arn(properties: &Properties<'_>) -> Option<String> {
    let arn = properties.string("CredentialsArn")?;
    properties.admitted("CredentialsArn", admission::credentials_arn(&arn));
    Some(arn)
}

/// `TemplateSelectionExpression` of an integration or an integration response.
pub(super) fn template_selection_expression(properties: &Properties<'_>) -> Option<String> {
    let name = "TemplateSelectionExpression";
    let expression = properties.string(name)?;
    let admitted = admission::template_selection_expression(&expression);
    properties.admitted(name, admitted);
    Some(expression)
}

/// `ContentHandlingStrategy` of an integration or an integration response.
pub(super) fn content_handling_strategy(
    properties: &Properties<'_>,
) -> Option<ContentHandlingStrategy> {
    let words = ["CONVERT_TO_BINARY", "CONVERT_TO_TEXT"];
    let word = properties.one_of("ContentHandlingStrategy", &words)?;
    ContentHandlingStrategy::parse(&word)
}

fn uri(
    properties: &Properties<'_>,
    integration_type: IntegrationType,
    reading: &Reading<'_>,
) -> Option<String> {
    let name = "IntegrationUri";
    let uri = properties.string(name);
    if uri.is_none() && properties.node(name).is_some() {
        // Its fault was told before.
        return None;
    }
    let admitted = admission::integration_uri(integration_type, uri.as_deref());
    if let Some(Some(function)) = properties.admitted(name, admitted) {
        warn_of_unknown_function(properties, name, &function, reading);
    }
    uri
}

/// Warns of a function that the template does not have, since it can be called at an Invoke endpoint
/// only.
pub(super) fn warn_of_unknown_function(
    properties: &Properties<'_>,
    property: &str,
    function: &FunctionReference,
    reading: &Reading<'_>,
) {
    let name = function.name.as_str();
    if !reading.has_function(name) {
        properties.warn(
            property,
            format!("the function {name} is not in this template"),
            "it answers only where an Invoke endpoint is configured",
        );
    } else if let Some(qualifier) = &function.qualifier
        && !reading.has_qualifier(name, qualifier)
    {
        let message = format!("the function {name} has no version or alias {qualifier}");
        let mend = "every call of it fails: add an AWS::Lambda::Alias";
        properties.warn(property, message, mend);
    }
}

fn method(
    properties: &Properties<'_>,
    integration_type: IntegrationType,
    uri: Option<&str>,
) -> Option<String> {
    let name = "IntegrationMethod";
    let calls_function = admission::calls_function(integration_type, uri);
    if let Some(method) = properties.string(name) {
        let admitted = properties.admitted(name, admission::method(integration_type, &method));
        if admitted.is_some() && calls_function && method != "POST" {
            let message = "Lambda functions are invoked with POST";
            properties.warn_on_aws_too(name, message, "remove IntegrationMethod");
        }
        return Some(method);
    }
    if integration_type == IntegrationType::Mock {
        return None;
    }
    if !calls_function && properties.node(name).is_none() {
        let kind = integration_type.as_str();
        let message = format!("{kind} without IntegrationMethod sends POST here");
        properties.warn_on_aws_too(name, message, "add it");
    }
    Some("POST".to_owned())
}

pub(super) fn check_templates(
    properties: &Properties<'_>,
    name: &str,
    templates: &BTreeMap<String, String>,
) {
    for entry in properties.entries_of(name) {
        let Some(text) = templates.get(&entry.key) else {
            continue;
        };
        let at = entry.value.position;
        match admission::template(&entry.key, text) {
            Ok(Ok(template)) => {
                for misnamed in template.misnamed() {
                    let message = format!(
                        "the mapping template {}: {}:{}: there is no {}",
                        entry.key, misnamed.line, misnamed.column, misnamed.written
                    );
                    let known = misnamed.known.iter().copied();
                    let mend = did_you_mean(&misnamed.name, known, "leave it out");
                    properties.diagnostics.warn(at, message, mend);
                }
            }
            Err(refused) => {
                let diagnostics = properties.diagnostics;
                diagnostics.error(at, refused.to_string(), refused.mend());
            }
            // AWS takes it, and fails each request that selects it.
            Ok(Err(error)) => {
                let message = format!("the mapping template {} fails: {error}", entry.key);
                properties.diagnostics.warn(at, message, "correct it");
            }
        }
    }
}
