//! Routes and route responses.

use gatepost_gateway::deployed::RequestValidation;
use gatepost_model::{
    AuthorizerId, IntegrationId,
    api::ApiDefinition,
    route::{Route, RouteAuthorization, RouteKey, RouteResponse},
};

use super::{Inadmissible, is_below};

/// `routeKey`.
pub(crate) fn route_key(key: &str) -> Result<RouteKey, Inadmissible> {
    RouteKey::parse(key).map_err(|error| Inadmissible::of_ours(error.to_string(), "rename it"))
}

/// `routeKey`, which no other route of the API may have.
pub(crate) fn unique_key<'a>(
    key: &RouteKey,
    others: impl IntoIterator<Item = &'a Route>,
) -> Result<(), Inadmissible> {
    if others.into_iter().all(|other| other.route_key != *key) {
        return Ok(());
    }
    Err(Inadmissible::of_aws(
        format!("Route with key {key} already exists for this API"),
        "remove one of them",
    ))
}

/// `authorizationType` with `authorizerId`. An authorizer without the type CUSTOM is not asked, on AWS
/// neither.
pub(crate) fn authorization(
    route_key: &RouteKey,
    authorization_type: &str,
    authorizer_id: Option<&str>,
    definition: &ApiDefinition,
) -> Result<RouteAuthorization, Inadmissible> {
    if authorization_type != "NONE" && *route_key != RouteKey::Connect {
        return Err(Inadmissible::of_aws(
            "Currently, authorization is restricted to the $connect route only",
            "protect the $connect route",
        ));
    }
    match authorization_type {
        "AWS_IAM" => Ok(RouteAuthorization::AwsIam),
        "JWT" => Err(Inadmissible::of_ours(
            "AuthorizationType JWT is not supported on WEBSOCKET protocol Apis",
            "use CUSTOM with a REQUEST authorizer that checks the token",
        )),
        "CUSTOM" => authorizer_id
            .map(AuthorizerId::from)
            .filter(|id| definition.authorizer(id).is_some())
            .map(RouteAuthorization::Custom)
            .ok_or_else(invalid_authorizer),
        _ => Ok(RouteAuthorization::None),
    }
}

fn invalid_authorizer() -> Inadmissible {
    Inadmissible::of_aws(
        "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or \
         COGNITO_USER_POOLS requires a valid authorizer.",
        "name an authorizer of the same API as AuthorizerId",
    )
}

/// For `authorizationScopes`, which tokens of other kinds of authorizers have.
pub(crate) fn no_scopes() -> Inadmissible {
    Inadmissible::of_aws(
        "Invalid Route authorization type specified. Authorization Scopes are only valid for \
         COGNITO_USER_POOLS and JWT authorization types",
        "remove it",
    )
}

/// `target`, `integrations/{integrationId}`.
pub(crate) fn target(target: &str) -> Result<IntegrationId, Inadmissible> {
    let id = target.strip_prefix("integrations/");
    id.filter(|id| !id.is_empty())
        .map(IntegrationId::from)
        .ok_or_else(|| {
            Inadmissible::of_ours(
                format!("the Target `{target}` names no integration"),
                "write integrations/{IntegrationId}",
            )
        })
}

/// `target`, whose integration must be there.
pub(crate) fn integration_of_target(
    id: &IntegrationId,
    definition: &ApiDefinition,
) -> Result<(), Inadmissible> {
    if definition.integration(id).is_some() {
        return Ok(());
    }
    Err(Inadmissible::of_aws(
        format!("Invalid Integration identifier specified {id}"),
        "name an integration of the same API",
    ))
}

/// `requestParameters`, when there are any.
pub(crate) fn may_have_request_parameters(route_key: &RouteKey) -> Result<(), Inadmissible> {
    if *route_key == RouteKey::Connect {
        return Ok(());
    }
    Err(Inadmissible::of_aws(
        "Request parameters are only supported for the $connect route in WebSocket APIs.",
        "move them to the $connect route",
    ))
}

/// A key of `requestParameters`.
pub(crate) fn request_parameter(key: &str) -> Result<(), Inadmissible> {
    let sources = ["route.request.querystring.", "route.request.header."];
    if sources.iter().any(|source| is_below(key, source)) {
        return Ok(());
    }
    Err(Inadmissible::of_aws(
        format!("Invalid mapping expression specified: {key}"),
        "name route.request.header.NAME or route.request.querystring.NAME",
    ))
}

/// `modelSelectionExpression`.
pub(crate) fn model_selection_expression(expression: &str) -> Result<(), Inadmissible> {
    match RequestValidation::parse_expression(expression) {
        Ok(_) => Ok(()),
        Err(error) => Err(Inadmissible::of_ours(error.to_string(), "")),
    }
}

/// A value of `requestModels`: the name of a model of the API. `mend` is what to do when it is none.
pub(crate) fn request_model(
    name: &str,
    definition: &ApiDefinition,
    mend: impl FnOnce() -> String,
) -> Result<(), Inadmissible> {
    if definition.models.iter().any(|model| model.name == name) {
        return Ok(());
    }
    Err(Inadmissible::of_aws(
        format!("Invalid Model identifier specified {name}"),
        mend(),
    ))
}

/// `routeResponseKey`.
pub(crate) fn route_response_key(key: &str) -> Result<(), Inadmissible> {
    if key == "$default" {
        return Ok(());
    }
    Err(Inadmissible::of_ours(
        format!("the route response key `{key}` is not supported"),
        "write $default",
    ))
}

/// `routeResponseKey`, which no other of the route may have.
pub(crate) fn unique_response_key<'a>(
    key: &str,
    others: impl IntoIterator<Item = &'a RouteResponse>,
) -> Result<(), Inadmissible> {
    if others
        .into_iter()
        .all(|other| other.route_response_key != key)
    {
        return Ok(());
    }
    Err(Inadmissible::of_aws(
        format!("RouteResponse with key {key} already exists for this Route"),
        "remove one of them",
    ))
}
