//! `GetTags`, `TagResource`, `UntagResource`, by ARN: `arn:aws:apigateway:{region}::/apis/{apiId}`, `…/stages/{stageName}`,
//! `…::/domainnames/{domainName}` and `…::/vpclinks/{vpcLinkId}`.

use std::collections::BTreeMap;

use gatepost_gateway::gateway::Gateway;
use serde_json::{Value, json};

use super::{
    ControlPlane, api, change_domain_name, change_stage, domain_name, quota,
    rescue::ControlPlaneError,
    stage,
    vpc_link::{self, Kind},
};
use crate::shapes::apigatewayv2::{TagResourceRequest, UntagResourceRequest};

pub(super) fn body(
    control_plane: &ControlPlane<'_>,
    arn: &str,
) -> Result<Value, ControlPlaneError> {
    let ControlPlane {
        apis,
        domain_names,
        vpc_links,
        ..
    } = control_plane;
    let not_found = || ControlPlaneError::NotFoundTagged(arn.to_owned());
    let resource = resource(arn).ok_or_else(not_found)?;
    match resource.split('/').collect::<Vec<_>>().as_slice() {
        ["", "apis", api_id] => Ok(json!({ "tags": api::find(apis, api_id)?.tags })),
        ["", "apis", api_id, "stages", stage_name] => {
            Ok(json!({ "tags": stage::find(api::find(apis, api_id)?, stage_name)?.tags }))
        }
        ["", "domainnames", name] => {
            domain_name::find(domain_names, name).map(|found| json!({ "tags": found.tags }))
        }
        ["", "vpclinks", id] => {
            let made = vpc_links.made();
            Ok(json!({ "tags": vpc_link::find(&made, Kind::V2, id)?.tags }))
        }
        _ => Err(not_found()),
    }
}

/// What stands behind the region and account.
pub(super) fn resource(arn: &str) -> Option<&str> {
    match arn.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "apigateway", _region, _account, resource] => Some(resource),
        _ => None,
    }
}

/// Changes the tags of what calls made.
fn change(
    gateway: &Gateway,
    arn: &str,
    change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), ControlPlaneError>,
) -> Result<(), ControlPlaneError> {
    let not_found = || ControlPlaneError::NotFoundTagged(arn.to_owned());
    let resource = resource(arn).ok_or_else(not_found)?;
    match resource.split('/').collect::<Vec<_>>().as_slice() {
        ["", "domainnames", name] => {
            gateway.change(|made| change(&mut change_domain_name::find(made, name)?.tags))
        }
        ["", "vpclinks", id] => {
            gateway.change(|made| change(&mut vpc_link::find_made(made, Kind::V2, id)?.tags))
        }
        ["", "apis", api_id] => {
            let changed = gateway.change_api(api_id, |api| change(&mut api.tags));
            changed.map(drop)
        }
        ["", "apis", api_id, "stages", name] => {
            let changed = gateway.change_api(api_id, |api| {
                change(&mut change_stage::find(api, name)?.tags)
            });
            changed.map(drop)
        }
        _ => Err(not_found()),
    }
}

pub(super) fn tag(
    gateway: &Gateway,
    request: TagResourceRequest,
) -> Result<Value, ControlPlaneError> {
    change(gateway, &request.resource_arn, |tags| {
        quota::add_tags(tags, request.tags.unwrap_or_default())
    })?;
    Ok(json!({}))
}

pub(super) fn untag(
    gateway: &Gateway,
    request: &UntagResourceRequest,
) -> Result<Value, ControlPlaneError> {
    change(gateway, &request.resource_arn, |tags| {
        tags.retain(|key, _| !request.tag_keys.contains(key));
        Ok(())
    })?;
    Ok(Value::Null)
}
