//! Custom domain names and the API mappings under them.

use crate::{ApiId, StageName};

/// `DomainName` with its mappings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainName {
    /// `domainName`, exact or with a leading `*.`.
    pub domain_name: String,
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
