//! `CreateStage`, `UpdateStage`, `DeleteStage`, `DeleteRouteSettings`, `DeleteAccessLogSettings`.

use std::collections::BTreeMap;

use gatepost_gateway::{clock::now_ms, gateway::Gateway};
use gatepost_model::{
    api::Api,
    limits::{
        RESOURCES_OF_A_KIND, STAGE_NAME_LENGTH, STAGE_VARIABLE_NAME_LENGTH,
        STAGE_VARIABLE_VALUE_LENGTH, STAGE_VARIABLES, STAGES,
    },
    stage::{
        AccessLogSettings, LoggingLevel, RouteSettings, Stage, is_stage_name,
        is_stage_variable_name, is_stage_variable_value,
    },
};
use gatepost_wire::access_log::{AccessLogFormat, log_group_of_arn};
use serde_json::Value;

use super::{
    deployment,
    patch::{merge, unless_empty},
    quota,
    rescue::{ControlPlaneError, bad_request},
    stage,
};
use crate::shapes::apigatewayv2::{
    self as shapes, CreateStageRequest, DeleteAccessLogSettingsRequest, DeleteRouteSettingsRequest,
    DeleteStageRequest, UpdateStageRequest,
};

type Result<T> = std::result::Result<T, ControlPlaneError>;

/// What a request says of a stage; what it leaves out stays.
#[derive(Default)]
struct StageChanges {
    deployment_id: Option<String>,
    auto_deploy: Option<bool>,
    description: Option<String>,
    stage_variables: Option<BTreeMap<String, String>>,
    default_route_settings: Option<shapes::RouteSettings>,
    route_settings: Option<BTreeMap<String, shapes::RouteSettings>>,
    access_log_settings: Option<shapes::AccessLogSettings>,
    client_certificate_id: Option<String>,
}

pub(super) fn create(gateway: &Gateway, request: CreateStageRequest) -> Result<Value> {
    let name = request.stage_name;
    if !is_stage_name(&name) {
        return Err(bad_request(format!(
            "Invalid stage name {name}: use 1 to {STAGE_NAME_LENGTH} letters, digits, - and _"
        )));
    }
    let now_ms = now_ms();
    let new = Stage {
        stage_name: name.as_str().into(),
        deployment_id: None,
        auto_deploy: false,
        last_deployment_status_message: None,
        description: None,
        stage_variables: BTreeMap::new(),
        default_route_settings: RouteSettings::default(),
        route_settings: BTreeMap::new(),
        access_log_settings: None,
        client_certificate_id: None,
        tags: quota::tags(request.tags)?,
        created_at_ms: now_ms,
        last_updated_at_ms: now_ms,
    };
    let changes = StageChanges {
        deployment_id: request.deployment_id.and_then(unless_empty),
        auto_deploy: request.auto_deploy,
        description: request.description,
        stage_variables: request.stage_variables,
        default_route_settings: request.default_route_settings,
        route_settings: request.route_settings,
        access_log_settings: request.access_log_settings,
        client_certificate_id: request.client_certificate_id,
    };
    let (api, ()) = gateway.change_api(&request.api_id, |api| {
        if stage::find(api, &name).is_ok() {
            return Err(ControlPlaneError::Conflict(format!(
                "Stage with name {name} already exists for this API"
            )));
        }
        if api.stages.len() >= STAGES {
            return Err(bad_request(format!(
                "Maximum number of Stages for this API has been reached: there are {STAGES}"
            )));
        }
        let mut new = new;
        changes.make(&mut new, api)?;
        api.stages.push(new);
        Ok(())
    })?;
    stage::find(&api, &name).map(stage::body)
}

pub(super) fn update(gateway: &Gateway, request: UpdateStageRequest) -> Result<Value> {
    let name = request.stage_name;
    let changes = StageChanges {
        deployment_id: request.deployment_id.and_then(unless_empty),
        auto_deploy: request.auto_deploy,
        description: request.description,
        stage_variables: request.stage_variables,
        default_route_settings: request.default_route_settings,
        route_settings: request.route_settings,
        access_log_settings: request.access_log_settings,
        client_certificate_id: request.client_certificate_id,
    };
    change(gateway, &request.api_id, &name, |stage, api| {
        changes.make(stage, api)
    })
}

