//! A stage: a name under which one deployment is served, with its variables and settings.

use std::collections::BTreeMap;

use crate::{DeploymentId, StageName, throttle::ThrottleSettings};

/// `Stage`.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// `stageName`.
    pub stage_name: StageName,
    /// `deploymentId`; `None` serves nothing.
    pub deployment_id: Option<DeploymentId>,
    /// `autoDeploy`.
    pub auto_deploy: bool,
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
    /// How a route is throttled: as its own settings say, and where they are silent, as the
    /// stage's (data-plane spec 10).
    pub fn throttling_of(&self, route_key: &str) -> ThrottleSettings {
        let own = self.route_settings.get(route_key);
        own.map_or_else(ThrottleSettings::default, |own| own.throttling)
            .or(self.default_route_settings.throttling)
    }
}

/// `RouteSettings`: logging and throttling of a stage or of one of its routes.
#[derive(Debug, Clone, Default, PartialEq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoggingLevel {
    /// No execution logs.
    Off,
    /// Only error entries.
    Error,
    /// Everything.
    Info,
}

/// `AccessLogSettings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLogSettings {
    /// `destinationArn`.
    pub destination_arn: String,
    /// `format`.
    pub format: String,
}
