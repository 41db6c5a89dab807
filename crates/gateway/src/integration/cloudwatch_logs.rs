//! A client of Amazon CloudWatch Logs, or of what stands in for it: one signed call of its JSON
//! protocol (control-and-observability spec G.1).

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode,
    header::{CONTENT_TYPE, HOST},
};
use serde_json::Value;

use super::{
    aws_service::is_of_aws,
    credentials::{CredentialsError, CredentialsProvider},
    http_client::HttpClient,
    sign::{Scope, sign},
};

/// A client for one region.
#[derive(Debug)]
pub struct CloudWatchLogs {
    /// Who calls.
    pub http: HttpClient,
    /// Who signs.
    pub credentials: CredentialsProvider,
    /// The region that is signed for.
    pub region: String,
    /// Scheme, host, port and perhaps a path, without a slash at its end.
    pub url: String,
    /// How long a call may take.
    pub timeout: Duration,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It cannot be made.
    #[error("{0}")]
    Unusable(String),
    /// Nobody can sign it.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// There was no answer.
    #[error("{0}")]
    NoAnswer(String),
    /// It was refused.
    #[error("CloudWatch Logs answered {}: {message} ({kind})", status.as_u16())]
    Refused {
        /// The status.
        status: StatusCode,
        /// The error's name, such as `ResourceNotFoundException`.
        kind: String,
        /// What it says.
        message: String,
    },
}

impl CallError {
    /// Whether it is an error of this name.
    pub fn is(&self, name: &str) -> bool {
        matches!(self, Self::Refused { kind, .. } if kind == name)
    }
}

impl CloudWatchLogs {
    /// Calls an operation with its input as JSON; its answer.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call(&self, operation: &str, input: Bytes) -> Result<Bytes, CallError> {
        let url = &self.url;
        let host = url.split("://").nth(1).unwrap_or(url);
        let host = host.split('/').next().unwrap_or(host);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{url}/"))
            .header(HOST, host)
            .header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", format!("Logs_20140328.{operation}"))
            .body(Full::new(input.clone()))
            .map_err(|error| CallError::Unusable(format!("{url} is no endpoint: {error}")))?;
        let scope = Scope {
            region: &self.region,
            service: "logs",
        };
        let credentials = self.credentials.credentials_for(is_of_aws(url)).await?;
        sign(&mut request, &input, &credentials, scope)
            .map_err(|error| CallError::Unusable(error.to_string()))?;
        let answer = tokio::time::timeout(self.timeout, self.http.send(request))
            .await
            .map_err(|_| CallError::NoAnswer("CloudWatch Logs does not answer".into()))?
            .map_err(|error| CallError::NoAnswer(error.to_string()))?;
        let (status, body) = (answer.status(), answer.into_body());
        if status.is_success() {
            return Ok(body);
        }
        let error: Value = serde_json::from_slice(&body).unwrap_or_default();
        let kind = error["__type"].as_str().unwrap_or("no type");
        let message = error["message"].as_str().or(error["Message"].as_str());
        Err(CallError::Refused {
            status,
            // Some put the namespace before it.
            kind: kind.rsplit('#').next().unwrap_or(kind).to_owned(),
            message: message.unwrap_or("nothing").to_owned(),
        })
    }
}
