//! Signature Version 4 of requests to AWS, or to what stands in for it.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign as sigv4,
    },
    sign::v4,
};
use hyper::Request;

/// What a signature is for.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The region.
    pub region: &'a str,
    /// The service's signing name, e.g. `dynamodb`.
    pub service: &'a str,
}

/// A request that cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request cannot be signed: {0}")]
pub struct UnsignableRequest(String);

/// Signs a request with this payload, in its headers.
///
/// # Errors
/// [`UnsignableRequest`].
pub fn sign<B>(
    request: &mut Request<B>,
    payload: &[u8],
    credentials: &Credentials,
    scope: Scope<'_>,
) -> Result<(), UnsignableRequest> {
    let unsignable = |error: &dyn std::fmt::Display| UnsignableRequest(error.to_string());
    let mut settings = SigningSettings::default();
    if scope.service == "s3" {
        // S3 alone signs the path as it is sent, and the hash of the body as a header.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .map_err(|error| unsignable(&error))?
        .into();
    let uri = request.uri().to_string();
    let headers = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let body = SignableBody::Bytes(payload);
    let signable = SignableRequest::new(request.method().as_str(), uri, headers, body)
        .map_err(|error| unsignable(&error))?;
    let (instructions, _) = sigv4(signable, &parameters)
        .map_err(|error| unsignable(&error))?
        .into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}
