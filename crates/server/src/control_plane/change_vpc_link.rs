//! `CreateVpcLink`, `UpdateVpcLink`, `DeleteVpcLink`.

use gatepost_gateway::{clock::now_ms, gateway::Gateway, new_id::resource_id};
use gatepost_model::vpc_link::{VpcLink, VpcLinkTarget};
use serde_json::{Value, json};

use super::{
    quota,
    rescue::{ControlPlaneError, bad_request},
    vpc_link::{self, Kind},
};
use crate::shapes::apigatewayv2::{
    CreateVpcLinkRequest, DeleteVpcLinkRequest, UpdateVpcLinkRequest,
};

type Result<T> = std::result::Result<T, ControlPlaneError>;

pub(super) fn create(gateway: &Gateway, request: CreateVpcLinkRequest) -> Result<Value> {
    if request.subnet_ids.is_empty() {
        return Err(bad_request("SubnetIds must not be empty."));
    }
    let link = VpcLink {
        vpc_link_id: resource_id::<6>(),
        name: request.name,
        target: VpcLinkTarget::Subnets {
            subnet_ids: request.subnet_ids,
            security_group_ids: request.security_group_ids.unwrap_or_default(),
        },
        tags: quota::tags(request.tags)?,
        created_at_ms: now_ms(),
    };
    let body = vpc_link::body(gateway.vpc_links(), &link);
    vpc_link::add(gateway, link)?;
    Ok(body)
}

pub(super) fn update(gateway: &Gateway, request: UpdateVpcLinkRequest) -> Result<Value> {
    if request.name.as_deref() == Some("") {
        return Err(bad_request("Name must not be empty."));
    }
    gateway.change(|change| {
        let link = vpc_link::find_made(change, Kind::V2, &request.vpc_link_id)?;
        if let Some(name) = request.name {
            link.name = name;
        }
        Ok(vpc_link::body(gateway.vpc_links(), link))
    })
}

pub(super) fn delete(gateway: &Gateway, request: &DeleteVpcLinkRequest) -> Result<Value> {
    vpc_link::delete(gateway, Kind::V2, &request.vpc_link_id)?;
    Ok(json!({}))
}
