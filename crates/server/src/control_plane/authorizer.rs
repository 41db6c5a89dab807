//! `GetAuthorizers`, `GetAuthorizer`.

use gatepost_model::{api::Api, authorizer::Authorizer};
use serde_json::{Value, json};

use super::{json::present, rescue::ControlPlaneError};

pub(super) fn find<'a>(
    api: &'a Api,
    authorizer_id: &str,
) -> Result<&'a Authorizer, ControlPlaneError> {
    api.definition
        .authorizers
        .iter()
        .find(|authorizer| id(authorizer) == authorizer_id)
        .ok_or_else(not_found)
}

pub(super) fn not_found() -> ControlPlaneError {
    ControlPlaneError::NotFoundUnnamed("Authorizer")
}

pub(super) fn id(authorizer: &Authorizer) -> &str {
    authorizer.authorizer_id.as_str()
}

pub(super) fn body(authorizer: &Authorizer) -> Value {
    let identity_source = &authorizer.identity_source;
    present(json!({
        "authorizerCredentialsArn": authorizer.credentials_arn,
        "authorizerId": authorizer.authorizer_id.as_str(),
        "authorizerType": "REQUEST",
        "authorizerUri": authorizer.authorizer_uri,
        "identitySource": (!identity_source.is_empty()).then_some(identity_source),
        "identityValidationExpression": authorizer.identity_validation_expression,
        "name": authorizer.name,
    }))
}
