//! `AWS::ApiGatewayV2::Integration` and `AWS::ApiGatewayV2::IntegrationResponse`.

use std::{collections::BTreeMap, time::Duration};

use gatepost_model::{
    arn::{FunctionReference, lambda_function_of_uri},
    integration::{
        ConnectionType, Integration, IntegrationResponse, IntegrationType, PassthroughBehavior,
    },
    limits::INTEGRATION_TIMEOUT_MILLIS,
};
use gatepost_wire::template::{Template, TemplateError};

use super::{ApiDraft, Declared, Reading};
use crate::template::properties::Properties;

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
    refuse(&properties, integration_type);
    let request_templates = properties.string_map("RequestTemplates");
    if integration_type == IntegrationType::Mock {
        check_templates(&properties, "RequestTemplates", &request_templates);
    } else if !request_templates.is_empty() {
        let message = format!("{} applies no RequestTemplates", integration_type.as_str());
        properties.warn("RequestTemplates", message, "");
    }
    let behaviors = ["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"];
    Some(Integration {
        integration_id: declared.id.as_str().into(),
        integration_type,
        integration_uri: uri(&properties, integration_type, reading),
        integration_method: method(&properties, integration_type),
        connection_type: ConnectionType::Internet,
        credentials_arn: properties.string("CredentialsArn"),
        request_parameters: request_parameters(&properties),
        request_templates,
        template_selection_expression: properties.string("TemplateSelectionExpression"),
        passthrough_behavior: match properties
            .one_of("PassthroughBehavior", &behaviors)
            .as_deref()
        {
            Some("WHEN_NO_TEMPLATES") => PassthroughBehavior::WhenNoTemplates,
            Some("NEVER") => PassthroughBehavior::Never,
            _ => PassthroughBehavior::WhenNoMatch,
        },
        content_handling_strategy: None,
        timeout: Duration::from_millis(
            properties
                .integer("TimeoutInMillis", INTEGRATION_TIMEOUT_MILLIS)
                .unwrap_or(*INTEGRATION_TIMEOUT_MILLIS.end()),
        ),
        server_name_to_verify: None,
        description: properties.string("Description"),
        integration_responses: Vec::new(),
    })
}

/// What WebSocket APIs do not have, and what Gatepost does not do yet.
fn refuse(properties: &Properties<'_>, integration_type: IntegrationType) {
    let not_yet = |name: &str, what: &str, mend: &str| {
        properties
            .diagnostics
            .not_yet(properties.place(name), what, mend);
    };
    match integration_type {
        IntegrationType::Aws => {
            not_yet(
                "IntegrationType",
                "the integration type AWS",
                "use AWS_PROXY",
            );
        }
        IntegrationType::Http => {
            not_yet(
                "IntegrationType",
                "the integration type HTTP",
                "use HTTP_PROXY",
            );
        }
        _ => {}
    }
    let connection_type = properties.one_of("ConnectionType", &["INTERNET", "VPC_LINK"]);
    if connection_type.as_deref() == Some("VPC_LINK") {
        let what = "the connection type VPC_LINK";
        not_yet(
            "ConnectionType",
            what,
            "use INTERNET with an address that is reachable here",
        );
    }
    if properties.node("ContentHandlingStrategy").is_some() {
        not_yet(
            "ContentHandlingStrategy",
            "ContentHandlingStrategy",
            "remove it",
        );
    }
    if properties.node("TlsConfig").is_some() {
        not_yet("TlsConfig", "TlsConfig", "remove it");
    }
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
        properties.warn("PayloadFormatVersion", message, "remove it");
    }
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
        IntegrationType::AwsProxy => check_function(properties, "IntegrationUri", &uri, reading),
        IntegrationType::HttpProxy => {
            let begins = ["http://", "https://", "${stageVariables."];
            if !begins.iter().any(|begin| uri.starts_with(begin)) {
                let message = format!("`{uri}` is no HTTP URL");
                properties.error(
                    "IntegrationUri",
                    message,
                    "begin it with http:// or https://",
                );
            }
        }
        _ => {}
    }
    Some(uri)
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

fn method(properties: &Properties<'_>, integration_type: IntegrationType) -> Option<String> {
    let method = properties.string("IntegrationMethod");
    match integration_type {
        IntegrationType::AwsProxy => {
            if method.as_deref().is_some_and(|method| method != "POST") {
                let message = "Lambda functions are invoked with POST";
                properties.warn("IntegrationMethod", message, "remove IntegrationMethod");
            }
            Some("POST".to_owned())
        }
        IntegrationType::HttpProxy if method.is_none() => {
            let message = "HTTP_PROXY without IntegrationMethod sends POST here";
            properties.warn("IntegrationMethod", message, "add it");
            Some("POST".to_owned())
        }
        _ => method,
    }
}

