//! All that integrations reach outward with, as the user configured it.

use gatepost_model::limits::Limits;

use super::{
    aws_service::AwsServices,
    bulkhead::{Bounds, Bulkheads},
    client_certificate::{CertificateFileError, ClientCertificates},
    egress::Egress,
    http_client::{HttpClient, HttpClientConfig},
    vpc_link::VpcLinks,
};

/// All that integrations reach outward with.
#[derive(Debug)]
pub struct Outward {
    /// Who calls HTTP backends.
    pub http: HttpClient,
    /// Where VPC links lead.
    pub vpc_links: VpcLinks,
    /// Client certificates, by `clientCertificateId`.
    pub client_certificates: ClientCertificates,
    /// Where AWS's services are, and who signs calls to them.
    pub services: AwsServices,
    /// The bulkheads of all integrations and authorizers.
    pub bulkheads: Bulkheads,
}

impl Outward {
    /// With nothing configured but the limits.
    ///
    /// # Errors
    /// [`CertificateFileError`] when TLS cannot be set up.
    pub fn unconfigured(limits: &Limits) -> Result<Self, CertificateFileError> {
        Ok(Self {
            http: HttpClient::new(HttpClientConfig {
                egress: Egress::default(),
                ca_certificates: None,
                idle_connections_per_backend: limits.idle_connections_per_backend,
                max_answer_bytes: limits.max_integration_response_bytes,
            })?,
            vpc_links: VpcLinks::default(),
            client_certificates: ClientCertificates::default(),
            services: AwsServices::default(),
            bulkheads: Bulkheads::new(Bounds::of(limits)),
        })
    }
}
