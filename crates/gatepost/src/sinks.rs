//! The sinks of logs that the configuration switches on.

use std::{path::Path, time::Duration};

use gatepost_gateway::{
    integration::{
        aws_service::is_of_aws,
        client_certificate::CertificateFileError,
        cloudwatch_logs::CloudWatchLogs,
        credentials::Source,
        egress::Egress,
        http_client::{HttpClient, HttpClientConfig},
        outward::Outward,
    },
    observe::sinks::{FileConfig, OtlpConfig, Sink, cloudwatch::CloudWatch},
};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::config::{self, CloudWatchConfig, Config};

/// How long a call of CloudWatch Logs may take.
const CLOUDWATCH_TIMEOUT: Duration = Duration::from_secs(10);
/// The greatest answer that a sink reads, bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// Why a sink cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The file cannot be written.
    #[error("[logs.file] {path}: {source}; correct the path, or its rights")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The writer to stdout cannot be started.
    #[error("[logs.stdout]: {0}")]
    Stdout(std::io::Error),
    /// What is configured cannot be used; what, and the mend.
    #[error("[logs.{0}]: {1}")]
    Unusable(&'static str, String),
    /// TLS cannot be set up.
    #[error("[integrations]: {0}")]
    Certificate(#[from] CertificateFileError),
}

/// Opens the sinks. Must be called inside of a Tokio runtime.
///
/// # Errors
/// [`SinkError`].
pub fn open(
    config: &Config,
    state: &Path,
    region: &str,
    outward: &Outward,
) -> Result<Vec<Sink>, SinkError> {
    let logs = &config.logs;
    let mut sinks = Vec::new();
    if logs.stdout {
        sinks.push(Sink::stdout(logs.sink_queue).map_err(SinkError::Stdout)?);
    }
    if let Some(file) = &logs.file {
        let path = file.path.clone();
        let path = path.unwrap_or_else(|| state.join("gatepost.log"));
        let config = FileConfig {
            path: path.clone(),
            max_bytes: file.max_bytes as u64,
            max_files: file.max_files,
        };
        let sink = Sink::file(config, logs.sink_queue).map_err(|source| SinkError::File {
            path: path.display().to_string(),
            source,
        })?;
        sinks.push(sink);
    }
    if let Some(cloudwatch) = &logs.cloudwatch {
        let http = http_client(config)?;
        let cloudwatch = cloudwatch_sink(cloudwatch, region, outward, http)
            .map_err(|what| SinkError::Unusable("cloudwatch", what))?;
        sinks.push(Sink::cloudwatch(cloudwatch, logs.sink_queue));
    }
    if let Some(otlp) = &logs.otlp {
        let http = http_client(config)?;
        let otlp = otlp_config(otlp, http).map_err(|what| SinkError::Unusable("otlp", what))?;
        sinks.push(Sink::otlp(otlp, logs.sink_queue));
    }
    Ok(sinks)
}

/// A client of the sinks' own, which no integration can keep busy.
fn http_client(config: &Config) -> Result<HttpClient, CertificateFileError> {
    HttpClient::new(HttpClientConfig {
        // The operator names the endpoints, not a template.
        egress: Egress::everywhere(),
        ca_certificates: config.integrations.ca_certificates.clone(),
        idle_connections_per_backend: 8,
        max_answer_bytes: MAX_ANSWER,
    })
}

fn cloudwatch_sink(
    config: &CloudWatchConfig,
    region: &str,
    outward: &Outward,
    http: HttpClient,
) -> Result<CloudWatch, String> {
    let services = &outward.services;
    let region = config.region.as_deref().unwrap_or(region);
    let endpoint = config.endpoint.clone();
    let url = endpoint.unwrap_or_else(|| services.endpoints.url_of("logs", region));
    // Others' credentials may come yet.
    if let Source::Nowhere(error) = services.credentials.source()
        && is_of_aws(&url)
    {
        return Err(error.to_string());
    }
    Ok(CloudWatch {
        logs: CloudWatchLogs {
            http,
            credentials: services.credentials.clone(),
            region: region.to_owned(),
            url,
            timeout: CLOUDWATCH_TIMEOUT,
        },
        log_group_prefix: config.log_group_prefix.clone(),
    })
}

fn otlp_config(config: &config::OtlpConfig, http: HttpClient) -> Result<OtlpConfig, String> {
    let endpoint = &config.endpoint;
    let url = format!("{endpoint}/v1/logs").parse::<Uri>();
    let url = url.ok().filter(|url| {
        let authority = url.authority().map_or("", |authority| authority.as_str());
        // What stands before an @ would be shown with the URL.
        !authority.is_empty() && !authority.contains('@')
    });
    let url =
        url.ok_or("endpoint: write a URL such as http://localhost:4318, and keys into headers")?;
    let mut headers = HeaderMap::new();
    for (name, secret) in &config.headers {
        let known = name.parse::<HeaderName>().ok();
        let value = HeaderValue::from_str(secret.reveal()).ok();
        let (Some(header), Some(mut value)) = (known, value) else {
            return Err(format!("headers: `{name}` or its value is no HTTP header"));
        };
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(OtlpConfig { http, url, headers })
}
