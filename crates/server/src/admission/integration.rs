//! Integrations and integration responses.

use gatepost_gateway::{
    deployed::{ResponseKey, UrlTemplate},
    integration::http_client,
};
use gatepost_model::{
    arn::{FunctionReference, ServiceTarget, ServiceUri, lambda_function_of_uri},
    integration::IntegrationType,
    limits::INTEGRATION_TIMEOUT_MILLIS,
};
use gatepost_wire::{
    expression::{
        ExpressionError, parameter_mapping::ParameterMapping, selection::SelectionExpression,
    },
    template::{Template, TemplateError},
};

use super::Inadmissible;

/// For a member that HTTP APIs alone have, named as in templates.
pub(crate) fn for_http_apis_only(member: &str) -> Inadmissible {
    Inadmissible::of_ours(format!("{member} is for HTTP APIs only"), "remove it")
}

/// Whether a URI is one of API Gateway's forms for another service than Lambda:
/// `arn:aws:apigateway:{region}:{service}:action/{Action}` or `…:path/{path}`.
pub(crate) fn is_service(uri: &str) -> bool {
    matches!(
        uri.splitn(6, ':').collect::<Vec<_>>()[..],
        ["arn", _, "apigateway", _, service, _] if service != "lambda"
    )
}

/// Whether an integration calls a Lambda function.
pub(crate) fn calls_function(integration_type: IntegrationType, uri: Option<&str>) -> bool {
    match integration_type {
        IntegrationType::AwsProxy => true,
        IntegrationType::Aws => !uri.is_some_and(is_service),
        IntegrationType::HttpProxy | IntegrationType::Http | IntegrationType::Mock => false,
    }
}

/// `integrationUri`: what its type needs. The function that it names, if it does.
pub(crate) fn integration_uri(
    integration_type: IntegrationType,
    uri: Option<&str>,
) -> Result<Option<FunctionReference>, Inadmissible> {
    let Some(uri) = uri else {
        if integration_type == IntegrationType::Mock {
            return Ok(None);
        }
        let name = integration_type.as_str();
        let message = format!("an {name} integration needs the property IntegrationUri");
        return Err(Inadmissible::of_ours(message, "add it"));
    };
    match integration_type {
        IntegrationType::Aws if is_service(uri) => service_uri(uri).map(|()| None),
        IntegrationType::AwsProxy | IntegrationType::Aws => function_uri(uri),
        IntegrationType::HttpProxy | IntegrationType::Http => url(uri).map(|()| None),
        IntegrationType::Mock => Ok(None),
    }
}

/// The function of a URI; `None` when a stage variable names it, which is known only when it is
/// called.
pub(crate) fn function_uri(uri: &str) -> Result<Option<FunctionReference>, Inadmissible> {
    let function = lambda_function_of_uri(uri).ok_or_else(|| {
        Inadmissible::of_ours(
            format!("`{uri}` names no Lambda function"),
            "give a Lambda function's invocation URI, \
             arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations",
        )
    })?;
    if function.contains("${") {
        return Ok(None);
    }
    FunctionReference::parse(function)
        .map(Some)
        .map_err(|error| Inadmissible::of_ours(error.to_string(), "write its ARN"))
}

fn service_uri(uri: &str) -> Result<(), Inadmissible> {
    if uri.contains("${") {
        // A stage variable, known only in its stage.
        return Ok(());
    }
    match ServiceUri::parse(uri) {
        Err(error) => Err(Inadmissible::of_ours(error.to_string(), "")),
        Ok(ServiceUri {
            service,
            target: ServiceTarget::Action { .. },
            ..
        }) if service == "s3" => Err(Inadmissible::of_ours(
            "s3 has no actions",
            "name a path: s3:path/{bucket}/{key}",
        )),
        Ok(_) => Ok(()),
    }
}

fn url(uri: &str) -> Result<(), Inadmissible> {
    let begins = ["http://", "https://", "${stageVariables."];
    if !begins.iter().any(|begin| uri.starts_with(begin)) {
        return Err(Inadmissible::of_ours(
            format!("`{uri}` is no HTTP URL"),
            "begin it with http:// or https://",
        ));
    }
    if uri.contains("${") {
        return Ok(());
    }
    match UrlTemplate::parse(uri) {
        Ok(_) => Ok(()),
        Err(error) => Err(Inadmissible::of_ours(
            format!("`{uri}` is no HTTP URL: {}", error.problem),
            "correct it",
        )),
    }
}

/// `integrationMethod`.
pub(crate) fn method(integration_type: IntegrationType, method: &str) -> Result<(), Inadmissible> {
    if integration_type == IntegrationType::AwsProxy && method != "POST" {
        return Err(Inadmissible::of_aws(
            "HttpMethod must be POST for AWS_PROXY IntegrationType",
            "remove IntegrationMethod",
        ));
    }
    if METHODS.contains(&method) {
        return Ok(());
    }
    Err(Inadmissible::of_ours(
        format!("IntegrationMethod is `{method}`"),
        format!("it must be one of {}", METHODS.join(", ")),
    ))
}

/// What `integrationMethod` may be.
pub(crate) const METHODS: [&str; 8] = [
    "ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT",
];

