//! Authorizers: REQUEST ones alone, without what HTTP APIs have.

use gatepost_model::authorizer::Authorizer;

use super::{Inadmissible, is_below};

/// `authorizerType`.
pub(crate) fn authorizer_type(authorizer_type: &str) -> Result<(), Inadmissible> {
    if authorizer_type == "REQUEST" {
        return Ok(());
    }
    Err(Inadmissible::of_aws(
        "Invalid authorizer type. Only REQUEST authorizer type is supported on WEBSOCKET protocol \
         Apis.",
        "use `AuthorizerType: REQUEST`",
    ))
}

/// For a member that HTTP APIs alone have, named as in templates.
pub(crate) fn not_for_web_socket_apis(member: &str) -> Inadmissible {
    Inadmissible::of_aws(
        format!("{member} cannot be set for WEBSOCKET protocol Apis."),
        "remove it",
    )
}

/// `name`, which no other authorizer of the API may have.
pub(crate) fn unique_name<'a>(
    name: &str,
    others: impl IntoIterator<Item = &'a Authorizer>,
) -> Result<(), Inadmissible> {
    if name.is_empty() {
        return Err(Inadmissible::of_ours(
            "the authorizer has no name",
            "give it one",
        ));
    }
    if others.into_iter().all(|other| other.name != name) {
        return Ok(());
    }
    Err(Inadmissible::of_aws(
        format!(
            "Authorizer name must be unique. Authorizer {name} already exists in this RestApi."
        ),
        "rename one of them",
    ))
}

/// For an authorizer without a URI.
pub(crate) fn uri_is_missing() -> Inadmissible {
    Inadmissible::of_ours(
        "a REQUEST authorizer needs the property AuthorizerUri",
        "add it",
    )
}

/// One of `identitySource`.
pub(crate) fn identity_source(source: &str) -> Result<(), Inadmissible> {
    const PREFIXES: [&str; 4] = [
        "route.request.querystring.",
        "route.request.header.",
        "stageVariables.",
        "context.",
    ];
    if PREFIXES.iter().any(|prefix| is_below(source, prefix)) {
        return Ok(());
    }
    Err(Inadmissible::of_aws(
        format!(
            "Invalid request identity source expression: {source}. The sources must be separated \
             by comma, and each source must be either a request parameter, matching \
             'route.request.querystring|header.[a-zA-Z0-9._-]+', or a stage variable, matching \
             'stageVariables.[a-zA-Z0-9._-]+', or a context parameter, matching \
             'context.[a-zA-Z0-9._-]+'"
        ),
        "",
    ))
}

/// `authorizerCredentialsArn`.
pub(crate) fn credentials_arn(arn: &str) -> Result<(), Inadmissible> {
    if arn.starts_with("arn:") && arn.contains(":iam:") {
        return Ok(());
    }
    Err(Inadmissible::of_aws(
        "Invalid role ARN",
        "use !GetAtt Role.Arn",
    ))
}

/// `identityValidationExpression`: stored, never applied (data-plane spec 9.2); still refused when it
/// is none.
pub(crate) fn validation_expression(expression: &str) -> Result<(), Inadmissible> {
    if expression.is_empty() {
        Err(Inadmissible::of_aws(
            "IdentityValidationExpression must not be empty.",
            "remove it",
        ))
    } else if regex::Regex::new(expression).is_err() {
        Err(Inadmissible::of_aws(
            format!("Invalid validation expression: {expression}"),
            "correct it",
        ))
    } else {
        Ok(())
    }
}
