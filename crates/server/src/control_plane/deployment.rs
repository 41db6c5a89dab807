//! `GetDeployments`, `GetDeployment`.

use gatepost_model::{api::Api, deployment::Deployment};
use serde_json::{Value, json};

use super::{
    json::{present, timestamp},
    rescue::ControlPlaneError,
};

pub(super) fn find<'a>(
    api: &'a Api,
    deployment_id: &str,
) -> Result<&'a Deployment, ControlPlaneError> {
    api.deployments
        .iter()
        .find(|deployment| id(deployment) == deployment_id)
        .ok_or_else(|| ControlPlaneError::NotFound {
            resource: "Deployment",
            id: deployment_id.to_owned(),
        })
}

pub(super) fn id(deployment: &Deployment) -> &str {
    deployment.deployment_id.as_str()
}

pub(super) fn body(deployment: &Deployment) -> Value {
    present(json!({
        "autoDeployed": deployment.auto_deployed,
        "createdDate": timestamp(deployment.created_at_ms),
        "deploymentId": deployment.deployment_id.as_str(),
        "deploymentStatus": "DEPLOYED",
        "description": deployment.description,
    }))
}
