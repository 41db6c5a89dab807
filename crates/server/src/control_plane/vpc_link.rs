//! `GetVpcLinks`, `GetVpcLink`, and what both APIs have in common of VPC links.

use gatepost_gateway::{control::Change, gateway::Gateway, integration::vpc_link::VpcLinks};
use gatepost_model::{
    api::{Api, ApiDefinition},
    integration::ConnectionType,
    limits::VPC_LINKS,
    vpc_link::{VpcLink, VpcLinkTarget},
};
use serde_json::{Value, json};

use super::{
    json::{present, timestamp},
    rescue::{ControlPlaneError, bad_request},
};

type Result<T> = std::result::Result<T, ControlPlaneError>;

/// The two kinds of VPC links; each API knows its own only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of `apigateway`.
    V1,
    /// Of `apigatewayv2`.
    V2,
}

impl Kind {
    /// The kind of a link.
    pub(super) fn of(link: &VpcLink) -> Self {
        match link.target {
            VpcLinkTarget::LoadBalancer { .. } => Self::V1,
            VpcLinkTarget::Subnets { .. } => Self::V2,
        }
    }
}

pub(super) fn id(link: &VpcLink) -> &str {
    &link.vpc_link_id
}

pub(super) fn find<'a>(links: &'a [VpcLink], kind: Kind, wanted: &str) -> Result<&'a VpcLink> {
    let mut links = links.iter();
    links
        .find(|link| id(link) == wanted && Kind::of(link) == kind)
        .ok_or_else(|| not_found(wanted))
}

/// The link, to be changed.
pub(super) fn find_made<'a>(
    change: &'a mut Change<'_>,
    kind: Kind,
    wanted: &str,
) -> Result<&'a mut VpcLink> {
    let mut links = change.made.vpc_links.iter_mut();
    links
        .find(|link| id(link) == wanted && Kind::of(link) == kind)
        .ok_or_else(|| not_found(wanted))
}

fn not_found(id: &str) -> ControlPlaneError {
    ControlPlaneError::NotFound {
        resource: "VpcLink",
        id: id.to_owned(),
    }
}

/// Where it leads, or that it leads nowhere; `ready` is what AWS says of one that is available.
pub(super) fn status_message(links: &VpcLinks, link: &VpcLink, ready: &str) -> String {
    match links.address(link) {
        Ok(_) => ready.to_owned(),
        Err(unknown) => unknown.to_string(),
    }
}

/// A link as `apigatewayv2` shows it.
pub(super) fn body(links: &VpcLinks, link: &VpcLink) -> Value {
    let (subnets, groups) = match &link.target {
        VpcLinkTarget::Subnets {
            subnet_ids,
            security_group_ids,
        } => (Some(subnet_ids), Some(security_group_ids)),
        VpcLinkTarget::LoadBalancer { .. } => (None, None),
    };
    let ready = "VPC link is ready to route traffic";
    present(json!({
        "createdDate": timestamp(link.created_at_ms),
        "name": link.name,
        "securityGroupIds": groups,
        "subnetIds": subnets,
        "tags": link.tags,
        "vpcLinkId": id(link),
        "vpcLinkStatus": "AVAILABLE",
        "vpcLinkStatusMessage": status_message(links, link, ready),
        "vpcLinkVersion": "V2",
    }))
}

/// Makes a link.
pub(super) fn add(gateway: &Gateway, link: VpcLink) -> Result<()> {
    gateway.change(|change| {
        let made = &mut change.made.vpc_links;
        if made.len() >= VPC_LINKS {
            return Err(too_many(Kind::of(&link)));
        }
        made.push(link);
        Ok(())
    })
}

/// The two APIs have a shape each for it.
fn too_many(kind: Kind) -> ControlPlaneError {
    let message = format!(
        "Maximum number of VPC links for this account has been reached: there are {VPC_LINKS}"
    );
    match kind {
        Kind::V1 => ControlPlaneError::LimitExceeded(message),
        Kind::V2 => ControlPlaneError::TooManyRequests {
            limit_type: "VpcLinks",
            message,
        },
    }
}

/// Deletes a link that no integration names.
pub(super) fn delete(gateway: &Gateway, kind: Kind, wanted: &str) -> Result<Value> {
    gateway.change(|change| {
        find_made(change, kind, wanted)?;
        // Nobody else changes anything meanwhile.
        let table = gateway.apis();
        let mut users = table.apis.values().filter_map(|api| user(&api.api, wanted));
        if let Some(user) = users.next() {
            return Err(bad_request(format!(
                "Cannot delete vpc link. Vpc link '{wanted}', is referenced in [{user}] in format of \
                 [Integration:API]."
            )));
        }
        change.made.vpc_links.retain(|link| id(link) != wanted);
        Ok(Value::Null)
    })
}

/// What of an API names a link: an integration as it is now, or as it is deployed.
fn user(api: &Api, link: &str) -> Option<String> {
    let deployed = api.deployments.iter().map(|deployed| &*deployed.definition);
    let mut definitions = std::iter::once(&*api.definition).chain(deployed);
    let integration = definitions.find_map(|definition| named_in(definition, link))?;
    Some(format!("{integration}:{}", api.api_id))
}

fn named_in(definition: &ApiDefinition, link: &str) -> Option<String> {
    let mut integrations = definition.integrations.iter();
    let integration = integrations.find(|integration| {
        matches!(&integration.connection_type, ConnectionType::VpcLink(id) if id == link)
    })?;
    Some(integration.integration_id.to_string())
}