/// `RequestParameters` (data-plane spec 5.6): where to, and where from.
fn request_parameters(properties: &Properties<'_>) -> BTreeMap<String, String> {
    const TARGETS: [&str; 3] = [
        "integration.request.header.",
        "integration.request.querystring.",
        "integration.request.path.",
    ];
    const SOURCES: [&str; 7] = [
        "route.request.querystring.",
        "route.request.multivaluequerystring.",
        "route.request.header.",
        "route.request.multivalueheader.",
        "route.request.body",
        "stageVariables.",
        "context.",
    ];
    let parameters = properties.string_map("RequestParameters");
    for entry in properties.entries_of("RequestParameters") {
        if !TARGETS.iter().any(|target| is_below(&entry.key, target)) {
            properties.diagnostics.error(
                entry.position,
                format!("Invalid mapping expression specified: {}", entry.key),
                "map to integration.request.header.NAME, .querystring.NAME or .path.NAME",
            );
        }
        let Some(source) = parameters.get(&entry.key) else {
            continue;
        };
        let is_static = source.len() >= 2 && source.starts_with('\'') && source.ends_with('\'');
        if !is_static && !SOURCES.iter().any(|begin| source.starts_with(begin)) {
            properties.diagnostics.error(
                entry.value.position,
                format!("Invalid mapping expression specified: {source}"),
                "map from route.request.*, stageVariables.*, context.* or a 'literal'",
            );
        }
    }
    parameters
}

/// Whether `text` is `prefix` with a name behind it.
pub(super) fn is_below(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|name| {
        !name.is_empty()
            && name
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || b"._$-".contains(&c))
    })
}

fn check_templates(properties: &Properties<'_>, name: &str, templates: &BTreeMap<String, String>) {
    for entry in properties.entries_of(name) {
        let Some(text) = templates.get(&entry.key) else {
            continue;
        };
        let at = entry.value.position;
        match Template::parse(text) {
            Ok(_) => {}
            Err(TemplateError::NotYet { what, line, column }) => {
                let what = format!("`{what}` at {line}:{column} of the mapping template");
                let mend = "use literals, $context, $input.body, $input.json and $stageVariables";
                properties.diagnostics.not_yet(at, &what, mend);
            }
            Err(error) => {
                let message = format!("the mapping template {}: {error}", entry.key);
                properties.diagnostics.error(at, message, "correct it");
            }
        }
    }
}

/// Reads an integration response into its integration.
pub(super) fn read_response(declared: &Declared<'_>, reading: &Reading<'_>, api: &mut ApiDraft) {
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
    if properties.node("ContentHandlingStrategy").is_some() {
        let at = properties.place("ContentHandlingStrategy");
        properties
            .diagnostics
            .not_yet(at, "ContentHandlingStrategy", "remove it");
    }
    let (Some(integration_id), Some(key)) = (
        properties.string("IntegrationId"),
        properties.string("IntegrationResponseKey"),
    ) else {
        return;
    };
    let is_regex = key.len() > 2 && key.starts_with('/') && key.ends_with('/');
    if key != "$default" && !is_regex {
        let message = format!("the integration response key `{key}` is not one");
        properties.error(
            "IntegrationResponseKey",
            message,
            "write $default or /regex/",
        );
    } else if is_regex && regex::Regex::new(&key[1..key.len() - 1]).is_err() {
        let message = format!("the integration response key `{key}` is no regular expression");
        properties.error("IntegrationResponseKey", message, "correct it");
    }
    let integrations = &mut api.definition.integrations;
    let Some(integration) = integrations
        .iter_mut()
        .find(|integration| integration.integration_id.as_str() == integration_id)
    else {
        reading.unless_broken(&integration_id, || {
            let message = format!("Invalid Integration identifier specified {integration_id}");
            properties.error(
                "IntegrationId",
                message,
                "name an integration of the same API",
            );
        });
        return;
    };
    let response_templates = properties.string_map("ResponseTemplates");
    check_templates(&properties, "ResponseTemplates", &response_templates);
    integration.integration_responses.push(IntegrationResponse {
        integration_response_id: declared.id.as_str().into(),
        integration_response_key: key,
        response_templates,
        response_parameters: properties.string_map("ResponseParameters"),
        template_selection_expression: properties.string("TemplateSelectionExpression"),
        content_handling_strategy: None,
    });
}
