//! The role of an EC2 instance, by version 2 of its metadata service.

use std::time::Duration;

use aws_credential_types::Credentials;
use bytes::Bytes;
use gatepost_model::secret::Secret;
use http_body_util::Full;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};

use super::{
    CredentialsError,
    ask::{Patience, ask},
    document::{self, said, sensitive},
};
use crate::integration::http_client::HttpClient;

const IPV4: &str = "http://169.254.169.254";
const IPV6: &str = "http://[fd00:ec2::254]";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
/// The token is good for one question after the other.
const TOKEN_SECONDS: &str = "60";
/// Whether there is such a service is known quickly, or there is none.
const FIRST: Patience = Patience {
    attempts: 1,
    timeout: Duration::from_secs(1),
};
const PATIENCE: Patience = Patience {
    attempts: 3,
    timeout: Duration::from_secs(1),
};

/// The instance metadata service.
#[derive(Debug, Clone)]
pub struct InstanceMetadata {
    /// Scheme and authority.
    endpoint: String,
}

impl InstanceMetadata {
    /// The service that variables name, else AWS's; `None` when `AWS_EC2_METADATA_DISABLED` says so.
    pub fn of_environment<'e>(variable: impl Fn(&str) -> Option<&'e str>) -> Option<Self> {
        let is = |name: &str, value: &str| {
            variable(name).is_some_and(|given| given.eq_ignore_ascii_case(value))
        };
        if is("AWS_EC2_METADATA_DISABLED", "true") {
            return None;
        }
        let endpoint = match variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
            Some(endpoint) => endpoint.trim_end_matches('/'),
            None if is("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6") => IPV6,
            None => IPV4,
        };
        Some(Self {
            endpoint: endpoint.to_owned(),
        })
    }

    pub(super) async fn fetch(&self, client: &HttpClient) -> Result<Credentials, CredentialsError> {
        let not_given = |what| CredentialsError::not_given("the instance metadata service", what);
        let token = self.get(client, Method::PUT, "/latest/api/token", FIRST, |headers| {
            let seconds = hyper::header::HeaderValue::from_static(TOKEN_SECONDS);
            headers.insert("x-aws-ec2-metadata-token-ttl-seconds", seconds);
        });
        // A service that is switched off refuses this, and so does whatever else listens there.
        let token = token.await.and_then(|answer| read(&answer));
        let token = token.map_err(CredentialsError::NoInstance)?;
        let token = sensitive(&Secret::new(token))
            .ok_or_else(|| not_given("its token has characters that no header may have".into()))?;
        let with_token = |headers: &mut HeaderMap| {
            headers.insert("x-aws-ec2-metadata-token", token.clone());
        };
        let roles = self.get(client, Method::GET, ROLES, PATIENCE, with_token);
        let roles = roles.await.map_err(not_given)?;
        if roles.status() == StatusCode::NOT_FOUND {
            let none = "the instance has no role: attach an instance profile to it";
            return Err(not_given(none.to_owned()));
        }
        let roles = read(&roles).map_err(not_given)?;
        let role = roles.lines().next().unwrap_or_default().trim();
        if role.is_empty() || !role.chars().all(is_of_role_name) {
            return Err(not_given("it names no role".to_owned()));
        }
        let path = format!("{ROLES}{role}");
        let document = self.get(client, Method::GET, &path, PATIENCE, with_token);
        let document = document
            .await
            .and_then(|answer| read(&answer))
            .map_err(not_given)?;
        document::parse(document.as_bytes()).map_err(not_given)
    }

    async fn get(
        &self,
        client: &HttpClient,
        method: Method,
        path: &str,
        patience: Patience,
        add_headers: impl Fn(&mut HeaderMap),
    ) -> Result<Response<Bytes>, String> {
        let uri = format!("{}{path}", self.endpoint);
        ask(client, patience, || {
            let request = Request::builder().method(&method).uri(&uri);
            let request = request.body(Full::new(Bytes::new()));
            let mut request = request.map_err(|error| error.to_string())?;
            add_headers(request.headers_mut());
            Ok(request)
        })
        .await
    }
}

fn read(answer: &Response<Bytes>) -> Result<String, String> {
    let status = answer.status();
    let text = String::from_utf8_lossy(answer.body());
    if status.is_success() {
        Ok(text.into_owned())
    } else {
        Err(format!("it answers {status}: {}", said(&text)))
    }
}

/// What the name of a role may hold, which becomes a step of a path.
fn is_of_role_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+=,.@_-".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_where_the_variables_of_the_sdks_say() {
        let endpoint = |variables: &[(&str, &'static str)]| {
            let variable = |name: &str| {
                let mut found = variables.iter().filter(|(variable, _)| *variable == name);
                found.next().map(|(_, value)| *value)
            };
            InstanceMetadata::of_environment(variable).map(|metadata| metadata.endpoint)
        };
        assert_eq!(endpoint(&[]).as_deref(), Some("http://169.254.169.254"));
        let mode = ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv6");
        assert_eq!(endpoint(&[mode]).as_deref(), Some("http://[fd00:ec2::254]"));
        let own = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://localhost:1/");
        assert_eq!(
            endpoint(&[own, mode]).as_deref(),
            Some("http://localhost:1")
        );
        assert_eq!(
            endpoint(&[own, ("AWS_EC2_METADATA_DISABLED", "TRUE")]),
            None
        );
    }
}