/// `connectionType` `VPC_LINK`, on what it can reach.
pub(crate) fn may_use_vpc_link(integration_type: IntegrationType) -> Result<(), Inadmissible> {
    match integration_type {
        IntegrationType::Http | IntegrationType::HttpProxy => Ok(()),
        other => Err(Inadmissible::of_ours(
            format!("a VPC link reaches HTTP backends, not {}", other.as_str()),
            "use HTTP or HTTP_PROXY",
        )),
    }
}

/// For a `VPC_LINK` integration without `connectionId`.
pub(crate) fn connection_id_is_missing() -> Inadmissible {
    Inadmissible::of_ours(
        "a VPC_LINK integration needs the property ConnectionId",
        "add it",
    )
}

/// `credentialsArn`: a role, the caller (`arn:aws:iam::*:user/*`), or a stage variable.
pub(crate) fn credentials_arn(arn: &str) -> Result<(), Inadmissible> {
    if arn.starts_with("arn:") || arn.starts_with("${stageVariables.") {
        return Ok(());
    }
    Err(Inadmissible::of_aws(
        "Invalid role ARN",
        "write !GetAtt Role.Arn",
    ))
}

/// `timeoutInMillis`.
pub(crate) fn timeout_in_millis(millis: u64) -> Result<(), Inadmissible> {
    if INTEGRATION_TIMEOUT_MILLIS.contains(&millis) {
        return Ok(());
    }
    let (least, most) = INTEGRATION_TIMEOUT_MILLIS.into_inner();
    Err(Inadmissible::of_aws(
        format!("Timeout should be between {least} ms and {most} ms"),
        "",
    ))
}

/// `tlsConfig.serverNameToVerify`.
pub(crate) fn server_name_to_verify(name: &str) -> Result<(), Inadmissible> {
    if http_client::server_name(name).is_some() {
        return Ok(());
    }
    Err(Inadmissible::of_ours(
        format!("`{name}` is no host name"),
        "write one, without a port",
    ))
}

/// `templateSelectionExpression` of an integration or an integration response.
pub(crate) fn template_selection_expression(expression: &str) -> Result<(), Inadmissible> {
    match SelectionExpression::parse(expression) {
        Ok(_) => Ok(()),
        Err(error) => Err(Inadmissible::of_ours(
            format!("TemplateSelectionExpression: {error}"),
            "",
        )),
    }
}

/// One of `requestTemplates` or `responseTemplates`; `Ok` has what is wrong with one that breaks the
/// grammar: AWS takes it, and fails each request that selects it.
pub(crate) fn template(
    key: &str,
    text: &str,
) -> Result<Result<Template, TemplateError>, Inadmissible> {
    match Template::parse(text) {
        Err(error @ TemplateError::TooLong(_)) => Err(Inadmissible::of_ours(
            format!("the mapping template {key}: {error}"),
            "shorten it",
        )),
        parsed => Ok(parsed),
    }
}

/// Which half of an entry of `requestParameters` is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// The key.
    Target,
    /// The value.
    Source,
}

/// The longest source, characters (control-and-observability spec D.3).
const MAX_SOURCE: usize = 512;

/// One of `requestParameters`.
pub(crate) fn request_parameter(
    target: &str,
    source: &str,
) -> Result<ParameterMapping, (Half, Inadmissible)> {
    let length = source.chars().count();
    if length > MAX_SOURCE {
        let message = format!(
            "the source of {target} has {length} characters; at most {MAX_SOURCE} are allowed"
        );
        return Err((Half::Source, Inadmissible::of_ours(message, "")));
    }
    let invalid = |text: &str| format!("Invalid mapping expression specified: {text}");
    ParameterMapping::parse(target, source).map_err(|error| match error {
        ExpressionError::UnknownTarget(target) => (
            Half::Target,
            Inadmissible::of_aws(
                invalid(&target),
                "map to integration.request.header.NAME, .querystring.NAME or .path.NAME",
            ),
        ),
        ExpressionError::ForbiddenHeader(_) => {
            (Half::Target, Inadmissible::of_ours(error.to_string(), ""))
        }
        ExpressionError::UnknownSource(source) => (
            Half::Source,
            Inadmissible::of_aws(
                invalid(&source),
                "map from route.request.*, stageVariables.*, context.* or a 'literal'",
            ),
        ),
        error => (
            Half::Source,
            Inadmissible::of_aws(invalid(&error.to_string()), ""),
        ),
    })
}

/// `integrationResponseKey`.
pub(crate) fn response_key(key: &str) -> Result<ResponseKey, Inadmissible> {
    ResponseKey::parse(key).map_err(|error| Inadmissible::of_ours(error.to_string(), ""))
}

/// `integrationResponseKey`, which no other of the integration may have.
pub(crate) fn unique_response_key<'a>(
    key: &str,
    others: impl IntoIterator<Item = &'a str>,
) -> Result<(), Inadmissible> {
    if others.into_iter().all(|other| other != key) {
        return Ok(());
    }
    Err(Inadmissible::of_aws(
        format!("IntegrationResponse with key {key} already exists for this Integration"),
        "remove one of them",
    ))
}
