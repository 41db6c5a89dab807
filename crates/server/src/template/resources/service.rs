//! `AWS` integrations with a service (data-plane spec 5.4): what AWS wants besides their URI.

use std::collections::BTreeMap;

use crate::template::properties::Properties;

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
