//! Verification of AWS Signature Version 4, in headers and in presigned queries.
//!
//! The steps hand over types, so that none can be left out or come too early:
//! [`Claim::of`] reads what a request claims, [`Claim::check`] compares its time and scope and gives
//! a [`ScopedClaim`], whose [`ScopedClaim::verify`] compares the session token and the signature.
//! Between them the caller looks up the access key. Nothing of a claim may be believed before.
//!
//! Only what the client signed is looked at: the raw path and query, and the body as it came. So
//! `UNSIGNED-PAYLOAD` and streaming payloads are no signatures of this body, and are refused.

mod amz_date;
mod canonical;
mod carrier;
mod error;
mod signing_key;
#[cfg(test)]
mod tests;

use http::{HeaderMap, Uri, header::AUTHORIZATION};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use self::{
    amz_date::AmzDate,
    canonical::{canonical_request, unsigned_header},
    carrier::Carrier,
    error::ScopeMismatch,
};
pub use self::{error::SigV4Error, signing_key::SigningKey};

/// How far the clocks of signer and verifier may be apart, seconds (data-plane spec 8.4,
/// control-and-observability spec H).
const SKEW_SECONDS: u64 = 5 * 60;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";

/// What of a request a signature covers, besides its body.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as it came, still encoded.
    pub path: &'a str,
    /// The query as it came, without `?`.
    pub query: &'a str,
    /// The host, and perhaps the port, that the request is routed by.
    pub authority: &'a str,
    /// The headers as they came.
    pub headers: &'a HeaderMap,
}

/// What a signature must be for.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The region of this endpoint.
    pub region: &'a str,
    /// The signing name of the service.
    pub service: &'a str,
    /// Seconds since the epoch.
    pub now: u64,
}

/// What a request says of its signer. Nothing of it is verified.
#[derive(Debug)]
pub struct Claim {
    carrier: Carrier,
    access_key_id: String,
    scope: CredentialScope,
    date: AmzDate,
    /// Seconds that a presigned request is good for.
    expires: Option<u64>,
    /// As the client wrote it, `;` between the names.
    signed_headers: String,
    signature: String,
    security_token: Option<String>,
}

/// A claim that is for this endpoint and for now. Its signature is not verified.
#[derive(Debug)]
pub struct ScopedClaim(Claim);

/// `{date}/{region}/{service}/aws4_request`.
#[derive(Debug)]
struct CredentialScope {
    date: String,
    region: String,
    service: String,
    terminator: String,
}

impl Claim {
    /// Reads the claim of a request.
    ///
    /// # Errors
    /// [`SigV4Error::MissingAuthenticationToken`] for a request that is not signed; another one for
    /// a claim that is incomplete, ambiguous or of another kind.
    pub fn of(request: &SignedRequest<'_>) -> Result<Self, SigV4Error> {
        carrier::read(request)
    }

    /// The id of the access key that the request names.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// Whether the claim is for this endpoint and for now.
    ///
    /// # Errors
    /// [`SigV4Error`] when its time or scope is another.
    pub fn check(self, expected: &Expected<'_>) -> Result<ScopedClaim, SigV4Error> {
        self.check_time(expected.now)?;
        let mismatch = ScopeMismatch {
            region: self.scope.region != expected.region,
            service: (self.scope.service != expected.service).then(|| expected.service.to_owned()),
            terminator: (self.scope.terminator != TERMINATOR)
                .then(|| self.scope.terminator.clone()),
            date: (self.scope.date != self.date.day())
                .then(|| (self.scope.date.clone(), self.date.clone())),
        };
        if mismatch.is_any() {
            return Err(SigV4Error::Scope(mismatch));
        }
        Ok(ScopedClaim(self))
    }

    fn check_time(&self, now: u64) -> Result<(), SigV4Error> {
        let signed = self.date.seconds();
        if signed > now + SKEW_SECONDS {
            return Err(SigV4Error::not_yet_current(&self.date, now, SKEW_SECONDS));
        }
        let valid = self.expires.unwrap_or(SKEW_SECONDS);
        if signed + valid < now {
            return Err(SigV4Error::expired(&self.date, now, valid));
        }
        Ok(())
    }
}

impl ScopedClaim {
    /// The id of the access key that the request names.
    pub fn access_key_id(&self) -> &str {
        &self.0.access_key_id
    }

    /// The day of the scope, `yyyymmdd`, for [`SigningKey::derive`].
    pub fn day(&self) -> &str {
        &self.0.scope.date
    }

    /// Verifies the signature over `request` and `payload` with the named key's `signing_key` and
    /// `session_token`.
    ///
    /// # Errors
    /// [`SigV4Error`] when the session token or the signature is another, or when the signature
    /// does not cover what it must.
    pub fn verify(
        &self,
        request: &SignedRequest<'_>,
        payload: &[u8],
        signing_key: &SigningKey,
        session_token: Option<&str>,
    ) -> Result<(), SigV4Error> {
        let claim = &self.0;
        let token = claim.security_token.as_deref();
        let same_token = match (token, session_token) {
            (None, None) => true,
            (Some(theirs), Some(ours)) => theirs.as_bytes().ct_eq(ours.as_bytes()).into(),
            (None, Some(_)) | (Some(_), None) => false,
        };
        if !same_token {
            return Err(SigV4Error::UnrecognizedClient);
        }
        if let Some(name) = unsigned_header(request.headers, &claim.signed_headers) {
            return Err(SigV4Error::NotSigned(name));
        }
        let canonical =
            canonical_request(request, claim, payload).ok_or(SigV4Error::SignatureDoesNotMatch)?;
        let scope = &claim.scope;
        let string_to_sign = format!(
            "{ALGORITHM}\n{}\n{}/{}/{}/{}\n{}",
            claim.date.basic_format(),
            scope.date,
            scope.region,
            scope.service,
            scope.terminator,
            hex(&Sha256::digest(canonical)),
        );
        let signature = unhex(&claim.signature).ok_or(SigV4Error::SignatureDoesNotMatch)?;
        if signing_key.is_signature_of(string_to_sign.as_bytes(), &signature) {
            Ok(())
        } else {
            Err(SigV4Error::SignatureDoesNotMatch)
        }
    }
}

/// The access key id that a request names, however little else of a signature there is: for logs.
pub fn claimed_access_key_id(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    claimed_credential(uri, headers)?
        .split('/')
        .next()
        .map(str::to_owned)
}

/// The signing name of the service that a request names, however little else of a signature there
/// is: it tells which API is called.
pub fn claimed_service(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    claimed_credential(uri, headers)?
        .split('/')
        .nth(3)
        .map(str::to_owned)
}

/// `{key id}/{date}/{region}/{service}/aws4_request`, from the header, else from the query.
fn claimed_credential(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    if let Some(authorization) = headers.get(AUTHORIZATION) {
        let authorization = String::from_utf8_lossy(authorization.as_bytes());
        let (_, credential) = authorization.split_once("Credential=")?;
        return credential.split([',', ' ']).next().map(str::to_owned);
    }
    let mut pairs = uri.query()?.split('&');
    let credential = pairs.find_map(|pair| pair.strip_prefix("X-Amz-Credential="))?;
    Some(
        percent_decode_str(credential)
            .decode_utf8_lossy()
            .into_owned(),
    )
}

/// Bytes as lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// The 32 bytes of 64 lower-case hexadecimal digits, the only form that signers write.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}
