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
    api::{Api, ApiDefinition, ApiKeySource},
    limits::Limits,
    route::{Route, RouteKey},
    stage::Stage,
    throttle::TokenBucket,
};
use gatepost_wire::expression::selection::SelectionExpression;

use self::surroundings::Surroundings;
use super::{DeployedRoute, DeployedStage};
use crate::{gateway::GatewayConfig, observe::metrics::CONNECTIONS_ROUTE, pipeline::throttle};

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
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
        }
    }
}

impl DeployedStage {
    /// Compiles what `stage` of `api` serves within `limits`, in place of what it served `before`.
    ///
    /// # Errors
    /// Everything that cannot work or is not built yet, at once.
    pub fn compile(
        api: &Api,
        stage: &Stage,
        definition: &ApiDefinition,
        before: Option<&Self>,
        config: &GatewayConfig,
        limits: &Limits,
    ) -> Result<Self, Vec<CompileError>> {
        let mut errors = Vec::new();
        let surroundings =
            Surroundings::new(api, stage, config, limits).map_err(|error| vec![error])?;
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
        let api_key_source = compile_api_key_source(definition).unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        match selection {
            Some(route_selection_expression) if errors.is_empty() => Ok(Self {
                api_id: api.api_id.clone(),
                stage_name: stage.stage_name.clone(),
                stage_variables: Arc::new(stage.stage_variables.clone()),
                route_selection_expression,
                api_key_source,
                disable_execute_api_endpoint: definition.disable_execute_api_endpoint,
                log_settings: surroundings.log_settings(None),
                unrouted_series: surroundings.series(None),
                connections_series: surroundings.series(Some(CONNECTIONS_ROUTE)),
                connect,
                disconnect,
                default,
                custom,
            }),
            _ => Err(errors),
        }
    }
}

/// Where the API key stands, if a route requires one.
fn compile_api_key_source(
    definition: &ApiDefinition,
) -> Result<Option<ApiKeySource>, CompileError> {
    let expression = &definition.api_key_selection_expression;
    let source = ApiKeySource::parse(expression).ok_or_else(|| {
        let what = format!(
            "`{expression}` is neither $request.header.x-api-key nor \
             $context.authorizer.usageIdentifierKey"
        );
        CompileError::new("apiKeySelectionExpression", what)
    })?;
    let is_needed = definition.routes.iter().any(|route| route.api_key_required);
    Ok(is_needed.then_some(source))
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
    let series = surroundings.series(Some(route.route_key.as_str()));
    let authorization =
        authorization::compile_authorization(route, definition, surroundings, &place)?;
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
                &series,
                &place,
            )?))
        }
    };
    Ok(DeployedRoute {
        route_key: route.route_key.clone(),
        two_way: route.is_two_way(),
        throttle: None,
        api_key_required: route.api_key_required,
        authorization,
        required_parameters: identity_source::identity_sources(
            required.map(|(name, _)| name),
            &place,
        )?,
        request_validation: request_validation::compile_request_validation(
            route, api, definition, &place,
        )?,
        integration,
        log_settings: surroundings.log_settings(Some(&route.route_key)),
        series,
    })
}
