//! What a route asks before it lets a client in.

use gatepost_model::{
    api::ApiDefinition,
    route::{Route, RouteAuthorization, RouteKey},
};

use super::{CompileError, identity_source::identity_sources};
use crate::deployed::{DeployedAuthorizer, WithStageVariables};

/// The authorizer of `route`; an error for what is not built yet, so that it is never left out.
pub(super) fn compile_authorizer(
    route: &Route,
    definition: &ApiDefinition,
    place: &str,
) -> Result<Option<DeployedAuthorizer>, CompileError> {
    match &route.authorization {
        RouteAuthorization::None => Ok(None),
        RouteAuthorization::AwsIam => {
            let what = "authorization type AWS_IAM is not there yet in Gatepost";
            Err(CompileError::new(place, what))
        }
        RouteAuthorization::Custom(_) if route.route_key != RouteKey::Connect => {
            let what = "Currently, authorization is restricted to the $connect route only";
            Err(CompileError::new(place, what))
        }
        RouteAuthorization::Custom(id) => {
            let Some(authorizer) = definition.authorizer(id) else {
                let what = format!("authorizer {id} does not exist");
                return Err(CompileError::new(place, what));
            };
            Ok(Some(DeployedAuthorizer {
                authorizer_id: id.clone(),
                function: WithStageVariables(authorizer.authorizer_uri.clone()),
                identity_source: identity_sources(authorizer.identity_source.iter(), place)?,
            }))
        }
    }
}
