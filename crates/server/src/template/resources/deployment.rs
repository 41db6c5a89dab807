//! `AWS::ApiGatewayV2::Deployment`.

use std::collections::BTreeSet;

use super::{ApiDraft, Declared, Reading, api::DeploymentDraft};

/// Routes that a warning names.
const NAMED: usize = 3;

/// Reads a deployment into its API.
pub(super) fn read(declared: &Declared<'_>, reading: &Reading<'_>, api: &mut ApiDraft) {
    let optional = ["Description", "StageName"];
    let Some(properties) = declared.properties(&["ApiId"], &optional, reading) else {
        return;
    };
    if api.definition.routes.is_empty() {
        reading.unless_anything_broken(|| {
            let message = "At least one route is required before deploying the Api.";
            properties.error("ApiId", message, "add an AWS::ApiGatewayV2::Route");
        });
    }
    api.deployments.push(DeploymentDraft {
        deployment_id: declared.id.as_str().into(),
        description: properties.string("Description"),
        auto_deployed: false,
        stage_name: properties.string("StageName"),
    });
}

/// CloudFormation makes resources in any order that their references allow: a deployment that
/// depends on nothing may freeze an API without its routes. A stage with `AutoDeploy` deploys them
/// afterwards.
pub(super) fn warn_of_early_ones(api: &ApiDraft, declared: &[Declared<'_>], reading: &Reading<'_>) {
    let of_api = |type_name: &str, resource: &&Declared<'_>| {
        resource.resource.type_name == type_name && resource.text("ApiId") == Some(&api.api_id)
    };
    for deployment in declared {
        let is_auto_deployed = api.stages.iter().any(|stage| {
            let named = stage
                .deployment_id
                .as_ref()
                .map(gatepost_model::DeploymentId::as_str);
            stage.auto_deploy && named == Some(deployment.id.as_str())
        });
        if !of_api("AWS::ApiGatewayV2::Deployment", &deployment) || is_auto_deployed {
            continue;
        }
        let before = made_before(&deployment.resource.logical_id, reading);
        let after: Vec<&str> = declared
            .iter()
            .filter(|resource| of_api("AWS::ApiGatewayV2::Route", resource))
            .map(|resource| resource.resource.logical_id.as_str())
            .filter(|logical_id| !before.contains(*logical_id))
            .collect();
        if after.is_empty() {
            continue;
        }
        let named = after
            .iter()
            .take(NAMED)
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        let more = match after.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        reading.diagnostics().warn(
            deployment.resource.position,
            format!(
                "{} may be made before {named}{more}, which AWS then does not serve",
                deployment.resource.logical_id
            ),
            "name all of them in its DependsOn",
        );
    }
}

/// All that a resource depends on, directly or not.
fn made_before(logical_id: &str, reading: &Reading<'_>) -> BTreeSet<String> {
    let dependencies = reading.evaluator.dependencies.borrow();
    let mut before = BTreeSet::new();
    let mut waiting = vec![logical_id.to_owned()];
    while let Some(from) = waiting.pop() {
        for (_, to) in dependencies.iter().filter(|(at, _)| *at == from) {
            if before.insert(to.clone()) {
                waiting.push(to.clone());
            }
        }
    }
    before
}
