//! `AWS::ApiGatewayV2::Stage`.

use std::collections::BTreeMap;

use gatepost_model::{
    DeploymentId,
    deployment::AUTOMATIC_DESCRIPTION,
    limits::{
        STAGE_NAME_LENGTH, STAGE_VARIABLE_NAME_LENGTH, STAGE_VARIABLE_VALUE_LENGTH, STAGE_VARIABLES,
    },
    stage::{
        AccessLogSettings, LoggingLevel, RouteSettings, Stage, deployed_message, is_stage_name,
        is_stage_variable_name, is_stage_variable_value,
    },
    throttle::ThrottleSettings,
};
use gatepost_wire::access_log::{AccessLogFormat, InvalidDestination, log_group_of_arn};

use super::{ApiDraft, Declared, Reading, api::DeploymentDraft, connection, throttle};
use crate::template::{diagnostic::did_you_mean, ids, properties::Properties};

pub(super) fn read(declared: &Declared<'_>, reading: &Reading<'_>, api: &mut ApiDraft) {
    if let Some(stage) = stage(declared, reading, api) {
        api.stages.push(stage);
    }
}

fn stage(declared: &Declared<'_>, reading: &Reading<'_>, api: &mut ApiDraft) -> Option<Stage> {
    let properties = declared.properties(
        &["ApiId", "StageName"],
        &[
            "AccessLogSettings",
            "AccessPolicyId",
            "AutoDeploy",
            "ClientCertificateId",
            "DefaultRouteSettings",
            "DeploymentId",
            "Description",
            "RouteSettings",
            "StageVariables",
            "Tags",
        ],
        reading,
    )?;
    let stage_name = name(&properties, api)?;
    let auto_deploy = properties.boolean("AutoDeploy").unwrap_or(false);
    let deployment_id = deployment(&properties, &stage_name, declared, reading, api);
    Some(Stage {
        last_deployment_status_message: deployment_id
            .as_ref()
            .filter(|_| auto_deploy)
            .map(deployed_message),
        deployment_id,
        stage_name: stage_name.into(),
        auto_deploy,
        description: properties.string("Description"),
        stage_variables: stage_variables(&properties),
        default_route_settings: properties
            .object("DefaultRouteSettings", &[], &ROUTE_SETTINGS)
            .map(|settings| route_settings(&settings))
            .unwrap_or_default(),
        route_settings: settings_by_route(&properties, reading, api),
        access_log_settings: access_log_settings(&properties),
        client_certificate_id: connection::client_certificate_id(&properties, reading),
        tags: properties.string_map("Tags"),
        created_at_ms: reading.now_ms,
        last_updated_at_ms: reading.now_ms,
    })
}

fn name(properties: &Properties<'_>, api: &ApiDraft) -> Option<String> {
    let name = properties.string("StageName")?;
    if !is_stage_name(&name) {
        let mend = format!("use 1 to {STAGE_NAME_LENGTH} letters, digits, - and _");
        properties.error(
            "StageName",
            format!("the stage name `{name}` is not one"),
            mend,
        );
    }
    let mut stages = api.stages.iter();
    if stages.any(|stage| stage.stage_name.as_str() == name) {
        let message = format!("Stage with name {name} already exists for this API");
        properties.error("StageName", message, "rename one of them");
        return None;
    }
    Some(name)
}

/// The deployment that the stage serves: the one it names, the one that names it, or one that
/// `AutoDeploy` makes.
fn deployment(
    properties: &Properties<'_>,
    stage_name: &str,
    declared: &Declared<'_>,
    reading: &Reading<'_>,
    api: &mut ApiDraft,
) -> Option<DeploymentId> {
    if let Some(id) = properties.string("DeploymentId") {
        let mut deployments = api.deployments.iter();
        if !deployments.any(|deployment| deployment.deployment_id.as_str() == id) {
            reading.unless_broken(&id, || {
                let message = format!("Invalid Deployment identifier specified {id}");
                properties.error("DeploymentId", message, "name a deployment of the same API");
            });
        }
        return Some(id.into());
    }
    let mut deployments = api.deployments.iter();
    if let Some(deployment) =
        deployments.find(|deployment| deployment.stage_name.as_deref() == Some(stage_name))
    {
        return Some(deployment.deployment_id.clone());
    }
    if properties.boolean("AutoDeploy") != Some(true) {
        return None;
    }
    let seed = format!("{}/deployment", declared.resource.logical_id);
    let deployment_id = DeploymentId::from(ids::derived(reading.stack_name(), &seed, 6));
    api.deployments.push(DeploymentDraft {
        deployment_id: deployment_id.clone(),
        description: Some(AUTOMATIC_DESCRIPTION.to_owned()),
        auto_deployed: true,
        stage_name: None,
    });
    Some(deployment_id)
}

