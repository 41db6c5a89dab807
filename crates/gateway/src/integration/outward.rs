//! All that integrations reach outward with, as the user configured it.

use std::collections::BTreeMap;

use super::{
    aws_service::AwsServices, bulkhead::Bulkheads, client_certificate::ClientCertificate,
    http_client::HttpClient, vpc_link::VpcLink,
};

/// All that integrations reach outward with.
#[derive(Debug)]
pub struct Outward {
    /// Who calls HTTP backends.
    pub http: HttpClient,
    /// Where VPC links lead, by id.
    pub vpc_links: BTreeMap<String, VpcLink>,
    /// Client certificates, by `clientCertificateId`.
    pub client_certificates: BTreeMap<String, ClientCertificate>,
    /// Where AWS's services are, and who signs calls to them.
    pub services: AwsServices,
    /// The bulkheads of all integrations.
    pub bulkheads: Bulkheads,
}
