//! An API: its definition (what is deployed), its deployments and its stages.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    ApiId, AuthorizerId, IntegrationId, authorizer::Authorizer, deployment::Deployment,
    integration::Integration, model::Model, route::Route, stage::Stage,
};

/// `ApiKeySelectionExpression` of an API that sets none.
pub const DEFAULT_API_KEY_SELECTION_EXPRESSION: &str = "$request.header.x-api-key";

/// Where `apiKeySelectionExpression` finds the API key of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeySource {
    /// `$request.header.x-api-key`.
    Header,
    /// `$context.authorizer.usageIdentifierKey`.
    UsageIdentifierKey,
}

impl ApiKeySource {
    /// The source that an expression names; AWS knows these two only.
    pub fn parse(expression: &str) -> Option<Self> {
        let path = match expression.strip_prefix('$')? {
            braced if braced.starts_with('{') => braced.strip_prefix('{')?.strip_suffix('}')?,
            bare => bare,
        };
        match path {
            "request.header.x-api-key" => Some(Self::Header),
            "context.authorizer.usageIdentifierKey" => Some(Self::UsageIdentifierKey),
            _ => None,
        }
    }
}

/// `ipAddressType`: shown only, since addresses are those of the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpAddressType {
    /// `ipv4`.
    #[default]
    Ipv4,
    /// `dualstack`.
    Dualstack,
}

impl IpAddressType {
    /// The type as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Dualstack => "dualstack",
        }
    }
}

/// A WebSocket API (`protocolType` `WEBSOCKET`).
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    /// `apiId`.
    pub api_id: ApiId,
    /// `name`.
    pub name: String,
    /// `description`.
    pub description: Option<String>,
    /// `version`, a label that nothing interprets.
    pub version: Option<String>,
    /// `ipAddressType`.
    pub ip_address_type: IpAddressType,
    /// `tags`.
    pub tags: BTreeMap<String, String>,
    /// `createdDate`, milliseconds since the epoch.
    pub created_at_ms: u64,
    /// The current, perhaps undeployed, definition.
    pub definition: Arc<ApiDefinition>,
    /// Its immutable snapshots.
    pub deployments: Vec<Deployment>,
    /// Its stages, each pointing to one deployment.
    pub stages: Vec<Stage>,
}

impl Api {
    /// The definition that a stage serves: that of its deployment. `None` when nothing is deployed.
    pub fn deployed_to(&self, stage: &Stage) -> Option<&Arc<ApiDefinition>> {
        let deployment_id = stage.deployment_id.as_ref()?;
        self.deployments
            .iter()
            .find(|deployment| deployment.deployment_id == *deployment_id)
            .map(|deployment| &deployment.definition)
    }
}

/// What a deployment freezes: routes, integrations, authorizers, models and the expressions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiDefinition {
    /// `routeSelectionExpression`, e.g. `$request.body.action`.
    pub route_selection_expression: String,
    /// `apiKeySelectionExpression`.
    pub api_key_selection_expression: String,
    /// `disableExecuteApiEndpoint`: only custom domains serve the API.
    pub disable_execute_api_endpoint: bool,
    /// `disableSchemaValidation`.
    pub disable_schema_validation: bool,
    /// The routes, in the order they were made.
    pub routes: Vec<Route>,
    /// The integrations that routes target.
    pub integrations: Vec<Integration>,
    /// The authorizers that `$connect` may use.
    pub authorizers: Vec<Authorizer>,
    /// The models that routes validate messages with.
    pub models: Vec<Model>,
}

impl ApiDefinition {
    /// The integration with this id.
    pub fn integration(&self, id: &IntegrationId) -> Option<&Integration> {
        self.integrations
            .iter()
            .find(|integration| integration.integration_id == *id)
    }

    /// The authorizer with this id.
    pub fn authorizer(&self, id: &AuthorizerId) -> Option<&Authorizer> {
        self.authorizers
            .iter()
            .find(|authorizer| authorizer.authorizer_id == *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_key_comes_from_one_of_two_places() {
        use ApiKeySource::{Header, UsageIdentifierKey};
        for (expression, expected) in [
            (DEFAULT_API_KEY_SELECTION_EXPRESSION, Some(Header)),
            ("${request.header.x-api-key}", Some(Header)),
            (
                "$context.authorizer.usageIdentifierKey",
                Some(UsageIdentifierKey),
            ),
            ("$request.header.authorization", None),
            ("$request.querystring.key", None),
            ("${request.header.x-api-key", None),
            ("x-api-key", None),
            ("", None),
        ] {
            assert_eq!(ApiKeySource::parse(expression), expected, "{expression}");
        }
    }
}