/// Changes a stage, and shows it.
fn change(
    gateway: &Gateway,
    api_id: &str,
    name: &str,
    change: impl FnOnce(&mut Stage, &Api) -> Result<()>,
) -> Result<Value> {
    let (api, ()) = gateway.change_api(api_id, |api| {
        let mut changed = find(api, name)?.clone();
        change(&mut changed, api)?;
        let stage = find(api, name)?;
        if *stage != changed {
            changed.last_updated_at_ms = now_ms();
            *stage = changed;
        }
        Ok::<_, ControlPlaneError>(())
    })?;
    stage::find(&api, name).map(stage::body)
}

pub(super) fn delete(gateway: &Gateway, request: &DeleteStageRequest) -> Result<Value> {
    gateway.change_api(&request.api_id, |api| {
        let name = find(api, &request.stage_name)?.stage_name.clone();
        api.stages.retain(|stage| stage.stage_name != name);
        Ok::<_, ControlPlaneError>(())
    })?;
    Ok(Value::Null)
}

pub(super) fn delete_route_settings(
    gateway: &Gateway,
    request: &DeleteRouteSettingsRequest,
) -> Result<Value> {
    let key = request.route_key.as_str();
    let DeleteRouteSettingsRequest {
        api_id, stage_name, ..
    } = request;
    change(gateway, api_id, stage_name, |stage, _| {
        match stage.route_settings.remove(key) {
            Some(_) => Ok(()),
            None => Err(ControlPlaneError::NotFound {
                resource: "Route",
                id: key.to_owned(),
            }),
        }
    })?;
    Ok(Value::Null)
}

pub(super) fn delete_access_log_settings(
    gateway: &Gateway,
    request: &DeleteAccessLogSettingsRequest,
) -> Result<Value> {
    change(gateway, &request.api_id, &request.stage_name, |stage, _| {
        stage.access_log_settings = None;
        Ok(())
    })?;
    Ok(Value::Null)
}

/// The stage, to be changed.
pub(super) fn find<'a>(api: &'a mut Api, name: &str) -> Result<&'a mut Stage> {
    let mut stages = api.stages.iter_mut();
    stages
        .find(|stage| stage.stage_name.as_str() == name)
        .ok_or(ControlPlaneError::NotFoundUnnamed("stage"))
}

impl StageChanges {
    fn make(self, stage: &mut Stage, api: &Api) -> Result<()> {
        stage.auto_deploy = self.auto_deploy.unwrap_or(stage.auto_deploy);
        if let Some(id) = self.deployment_id {
            if stage.auto_deploy {
                return Err(bad_request(
                    "DeploymentId cannot be set for a stage whose AutoDeploy is true.",
                ));
            }
            let deployment = deployment::find(api, &id)?;
            stage.deployment_id = Some(deployment.deployment_id.clone());
        }
        if let Some(description) = self.description {
            stage.description = unless_empty(description);
        }
        if let Some(variables) = self.stage_variables {
            merge(&mut stage.stage_variables, variables);
            check_variables(&stage.stage_variables)?;
        }
        if let Some(settings) = self.default_route_settings {
            set(&mut stage.default_route_settings, &settings)?;
        }
        let settings_before = stage.route_settings.len();
        for (key, settings) in self.route_settings.unwrap_or_default() {
            let mut routes = api.definition.routes.iter();
            if !routes.any(|route| route.route_key.as_str() == key) {
                return Err(bad_request(format!(
                    "Unable to find Route by key {key} within the provided RouteSettings"
                )));
            }
            set(stage.route_settings.entry(key).or_default(), &settings)?;
        }
        // Those of routes that are gone stay until they are deleted.
        if stage.route_settings.len() > RESOURCES_OF_A_KIND.max(settings_before) {
            return Err(bad_request(format!(
                "Maximum number of RouteSettings for this stage has been reached: there may be \
                 {RESOURCES_OF_A_KIND}; delete those of routes that are gone"
            )));
        }
        if let Some(settings) = self.access_log_settings {
            stage.access_log_settings = access_log_settings(settings)?;
        }
        if let Some(id) = self.client_certificate_id {
            stage.client_certificate_id = unless_empty(id);
        }
        Ok(())
    }
}

