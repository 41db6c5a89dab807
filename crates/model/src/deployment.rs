//! A deployment: an immutable snapshot of an API's definition.

use std::sync::Arc;

use crate::{DeploymentId, api::ApiDefinition};

/// `Deployment`: what a stage serves.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// `deploymentId`.
    pub deployment_id: DeploymentId,
    /// `description`.
    pub description: Option<String>,
    /// `createdDate`, milliseconds since the epoch.
    pub created_at_ms: u64,
    /// `autoDeployed`: made by a stage with `autoDeploy`.
    pub auto_deployed: bool,
    /// The frozen definition.
    pub definition: Arc<ApiDefinition>,
}
