//! What a route asks before it lets a client in.

use gatepost_model::{
    api::ApiDefinition,
    route::{Route, RouteAuthorization, RouteKey},
};

use super::{CompileError, identity_source::identity_sources, surroundings::Surroundings};
use crate::{
    deployed::{DeployedAuthorization, DeployedAuthorizer, WithStageVariables},
    integration::bulkhead::Owner,
};

/// The authorization of `route`; one that would not be asked for is an error, so that it is never
/// left out.
pub(super) fn compile_authorization(
    route: &Route,
    definition: &ApiDefinition,
    surroundings: &Surroundings<'_>,
    place: &str,
) -> Result<DeployedAuthorization, CompileError> {
    match &route.authorization {
        RouteAuthorization::None => Ok(DeployedAuthorization::None),
        _ if route.route_key != RouteKey::Connect => {
            let what = "Currently, authorization is restricted to the $connect route only";
            Err(CompileError::new(place, what))
        }
        RouteAuthorization::AwsIam => Ok(DeployedAuthorization::AwsIam),
        RouteAuthorization::Custom(id) => {
            let Some(authorizer) = definition.authorizer(id) else {
                let what = format!("authorizer {id} does not exist");
                return Err(CompileError::new(place, what));
            };
            Ok(DeployedAuthorization::Custom(DeployedAuthorizer {
                authorizer_id: id.clone(),
                function: WithStageVariables(authorizer.authorizer_uri.clone()),
                by_role: authorizer.credentials_arn.is_some(),
                identity_source: identity_sources(authorizer.identity_source.iter(), place)?,
                bulkhead: surroundings.bulkhead(Owner::Authorizer(id.clone())),
            }))
        }
    }
}