fn check_variables(variables: &BTreeMap<String, String>) -> Result<()> {
    if variables.len() > STAGE_VARIABLES {
        return Err(bad_request(format!(
            "A stage may have {STAGE_VARIABLES} stage variables, not {}.",
            variables.len()
        )));
    }
    for (name, value) in variables {
        if !is_stage_variable_name(name) {
            return Err(bad_request(format!(
                "Invalid stage variable name {name}: use at most {STAGE_VARIABLE_NAME_LENGTH} \
                 letters, digits and _"
            )));
        }
        if !is_stage_variable_value(value) {
            return Err(bad_request(format!(
                "Invalid value of the stage variable {name}: use at most \
                 {STAGE_VARIABLE_VALUE_LENGTH} letters, digits and -._~:/?#&=,"
            )));
        }
    }
    Ok(())
}

/// A level that AWS does not know counts as `OFF` there, as captured.
fn logging_level(text: &str) -> LoggingLevel {
    match text {
        "INFO" => LoggingLevel::Info,
        "ERROR" => LoggingLevel::Error,
        _ => LoggingLevel::Off,
    }
}

fn set(settings: &mut RouteSettings, changes: &shapes::RouteSettings) -> Result<()> {
    let invalid = |name, mend| Err(bad_request(format!("Invalid {name}: {mend}")));
    if let Some(level) = &changes.logging_level {
        settings.logging_level = Some(logging_level(level));
    }
    if let Some(is_enabled) = changes.data_trace_enabled {
        settings.data_trace_enabled = is_enabled;
    }
    if let Some(is_enabled) = changes.detailed_metrics_enabled {
        settings.detailed_metrics_enabled = is_enabled;
    }
    if let Some(burst) = changes.throttling_burst_limit {
        let Ok(burst) = u32::try_from(burst) else {
            return invalid("throttlingBurstLimit", "it must be 0 or more");
        };
        settings.throttling.burst_limit = Some(burst);
    }
    if let Some(rate) = changes.throttling_rate_limit {
        if !rate.is_finite() || rate < 0.0 {
            return invalid("throttlingRateLimit", "it must be 0 or more");
        }
        settings.throttling.rate_limit = Some(rate);
    }
    Ok(())
}

/// `None` for empty ones: so Terraform takes them away.
fn access_log_settings(settings: shapes::AccessLogSettings) -> Result<Option<AccessLogSettings>> {
    let format = settings.format.and_then(unless_empty);
    let destination_arn = settings.destination_arn.and_then(unless_empty);
    let (destination_arn, format) = match (destination_arn, format) {
        (Some(destination_arn), Some(format)) => (destination_arn, format),
        (None, None) => return Ok(None),
        _ => {
            return Err(bad_request(
                "Access Log value missing. Expected destinationArn and format.",
            ));
        }
    };
    log_group_of_arn(&destination_arn).map_err(|error| bad_request(error.to_string()))?;
    AccessLogFormat::parse(&format).map_err(|error| bad_request(error.to_string()))?;
    Ok(Some(AccessLogSettings {
        destination_arn,
        format,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control_plane::tests::chat::chat;

    #[test]
    fn a_stage_has_settings_of_a_thousand_routes_at_most() {
        let api = chat();
        let set_send = |settings_of_gone_routes: usize| {
            let mut stage = api.stages[0].clone();
            let gone = (0..settings_of_gone_routes).map(|number| format!("gone{number}"));
            stage.route_settings = gone.map(|key| (key, RouteSettings::default())).collect();
            let settings = BTreeMap::from([("send".to_owned(), shapes::RouteSettings::default())]);
            let changes = StageChanges {
                route_settings: Some(settings),
                ..StageChanges::default()
            };
            let made = changes.make(&mut stage, &api);
            made.map(|()| stage.route_settings.len())
        };
        assert_eq!(set_send(999), Ok(1000));
        assert_eq!(
            set_send(1000).unwrap_err().to_string(),
            "Maximum number of RouteSettings for this stage has been reached: there may be 1000; \
             delete those of routes that are gone"
        );
    }
}
