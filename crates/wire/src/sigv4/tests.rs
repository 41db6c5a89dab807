//! Against published vectors, what real clients sent, and AWS's own signer.

mod refusals;

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign as aws_sign,
    },
    sign::v4,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use proptest::prelude::*;

use super::*;

const KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 20261122T123053Z
const NOW: u64 = 1_795_350_653;
const HOST_NAME: &str = "127.0.0.1:19077";
const POST_PATH: &str = "/prod/@connections/L0SM9cOFvHcCIhw%3D";

/// A request as it comes over the wire.
#[derive(Debug, Clone)]
struct Wire {
    method: String,
    path: String,
    query: String,
    authority: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Wire {
    fn new(method: &str, path: &str, query: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let headers = headers.iter().map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        });
        let mut wire = Self {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            authority: String::new(),
            headers: HeaderMap::new(),
            body: body.into(),
        };
        for (name, value) in headers {
            wire.headers.append(name, value);
        }
        if let Some(host) = wire.headers.get("host") {
            wire.authority = host.to_str().unwrap().into();
        }
        wire
    }

    fn request(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            authority: &self.authority,
            headers: &self.headers,
        }
    }

    fn verify(&self, service: &str, now: u64, token: Option<&str>) -> Result<(), SigV4Error> {
        let request = self.request();
        let claim = Claim::of(&request)?.check(&Expected {
            region: "us-east-1",
            service,
            now,
        })?;
        if claim.access_key_id() != KEY_ID {
            return Err(SigV4Error::UnrecognizedClient);
        }
        let key = SigningKey::derive(SECRET, claim.day(), "us-east-1", service);
        claim.verify(&request, &self.body, &key, token)
    }

    fn post(&self) -> Result<(), SigV4Error> {
        self.verify("execute-api", NOW, None)
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.headers.insert(name, value.parse().unwrap());
    }

    fn authorization(&self) -> String {
        self.headers["authorization"].to_str().unwrap().to_owned()
    }
}

/// The request, signed by AWS's signer.
fn signed(
    wire: &Wire,
    location: SignatureLocation,
    expires: Option<u64>,
    token: Option<&str>,
) -> Wire {
    let credentials = Credentials::new(KEY_ID, SECRET, token.map(Into::into), None, "test");
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    settings.signature_location = location;
    settings.expires_in = expires.map(Duration::from_secs);
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("execute-api")
        .time(UNIX_EPOCH + Duration::from_secs(NOW))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let query = if wire.query.is_empty() {
        String::new()
    } else {
        format!("?{}", wire.query)
    };
    let uri = format!("http://{HOST_NAME}{}{query}", wire.path);
    let headers = wire
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let signable =
        SignableRequest::new(&wire.method, &uri, headers, SignableBody::Bytes(&wire.body)).unwrap();
    let (instructions, _) = aws_sign(signable, &parameters).unwrap().into_parts();
    let mut request = Request::builder()
        .method(&*wire.method)
        .uri(&uri)
        .body(())
        .unwrap();
    *request.headers_mut() = wire.headers.clone();
    instructions.apply_to_request_http1x(&mut request);
    let (parts, ()) = request.into_parts();
    Wire {
        path: parts.uri.path().into(),
        query: parts.uri.query().unwrap_or_default().into(),
        headers: parts.headers,
        ..wire.clone()
    }
}

fn unsigned_post() -> Wire {
    Wire::new("POST", POST_PATH, "", &[("host", HOST_NAME)], b"hello")
}

fn signed_post() -> Wire {
    signed(&unsigned_post(), SignatureLocation::Headers, None, None)
}

fn presigned(expires: Option<u64>) -> Wire {
    let wire = Wire::new(
        "GET",
        "/prod",
        "token=a%20b&a=1",
        &[("host", HOST_NAME)],
        b"",
    );
    signed(&wire, SignatureLocation::QueryParams, expires, None)
}

