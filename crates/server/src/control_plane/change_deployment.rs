//! `CreateDeployment`, `UpdateDeployment`, `DeleteDeployment`.

use std::sync::Arc;

use gatepost_gateway::{clock::now_ms, gateway::Gateway, new_id};
use gatepost_model::{DeploymentId, api::Api, deployment::Deployment, limits::DEPLOYMENTS};
use serde_json::Value;

use super::{
    change_stage, deployment,
    patch::unless_empty,
    rescue::{ControlPlaneError, bad_request},
};
use crate::shapes::apigatewayv2::{
    CreateDeploymentRequest, DeleteDeploymentRequest, UpdateDeploymentRequest,
};

pub(super) fn create(
    gateway: &Gateway,
    request: CreateDeploymentRequest,
) -> Result<Value, ControlPlaneError> {
    let stage_name = request.stage_name.and_then(unless_empty);
    let (_, body) = gateway.change_api(&request.api_id, |api| {
        if api.definition.routes.is_empty() {
            return Err(bad_request(
                "At least one route is required before deploying the Api.",
            ));
        }
        if api.deployments.len() >= DEPLOYMENTS {
            return Err(bad_request(format!(
                "Maximum number of Deployments for this API has been reached: delete some of the \
                 {DEPLOYMENTS}"
            )));
        }
        let made = Deployment {
            deployment_id: new_id::deployment_id(api),
            description: request.description.and_then(unless_empty),
            created_at_ms: now_ms(),
            auto_deployed: false,
            definition: Arc::clone(&api.definition),
        };
        if let Some(name) = stage_name {
            let stage = change_stage::find(api, &name)?;
            stage.deployment_id = Some(made.deployment_id.clone());
            stage.last_updated_at_ms = now_ms();
        }
        let body = deployment::body(&made);
        api.deployments.push(made);
        Ok(body)
    })?;
    Ok(body)
}

pub(super) fn update(
    gateway: &Gateway,
    request: UpdateDeploymentRequest,
) -> Result<Value, ControlPlaneError> {
    let (_, body) = gateway.change_api(&request.api_id, |api| {
        let deployment = find(api, &request.deployment_id)?;
        if let Some(description) = request.description {
            deployment.description = unless_empty(description);
        }
        Ok::<_, ControlPlaneError>(deployment::body(deployment))
    })?;
    Ok(body)
}

pub(super) fn delete(
    gateway: &Gateway,
    request: &DeleteDeploymentRequest,
) -> Result<Value, ControlPlaneError> {
    let id = request.deployment_id.as_str();
    gateway.change_api(&request.api_id, |api| {
        find(api, id)?;
        let is_this = |of_stage: &DeploymentId| of_stage.as_str() == id;
        let mut stages = api.stages.iter();
        if stages.any(|stage| stage.deployment_id.as_ref().is_some_and(is_this)) {
            return Err(bad_request(
                "Active stages pointing to this deployment must be moved or deleted.",
            ));
        }
        api.deployments
            .retain(|deployment| !is_this(&deployment.deployment_id));
        Ok(())
    })?;
    Ok(Value::Null)
}

fn find<'a>(api: &'a mut Api, id: &str) -> Result<&'a mut Deployment, ControlPlaneError> {
    let mut deployments = api.deployments.iter_mut();
    deployments
        .find(|deployment| deployment.deployment_id.as_str() == id)
        .ok_or_else(|| ControlPlaneError::NotFound {
            resource: "Deployment",
            id: id.to_owned(),
        })
}
