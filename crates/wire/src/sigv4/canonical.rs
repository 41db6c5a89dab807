//! The canonical request: what of a request the signature is made over.

use http::{HeaderMap, HeaderName, header::HOST};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest, Sha256};

use super::{Claim, SignedRequest, carrier::Carrier, carrier::SIGNATURE, hex};

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The canonical request, or `None` when the claim lists headers that the request does not have,
/// or not as signers list them.
pub(super) fn canonical_request(
    request: &SignedRequest<'_>,
    claim: &Claim,
    payload: &[u8],
) -> Option<Vec<u8>> {
    let mut canonical = Vec::with_capacity(1024);
    canonical.extend_from_slice(request.method.as_bytes());
    canonical.push(b'\n');
    push_path(&mut canonical, request.path);
    canonical.push(b'\n');
    push_query(&mut canonical, request.query, claim.carrier);
    canonical.push(b'\n');
    let mut before: Option<&str> = None;
    for name in claim.signed_headers.split(';') {
        // Signers sort them; so none stands there twice.
        if before.is_some_and(|before| before >= name) {
            return None;
        }
        before = Some(name);
        push_header(&mut canonical, request, name)?;
    }
    canonical.push(b'\n');
    canonical.extend_from_slice(claim.signed_headers.as_bytes());
    canonical.push(b'\n');
    canonical.extend_from_slice(hex(&Sha256::digest(payload)).as_bytes());
    Some(canonical)
}

/// The path without empty and dot segments, each segment encoded once more than it came, as every
/// service but S3 has it: `/prod/%40connections/a%3D` is `/prod/%2540connections/a%253D`.
fn push_path(canonical: &mut Vec<u8>, path: &str) {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    for segment in &segments {
        canonical.push(b'/');
        push_encoded(canonical, segment.as_bytes());
    }
    if segments.is_empty() || path.ends_with('/') {
        canonical.push(b'/');
    }
}

/// The query's pairs, decoded and encoded anew, sorted by name, then value; without the signature.
fn push_query(canonical: &mut Vec<u8>, query: &str, carrier: Carrier) {
    if query.is_empty() {
        return;
    }
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded_anew(name), encoded_anew(value))
        })
        .filter(|(name, _)| carrier == Carrier::Headers || name != SIGNATURE.as_bytes())
        .collect();
    pairs.sort_unstable();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            canonical.push(b'&');
        }
        canonical.extend_from_slice(name);
        canonical.push(b'=');
        canonical.extend_from_slice(value);
    }
}

/// `name:value\n`: values trimmed, their inner spaces made one, several joined with commas.
fn push_header(canonical: &mut Vec<u8>, request: &SignedRequest<'_>, name: &str) -> Option<()> {
    let header = HeaderName::from_bytes(name.as_bytes()).ok()?;
    if header.as_str() != name {
        return None;
    }
    canonical.extend_from_slice(name.as_bytes());
    canonical.push(b':');
    if header == HOST {
        // What the request is routed by is what must be signed.
        canonical.extend_from_slice(request.authority.as_bytes());
    } else {
        let mut values = request.headers.get_all(header).iter();
        push_words(canonical, values.next()?.as_bytes());
        for value in values {
            canonical.push(b',');
            push_words(canonical, value.as_bytes());
        }
    }
    canonical.push(b'\n');
    Some(())
}

fn push_words(canonical: &mut Vec<u8>, value: &[u8]) {
    let words = value.split(|c| *c == b' ' || *c == b'\t');
    for (index, word) in words.filter(|word| !word.is_empty()).enumerate() {
        if index > 0 {
            canonical.push(b' ');
        }
        canonical.extend_from_slice(word);
    }
}

fn push_encoded(canonical: &mut Vec<u8>, bytes: &[u8]) {
    for part in percent_encode(bytes, RESERVED) {
        canonical.extend_from_slice(part.as_bytes());
    }
}

/// `+` is a space in a query.
fn encoded_anew(text: &str) -> Vec<u8> {
    let decoded: Vec<u8> = text
        .split('+')
        .map(|part| percent_decode_str(part).collect::<Vec<u8>>())
        .collect::<Vec<_>>()
        .join(&b' ');
    let mut encoded = Vec::with_capacity(decoded.len());
    push_encoded(&mut encoded, &decoded);
    encoded
}

/// The first `x-amz-*` header, or `host`, that the signature does not cover, though it decides what
/// the request means. `CloudFront` adds `x-amz-cf-id` on the way.
pub(super) fn unsigned_header(headers: &HeaderMap, signed_headers: &str) -> Option<String> {
    let is_signed = |name: &str| signed_headers.split(';').any(|signed| signed == name);
    if !is_signed(HOST.as_str()) {
        return Some("Host".to_owned());
    }
    headers
        .keys()
        .map(HeaderName::as_str)
        .filter(|name| name.starts_with("x-amz-") && !name.starts_with("x-amz-cf-"))
        .find(|name| !is_signed(name))
        .map(str::to_owned)
}
