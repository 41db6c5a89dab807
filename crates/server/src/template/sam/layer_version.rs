//! `AWS::Serverless::LayerVersion`.

use super::{Expansion, function::bucket_or_path, passed_through};
use crate::template::{document::Entry, properties::Properties, sections::Resource};

pub(super) fn expand(resource: &Resource, expansion: &mut Expansion<'_>) {
    let at = resource.position;
    let same = [
        "CompatibleArchitectures",
        "CompatibleRuntimes",
        "Description",
        "LayerName",
        "LicenseInfo",
    ];
    let others = ["PublishLambdaVersion", "RetentionPolicy"];
    let optional = [same.as_slice(), &others].concat();
    let raw = &resource.properties;
    let type_name = &resource.type_name;
    let required = ["ContentUri"];
    let properties = Properties::new(
        type_name,
        raw,
        at,
        &required,
        &optional,
        expansion.diagnostics,
    );
    let Some(uri) = properties.and_then(|properties| properties.node("ContentUri")) else {
        return;
    };
    let mut plain = passed_through(raw, &same);
    plain.push(Entry::new("Content", bucket_or_path(uri)));
    expansion.make(
        resource,
        &resource.logical_id,
        "AWS::Lambda::LayerVersion",
        at,
        plain,
    );
}
