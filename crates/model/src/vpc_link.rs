//! VPC links that calls made. Where they lead is the configuration's.

use std::collections::BTreeMap;

/// `VpcLink`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VpcLink {
    /// `vpcLinkId`, or `id`.
    pub vpc_link_id: String,
    /// `name`.
    pub name: String,
    /// What it leads to on AWS.
    pub target: VpcLinkTarget,
    /// `tags`.
    pub tags: BTreeMap<String, String>,
    /// `createdDate`, milliseconds since the epoch.
    pub created_at_ms: u64,
}

/// What a VPC link leads to on AWS: the two APIs have one kind each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VpcLinkTarget {
    /// Of `apigateway`.
    LoadBalancer {
        /// `description`.
        description: Option<String>,
        /// `targetArns`: the network load balancer.
        target_arns: Vec<String>,
    },
    /// Of `apigatewayv2`.
    Subnets {
        /// `subnetIds`.
        subnet_ids: Vec<String>,
        /// `securityGroupIds`.
        security_group_ids: Vec<String>,
    },
}
