//! Log groups, VPC links, API keys and usage plans.

use gatepost_model::secret::Secret;

use super::{Declared, Reading};
use crate::template::{ApiKey, LogGroup, UsagePlan, UsagePlanKey, VpcLink, document::Node};

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

/// `AWS::ApiGateway::ApiKey`.
pub(super) fn read_api_key(declared: &Declared<'_>, reading: &Reading<'_>) -> Option<ApiKey> {
    let properties = declared.properties(
        &[],
        &[
            "CustomerId",
            "Description",
            "Enabled",
            "GenerateDistinctId",
            "Name",
            "StageKeys",
            "Tags",
            "Value",
        ],
        reading,
    )?;
    let value = properties.string("Value");
    if value.as_ref().is_some_and(|value| value.len() < 20) {
        let message = "API Key value should be at least 20 characters";
        properties.error("Value", message, "make it longer");
    }
    Some(ApiKey {
        api_key_id: declared.id.clone(),
        name: properties
            .string("Name")
            .unwrap_or_else(|| declared.resource.logical_id.clone()),
        enabled: properties.boolean("Enabled").unwrap_or(false),
        value: value.map(Secret::new),
    })
}

/// `AWS::ApiGateway::UsagePlan`.
pub(super) fn read_usage_plan(declared: &Declared<'_>, reading: &Reading<'_>) -> Option<UsagePlan> {
    let properties = declared.properties(
        &[],
        &[
            "ApiStages",
            "Description",
            "Quota",
            "Tags",
            "Throttle",
            "UsagePlanName",
        ],
        reading,
    )?;
    let raw = |name| properties.node(name).map(Node::to_json);
    Some(UsagePlan {
        usage_plan_id: declared.id.clone(),
        name: properties
            .string("UsagePlanName")
            .unwrap_or_else(|| declared.resource.logical_id.clone()),
        api_stages: raw("ApiStages").unwrap_or_default(),
        quota: raw("Quota"),
        throttle: raw("Throttle"),
    })
}

/// `AWS::ApiGateway::UsagePlanKey`.
pub(super) fn read_usage_plan_key(
    declared: &Declared<'_>,
    reading: &Reading<'_>,
) -> Option<UsagePlanKey> {
    let required = ["KeyId", "KeyType", "UsagePlanId"];
    let properties = declared.properties(&required, &[], reading)?;
    properties.one_of("KeyType", &["API_KEY"])?;
    Some(UsagePlanKey {
        api_key_id: properties.string("KeyId")?,
        usage_plan_id: properties.string("UsagePlanId")?,
    })
}
