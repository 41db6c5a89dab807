//! Where a request carries its signature: in the `Authorization` header, or in its query.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderMap,
    header::{AUTHORIZATION, DATE},
};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use super::{ALGORITHM, Claim, CredentialScope, SigV4Error, SignedRequest, amz_date::AmzDate};

pub(super) const SIGNATURE: &str = "X-Amz-Signature";
const AMZ_ALGORITHM: &str = "X-Amz-Algorithm";
const AMZ_CREDENTIAL: &str = "X-Amz-Credential";
const AMZ_DATE: &str = "X-Amz-Date";
const AMZ_EXPIRES: &str = "X-Amz-Expires";
const AMZ_SECURITY_TOKEN: &str = "X-Amz-Security-Token";
const AMZ_SIGNED_HEADERS: &str = "X-Amz-SignedHeaders";

/// The longest that a presigned request may be good for, seconds: 7 days.
const MAX_EXPIRES: u64 = 604_800;

/// Where the signature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// `Authorization` and `X-Amz-*` headers.
    Headers,
    /// `X-Amz-*` query parameters: a presigned request.
    Query,
}

/// The claim of a request that carries exactly one.
pub(super) fn read(request: &SignedRequest<'_>) -> Result<Claim, SigV4Error> {
    let query = QueryClaim::of(request.query)?;
    let in_headers = request.headers.contains_key(AUTHORIZATION);
    match (in_headers, query.is_any()) {
        (false, false) => Err(SigV4Error::MissingAuthenticationToken),
        (true, true) => Err(SigV4Error::TwoCarriers),
        (true, false) => of_headers(request.headers),
        (false, true) => query.read(),
    }
}

fn of_headers(headers: &HeaderMap) -> Result<Claim, SigV4Error> {
    let authorization =
        single(headers, AUTHORIZATION.as_str(), "Authorization")?.unwrap_or_default();
    let hash = || STANDARD.encode(Sha256::digest(authorization.as_bytes()));
    let (algorithm, parameters) = authorization
        .split_once(' ')
        .unwrap_or((&authorization, ""));
    if algorithm != ALGORITHM {
        if algorithm.starts_with("AWS4-") {
            return Err(SigV4Error::Algorithm(algorithm_name(algorithm)));
        }
        if !authorization.contains('=') {
            return Err(SigV4Error::NotKeyValue { hash: hash() });
        }
    }
    let mut credential = None;
    let mut signed_headers = None;
    let mut signature = None;
    for parameter in parameters.split(',').map(str::trim) {
        if parameter.is_empty() {
            continue;
        }
        let Some((name, value)) = parameter.split_once('=') else {
            return Err(SigV4Error::NotKeyValue { hash: hash() });
        };
        let (slot, name) = match name {
            "Credential" => (&mut credential, "Credential"),
            "SignedHeaders" => (&mut signed_headers, "SignedHeaders"),
            "Signature" => (&mut signature, "Signature"),
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return Err(SigV4Error::Repeated(name));
        }
    }
    let date = match single(headers, "x-amz-date", AMZ_DATE)? {
        Some(text) => Some(AmzDate::parse(&text).ok_or(SigV4Error::Date(text))?),
        None => match single(headers, DATE.as_str(), "Date")? {
            Some(text) => Some(AmzDate::parse_date_header(&text).ok_or(SigV4Error::Date(text))?),
            None => None,
        },
    };
    let (Some(credential), Some(signed_headers), Some(signature), Some(date), true) = (
        credential,
        signed_headers,
        signature,
        date,
        algorithm == ALGORITHM,
    ) else {
        let parameters = [
            ("Credential", credential),
            ("Signature", signature),
            ("SignedHeaders", signed_headers),
        ];
        let missing = parameters
            .iter()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| *name)
            .collect();
        return Err(SigV4Error::MissingInHeader {
            missing,
            date: !headers.contains_key("x-amz-date") && !headers.contains_key(DATE),
            hash: hash(),
        });
    };
    let (access_key_id, scope) = scope_of(credential)?;
    Ok(Claim {
        carrier: Carrier::Headers,
        access_key_id,
        scope,
        date,
        expires: None,
        signed_headers: signed_headers.to_owned(),
        signature: signature.to_owned(),
        security_token: single(headers, "x-amz-security-token", AMZ_SECURITY_TOKEN)?,
    })
}

