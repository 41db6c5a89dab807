//! Stages and deployments: what they serve, and whether anybody gets there.

use std::collections::BTreeSet;

use super::{
    app::{Api, App},
    finding::Findings,
    slug::Slug,
};
use crate::template::{document::Node, inspect::Resource};

pub(super) fn check(app: &App<'_>, findings: &Findings) {
    for api in &app.apis {
        for deployment in &api.deployments {
            depends(app, api, deployment, findings);
        }
        for stage in &api.stages {
            deployed(api, stage, findings);
            throttled(stage, findings);
        }
        reached(api, findings);
    }
    for plan in app.of_type("AWS::ApiGateway::UsagePlan") {
        for path in [
            ["Throttle", "RateLimit"],
            ["Throttle", "BurstLimit"],
            ["Quota", "Limit"],
        ] {
            if let Some(node) = plan.node(&path) {
                nothing(node, path[1], findings);
            }
        }
    }
}

/// A deployment is a snapshot of what is there when it is made.
fn depends(app: &App<'_>, api: &Api<'_>, deployment: &Resource, findings: &Findings) {
    let mut before = BTreeSet::new();
    let mut open: Vec<&str> = deployment.depends_on.iter().map(String::as_str).collect();
    while let Some(logical_id) = open.pop() {
        if before.insert(logical_id)
            && let Some(resource) = app.resource(logical_id)
        {
            open.extend(resource.depends_on.iter().map(String::as_str));
        }
    }
    let routes = api.routes.iter();
    let parts = routes.flat_map(|route| {
        let responses = route.replies.iter().chain(&route.integration_responses);
        std::iter::once(&route.resource).chain(responses)
    });
    let mut missing: Vec<&str> = parts
        .map(|part| part.logical_id.as_str())
        .filter(|logical_id| !before.contains(logical_id))
        .collect();
    missing.dedup();
    if !missing.is_empty() {
        let message = format!(
            "{} does not depend on {}",
            deployment.logical_id,
            missing.join(", ")
        );
        let mend = "name them in its DependsOn, or let the stage have `AutoDeploy: true`";
        let at = deployment.position;
        findings.template(Slug::DeploymentWithoutRoutes, at, message, mend);
    }
}

fn deployed(api: &Api<'_>, stage: &Resource, findings: &Findings) {
    let is_automatic = stage.text("AutoDeploy") == Some("true");
    let names_one = stage.node(&["DeploymentId"]).is_some();
    let is_named = api.deployments.iter().any(|deployment| {
        let name = deployment.text("StageName");
        name.is_some() && name == stage.text("StageName")
    });
    if is_automatic && names_one {
        let message = format!(
            "{} has both AutoDeploy and a DeploymentId",
            stage.logical_id
        );
        let mend = "remove the DeploymentId with its deployment";
        let at = stage.place(&["DeploymentId"]);
        findings.template(Slug::AutoDeployAndDeployment, at, message, mend);
    } else if !is_automatic && !names_one && !is_named {
        let message = format!(
            "{} has neither a DeploymentId nor AutoDeploy",
            stage.logical_id
        );
        let mend = "add `AutoDeploy: true`";
        let at = stage.position;
        findings.template(Slug::StageWithoutDeployment, at, message, mend);
    }
}

fn reached(api: &Api<'_>, findings: &Findings) {
    let at = api.resource.position;
    let logical_id = &api.resource.logical_id;
    if api.stages.is_empty() {
        let message = format!("{logical_id} has no stage");
        let mend = "add an AWS::ApiGatewayV2::Stage with `AutoDeploy: true`";
        findings.template(Slug::ApiWithoutStage, at, message, mend);
    }
    let is_disabled = api.resource.text("DisableExecuteApiEndpoint") == Some("true");
    if is_disabled && api.mappings.is_empty() {
        let message = format!("the endpoint of {logical_id} is disabled, and no domain is mapped");
        let mend = "add an AWS::ApiGatewayV2::ApiMapping, or enable the endpoint";
        let at = api.resource.place(&["DisableExecuteApiEndpoint"]);
        findings.template(Slug::ApiUnreachable, at, message, mend);
    }
}

fn throttled(stage: &Resource, findings: &Findings) {
    let of_routes = stage.node(&["RouteSettings"]).map(Node::entries);
    let of_routes = of_routes.unwrap_or_default().iter();
    let settings = stage.node(&["DefaultRouteSettings"]).into_iter();
    for settings in settings.chain(of_routes.map(|entry| &entry.value)) {
        for name in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
            if let Some(node) = settings.get(name) {
                nothing(node, name, findings);
            }
        }
    }
}

/// A limit of nothing.
fn nothing(node: &Node, name: &str, findings: &Findings) {
    let limit = node.as_text().and_then(|text| text.parse::<f64>().ok());
    if limit == Some(0.0) {
        let message = format!("{name} is 0");
        let mend = "raise it, or remove it for the account's limit";
        findings.template(Slug::ThrottledToNothing, node.position, message, mend);
    }
}
