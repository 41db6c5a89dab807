//! A deployment: an immutable snapshot of an API's definition.

use std::sync::Arc;

use crate::{DeploymentId, api::ApiDefinition};

/// `description` of a deployment that a stage with `autoDeploy` made.
pub const AUTOMATIC_DESCRIPTION: &str = "Automatic deployment triggered by changes to the Api";

/// `Deployment`: what a stage serves.
#[derive(Debug, Clone, PartialEq, Eq)]
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
