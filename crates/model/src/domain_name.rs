//! Custom domain names and the API mappings under them.

use std::collections::BTreeMap;

use crate::{ApiId, StageName, limits::API_MAPPING_KEY_LENGTH};

/// `DomainName` with its mappings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainName {
    /// `domainName`, exact or with a leading `*.`.
    pub domain_name: String,
    /// `certificateArn`, which is shown only: certificates are the server's.
    pub certificate_arn: Option<String>,
    /// `tags`.
    pub tags: BTreeMap<String, String>,
    /// Its API mappings.
    pub api_mappings: Vec<ApiMapping>,
}

/// `ApiMapping`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiMapping {
    /// `apiMappingId`.
    pub api_mapping_id: String,
    /// `apiMappingKey`: the path segment; empty maps the root.
    pub api_mapping_key: String,
    /// `apiId`.
    pub api_id: ApiId,
    /// `stage`.
    pub stage: StageName,
}

/// Whether text names a domain, exactly or with a leading `*.`.
pub fn is_domain_name(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || c == b'-')
    };
    name.contains('.') && name.split('.').all(is_label)
}

/// Whether text is an API mapping key: one step of a path, of the characters that AWS lets stand in
/// it.
pub fn is_api_mapping_key(text: &str) -> bool {
    let is_allowed = |c: u8| c.is_ascii_alphanumeric() || b"$-_.+!*'()".contains(&c);
    text.len() <= API_MAPPING_KEY_LENGTH && text.bytes().all(is_allowed)
}
