//! A deployment as it is served: routes found by key, expressions and templates parsed once, at
//! deployment, never per message.

mod compile;
mod integration;
mod integration_response;
mod request_validation;
mod templates;
mod url_template;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use gatepost_model::{
    ApiId, AuthorizerId, StageName, api::ApiKeySource, route::RouteKey, stage::LoggingLevel,
    stage_settings::StageSettings, throttle::TokenBucket,
};
use gatepost_wire::expression::selection::SelectionExpression;

use crate::{
    integration::bulkhead::Bulkhead,
    observe::{AccessLog, metrics::RouteSeries},
};

pub use compile::CompileError;
pub use integration::{Backend, DeployedIntegration, HttpEndpoint, LambdaFunction, Transformation};
pub use integration_response::{
    DeployedIntegrationResponse, IntegrationResponses, InvalidResponseKey, ResponseKey,
    ResponseSelection,
};
pub use request_validation::{DeployedModel, RequestValidation};
pub use templates::{SelectedTemplate, Templates};
pub use url_template::{InvalidUrl, UrlTemplate};

/// A stage of an API and what it serves now. Live connections hold it, so that they use a new
/// deployment from their next message on.
#[derive(Debug)]
pub struct StageSlot {
    /// The API.
    pub api_id: ApiId,
    /// The stage.
    pub stage_name: StageName,
    /// The log group of its execution logs.
    pub log_group: Arc<str>,
    /// Limits in force and switches beside AWS, as they are now.
    pub settings: ArcSwap<StageSettings>,
    /// What is deployed; `None` once the stage is deleted.
    pub deployed: ArcSwapOption<DeployedStage>,
}

impl StageSlot {
    /// A stage that serves nothing yet.
    pub fn new(api_id: ApiId, stage_name: StageName, settings: Arc<StageSettings>) -> Self {
        Self {
            log_group: format!("/aws/apigateway/{api_id}/{stage_name}").into(),
            api_id,
            stage_name,
            settings: ArcSwap::new(settings),
            deployed: ArcSwapOption::empty(),
        }
    }
}

/// What a stage serves.
#[derive(Debug)]
pub struct DeployedStage {
    /// The API.
    pub api_id: ApiId,
    /// The stage.
    pub stage_name: StageName,
    /// `stageVariables`.
    pub stage_variables: Arc<BTreeMap<String, String>>,
    /// `routeSelectionExpression`.
    pub route_selection_expression: SelectionExpression,
    /// Where a handshake's API key stands; `None` when no route requires one.
    pub api_key_source: Option<ApiKeySource>,
    /// `disableExecuteApiEndpoint`.
    pub disable_execute_api_endpoint: bool,
    /// What is logged where no route is selected.
    pub log_settings: LogSettings,
    /// What is counted where no route is selected.
    pub unrouted_series: Arc<RouteSeries>,
    /// What is counted of posts by `@connections`.
    pub connections_series: Arc<RouteSeries>,
    /// The `$connect` route.
    pub connect: Option<Arc<DeployedRoute>>,
    /// The `$disconnect` route.
    pub disconnect: Option<Arc<DeployedRoute>>,
    /// The `$default` route.
    pub default: Option<Arc<DeployedRoute>>,
    /// The custom routes.
    pub custom: HashMap<Box<str>, Arc<DeployedRoute>>,
}

/// A route as it is served.
#[derive(Debug)]
pub struct DeployedRoute {
    /// `routeKey`.
    pub route_key: RouteKey,
    /// Whether the integration's answer goes to the client.
    pub two_way: bool,
    /// How often it may run, when its stage limits that. `$disconnect` always may: nobody could be
    /// told that it did not.
    pub throttle: Option<Arc<TokenBucket>>,
    /// `apiKeyRequired`; of `$disconnect` it has no effect.
    pub api_key_required: bool,
    /// Who may use it; on `$connect` only.
    pub authorization: DeployedAuthorization,
    /// `requestParameters` that must be there.
    pub required_parameters: Vec<IdentitySource>,
    /// The models that messages are validated with, if they are.
    pub request_validation: Option<RequestValidation>,
    /// The integration; a route without one does nothing.
    pub integration: Option<Arc<DeployedIntegration>>,
    /// What is logged of its requests.
    pub log_settings: LogSettings,
    /// What is counted of its requests.
    pub series: Arc<RouteSeries>,
}

