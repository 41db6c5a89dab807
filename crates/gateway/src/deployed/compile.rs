//! From an API's definition to what is served. What is not built yet is refused here once more,
//! so that nothing protected is ever served open, whoever deploys it.

mod authorization;
mod identity_source;
mod integration;
mod logs;
mod request_validation;
mod surroundings;

use std::{collections::HashMap, sync::Arc};

use gatepost_model::{
    api::{Api, ApiDefinition},
    route::{Route, RouteKey},
    stage::{LoggingLevel, Stage},
    throttle::TokenBucket,
};
use gatepost_wire::expression::selection::SelectionExpression;

use self::surroundings::Surroundings;
use super::{DeployedRoute, DeployedStage};
use crate::{integration::outward::Outward, pipeline::throttle};

/// Why an API cannot be deployed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct CompileError {
    /// Which part of the API, e.g. `route $connect`.
    pub place: String,
    /// What is wrong, and the mend.
    pub what: String,
}

impl CompileError {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
        }
    }
}

impl DeployedStage {
    /// Compiles what `stage` of `api` serves, in place of what it served `before`. Where it sets no
    /// `loggingLevel`, `logging_level` is in force.
    ///
    /// # Errors
    /// Everything that cannot work or is not built yet, at once.
    pub fn compile(
        api: &Api,
        stage: &Stage,
        definition: &ApiDefinition,
        before: Option<&Self>,
        outward: &Outward,
        logging_level: LoggingLevel,
    ) -> Result<Self, Vec<CompileError>> {
        let mut errors = Vec::new();
        let surroundings =
            Surroundings::new(api, stage, outward, logging_level).map_err(|error| vec![error])?;
        let selection = SelectionExpression::parse(&definition.route_selection_expression)
            .map_err(|error| {
                errors.push(CompileError::new(
                    "routeSelectionExpression",
                    error.to_string(),
                ));
            })
            .ok();
        let mut connect = None;
        let mut disconnect = None;
        let mut default = None;
        let mut custom = HashMap::new();
        for route in &definition.routes {
            match compile_route(route, api, definition, &surroundings) {
                Err(error) => errors.push(error),
                Ok(mut deployed) => {
                    deployed.throttle = compile_throttle(stage, &route.route_key, before);
                    let deployed = Arc::new(deployed);
                    match &route.route_key {
                        RouteKey::Connect => connect = Some(deployed),
                        RouteKey::Disconnect => disconnect = Some(deployed),
                        RouteKey::Default => default = Some(deployed),
                        RouteKey::Custom(key) => {
                            custom.insert(Box::from(&**key), deployed);
                        }
                    }
                }
            }
        }
        match selection {
            Some(route_selection_expression) if errors.is_empty() => Ok(Self {
                api_id: api.api_id.clone(),
                stage_name: stage.stage_name.clone(),
                stage_variables: Arc::new(stage.stage_variables.clone()),
                route_selection_expression,
                disable_execute_api_endpoint: definition.disable_execute_api_endpoint,
                log_settings: surroundings.log_settings(None),
                connect,
                disconnect,
                default,
                custom,
            }),
            _ => Err(errors),
        }
    }
}

/// The bucket of a route of `stage`.
fn compile_throttle(
    stage: &Stage,
    route_key: &RouteKey,
    before: Option<&DeployedStage>,
) -> Option<Arc<TokenBucket>> {
    if *route_key == RouteKey::Disconnect {
        return None;
    }
    let limit = stage.throttling_of(route_key.as_str()).limit();
    let before = before.and_then(|before| before.route(route_key));
    throttle::route_bucket(limit, before.map(AsRef::as_ref))
}

fn compile_route(
    route: &Route,
    api: &Api,
    definition: &ApiDefinition,
    surroundings: &Surroundings<'_>,
) -> Result<DeployedRoute, CompileError> {
    let place = format!("route {}", route.route_key);
    let not_yet = |what: &str| {
        Err(CompileError::new(
            place.clone(),
            format!("{what} is not there yet in Gatepost"),
        ))
    };
    let authorizer = authorization::compile_authorizer(route, definition, &place)?;
    if route.api_key_required {
        return not_yet("apiKeyRequired");
    }
    let required = route
        .request_parameters
        .iter()
        .filter(|(_, required)| **required);
    let integration = match &route.target {
        None => None,
        Some(id) => {
            let Some(integration) = definition.integration(id) else {
                return Err(CompileError::new(
                    place,
                    format!("integration {id} does not exist"),
                ));
            };
            Some(Arc::new(integration::compile_integration(
                integration,
                surroundings,
                &place,
            )?))
        }
    };
    Ok(DeployedRoute {
        route_key: route.route_key.clone(),
        two_way: route.is_two_way(),
        throttle: None,
        authorizer,
        required_parameters: identity_source::identity_sources(
            required.map(|(name, _)| name),
            &place,
        )?,
        request_validation: request_validation::compile_request_validation(
            route, api, definition, &place,
        )?,
        integration,
        log_settings: surroundings.log_settings(Some(&route.route_key)),
    })
}
