//! `GetStages`, `GetStage`.

use gatepost_model::{
    DeploymentId,
    api::Api,
    stage::{LoggingLevel, RouteSettings, Stage},
};
use serde_json::{Map, Value, json};

use super::{
    json::{present, timestamp},
    rescue::ControlPlaneError,
};

pub(super) fn find<'a>(api: &'a Api, stage_name: &str) -> Result<&'a Stage, ControlPlaneError> {
    api.stages
        .iter()
        .find(|stage| id(stage) == stage_name)
        .ok_or(ControlPlaneError::NotFoundUnnamed("stage"))
}

pub(super) fn id(stage: &Stage) -> &str {
    stage.stage_name.as_str()
}

pub(super) fn body(stage: &Stage) -> Value {
    let mut default_route_settings = stage.default_route_settings.clone();
    // AWS shows the default of the stage, but leaves out what a route does not set.
    default_route_settings
        .logging_level
        .get_or_insert(LoggingLevel::Off);
    let route_settings: Map<String, Value> = stage
        .route_settings
        .iter()
        .map(|(route_key, settings)| (route_key.clone(), route_settings_body(settings)))
        .collect();
    let access_log_settings = stage.access_log_settings.as_ref();
    present(json!({
        "accessLogSettings": access_log_settings.map(|settings| json!({
            "destinationArn": settings.destination_arn,
            "format": settings.format,
        })),
        "autoDeploy": stage.auto_deploy,
        "clientCertificateId": stage.client_certificate_id,
        "createdDate": timestamp(stage.created_at_ms),
        "defaultRouteSettings": route_settings_body(&default_route_settings),
        "deploymentId": stage.deployment_id.as_ref().map(DeploymentId::as_str),
        "description": stage.description,
        "lastDeploymentStatusMessage": stage.last_deployment_status_message,
        "lastUpdatedDate": timestamp(stage.last_updated_at_ms),
        "routeSettings": route_settings,
        "stageName": stage.stage_name.as_str(),
        "stageVariables": stage.stage_variables,
        "tags": stage.tags,
    }))
}

fn route_settings_body(settings: &RouteSettings) -> Value {
    present(json!({
        "dataTraceEnabled": settings.data_trace_enabled,
        "detailedMetricsEnabled": settings.detailed_metrics_enabled,
        "loggingLevel": settings.logging_level.map(|level| match level {
            LoggingLevel::Off => "OFF",
            LoggingLevel::Error => "ERROR",
            LoggingLevel::Info => "INFO",
        }),
        "throttlingBurstLimit": settings.throttling.burst_limit,
        "throttlingRateLimit": settings.throttling.rate_limit,
    }))
}
