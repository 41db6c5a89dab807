//! `AWS::ApiGatewayV2::DomainName` and `AWS::ApiGatewayV2::ApiMapping`.

use std::collections::BTreeMap;

use gatepost_model::{
    domain_name::{ApiMapping, DomainName, is_api_mapping_key, is_domain_name},
    limits::API_MAPPING_KEY_LENGTH,
};

use super::{ApiDraft, Declared, Reading};
use crate::template::properties::Properties;

pub(super) fn read(declared: &Declared<'_>, reading: &Reading<'_>) -> Option<DomainName> {
    let properties = declared.properties(
        &["DomainName"],
        &[
            "DomainNameConfigurations",
            "MutualTlsAuthentication",
            "RoutingMode",
            "Tags",
        ],
        reading,
    )?;
    if properties.node("MutualTlsAuthentication").is_some() {
        let message = "Mutual TLS domain name association is not supported for Websocket APIs.";
        properties.error("MutualTlsAuthentication", message, "remove it");
    }
    let domain_name = properties.string("DomainName")?;
    if !is_domain_name(&domain_name) {
        let message = format!("`{domain_name}` is no domain name");
        properties.error("DomainName", message, "write e.g. ws.example.com");
    }
    Some(DomainName {
        domain_name: domain_name.to_lowercase(),
        certificate_arn: None,
        tags: BTreeMap::new(),
        api_mappings: Vec::new(),
    })
}

/// A key is one step of a path, of the characters that AWS lets stand in it.
fn refuse_key(properties: &Properties<'_>) {
    let Some(key) = properties.string("ApiMappingKey") else {
        return;
    };
    if !is_api_mapping_key(&key) {
        let message = format!("the API mapping key `{key}` is not one");
        let mend = format!(
            "use at most {API_MAPPING_KEY_LENGTH} letters, digits and $-_.+!*'() without a slash"
        );
        properties.error("ApiMappingKey", message, mend);
    }
}

/// Reads an API mapping into its domain name.
pub(super) fn read_mapping(
    declared: &Declared<'_>,
    reading: &Reading<'_>,
    api: &ApiDraft,
    domain_names: &mut Vec<DomainName>,
) -> Option<()> {
    let properties = declared.properties(
        &["ApiId", "DomainName", "Stage"],
        &["ApiMappingKey"],
        reading,
    )?;
    let stage = properties.string("Stage")?;
    let mut stages = api.stages.iter();
    if !stages.any(|known| known.stage_name.as_str() == stage) {
        reading.unless_anything_broken(|| {
            let message = format!("Invalid stage identifier specified: {stage}");
            properties.error("Stage", message, "name a stage of the API");
        });
    }
    let domain_name = properties.string("DomainName")?.to_lowercase();
    refuse_key(&properties);
    let mapping = ApiMapping {
        api_mapping_id: declared.id.clone(),
        api_mapping_key: properties.string("ApiMappingKey").unwrap_or_default(),
        api_id: api.api_id.as_str().into(),
        stage: stage.into(),
    };
    let known = domain_names
        .iter_mut()
        .find(|known| known.domain_name == domain_name);
    if let Some(domain) = known {
        let key = &mapping.api_mapping_key;
        if domain
            .api_mappings
            .iter()
            .any(|other| other.api_mapping_key == *key)
        {
            let message = format!("ApiMapping key already exists for this domain name: `{key}`");
            properties.error("ApiMappingKey", message, "change one of them");
        }
        domain.api_mappings.push(mapping);
        return Some(());
    }
    let message = format!("the domain name {domain_name} is not in this template");
    properties.warn("DomainName", message, "it is served as if it were");
    domain_names.push(DomainName {
        certificate_arn: None,
        tags: BTreeMap::new(),
        domain_name,
        api_mappings: vec![mapping],
    });
    Some(())
}
