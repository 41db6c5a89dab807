//! `AWS::DynamoDB::Table` and `AWS::DynamoDB::GlobalTable`, kept as the request that creates it.

use serde_json::{Map, Value as Json, json};

use super::{Declared, Reading};
use crate::template::{Table, properties::Properties};

pub(super) fn read(declared: &Declared<'_>, reading: &Reading<'_>) -> Option<Table> {
    let properties = declared.properties(
        &["KeySchema"],
        &[
            "AttributeDefinitions",
            "BillingMode",
            "ContributorInsightsSpecification",
            "DeletionProtectionEnabled",
            "GlobalSecondaryIndexes",
            "ImportSourceSpecification",
            "KinesisStreamSpecification",
            "LocalSecondaryIndexes",
            "OnDemandThroughput",
            "PointInTimeRecoverySpecification",
            "ProvisionedThroughput",
            "ResourcePolicy",
            "SSESpecification",
            "StreamSpecification",
            "TableClass",
            "TableName",
            "Tags",
            "TimeToLiveSpecification",
            "WarmThroughput",
        ],
        reading,
    )?;
    check_keys(&properties);
    let billing_mode = properties
        .one_of("BillingMode", &["PAY_PER_REQUEST", "PROVISIONED"])
        .unwrap_or_else(|| "PROVISIONED".to_owned());
    if billing_mode == "PROVISIONED" && properties.node("ProvisionedThroughput").is_none() {
        let message = "a table with BillingMode PROVISIONED needs ProvisionedThroughput";
        properties.error(
            "BillingMode",
            message,
            "or write `BillingMode: PAY_PER_REQUEST`",
        );
    }
    table(declared, &properties, &billing_mode)
}

/// A global table: here it is in one place, and takes what load there is.
pub(super) fn read_global(declared: &Declared<'_>, reading: &Reading<'_>) -> Option<Table> {
    let properties = declared.properties(
        &["AttributeDefinitions", "KeySchema", "Replicas"],
        &[
            "BillingMode",
            "GlobalSecondaryIndexes",
            "GlobalTableSettingsReplicationMode",
            "GlobalTableSourceArn",
            "GlobalTableWitnesses",
            "LocalSecondaryIndexes",
            "MultiRegionConsistency",
            "ReadOnDemandThroughputSettings",
            "ReadProvisionedThroughputSettings",
            "SSESpecification",
            "StreamSpecification",
            "TableName",
            "TimeToLiveSpecification",
            "WarmThroughput",
            "WriteOnDemandThroughputSettings",
            "WriteProvisionedThroughputSettings",
        ],
        reading,
    )?;
    check_keys(&properties);
    table(declared, &properties, "PAY_PER_REQUEST")
}

fn table(
    declared: &Declared<'_>,
    properties: &Properties<'_>,
    billing_mode: &str,
) -> Option<Table> {
    let mut request = Map::new();
    request.insert("TableName".into(), json!(declared.id));
    request.insert("BillingMode".into(), json!(billing_mode));
    for (name, members) in [
        ("KeySchema", &[][..]),
        ("AttributeDefinitions", &[]),
        ("ProvisionedThroughput", &[]),
        (
            "GlobalSecondaryIndexes",
            &[
                "IndexName",
                "KeySchema",
                "Projection",
                "ProvisionedThroughput",
            ],
        ),
        (
            "LocalSecondaryIndexes",
            &["IndexName", "KeySchema", "Projection"],
        ),
    ] {
        if let Some(node) = properties.node(name) {
            let mut value = node.to_json();
            keep_members(&mut value, members);
            with_numbers(&mut value);
            request.insert(name.into(), value);
        }
    }
    if let Some(stream) = properties.object(
        "StreamSpecification",
        &["StreamViewType"],
        &["ResourcePolicy"],
    ) {
        let view = stream.string("StreamViewType")?;
        let specification = json!({"StreamEnabled": true, "StreamViewType": view});
        request.insert("StreamSpecification".into(), specification);
    }
    Some(Table {
        name: declared.id.clone(),
        logical_id: declared.resource.logical_id.clone(),
        create_table: Json::Object(request),
        time_to_live_attribute: time_to_live(properties),
    })
}

/// Every attribute of the key must be defined.
fn check_keys(properties: &Properties<'_>) {
    let attributes = |name: &str| -> Vec<&str> {
        let items = properties
            .node(name)
            .and_then(|node| node.as_list())
            .unwrap_or_default();
        items
            .iter()
            .filter_map(|item| item.get("AttributeName")?.as_text())
            .collect()
    };
    let defined = attributes("AttributeDefinitions");
    for key in attributes("KeySchema") {
        if !defined.contains(&key) {
            let message = format!("the key attribute `{key}` is not in AttributeDefinitions");
            properties.error("KeySchema", message, "define its type there");
        }
    }
}

fn time_to_live(properties: &Properties<'_>) -> Option<String> {
    let specification =
        properties.object("TimeToLiveSpecification", &["Enabled"], &["AttributeName"])?;
    let is_enabled = specification.boolean("Enabled")?;
    specification.string("AttributeName").filter(|_| is_enabled)
}

/// Drops what CloudFormation has and the request does not.
fn keep_members(value: &mut Json, members: &[&str]) {
    if members.is_empty() {
        return;
    }
    for item in value.as_array_mut().into_iter().flatten() {
        if let Some(object) = item.as_object_mut() {
            object.retain(|name, _| members.contains(&name.as_str()));
        }
    }
}

/// Parameters are strings, capacity units are numbers on the wire.
fn with_numbers(value: &mut Json) {
    match value {
        Json::Object(members) => {
            for (name, member) in members {
                let number = member.as_str().and_then(|text| text.parse::<u64>().ok());
                match number.filter(|_| name.ends_with("CapacityUnits")) {
                    Some(number) => *member = json!(number),
                    None => with_numbers(member),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(with_numbers),
        _ => {}
    }
}