/// A stage without a deployment serves nothing.
pub(super) fn warn_of_undeployed(api: &ApiDraft, reading: &Reading<'_>) {
    for stage in api
        .stages
        .iter()
        .filter(|stage| stage.deployment_id.is_none())
    {
        reading.diagnostics().warn(
            api.position,
            format!(
                "stage {} of {} serves nothing",
                stage.stage_name, api.logical_id
            ),
            "give it a DeploymentId or `AutoDeploy: true`",
        );
    }
}

fn stage_variables(properties: &Properties<'_>) -> BTreeMap<String, String> {
    let variables = properties.string_map("StageVariables");
    if variables.len() > STAGE_VARIABLES {
        let message = format!("the stage has {} variables", variables.len());
        let mend = format!("it may have {STAGE_VARIABLES}");
        properties.error("StageVariables", message, mend);
    }
    for (name, value) in &variables {
        if !is_stage_variable_name(name) {
            let message = format!("the stage variable name `{name}` is not one");
            let mend = format!("use at most {STAGE_VARIABLE_NAME_LENGTH} letters, digits and _");
            properties.error("StageVariables", message, mend);
        }
        if !is_stage_variable_value(value) {
            let message = format!("the value of the stage variable {name} is not allowed");
            let mend = format!(
                "use at most {STAGE_VARIABLE_VALUE_LENGTH} letters, digits and -._~:/?#&=,"
            );
            properties.error("StageVariables", message, mend);
        }
    }
    variables
}

const ROUTE_SETTINGS: [&str; 5] = [
    "DataTraceEnabled",
    "DetailedMetricsEnabled",
    "LoggingLevel",
    "ThrottlingBurstLimit",
    "ThrottlingRateLimit",
];

fn route_settings(settings: &Properties<'_>) -> RouteSettings {
    RouteSettings {
        logging_level: settings
            .one_of("LoggingLevel", &["OFF", "ERROR", "INFO"])
            .map(|level| match level.as_str() {
                "INFO" => LoggingLevel::Info,
                "ERROR" => LoggingLevel::Error,
                _ => LoggingLevel::Off,
            }),
        data_trace_enabled: settings.boolean("DataTraceEnabled").unwrap_or(false),
        detailed_metrics_enabled: settings.boolean("DetailedMetricsEnabled").unwrap_or(false),
        throttling: throttle::read(settings, "ThrottlingRateLimit", "ThrottlingBurstLimit"),
    }
}

fn settings_by_route(
    properties: &Properties<'_>,
    reading: &Reading<'_>,
    api: &ApiDraft,
) -> BTreeMap<String, RouteSettings> {
    let mut by_route = BTreeMap::new();
    for entry in properties.entries_of("RouteSettings") {
        let key = &entry.key;
        let mut routes = api.definition.routes.iter();
        if !routes.any(|route| route.route_key.as_str() == key) {
            reading.unless_anything_broken(|| {
                let message =
                    format!("Unable to find Route by key {key} within the provided RouteSettings");
                properties
                    .diagnostics
                    .error(entry.position, message, "name a route of the API");
            });
        }
        if let Some(settings) = Properties::new(
            "RouteSettings",
            &entry.value,
            entry.position,
            &[],
            &ROUTE_SETTINGS,
            properties.diagnostics,
        ) {
            let route_settings = route_settings(&settings);
            if key == "$disconnect" && route_settings.throttling != ThrottleSettings::default() {
                let message =
                    "$disconnect is not throttled: nobody could be told that it did not run";
                let mend = "leave the limits out; on AWS it may be skipped";
                properties.diagnostics.warn(entry.position, message, mend);
            }
            by_route.insert(key.clone(), route_settings);
        }
    }
    by_route
}

fn access_log_settings(properties: &Properties<'_>) -> Option<AccessLogSettings> {
    let settings = properties.object("AccessLogSettings", &[], &["DestinationArn", "Format"])?;
    let (destination_arn, format) = (settings.string("DestinationArn"), settings.string("Format"));
    let (Some(destination_arn), Some(format)) = (destination_arn, format) else {
        let message = "Access Log value missing. Expected destinationArn and format.";
        properties.error("AccessLogSettings", message, "");
        return None;
    };
    if let Err(error) = AccessLogFormat::parse(&format) {
        settings.error("Format", error.to_string(), "");
    }
    for name in AccessLogFormat::misnamed(&format) {
        let message = format!("there is no $context.{name}: it is `-` in every row");
        let known = AccessLogFormat::variables().iter().copied();
        let mend = did_you_mean(name, known, "leave it out");
        settings.warn("Format", message, mend);
    }
    match log_group_of_arn(&destination_arn) {
        Ok(_) => {}
        Err(error @ InvalidDestination::NoArn(_)) => {
            settings.error("DestinationArn", error.to_string(), "");
        }
        Err(error @ InvalidDestination::NoLogGroup(_)) => {
            let mend = "name the ARN of an AWS::Logs::LogGroup";
            settings.warn(
                "DestinationArn",
                format!("no access log is written: {error}"),
                mend,
            );
            return None;
        }
    }
    Some(AccessLogSettings {
        destination_arn,
        format,
    })
}