/// What of a text can be the name of an algorithm: the rest may be a credential without its blank.
fn algorithm_name(text: &str) -> String {
    let is_of_name = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    text.chars().take_while(is_of_name).take(64).collect()
}

/// The value of a header that may be there once. Bytes that are no UTF-8 become U+FFFD.
fn single(
    headers: &HeaderMap,
    header: &str,
    shown: &'static str,
) -> Result<Option<String>, SigV4Error> {
    let mut values = headers.get_all(header).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(SigV4Error::Repeated(shown));
    }
    Ok(value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()))
}

/// `{key id}/{date}/{region}/{service}/{terminator}`.
fn scope_of(credential: &str) -> Result<(String, CredentialScope), SigV4Error> {
    let parts: Vec<&str> = credential.split('/').collect();
    let [access_key_id, date, region, service, terminator] = parts.as_slice() else {
        return Err(SigV4Error::Credential(credential.to_owned()));
    };
    Ok((
        (*access_key_id).to_owned(),
        CredentialScope {
            date: (*date).to_owned(),
            region: (*region).to_owned(),
            service: (*service).to_owned(),
            terminator: (*terminator).to_owned(),
        },
    ))
}

/// The parameters of a presigned request, decoded.
#[derive(Default)]
struct QueryClaim {
    algorithm: Option<String>,
    credential: Option<String>,
    date: Option<String>,
    expires: Option<String>,
    security_token: Option<String>,
    signed_headers: Option<String>,
    signature: Option<String>,
}

impl QueryClaim {
    fn of(query: &str) -> Result<Self, SigV4Error> {
        let mut claim = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = percent_decode_str(name).decode_utf8_lossy();
            let (slot, name) = match name.as_ref() {
                AMZ_ALGORITHM => (&mut claim.algorithm, AMZ_ALGORITHM),
                AMZ_CREDENTIAL => (&mut claim.credential, AMZ_CREDENTIAL),
                AMZ_DATE => (&mut claim.date, AMZ_DATE),
                AMZ_EXPIRES => (&mut claim.expires, AMZ_EXPIRES),
                AMZ_SECURITY_TOKEN => (&mut claim.security_token, AMZ_SECURITY_TOKEN),
                AMZ_SIGNED_HEADERS => (&mut claim.signed_headers, AMZ_SIGNED_HEADERS),
                SIGNATURE => (&mut claim.signature, SIGNATURE),
                _ => continue,
            };
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            if slot.replace(value).is_some() {
                return Err(SigV4Error::Repeated(name));
            }
        }
        Ok(claim)
    }

    /// Whether the request means to be presigned.
    fn is_any(&self) -> bool {
        self.algorithm.is_some() || self.credential.is_some() || self.signature.is_some()
    }

    fn read(self) -> Result<Claim, SigV4Error> {
        let algorithm = self
            .algorithm
            .ok_or(SigV4Error::MissingInQuery(AMZ_ALGORITHM))?;
        let credential = self
            .credential
            .ok_or(SigV4Error::MissingInQuery(AMZ_CREDENTIAL))?;
        let signature = self
            .signature
            .ok_or(SigV4Error::MissingInQuery(SIGNATURE))?;
        let signed_headers = self
            .signed_headers
            .ok_or(SigV4Error::MissingInQuery(AMZ_SIGNED_HEADERS))?;
        let date = self.date.ok_or(SigV4Error::MissingInQuery(AMZ_DATE))?;
        if algorithm != ALGORITHM {
            return Err(SigV4Error::Algorithm(algorithm_name(&algorithm)));
        }
        let date = AmzDate::parse(&date).ok_or(SigV4Error::Date(date))?;
        let (access_key_id, scope) = scope_of(&credential)?;
        Ok(Claim {
            carrier: Carrier::Query,
            access_key_id,
            scope,
            date,
            expires: self.expires.map(|text| expires(&text)).transpose()?,
            signed_headers,
            signature,
            security_token: self.security_token,
        })
    }
}

fn expires(text: &str) -> Result<u64, SigV4Error> {
    let is_number = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    if !is_number {
        return Err(SigV4Error::ExpiresNotANumber);
    }
    text.parse()
        .ok()
        .filter(|seconds| *seconds <= MAX_EXPIRES)
        .ok_or(SigV4Error::ExpiresTooLong)
}
