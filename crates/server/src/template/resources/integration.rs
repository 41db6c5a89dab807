//! `AWS::ApiGatewayV2::Integration`.

use std::{collections::BTreeMap, time::Duration};

use gatepost_gateway::deployed::UrlTemplate;
use gatepost_model::{
    arn::{FunctionReference, lambda_function_of_uri},
    integration::{ContentHandlingStrategy, Integration, IntegrationType, PassthroughBehavior},
    limits::INTEGRATION_TIMEOUT_MILLIS,
};
use gatepost_wire::{
    expression::selection::SelectionExpression,
    template::{Template, TemplateError},
};

use super::{ApiDraft, Declared, Reading, connection, request_parameters, service};
use crate::template::{diagnostic::did_you_mean, properties::Properties};

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
    let is_service = integration_type == IntegrationType::Aws
        && integration_uri.as_deref().is_some_and(service::is_service);
    if is_service {
        service::warn_of_missing(&properties, &request_templates, &request_parameters);
    }
    let behaviors = ["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"];
    Some(Integration {
        integration_id: declared.id.as_str().into(),
        integration_type,
        integration_uri,
        integration_method: method(&properties, integration_type, is_service),
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
            let message = format!("{name} is for HTTP APIs only");
            properties.error(name, message, "remove it");
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

/// `CredentialsArn`: a role, the caller (`arn:aws:iam::*:user/*`), or a stage variable.
fn credentials_arn(properties: &Properties<'_>) -> Option<String> {
    let arn = properties.string("CredentialsArn")?;
    if !(arn.starts_with("arn:") || arn.starts_with("${stageVariables.")) {
        let mend = "write !GetAtt Role.Arn";
        properties.error("CredentialsArn", "Invalid role ARN", mend);
    }
    Some(arn)
}

/// `TemplateSelectionExpression` of an integration or an integration response.
pub(super) fn template_selection_expression(properties: &Properties<'_>) -> Option<String> {
    let name = "TemplateSelectionExpression";
    let expression = properties.string(name)?;
    if let Err(error) = SelectionExpression::parse(&expression) {
        properties.error(name, format!("{name}: {error}"), "");
    }
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
    if properties.node("IntegrationUri").is_none() {
        if integration_type != IntegrationType::Mock {
            let name = integration_type.as_str();
            let message = format!("an {name} integration needs the property IntegrationUri");
            properties.error("IntegrationUri", message, "add it");
        }
        return None;
    }
    let uri = properties.string("IntegrationUri")?;
    match integration_type {
        IntegrationType::Aws if service::is_service(&uri) => service::check_uri(properties, &uri),
        IntegrationType::AwsProxy | IntegrationType::Aws => {
            check_function(properties, "IntegrationUri", &uri, reading);
        }
        IntegrationType::HttpProxy | IntegrationType::Http => check_url(properties, &uri),
        IntegrationType::Mock => {}
    }
    Some(uri)
}

fn check_url(properties: &Properties<'_>, uri: &str) {
    let name = "IntegrationUri";
    let begins = ["http://", "https://", "${stageVariables."];
    if !begins.iter().any(|begin| uri.starts_with(begin)) {
        let message = format!("`{uri}` is no HTTP URL");
        properties.error(name, message, "begin it with http:// or https://");
    } else if !uri.contains("${")
        && let Err(error) = UrlTemplate::parse(uri)
    {
        let message = format!("`{uri}` is no HTTP URL: {}", error.problem);
        properties.error(name, message, "correct it");
    }
}

/// Checks that a URI names a Lambda function, and warns of one that the template does not have,
/// since it can be called at an Invoke endpoint only.
pub(super) fn check_function(
    properties: &Properties<'_>,
    property: &str,
    uri: &str,
    reading: &Reading<'_>,
) {
    let Some(function) = lambda_function_of_uri(uri) else {
        let mend = "give a Lambda function's invocation URI, \
                    arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations";
        properties.error(property, format!("`{uri}` names no Lambda function"), mend);
        return;
    };
    if function.contains("${") {
        // A stage variable, known only when it is called.
        return;
    }
    match FunctionReference::parse(function) {
        Ok(function) if reading.has_function(function.name.as_str()) => {
            let name = function.name.as_str();
            if let Some(qualifier) = &function.qualifier
                && !reading.has_qualifier(name, qualifier)
            {
                let message = format!("the function {name} has no version or alias {qualifier}");
                let mend = "every call of it fails: add an AWS::Lambda::Alias";
                properties.warn(property, message, mend);
            }
        }
        Ok(function) => properties.warn(
            property,
            format!("the function {} is not in this template", function.name),
            "it answers only where an Invoke endpoint is configured",
        ),
        Err(error) => properties.error(property, error.to_string(), "use !GetAtt Function.Arn"),
    }
}

fn method(
    properties: &Properties<'_>,
    integration_type: IntegrationType,
    is_service: bool,
) -> Option<String> {
    const METHODS: [&str; 8] = [
        "ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT",
    ];
    let method = properties.one_of("IntegrationMethod", &METHODS);
    match integration_type {
        IntegrationType::AwsProxy | IntegrationType::Aws if !is_service => {
            if method.as_deref().is_some_and(|method| method != "POST") {
                let message = "Lambda functions are invoked with POST";
                properties.warn_on_aws_too(
                    "IntegrationMethod",
                    message,
                    "remove IntegrationMethod",
                );
            }
            Some("POST".to_owned())
        }
        IntegrationType::HttpProxy | IntegrationType::Http | IntegrationType::Aws
            if properties.node("IntegrationMethod").is_none() =>
        {
            let name = integration_type.as_str();
            let message = format!("{name} without IntegrationMethod sends POST here");
            properties.warn_on_aws_too("IntegrationMethod", message, "add it");
            Some("POST".to_owned())
        }
        _ => method,
    }
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
        match Template::parse(text) {
            Ok(template) => {
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
            Err(error @ TemplateError::TooLong(_)) => {
                let message = format!("the mapping template {}: {error}", entry.key);
                properties.diagnostics.error(at, message, "shorten it");
            }
            // AWS takes it, and fails each request that selects it.
            Err(error) => {
                let message = format!("the mapping template {} fails: {error}", entry.key);
                properties.diagnostics.warn(at, message, "correct it");
            }
        }
    }
}
