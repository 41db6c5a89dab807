//! Who gets in, under both modes.

use gatepost_model::secret::Secret;
use gatepost_wire::iam_policy::{Permissions, Policy, PolicyKind};
use hyper::HeaderMap;
use serde_json::json;

use super::*;

/// Recorded from boto3 on 20261122T123053Z, us-east-1, `execute-api`.
const NOW: u64 = 1_795_350_653;
const PATH: &str = "/prod/@connections/L0SM9cOFvHcCIhw%3D";
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 \
     Credential=AKIDEXAMPLE/20261122/us-east-1/execute-api/aws4_request, \
     SignedHeaders=host;x-amz-date, \
     Signature=2bf21122e95a53c4832567d0469be636d612e9a790143b119242c6b193f75236";

fn access_key(secret: &str) -> AccessKey {
    let statement = json!({
        "Effect": "Allow",
        "Action": "execute-api:ManageConnections",
        "Resource": "arn:aws:execute-api:*:*:*/POST/@connections/*",
    });
    let policy = json!({"Version": "2012-10-17", "Statement": statement});
    let permissions = Permissions {
        identity_based: vec![Policy::parse(&policy, PolicyKind::IdentityBased).unwrap()],
        session: Vec::new(),
    };
    AccessKey::new(
        "AKIDEXAMPLE",
        Secret::new(secret),
        None,
        Principal::new("000000000000", PrincipalKind::User("ann".into())),
        Arc::new(permissions),
    )
}

fn auth(mode: AuthMode, keys: Vec<AccessKey>) -> Auth {
    let access_keys = Arc::new(AccessKeys::default());
    for key in keys {
        access_keys.insert(key);
    }
    Auth::new(mode, "us-east-1", "000000000000", access_keys)
}

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn headers(authorization: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("host", "127.0.0.1:19077".parse().unwrap());
    headers.insert("x-amz-date", "20261122T123053Z".parse().unwrap());
    if let Some(authorization) = authorization {
        headers.insert("authorization", authorization.parse().unwrap());
    }
    headers
}

fn request(headers: &HeaderMap) -> SignedRequest<'_> {
    SignedRequest {
        method: "POST",
        path: PATH,
        query: "",
        authority: "127.0.0.1:19077",
        headers,
    }
}

fn call(auth: &Auth, authorization: Option<&str>, payload: &[u8]) -> Result<Caller, SigV4Error> {
    let headers = headers(authorization);
    let request = request(&headers);
    auth.identify(&request, "execute-api", NOW)?
        .verify(&request, payload)
}

const FACTS: RequestFacts<'static> = RequestFacts {
    source_ip: None,
    user_agent: None,
    referer: None,
    secure_transport: false,
    region: "us-east-1",
    now_ms: NOW * 1000,
};

#[test]
fn a_signed_request_is_its_principals_whose_policies_decide() {
    let auth = auth(AuthMode::SigV4, vec![access_key(SECRET)]);
    // The second time with the signing key that was kept.
    for _ in 0..2 {
        let caller = call(&auth, Some(AUTHORIZATION), b"hello").unwrap();
        assert_eq!(
            caller.principal().to_string(),
            "arn:aws:iam::000000000000:user/ann"
        );
        let may = |method: &str| {
            let resource = format!(
                "arn:aws:execute-api:us-east-1:000000000000:api/prod/{method}/@connections/\
                 {{connectionId}}"
            );
            caller.authorize("execute-api:ManageConnections", &resource, &FACTS)
        };
        assert!(may("POST").is_ok());
        assert!(may("GET").is_err());
    }
    assert_eq!(
        call(&auth, Some(AUTHORIZATION), b"hallo").unwrap_err(),
        SigV4Error::SignatureDoesNotMatch
    );
}

#[test]
fn a_wrong_secret_an_unknown_key_and_no_signature_are_refused() {
    let wrong = auth(AuthMode::SigV4, vec![access_key("other")]);
    assert_eq!(
        call(&wrong, Some(AUTHORIZATION), b"hello").unwrap_err(),
        SigV4Error::SignatureDoesNotMatch
    );
    let none = auth(AuthMode::SigV4, Vec::new());
    assert_eq!(
        call(&none, Some(AUTHORIZATION), b"hello").unwrap_err(),
        SigV4Error::UnrecognizedClient
    );
    assert_eq!(
        call(&none, None, b"hello").unwrap_err(),
        SigV4Error::MissingAuthenticationToken
    );
}

#[test]
fn a_key_that_is_forgotten_lets_nobody_in() {
    let auth = auth(AuthMode::SigV4, vec![access_key(SECRET)]);
    assert!(call(&auth, Some(AUTHORIZATION), b"hello").is_ok());
    auth.access_keys.remove("AKIDEXAMPLE");
    assert_eq!(
        call(&auth, Some(AUTHORIZATION), b"hello").unwrap_err(),
        SigV4Error::UnrecognizedClient
    );
}

#[test]
fn under_off_everybody_is_the_account_and_may_do_everything() {
    let auth = auth(AuthMode::Off, Vec::new());
    for authorization in [None, Some("Bearer abc"), Some(AUTHORIZATION)] {
        let caller = call(&auth, authorization, b"").unwrap();
        let principal = caller.principal().to_string();
        assert_eq!(principal, "arn:aws:iam::000000000000:root");
        assert!(caller.authorize("s3:*", "*", &FACTS).is_ok());
    }
    let headers = headers(None);
    let unsigned = auth.identify_signed(&request(&headers), "execute-api", NOW);
    assert_eq!(
        unsigned.unwrap_err(),
        SigV4Error::MissingAuthenticationToken
    );
}

#[test]
fn no_secret_is_printed() {
    let printed = format!("{:?}", auth(AuthMode::SigV4, vec![access_key(SECRET)]));
    assert!(
        printed.contains("AKIDEXAMPLE") && !printed.contains(SECRET),
        "{printed}"
    );
}
