//! VPC links of network load balancers, which WebSocket APIs use: `GetVpcLinks`, `GetVpcLink`,
//! `CreateVpcLink`, `UpdateVpcLink`, `DeleteVpcLink`.

use gatepost_gateway::{
    clock::now_ms, gateway::Gateway, integration::vpc_link::VpcLinks, new_id::resource_id,
};
use gatepost_model::vpc_link::{VpcLink, VpcLinkTarget};
use serde_json::{Value, json};

use super::patch::Patch;
use crate::{
    control_plane::{
        json::{present, unless_empty},
        quota,
        rescue::{ControlPlaneError, bad_request},
        vpc_link::{self, Kind},
    },
    shapes::apigateway::{CreateVpcLinkRequest, DeleteVpcLinkRequest, Op, UpdateVpcLinkRequest},
};

type Result<T> = std::result::Result<T, ControlPlaneError>;

const PATHS: &[&str] = &["/description", "/name"];

pub(super) fn body(links: &VpcLinks, link: &VpcLink) -> Value {
    let (description, target_arns) = match &link.target {
        VpcLinkTarget::LoadBalancer {
            description,
            target_arns,
        } => (description.as_deref(), Some(target_arns)),
        VpcLinkTarget::Subnets { .. } => (None, None),
    };
    let ready = "Your vpc link is ready for use";
    present(json!({
        "description": description,
        "id": link.vpc_link_id,
        "name": link.name,
        "status": "AVAILABLE",
        "statusMessage": vpc_link::status_message(links, link, ready),
        "tags": unless_empty(&link.tags),
        "targetArns": target_arns,
    }))
}

pub(super) fn create(gateway: &Gateway, request: CreateVpcLinkRequest) -> Result<Value> {
    if request.name.is_empty() {
        return Err(bad_request("Invalid VPC link: name is required"));
    }
    match request.target_arns.as_slice() {
        [arn] if arn.starts_with("arn:") => {}
        [arn] => {
            return Err(bad_request(format!(
                "Invalid ARN specified in the request. ARNs must start with 'arn:': {arn}"
            )));
        }
        _ => {
            return Err(bad_request(
                "Invalid VPC link: targetArns must name one network load balancer",
            ));
        }
    }
    let link = VpcLink {
        vpc_link_id: resource_id::<6>(),
        name: request.name,
        target: VpcLinkTarget::LoadBalancer {
            description: request.description.filter(|text| !text.is_empty()),
            target_arns: request.target_arns,
        },
        tags: quota::tags(request.tags)?,
        created_at_ms: now_ms(),
    };
    let body = body(gateway.vpc_links(), &link);
    vpc_link::add(gateway, link)?;
    Ok(body)
}

pub(super) fn update(gateway: &Gateway, request: UpdateVpcLinkRequest) -> Result<Value> {
    let patches = Patch::all(request.patch_operations)?;
    gateway.change(|change| {
        let link = vpc_link::find_made(change, Kind::V1, &request.vpclink_id)?;
        for patch in &patches {
            let (op, steps) = patch.parts();
            match (op, &*steps, &mut link.target) {
                (Op::Replace, ["name"], _) if !patch.text().is_empty() => {
                    patch.text().clone_into(&mut link.name);
                }
                (Op::Replace, ["description"], VpcLinkTarget::LoadBalancer { description, .. }) => {
                    *description = patch.optional();
                }
                _ => return Err(patch.refuse(PATHS)),
            }
        }
        Ok(body(gateway.vpc_links(), link))
    })
}

pub(super) fn delete(gateway: &Gateway, request: &DeleteVpcLinkRequest) -> Result<Value> {
    vpc_link::delete(gateway, Kind::V1, &request.vpclink_id)
}
