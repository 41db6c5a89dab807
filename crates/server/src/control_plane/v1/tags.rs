//! `GetTags`, `TagResource`, `UntagResource` of API keys, usage plans, client certificates and VPC links, by ARN:
//! `arn:aws:apigateway:{region}::/apikeys/{id}`, `…::/usageplans/{id}`, `…::/clientcertificates/{id}`,
//! `…::/vpclinks/{id}`.

use std::collections::BTreeMap;

use gatepost_gateway::{control::Change, gateway::Gateway};
use serde_json::{Value, json};

use super::{
    api_key, change_api_key, change_client_certificate, change_usage_plan, client_certificate,
    usage_plan,
};
use crate::{
    control_plane::{
        ControlPlane, quota,
        rescue::ControlPlaneError,
        vpc_link::{self, Kind},
    },
    shapes::apigateway::{TagResourceRequest, UntagResourceRequest},
};

/// What an ARN names.
enum Tagged<'a> {
    ApiKey(&'a str),
    UsagePlan(&'a str),
    ClientCertificate(&'a str),
    VpcLink(&'a str),
}

impl<'a> Tagged<'a> {
    fn parse(arn: &'a str) -> Result<Self, ControlPlaneError> {
        let resource = match arn.splitn(6, ':').collect::<Vec<_>>().as_slice() {
            ["arn", _, "apigateway", _region, _account, resource] => *resource,
            _ => "",
        };
        match resource.split('/').collect::<Vec<_>>().as_slice() {
            ["", "apikeys", id] => Ok(Self::ApiKey(id)),
            ["", "usageplans", id] => Ok(Self::UsagePlan(id)),
            ["", "clientcertificates", id] => Ok(Self::ClientCertificate(id)),
            ["", "vpclinks", id] => Ok(Self::VpcLink(id)),
            _ => Err(ControlPlaneError::NotFoundTagged(arn.to_owned())),
        }
    }

    fn tags<'c>(
        &self,
        change: &'c mut Change<'_>,
    ) -> Result<&'c mut BTreeMap<String, String>, ControlPlaneError> {
        match self {
            Self::ApiKey(id) => Ok(&mut change_api_key::find(change, id)?.tags),
            Self::UsagePlan(id) => Ok(&mut change_usage_plan::find(change, id)?.tags),
            Self::ClientCertificate(id) => {
                Ok(&mut change_client_certificate::find(change, id)?.tags)
            }
            Self::VpcLink(id) => Ok(&mut vpc_link::find_made(change, Kind::V1, id)?.tags),
        }
    }
}

pub(super) fn body(
    control_plane: &ControlPlane<'_>,
    arn: &str,
) -> Result<Value, ControlPlaneError> {
    let plans = control_plane.plans();
    let tags = match Tagged::parse(arn)? {
        Tagged::ApiKey(id) => &api_key::find(plans, id)?.tags,
        Tagged::UsagePlan(id) => &usage_plan::find(plans, id)?.tags,
        Tagged::ClientCertificate(id) => {
            &client_certificate::find(control_plane.client_certificates, id)?.tags
        }
        Tagged::VpcLink(id) => {
            let made = control_plane.vpc_links.made();
            return Ok(json!({ "tags": vpc_link::find(&made, Kind::V1, id)?.tags }));
        }
    };
    Ok(json!({ "tags": tags }))
}

pub(super) fn tag(
    gateway: &Gateway,
    request: TagResourceRequest,
) -> Result<Value, ControlPlaneError> {
    gateway.change(|change| {
        let tags = Tagged::parse(&request.resource_arn)?.tags(change)?;
        quota::add_tags(tags, request.tags)?;
        Ok(Value::Null)
    })
}

pub(super) fn untag(
    gateway: &Gateway,
    request: &UntagResourceRequest,
) -> Result<Value, ControlPlaneError> {
    gateway.change(|change| {
        let tags = Tagged::parse(&request.resource_arn)?.tags(change)?;
        tags.retain(|key, _| !request.tag_keys.contains(key));
        Ok(Value::Null)
    })
}
