//! A stage: a name under which one deployment is served, with its variables and settings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    DeploymentId, StageName,
    limits::{STAGE_NAME_LENGTH, STAGE_VARIABLE_NAME_LENGTH, STAGE_VARIABLE_VALUE_LENGTH},
    throttle::ThrottleSettings,
};

/// `Stage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// `stageName`.
    pub stage_name: StageName,
    /// `deploymentId`; `None` serves nothing.
    pub deployment_id: Option<DeploymentId>,
    /// `autoDeploy`.
    pub auto_deploy: bool,
    /// `lastDeploymentStatusMessage`: what became of the latest deployment that `autoDeploy` made.
    pub last_deployment_status_message: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `stageVariables`.
    pub stage_variables: BTreeMap<String, String>,
    /// `defaultRouteSettings`.
    pub default_route_settings: RouteSettings,
    /// `routeSettings`, by route key.
    pub route_settings: BTreeMap<String, RouteSettings>,
    /// `accessLogSettings`.
    pub access_log_settings: Option<AccessLogSettings>,
    /// `clientCertificateId`.
    pub client_certificate_id: Option<String>,
    /// `tags`.
    pub tags: BTreeMap<String, String>,
    /// `createdDate`, milliseconds since the epoch.
    pub created_at_ms: u64,
    /// `lastUpdatedDate`, milliseconds since the epoch.
    pub last_updated_at_ms: u64,
}

impl Stage {
    /// Whether both serve the same under the same name: texts about a stage, its tags and its times
    /// change nothing of that.
    pub fn serves_as(&self, other: &Self) -> bool {
        let Self {
            stage_name,
            deployment_id,
            auto_deploy: _,
            last_deployment_status_message: _,
            description: _,
            stage_variables,
            default_route_settings,
            route_settings,
            access_log_settings,
            client_certificate_id,
            tags: _,
            created_at_ms: _,
            last_updated_at_ms: _,
        } = self;
        *stage_name == other.stage_name
            && *deployment_id == other.deployment_id
            && *stage_variables == other.stage_variables
            && *default_route_settings == other.default_route_settings
            && *route_settings == other.route_settings
            && *access_log_settings == other.access_log_settings
            && *client_certificate_id == other.client_certificate_id
    }

    /// How a route is throttled: as its own settings say, and where they are silent, as the
    /// stage's (data-plane spec 10).
    pub fn throttling_of(&self, route_key: &str) -> ThrottleSettings {
        let own = self.route_settings.get(route_key);
        own.map_or_else(ThrottleSettings::default, |own| own.throttling)
            .or(self.default_route_settings.throttling)
    }
}

/// `RouteSettings`: logging and throttling of a stage or of one of its routes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteSettings {
    /// `loggingLevel`; unset is decided by the server (`dev` logs at INFO).
    pub logging_level: Option<LoggingLevel>,
    /// `dataTraceEnabled`.
    pub data_trace_enabled: bool,
    /// `detailedMetricsEnabled`.
    pub detailed_metrics_enabled: bool,
    /// `throttlingRateLimit` and `throttlingBurstLimit`; those of a stage hold for each of its
    /// routes.
    pub throttling: ThrottleSettings,
}

/// `LoggingLevel` of execution logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LoggingLevel {
    /// No execution logs.
    Off,
    /// Only error entries.
    Error,
    /// Everything.
    Info,
}

/// `AccessLogSettings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessLogSettings {
    /// `destinationArn`.
    pub destination_arn: String,
    /// `format`.
    pub format: String,
}

/// `lastDeploymentStatusMessage` of a stage that `autoDeploy` deployed.
pub fn deployed_message(deployment_id: &DeploymentId) -> String {
    format!("Successfully deployed stage with deployment ID '{deployment_id}'")
}

/// Whether text names a stage: `^[A-Za-z0-9_-]{1,128}$`, and `$default`, as SST deploys it.
pub fn is_stage_name(text: &str) -> bool {
    let is_allowed = |c: u8| c.is_ascii_alphanumeric() || b"-_".contains(&c);
    let is_plain = (1..=STAGE_NAME_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed);
    is_plain || text == "$default"
}

/// Whether text names a stage variable.
pub fn is_stage_variable_name(text: &str) -> bool {
    let is_allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    (1..=STAGE_VARIABLE_NAME_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// Whether text may be the value of a stage variable.
pub fn is_stage_variable_value(text: &str) -> bool {
    let is_allowed = |c: u8| c.is_ascii_alphanumeric() || b"-._~:/?#&=,".contains(&c);
    text.len() <= STAGE_VARIABLE_VALUE_LENGTH && text.bytes().all(is_allowed)
}
