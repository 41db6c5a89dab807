//! What integrations reach outward with, from the configuration and the environment.

mod credentials;

use std::{collections::BTreeMap, path::PathBuf};

use gatepost_gateway::integration::{
    aws_service::{AwsServices, ServiceEndpoints},
    bulkhead::{Bounds, Bulkheads},
    client_certificate::{CertificateFileError, ClientCertificate, ClientCertificates},
    credentials::CredentialsProvider,
    egress::{Egress, InvalidPrefix, Prefix},
    http_client::{HttpClient, HttpClientConfig},
    outward::Outward,
    vpc_link::VpcLinks,
};

pub use self::credentials::SourceError;
use self::credentials::Surroundings;
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
    /// A profile, or a container's variable, cannot be used.
    #[error(transparent)]
    Credentials(#[from] SourceError),
}

/// Reads certificates, finds out who gives credentials, and makes the client.
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
    let client_certificates = ClientCertificates::new(client_certificates);
    let endpoints = ServiceEndpoints::of_environment(environment.clone())?;
    let credentials = provider(integrations, environment, &endpoints)?;
    Ok(Outward {
        http,
        vpc_links: VpcLinks::new(integrations.vpc_links.clone()),
        client_certificates,
        services: AwsServices {
            endpoints,
            credentials,
        },
        bulkheads: Bulkheads::new(Bounds::of(limits)),
    })
}

/// Who gives the credentials of a profile, or else those that the SDKs would find.
///
/// # Errors
/// [`OutwardError`] when a profile that was asked for cannot be used.
pub fn credentials(
    profile: Option<&str>,
    ca_certificates: Option<PathBuf>,
    environment: &BTreeMap<String, String>,
) -> Result<CredentialsProvider, OutwardError> {
    let config = IntegrationsConfig {
        profile: profile.map(str::to_owned),
        ca_certificates,
        ..IntegrationsConfig::default()
    };
    let endpoints = ServiceEndpoints::of_environment(environment.clone())?;
    provider(&config, environment, &endpoints)
}

fn provider(
    config: &IntegrationsConfig,
    variables: &BTreeMap<String, String>,
    endpoints: &ServiceEndpoints,
) -> Result<CredentialsProvider, OutwardError> {
    let around = Surroundings {
        variables,
        endpoints,
    };
    let source = credentials::find(config, &around)?;
    let ca_certificates = config.ca_certificates.clone();
    Ok(CredentialsProvider::new(source, ca_certificates)?)
}

fn prefixes(texts: &[String]) -> Result<Vec<Prefix>, InvalidPrefix> {
    texts.iter().map(|text| text.parse()).collect()
}
