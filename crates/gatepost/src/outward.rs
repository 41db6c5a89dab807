//! What integrations reach outward with, from the configuration and the environment.

mod credentials;

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use gatepost_gateway::integration::{
    aws_service::{AwsServices, ServiceEndpoints},
    bulkhead::{Bounds, Bulkheads},
    client_certificate::{CertificateFileError, ClientCertificate},
    egress::{Egress, InvalidPrefix, Prefix},
    http_client::{HttpClient, HttpClientConfig},
    outward::Outward,
};

pub use self::credentials::CredentialsError;
use crate::config::{Config, IntegrationsConfig};

/// Why integrations could reach nothing.
#[derive(Debug, thiserror::Error)]
pub enum OutwardError {
    /// An address of `[egress]` is none.
    #[error("[egress]: {0}")]
    Egress(#[from] InvalidPrefix),
    /// A certificate cannot be used.
    #[error("[integrations]: {0}")]
    Certificate(#[from] CertificateFileError),
    /// A variable holds no URL.
    #[error(transparent)]
    Endpoint(#[from] gatepost_gateway::integration::aws_service::InvalidEndpoint),
    /// A profile cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

/// Reads certificates and credentials, and makes the client.
///
/// # Errors
/// [`OutwardError`].
pub fn outward(
    config: &Config,
    environment: &BTreeMap<String, String>,
) -> Result<Outward, OutwardError> {
    let integrations = &config.integrations;
    let limits = &config.limits;
    let http = HttpClient::new(HttpClientConfig {
        egress: Egress {
            allow: prefixes(&config.egress.allow)?,
            deny: prefixes(&config.egress.deny)?,
        },
        ca_certificates: integrations.ca_certificates.clone(),
        idle_connections_per_backend: limits.idle_connections_per_backend,
        max_answer_bytes: limits.max_integration_response_bytes,
    })?;
    let client_certificates = integrations
        .client_certificates
        .iter()
        .map(|(id, files)| {
            let certificate = ClientCertificate::read(&files.certificate, &files.key)?;
            Ok((id.clone(), certificate))
        })
        .collect::<Result<_, CertificateFileError>>()?;
    Ok(Outward {
        http,
        vpc_links: integrations.vpc_links.clone(),
        client_certificates,
        services: AwsServices {
            endpoints: ServiceEndpoints::of_environment(environment.clone())?,
            credentials: credentials::find(integrations, environment)?,
        },
        bulkheads: Bulkheads::new(Bounds::of(limits)),
    })
}

/// The credentials of a profile, or else those that the environment has; `None` when there are none.
///
/// # Errors
/// [`CredentialsError`] when a profile that was asked for cannot be used.
pub fn credentials(
    profile: Option<&str>,
    environment: &BTreeMap<String, String>,
) -> Result<Option<Credentials>, CredentialsError> {
    let config = IntegrationsConfig {
        profile: profile.map(str::to_owned),
        ..IntegrationsConfig::default()
    };
    credentials::find(&config, environment)
}

fn prefixes(texts: &[String]) -> Result<Vec<Prefix>, InvalidPrefix> {
    texts.iter().map(|text| text.parse()).collect()
}
