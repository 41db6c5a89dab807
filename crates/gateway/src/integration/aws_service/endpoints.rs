//! Where a service is: at AWS, or where the variables that the SDKs read too say.

use std::collections::BTreeMap;

use gatepost_model::arn::{ServiceTarget, ServiceUri};
use hyper::Uri;

use super::services::service_named;

/// `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_{SERVICE}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceEndpoints(BTreeMap<String, String>);

/// The endpoint of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEndpoint {
    /// Scheme, host, port and perhaps a path, without a slash at its end.
    pub url: String,
    /// The host header, when it is not the URL's host.
    pub host: Option<String>,
    /// Whether this is AWS itself.
    pub is_real_aws: bool,
    /// The variable that names another endpoint.
    pub variable: String,
}

/// A variable that names no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: `{value}` is no endpoint: write http://localhost:5000")]
pub struct InvalidEndpoint {
    /// The variable.
    pub variable: String,
    /// Its value.
    pub value: String,
}

impl ServiceEndpoints {
    /// Takes the endpoints out of an environment.
    ///
    /// # Errors
    /// [`InvalidEndpoint`] when a variable holds no URL.
    pub fn of_environment(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, InvalidEndpoint> {
        let mut endpoints = BTreeMap::new();
        for (variable, value) in variables {
            if !variable.starts_with("AWS_ENDPOINT_URL") || value.is_empty() {
                continue;
            }
            let is_endpoint = value.parse::<Uri>().is_ok_and(|uri| {
                let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
                is_http && !value.contains(['?', '#', '@'])
            });
            if !is_endpoint {
                return Err(InvalidEndpoint { variable, value });
            }
            endpoints.insert(variable, value.trim_end_matches('/').to_owned());
        }
        Ok(Self(endpoints))
    }

    /// What a variable says, or else `AWS_ENDPOINT_URL`.
    pub fn configured(&self, variable: &str) -> Option<&str> {
        let configured = self
            .0
            .get(variable)
            .or_else(|| self.0.get("AWS_ENDPOINT_URL"));
        configured.map(String::as_str)
    }

    /// The URL of a service in a region.
    pub fn url_of(&self, service: &str, region: &str) -> String {
        let partition = match region {
            region if region.starts_with("cn-") => "aws-cn",
            _ => "aws",
        };
        self.endpoint_of(&ServiceUri {
            partition: partition.to_owned(),
            region: region.to_owned(),
            subdomain: None,
            service: service.to_owned(),
            target: ServiceTarget::Path("/".to_owned()),
        })
        .url
    }

    /// Where the service of a URI is.
    pub fn endpoint_of(&self, uri: &ServiceUri) -> ServiceEndpoint {
        let subdomain = uri.subdomain.as_deref();
        let service = service_named(subdomain, &uri.service);
        let variable = service.endpoint_variable(&uri.service);
        let Some(url) = self.configured(&variable) else {
            return ServiceEndpoint {
                url: format!("https://{}", real_host(uri)),
                host: None,
                is_real_aws: true,
                variable,
            };
        };
        let host = subdomain.and_then(|subdomain| {
            let uri: Uri = url.parse().ok()?;
            Some(format!("{subdomain}.{}", uri.authority()?))
        });
        ServiceEndpoint {
            url: url.to_owned(),
            host,
            is_real_aws: is_of_aws(url),
            variable,
        }
    }
}

/// Whether a URL is one of AWS's own, a VPC endpoint too.
pub fn is_of_aws(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    let suffixes = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];
    suffixes.iter().any(|suffix| host.ends_with(suffix))
}

fn real_host(uri: &ServiceUri) -> String {
    let suffix = match uri.partition.as_str() {
        "aws-cn" => "amazonaws.com.cn",
        _ => "amazonaws.com",
    };
    // The host of IoT's data plane is called after IoT.
    let service = match uri.service.as_str() {
        "iotdata" => "iot",
        service => service,
    };
    let subdomain = uri.subdomain.as_deref();
    let before = subdomain.map_or_else(String::new, |subdomain| format!("{subdomain}."));
    // IAM is the same in all regions of a partition.
    match (service, uri.partition.as_str()) {
        ("iam", "aws") => format!("iam.{suffix}"),
        _ => format!("{before}{service}.{}.{suffix}", uri.region),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(uri: &str, variables: &[(&str, &str)]) -> ServiceEndpoint {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let endpoints = ServiceEndpoints::of_environment(variables).unwrap();
        endpoints.endpoint_of(&ServiceUri::parse(uri).unwrap())
    }

    #[test]
    fn a_service_is_at_aws_unless_a_variable_says_where() {
        let real = |uri: &str| endpoint(uri, &[]).url;
        for (uri, url) in [
            (
                "arn:aws:apigateway:eu-west-1:sqs:path/q",
                "https://sqs.eu-west-1.amazonaws.com",
            ),
            (
                "arn:aws-cn:apigateway:cn-north-1:sns:action/Publish",
                "https://sns.cn-north-1.amazonaws.com.cn",
            ),
            (
                "arn:aws:apigateway:us-east-1:iam:action/ListUsers",
                "https://iam.amazonaws.com",
            ),
            (
                "arn:aws:apigateway:us-west-2:runtime.sagemaker:path/endpoints/x",
                "https://runtime.sagemaker.us-west-2.amazonaws.com",
            ),
            (
                "arn:aws:apigateway:us-west-2:abc-ats.iotdata:path/topics/x",
                "https://abc-ats.iot.us-west-2.amazonaws.com",
            ),
        ] {
            assert_eq!(real(uri), url);
        }
    }

    #[test]
    fn the_variables_are_those_of_the_sdks() {
        for (service, variable) in [
            ("sqs", "AWS_ENDPOINT_URL_SQS"),
            ("states", "AWS_ENDPOINT_URL_SFN"),
            ("events", "AWS_ENDPOINT_URL_EVENTBRIDGE"),
            ("monitoring", "AWS_ENDPOINT_URL_CLOUDWATCH"),
            ("some-thing", "AWS_ENDPOINT_URL_SOME_THING"),
        ] {
            let uri = format!("arn:aws:apigateway:us-east-1:{service}:action/Do");
            let at = endpoint(
                &uri,
                &[
                    ("AWS_ENDPOINT_URL", "http://all:1/"),
                    (variable, "http://one:2"),
                ],
            );
            assert_eq!((at.url.as_str(), at.is_real_aws), ("http://one:2", false));
            assert_eq!(at.variable, variable);
            assert_eq!(
                endpoint(&uri, &[("AWS_ENDPOINT_URL", "http://all:1/")]).url,
                "http://all:1"
            );
        }
        let uri = "arn:aws:apigateway:us-east-1:bucket.s3:path/key";
        let at = endpoint(uri, &[("AWS_ENDPOINT_URL_S3", "http://localhost:5000")]);
        assert_eq!(at.host.as_deref(), Some("bucket.localhost:5000"));
    }

    #[test]
    fn a_variable_without_a_url_is_refused() {
        for value in ["localhost:5000", "ftp://x", "http://a?b", "http://u@h"] {
            let variables = [("AWS_ENDPOINT_URL_SQS".to_owned(), value.to_owned())];
            assert!(
                ServiceEndpoints::of_environment(variables).is_err(),
                "{value}"
            );
        }
    }
}
