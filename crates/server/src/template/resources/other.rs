//! Log groups, VPC links and the account.

use super::{Declared, Reading};
use crate::template::{LogGroup, VpcLink};

/// `AWS::Logs::LogGroup`.
pub(super) fn read_log_group(declared: &Declared<'_>, reading: &Reading<'_>) -> Option<LogGroup> {
    const RETENTION: [&str; 22] = [
        "1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545",
        "731", "1096", "1827", "2192", "2557", "2922", "3288", "3653",
    ];
    let properties = declared.properties(
        &[],
        &[
            "BearerTokenAuthenticationEnabled",
            "DataProtectionPolicy",
            "DeletionProtectionEnabled",
            "FieldIndexPolicies",
            "KmsKeyId",
            "LogGroupClass",
            "LogGroupName",
            "ResourcePolicyDocument",
            "RetentionInDays",
            "Tags",
        ],
        reading,
    )?;
    let retention = properties.one_of("RetentionInDays", &RETENTION);
    Some(LogGroup {
        name: declared.id.clone(),
        logical_id: declared.resource.logical_id.clone(),
        retention_in_days: retention.and_then(|days| days.parse().ok()),
    })
}

/// `AWS::ApiGatewayV2::VpcLink`.
pub(super) fn read_vpc_link(declared: &Declared<'_>, reading: &Reading<'_>) -> Option<VpcLink> {
    let optional = ["SecurityGroupIds", "Tags"];
    let properties = declared.properties(&["Name", "SubnetIds"], &optional, reading)?;
    Some(VpcLink {
        vpc_link_id: declared.id.clone(),
        name: properties.string("Name")?,
        security_group_ids: properties.strings("SecurityGroupIds"),
        subnet_ids: properties.strings("SubnetIds"),
    })
}

/// `AWS::ApiGateway::VpcLink`, of a network load balancer: where it leads is configured, so it is
/// only checked.
pub(super) fn read_rest_vpc_link(declared: &Declared<'_>, reading: &Reading<'_>) {
    declared.properties(&["Name", "TargetArns"], &["Description", "Tags"], reading);
}

/// `AWS::ApiGateway::ClientCertificate`: its files are configured, so it is only checked.
pub(super) fn read_client_certificate(declared: &Declared<'_>, reading: &Reading<'_>) {
    declared.properties(&[], &["Description", "Tags"], reading);
}

/// `AWS::ApiGateway::Account`: its logging role counts as set here, so it is only checked.
pub(super) fn read_account(declared: &Declared<'_>, reading: &Reading<'_>) {
    declared.properties(&[], &["CloudWatchRoleArn"], reading);
}
