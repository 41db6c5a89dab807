//! `AWS::Serverless::SimpleTable`: a table whose key is one attribute, `id` unless named.

use super::{Expansion, passed_through};
use crate::template::{
    document::{Entry, Node, Value},
    properties::Properties,
    sections::Resource,
};

pub(super) fn expand(resource: &Resource, expansion: &mut Expansion<'_>) {
    let (raw, at) = (&resource.properties, resource.position);
    let same = [
        "PointInTimeRecoverySpecification",
        "ProvisionedThroughput",
        "SSESpecification",
        "TableName",
    ];
    let optional = [same.as_slice(), &["PrimaryKey", "Tags"]].concat();
    let diagnostics = expansion.diagnostics;
    let type_name = &resource.type_name;
    let Some(properties) = Properties::new(type_name, raw, at, &[], &optional, diagnostics) else {
        return;
    };
    let key = properties.object("PrimaryKey", &["Type"], &["Name"]);
    let name = key
        .as_ref()
        .and_then(|key| key.node("Name").cloned())
        .unwrap_or_else(|| Node::string("id", at));
    let types = ["Binary", "Number", "String"];
    let attribute_type = key
        .and_then(|key| key.one_of("Type", &types))
        .unwrap_or_else(|| "String".to_owned());
    let list = |item: Node| Node::new(Value::List(vec![item]), at);
    let mut plain = passed_through(raw, &same);
    plain.push(Entry::new(
        "KeySchema",
        list(Node::map(
            [
                ("AttributeName", name.clone()),
                ("KeyType", Node::string("HASH", at)),
            ],
            at,
        )),
    ));
    plain.push(Entry::new(
        "AttributeDefinitions",
        list(Node::map(
            [
                ("AttributeName", name),
                // `String` is `S`, and so on.
                ("AttributeType", Node::string(&attribute_type[..1], at)),
            ],
            at,
        )),
    ));
    if properties.node("ProvisionedThroughput").is_none() {
        let on_demand = Node::string("PAY_PER_REQUEST", at);
        plain.push(Entry::new("BillingMode", on_demand));
    }
    expansion.make(
        resource,
        &resource.logical_id,
        "AWS::DynamoDB::Table",
        at,
        plain,
    );
}
