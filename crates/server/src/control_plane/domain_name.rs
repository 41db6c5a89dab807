//! `GetDomainNames`, `GetDomainName`, `GetApiMappings`, `GetApiMapping`.

use gatepost_model::domain_name::{ApiMapping, DomainName};
use serde_json::{Value, json};

use super::{json::present, rescue::ControlPlaneError};

pub(super) fn find<'a>(
    domain_names: &'a [DomainName],
    name: &str,
) -> Result<&'a DomainName, ControlPlaneError> {
    domain_names
        .iter()
        .find(|domain_name| id(domain_name).eq_ignore_ascii_case(name))
        .ok_or(ControlPlaneError::NotFoundInDomain("domain name"))
}

pub(super) fn id(domain_name: &DomainName) -> &str {
    &domain_name.domain_name
}

pub(super) fn body(domain_name: &DomainName) -> Value {
    json!({
        "apiMappingSelectionExpression": "$request.basepath",
        "domainName": domain_name.domain_name,
        "domainNameConfigurations": [present(json!({
            "certificateArn": domain_name.certificate_arn,
            "domainNameStatus": "AVAILABLE",
            "endpointType": "REGIONAL",
            "ipAddressType": "ipv4",
            "securityPolicy": "TLS_1_2",
        }))],
        "routingMode": "API_MAPPING_ONLY",
        "tags": domain_name.tags,
    })
}

pub(super) fn find_mapping<'a>(
    domain_name: &'a DomainName,
    api_mapping_id: &str,
) -> Result<&'a ApiMapping, ControlPlaneError> {
    domain_name
        .api_mappings
        .iter()
        .find(|mapping| mapping_id(mapping) == api_mapping_id)
        .ok_or(ControlPlaneError::NotFoundInDomain("api mapping"))
}

pub(super) fn mapping_id(mapping: &ApiMapping) -> &str {
    &mapping.api_mapping_id
}

pub(super) fn mapping_body(mapping: &ApiMapping) -> Value {
    let key = &mapping.api_mapping_key;
    present(json!({
        "apiId": mapping.api_id.as_str(),
        "apiMappingId": mapping.api_mapping_id,
        "apiMappingKey": (!key.is_empty()).then_some(key),
        "stage": mapping.stage.as_str(),
    }))
}