/// What the logs tell of a request.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// `loggingLevel`.
    pub logging_level: LoggingLevel,
    /// `dataTraceEnabled`.
    pub data_trace: bool,
    /// `accessLogSettings`.
    pub access_log: Option<Arc<AccessLog>>,
}

/// `authorizationType` of a route as it is served.
#[derive(Debug)]
pub enum DeployedAuthorization {
    /// `NONE`.
    None,
    /// `AWS_IAM`.
    AwsIam,
    /// `CUSTOM`.
    Custom(DeployedAuthorizer),
}

/// A Lambda REQUEST authorizer as it is served.
#[derive(Debug)]
pub struct DeployedAuthorizer {
    /// `authorizerId`.
    pub authorizer_id: AuthorizerId,
    /// The function.
    pub function: WithStageVariables,
    /// Whether the role of `authorizerCredentialsArn` invokes it; else its own policy must let API
    /// Gateway.
    pub by_role: bool,
    /// What must be present and non-empty.
    pub identity_source: Vec<IdentitySource>,
    /// Lets only so many of its calls through.
    pub bulkhead: Arc<Bulkhead>,
}

/// Where a value of the handshake stands: an identity source, or a request parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// `route.request.header.{name}`, lower case.
    Header(String),
    /// `route.request.querystring.{name}`.
    QueryString(String),
    /// `stageVariables.{name}`.
    StageVariable(String),
    /// `context.{name}`.
    Context(String),
}

impl fmt::Display for IdentitySource {
    /// In AWS's notation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, name) = match self {
            Self::Header(name) => ("route.request.header", name),
            Self::QueryString(name) => ("route.request.querystring", name),
            Self::StageVariable(name) => ("stageVariables", name),
            Self::Context(name) => ("context", name),
        };
        write!(f, "{prefix}.{name}")
    }
}

/// A URI or ARN in which `${stageVariables.name}` may stand.
#[derive(Debug, Clone)]
pub struct WithStageVariables(pub String);

impl WithStageVariables {
    /// The text with the variables' values; unset ones are empty.
    pub fn resolve(&self, variables: &BTreeMap<String, String>) -> String {
        const OPEN: &str = "${stageVariables.";
        let mut resolved = String::with_capacity(self.0.len());
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once(OPEN) {
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            resolved.push_str(before);
            resolved.push_str(variables.get(name).map_or("", String::as_str));
            rest = after;
        }
        resolved.push_str(rest);
        resolved
    }
}

impl DeployedStage {
    /// The route with this key.
    pub fn route(&self, route_key: &RouteKey) -> Option<&Arc<DeployedRoute>> {
        match route_key {
            RouteKey::Connect => self.connect.as_ref(),
            RouteKey::Disconnect => self.disconnect.as_ref(),
            RouteKey::Default => self.default.as_ref(),
            RouteKey::Custom(key) => self.custom.get(&**key),
        }
    }

    /// The route that a message selects: the expression's value, else `$default` (spec 4.3).
    /// A client cannot select `$connect` or `$disconnect`.
    pub fn select_route(&self, body: &str) -> Option<&Arc<DeployedRoute>> {
        gatepost_wire::expression::selection::select_route_key(
            &self.route_selection_expression,
            body,
        )
        .and_then(|key| self.custom.get(key.as_str()))
        .or(self.default.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stage_variables_are_resolved_wherever_they_stand() {
        let variables = BTreeMap::from([("host".to_owned(), "example.com".to_owned())]);
        let resolve = |text: &str| WithStageVariables(text.to_owned()).resolve(&variables);
        assert_eq!(
            resolve("http://${stageVariables.host}/x"),
            "http://example.com/x"
        );
        assert_eq!(
            resolve("${stageVariables.none}a${stageVariables.host}"),
            "aexample.com"
        );
        assert_eq!(
            resolve("http://${stageVariables.host"),
            "http://${stageVariables.host"
        );
    }
}
