//! A route: a route key, how it is authorized and validated, the integration it targets, and
//! whether it answers the client.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{AuthorizerId, IntegrationId, RouteId, RouteResponseId};

/// `Route`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// `routeId`.
    pub route_id: RouteId,
    /// `routeKey`.
    pub route_key: RouteKey,
    /// `authorizationType` with its authorizer; effective on `$connect` only.
    pub authorization: RouteAuthorization,
    /// `apiKeyRequired`.
    pub api_key_required: bool,
    /// `target`, without its `integrations/` prefix.
    pub target: Option<IntegrationId>,
    /// `modelSelectionExpression`.
    pub model_selection_expression: Option<String>,
    /// `requestModels`: selection key to model name.
    pub request_models: BTreeMap<String, String>,
    /// `requestParameters`: source to `required`.
    pub request_parameters: BTreeMap<String, bool>,
    /// `routeResponseSelectionExpression`.
    pub route_response_selection_expression: Option<String>,
    /// Its route responses.
    pub route_responses: Vec<RouteResponse>,
    /// `operationName`.
    pub operation_name: Option<String>,
}

impl Route {
    /// Whether the integration's answer goes back to the client: both the selection expression and
    /// the `$default` route response are needed (data-plane spec 5.10).
    pub fn is_two_way(&self) -> bool {
        self.route_response_selection_expression.as_deref() == Some("$default")
            && self
                .route_responses
                .iter()
                .any(|response| response.route_response_key == "$default")
    }
}

/// `RouteResponse`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteResponse {
    /// `routeResponseId`.
    pub route_response_id: RouteResponseId,
    /// `routeResponseKey`; AWS supports `$default` only.
    pub route_response_key: String,
    /// `modelSelectionExpression`; stored, without effect on AWS.
    pub model_selection_expression: Option<String>,
    /// `responseModels`; stored, without effect on AWS.
    pub response_models: BTreeMap<String, String>,
    /// `responseParameters`: name to `required`; stored, without effect, since frames have no
    /// headers.
    pub response_parameters: BTreeMap<String, bool>,
}

/// `authorizationType` of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RouteAuthorization {
    /// `NONE`.
    None,
    /// `AWS_IAM`: the handshake must be signed.
    AwsIam,
    /// `CUSTOM`: a Lambda authorizer decides.
    Custom(AuthorizerId),
}

/// `routeKey`: one of the three reserved keys or a custom one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum RouteKey {
    /// `$connect`, run before the handshake is answered.
    Connect,
    /// `$disconnect`, run after the connection ended.
    Disconnect,
    /// `$default`, run when no other route matches.
    Default,
    /// Any other key, matched exactly.
    Custom(Arc<str>),
}

impl RouteKey {
    /// Parses a key. Custom keys must not begin with `$`.
    ///
    /// # Errors
    /// [`InvalidRouteKey`] for an empty key or an unknown reserved one.
    pub fn parse(key: &str) -> Result<Self, InvalidRouteKey> {
        match key {
            "$connect" => Ok(Self::Connect),
            "$disconnect" => Ok(Self::Disconnect),
            "$default" => Ok(Self::Default),
            custom if custom.is_empty() || custom.starts_with('$') => {
                Err(InvalidRouteKey(custom.into()))
            }
            custom => Ok(Self::Custom(custom.into())),
        }
    }

    /// The key as it stands on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Connect => "$connect",
            Self::Disconnect => "$disconnect",
            Self::Default => "$default",
            Self::Custom(key) => key,
        }
    }
}

impl From<RouteKey> for String {
    fn from(key: RouteKey) -> Self {
        key.as_str().to_owned()
    }
}

impl TryFrom<String> for RouteKey {
    type Error = InvalidRouteKey;

    fn try_from(key: String) -> Result<Self, InvalidRouteKey> {
        Self::parse(&key)
    }
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A route key that AWS refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("route key `{0}` is neither $connect, $disconnect, $default nor a key without leading `$`")]
pub struct InvalidRouteKey(pub String);