#[test]
fn the_vectors_of_aws_verify() {
    // The example of AWS's documentation, and `get-vanilla` of its test suite.
    let list_users = Wire::new(
        "GET",
        "/",
        "Action=ListUsers&Version=2010-05-08",
        &[
            ("host", "iam.amazonaws.com"),
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            ("x-amz-date", "20150830T123600Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, \
                 Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
        ],
        b"",
    );
    assert_eq!(list_users.verify("iam", 1_440_938_160, None), Ok(()));
    let vanilla = Wire::new(
        "GET",
        "/",
        "",
        &[
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders=host;x-amz-date, \
                 Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
        ],
        b"",
    );
    assert_eq!(vanilla.verify("service", 1_440_938_160, None), Ok(()));
}

/// Recorded from boto3: the path on the wire is encoded once more to be signed.
fn post_of_boto3() -> Wire {
    Wire::new(
        "POST",
        POST_PATH,
        "",
        &[
            ("host", HOST_NAME),
            ("x-amz-date", "20261122T123053Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 \
                 Credential=AKIDEXAMPLE/20261122/us-east-1/execute-api/aws4_request, \
                 SignedHeaders=host;x-amz-date, \
                 Signature=2bf21122e95a53c4832567d0469be636d612e9a790143b119242c6b193f75236",
            ),
        ],
        b"hello",
    )
}

#[test]
fn a_post_that_boto3_signed_verifies() {
    assert_eq!(post_of_boto3().post(), Ok(()));
}

#[test]
fn every_way_to_write_the_path_is_what_was_signed() {
    for path in [
        "/prod/@connections/L0SM9cOFvHcCIhw=",
        "/prod/@connections/L0SM9cOFvHcCIhw%3D",
        "/prod/%40connections/L0SM9cOFvHcCIhw%3D",
        "/prod/%40connections/..%2F..%2Fx%2Fy%3Fz%23%252e",
    ] {
        let mut wire = unsigned_post();
        wire.path = path.into();
        let wire = signed(&wire, SignatureLocation::Headers, None, None);
        assert_eq!(wire.post(), Ok(()), "{path}");
    }
    let mut other = signed_post();
    other.path = other.path.replace("%3D", "=");
    assert_eq!(other.post(), Err(SigV4Error::SignatureDoesNotMatch));
}

#[test]
fn a_signature_is_good_for_five_minutes_either_way() {
    let wire = signed_post();
    let at = |now| wire.verify("execute-api", now, None);
    for now in [NOW - 300, NOW, NOW + 300] {
        assert_eq!(at(now), Ok(()), "{now}");
    }
    assert_eq!(
        at(NOW + 301).unwrap_err().to_string(),
        "Signature expired: 20261122T123053Z is now earlier than 20261122T123054Z \
         (20261122T123554Z - 5 min.)"
    );
    assert_eq!(
        at(NOW - 301).unwrap_err().to_string(),
        "Signature not yet current: 20261122T123053Z is still later than 20261122T123052Z \
         (20261122T122552Z + 5 min.)"
    );
}

#[test]
fn a_presigned_request_is_good_for_as_long_as_it_says() {
    let at = |wire: &Wire, now| wire.verify("execute-api", now, None);
    let week = presigned(Some(604_800));
    for now in [NOW - 300, NOW, NOW + 604_800] {
        assert_eq!(at(&week, now), Ok(()), "{now}");
    }
    assert!(matches!(
        at(&week, NOW + 604_801),
        Err(SigV4Error::Expired { .. })
    ));
    assert!(matches!(
        at(&week, NOW - 301),
        Err(SigV4Error::NotYetCurrent { .. })
    ));
    let minute = presigned(Some(60));
    assert_eq!(at(&minute, NOW + 60), Ok(()));
    assert!(matches!(
        at(&minute, NOW + 61),
        Err(SigV4Error::Expired { .. })
    ));
}

#[test]
fn the_life_of_a_presigned_request_is_at_most_a_week() {
    for (expires, error) in [
        ("604801", SigV4Error::ExpiresTooLong),
        ("99999999999999999999", SigV4Error::ExpiresTooLong),
        ("-1", SigV4Error::ExpiresNotANumber),
        ("1h", SigV4Error::ExpiresNotANumber),
        ("", SigV4Error::ExpiresNotANumber),
    ] {
        let mut wire = presigned(Some(60));
        wire.query = wire
            .query
            .replace("X-Amz-Expires=60", &format!("X-Amz-Expires={expires}"));
        assert_eq!(wire.post(), Err(error), "{expires}");
    }
}

#[test]
fn a_session_token_must_be_that_of_the_key() {
    for (location, expires) in [
        (SignatureLocation::Headers, None),
        (SignatureLocation::QueryParams, Some(60)),
    ] {
        let wire = signed(&unsigned_post(), location, expires, Some("tok/en+="));
        let with = |token| wire.verify("execute-api", NOW, token);
        assert_eq!(with(Some("tok/en+=")), Ok(()));
        for other in [None, Some("token"), Some("")] {
            assert_eq!(with(other), Err(SigV4Error::UnrecognizedClient));
        }
    }
    let without = signed_post().verify("execute-api", NOW, Some("token"));
    assert_eq!(without, Err(SigV4Error::UnrecognizedClient));
}

#[test]
fn the_scope_must_be_of_this_day_region_and_service() {
    let scoped = |scope: &str| {
        let mut wire = post_of_boto3();
        let authorization = wire
            .authorization()
            .replace("20261122/us-east-1/execute-api/aws4_request", scope);
        wire.set("authorization", &authorization);
        wire.post().unwrap_err().to_string()
    };
    assert_eq!(
        scoped("20261122/eu-west-1/execute-api/aws4_request"),
        "Credential should be scoped to a valid region."
    );
    assert_eq!(
        scoped("20261122/us-east-1/apigateway/aws4_request"),
        "Credential should be scoped to correct service: 'execute-api'."
    );
    assert_eq!(
        scoped("20261121/us-east-1/execute-api/aws5_request"),
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. \
         Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
         HTTP: '20261121' != '20261122', from '20261122T123053Z'."
    );
    assert_eq!(
        scoped("us-east-1/execute-api/aws4_request"),
        "Credential must have exactly 5 slash-delimited elements, e.g. \
         keyid/date/region/service/term, got 'AKIDEXAMPLE/us-east-1/execute-api/aws4_request'"
    );
}

fn any_request() -> impl Strategy<Value = Wire> {
    let segment = "[A-Za-z0-9@=_.~-]{1,8}|%40connections|%3D|%252e|a%2Fb";
    let pair = "[a-z]{1,4}=[A-Za-z0-9%._~-]{0,6}".prop_map(|pair| pair.replace('%', "%25"));
    (
        prop::sample::select(vec!["GET", "POST", "DELETE"]),
        prop::collection::vec(segment, 1..4),
        prop::collection::vec(pair, 0..4),
        prop::collection::vec(("x-[a-z]{1,6}", "[ -~]{0,12}"), 0..3),
        prop::collection::vec(any::<u8>(), 0..64),
    )
        .prop_map(|(method, segments, pairs, headers, body)| {
            let mut wire = Wire::new(
                method,
                &format!("/{}", segments.join("/")),
                &pairs.join("&"),
                &[("host", HOST_NAME)],
                &body,
            );
            for (name, value) in headers {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                wire.headers.append(name, value.trim().parse().unwrap());
            }
            wire
        })
        // The signer that is the oracle resolves dots as a URL does, we as a path.
        .prop_filter("dots", |wire| {
            !wire
                .path
                .split('/')
                .any(|segment| matches!(segment, "." | ".."))
        })
}

fn any_location() -> impl Strategy<Value = (SignatureLocation, Option<u64>)> {
    prop_oneof![
        Just((SignatureLocation::Headers, None)),
        (1_u64..=604_800).prop_map(|expires| (SignatureLocation::QueryParams, Some(expires))),
    ]
}

/// A part of a request that its signature covers.
#[derive(Debug, Clone)]
enum Part {
    Method,
    Path,
    Query,
    Authority,
    Header(HeaderName),
    Body,
}

impl Part {
    fn all(wire: &Wire) -> Vec<Self> {
        let headers = wire.headers.keys().filter(|name| *name != "host").cloned();
        [
            Self::Method,
            Self::Path,
            Self::Query,
            Self::Authority,
            Self::Body,
        ]
        .into_iter()
        .chain(headers.map(Self::Header))
        .collect()
    }

    fn bytes(&self, wire: &Wire) -> Vec<u8> {
        match self {
            Self::Method => wire.method.clone().into_bytes(),
            Self::Path => wire.path.clone().into_bytes(),
            Self::Query => wire.query.clone().into_bytes(),
            Self::Authority => wire.authority.clone().into_bytes(),
            Self::Header(name) => wire.headers[name].as_bytes().to_vec(),
            Self::Body => wire.body.clone(),
        }
    }

    fn set(&self, wire: &mut Wire, bytes: Vec<u8>) {
        let text = String::from_utf8(bytes.clone()).unwrap();
        match self {
            Self::Method => wire.method = text,
            Self::Path => wire.path = text,
            Self::Query => wire.query = text,
            Self::Authority => wire.authority = text,
            Self::Header(name) => {
                wire.headers.insert(name, text.parse().unwrap());
            }
            Self::Body => wire.body = bytes,
        }
    }
}

#[test]
fn every_single_byte_that_is_changed_is_noticed() {
    let mut tried = 0;
    for wire in [signed_post(), post_of_boto3(), presigned(Some(60))] {
        assert_eq!(wire.post(), Ok(()));
        for part in Part::all(&wire) {
            let bytes = part.bytes(&wire);
            for at in 0..bytes.len() {
                for other in [b'0', b'z'] {
                    if bytes[at] == other {
                        continue;
                    }
                    let mut changed = bytes.clone();
                    changed[at] = other;
                    let mut tampered = wire.clone();
                    part.set(&mut tampered, changed);
                    assert!(tampered.post().is_err(), "{part:?} {at} {tampered:?}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 1000);
}

proptest! {
    #[test]
    fn what_awss_signer_signs_is_verified(
        wire in any_request(),
        (location, expires) in any_location(),
        token in prop::option::of("[A-Za-z0-9/+=]{1,20}"),
    ) {
        let signed = signed(&wire, location, expires, token.as_deref());
        prop_assert_eq!(signed.verify("execute-api", NOW, token.as_deref()), Ok(()));
    }

    #[test]
    fn any_text_is_a_claim_or_an_error(authorization in "[ -~]{0,80}", query in "[ -~]{0,80}") {
        let mut wire = unsigned_post();
        wire.set("authorization", &authorization);
        prop_assert!(wire.post().is_err());
        let wire = Wire { query, headers: HeaderMap::new(), ..wire };
        prop_assert!(wire.post().is_err());
    }
}
