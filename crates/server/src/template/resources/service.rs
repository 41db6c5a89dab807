//! `AWS` integrations with a service (data-plane spec 5.4): their URI, and what AWS wants besides.

use std::collections::BTreeMap;

use gatepost_model::arn::{ServiceTarget, ServiceUri};

use crate::template::properties::Properties;

/// Whether a URI is one of API Gateway's forms for another service than Lambda:
/// `arn:aws:apigateway:{region}:{service}:action/{Action}` or `…:path/{path}`.
pub(super) fn is_service(uri: &str) -> bool {
    matches!(
        uri.splitn(6, ':').collect::<Vec<_>>()[..],
        ["arn", _, "apigateway", _, service, _] if service != "lambda"
    )
}

/// Checks the URI of a service.
pub(super) fn check_uri(properties: &Properties<'_>, uri: &str) {
    if uri.contains("${") {
        // A stage variable, known only in its stage.
        return;
    }
    match ServiceUri::parse(uri) {
        Err(error) => properties.error("IntegrationUri", error.to_string(), ""),
        Ok(ServiceUri {
            service,
            target: ServiceTarget::Action { .. },
            ..
        }) if service == "s3" => {
            let message = "s3 has no actions";
            properties.error(
                "IntegrationUri",
                message,
                "name a path: s3:path/{bucket}/{key}",
            );
        }
        Ok(_) => {}
    }
}

/// Warns of what works here and not on AWS, or nowhere.
pub(super) fn warn_of_missing(
    properties: &Properties<'_>,
    request_templates: &BTreeMap<String, String>,
    request_parameters: &BTreeMap<String, String>,
) {
    if properties.node("CredentialsArn").is_none() {
        let message = "AWS calls a service as a role only, and there is no CredentialsArn";
        properties.warn("IntegrationUri", message, "add !GetAtt Role.Arn");
    }
    let is_form = |template: &String| template.trim_start().starts_with("Action=");
    let has_content_type = request_parameters
        .keys()
        .any(|key| key.eq_ignore_ascii_case("integration.request.header.content-type"));
    if !has_content_type && request_templates.values().any(is_form) {
        let message = "the service does not read this form, since it is sent as application/json";
        let mend = "map integration.request.header.Content-Type: \
                    \"'application/x-www-form-urlencoded'\"";
        properties.warn_on_aws_too("RequestTemplates", message, mend);
    }
}
