//! Everything that is no whole, single and unchanged signature is refused, in AWS's words.

use super::*;

#[test]
fn a_request_without_a_signature_lacks_its_token() {
    let error = unsigned_post().post().unwrap_err();
    assert_eq!(error.to_string(), "Missing Authentication Token");
    assert_eq!(error.error_type(), "MissingAuthenticationTokenException");
}

#[test]
fn an_authorization_of_another_kind_is_incomplete() {
    let with = |authorization: &str| {
        let mut wire = unsigned_post();
        wire.set("authorization", authorization);
        let error = wire.post().unwrap_err();
        assert_eq!(error.error_type(), "IncompleteSignatureException");
        error.to_string()
    };
    // `printf 'Bearer abc' | openssl dgst -sha256 -binary | base64`
    assert_eq!(
        with("Bearer abc"),
        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 \
         and encoded with Base64): 'w1Xc6WwWEogNEZQP/dkBTThsJT4MNlKmzQanIm970rY='."
    );
    assert_eq!(
        with("AWS4-HMAC-SHA512 Credential=a"),
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512' (only AWS4-HMAC-SHA256 for now). "
    );
    assert_eq!(
        with("AWS4-HMAC-SHA512,Signature=a"),
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512' (only AWS4-HMAC-SHA256 for now). "
    );
    // `printf 'AWS4-HMAC-SHA256 Signature=a' | openssl dgst -sha256 -binary | base64`
    assert_eq!(
        with("AWS4-HMAC-SHA256 Signature=a"),
        "Authorization header requires 'Credential' parameter. Authorization header requires \
         'SignedHeaders' parameter. Authorization header requires existence of either a \
         'X-Amz-Date' or a 'Date' header. (Hashed with SHA-256 and encoded with Base64) \
         Authorization=mBXaaaMqD325zDKnFn547JUvKdTinBFz7BxMXBzi2wY="
    );
    assert!(with("Basic Credential=a/b/c/d/e,SignedHeaders=host,Signature=a").contains("requires"));
}

#[test]
fn two_carriers_are_refused() {
    let mut wire = presigned(Some(60));
    wire.set("authorization", &signed_post().authorization());
    assert_eq!(wire.post(), Err(SigV4Error::TwoCarriers));
    wire.set("authorization", "Bearer abc");
    assert_eq!(wire.post(), Err(SigV4Error::TwoCarriers));
    let mut wire = signed_post();
    wire.query = "X-Amz-Signature=a".into();
    assert_eq!(wire.post(), Err(SigV4Error::TwoCarriers));
}

#[test]
fn every_missing_part_of_a_header_signature_is_refused() {
    for part in ["Credential", "SignedHeaders", "Signature"] {
        let mut wire = signed_post();
        let authorization = wire.authorization().replace(part, "Other");
        wire.set("authorization", &authorization);
        let missing = format!("Authorization header requires '{part}' parameter. ");
        assert!(wire.post().unwrap_err().to_string().starts_with(&missing));
    }
    let mut wire = signed_post();
    wire.headers.remove("x-amz-date");
    let error = wire.post().unwrap_err().to_string();
    assert!(
        error.contains("existence of either a 'X-Amz-Date'"),
        "{error}"
    );
}

#[test]
fn every_missing_part_of_a_presigned_query_is_refused() {
    let whole = presigned(Some(60));
    for part in [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
    ] {
        let mut wire = whole.clone();
        wire.query = wire.query.replace(part, "Other");
        assert_eq!(
            wire.post().unwrap_err().to_string(),
            format!(
                "AWS query-string parameters must include '{part}'. Re-examine the query-string \
                 parameters."
            )
        );
    }
    let mut wire = whole;
    wire.query = wire.query.replace("X-Amz-Expires=60", "a=b");
    assert_eq!(wire.post(), Err(SigV4Error::SignatureDoesNotMatch));
}

#[test]
fn every_part_that_is_there_twice_is_refused() {
    for part in ["Credential", "SignedHeaders", "Signature"] {
        let mut wire = signed_post();
        let authorization = format!("{}, {part}=a", wire.authorization());
        wire.set("authorization", &authorization);
        assert_eq!(wire.post(), Err(SigV4Error::Repeated(part)));
    }
    for (header, shown) in [
        ("authorization", "Authorization"),
        ("x-amz-date", "X-Amz-Date"),
        ("x-amz-security-token", "X-Amz-Security-Token"),
    ] {
        let mut wire = signed(
            &unsigned_post(),
            SignatureLocation::Headers,
            None,
            Some("t"),
        );
        let value = wire.headers[header].clone();
        wire.headers.append(header, value);
        assert_eq!(wire.post(), Err(SigV4Error::Repeated(shown)));
    }
    for part in [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
    ] {
        let mut wire = presigned(Some(60));
        wire.query = format!("{}&{part}=a", wire.query);
        assert_eq!(wire.post(), Err(SigV4Error::Repeated(part)));
    }
}

#[test]
fn what_decides_the_meaning_must_be_signed() {
    let mut wire = signed_post();
    wire.set("x-amz-cf-id", "added by CloudFront");
    wire.set("x-amzn-trace-id", "Root=1");
    assert_eq!(wire.post(), Ok(()));
    wire.set("x-amz-target", "Logs_20140328.GetLogEvents");
    assert_eq!(
        wire.post().unwrap_err().to_string(),
        "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization."
    );
    let mut wire = signed_post();
    let authorization = wire
        .authorization()
        .replace("host;x-amz-date", "x-amz-date");
    wire.set("authorization", &authorization);
    let error = wire.post().unwrap_err();
    assert_eq!(
        error.to_string(),
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    );
    assert_eq!(error.error_type(), "InvalidSignatureException");
}

#[test]
fn a_list_of_signed_headers_is_sorted_and_of_headers_that_are_there() {
    for list in [
        "x-amz-date;host",
        "host;host;x-amz-date",
        "host;x-amz-date;x-none",
        "host;",
    ] {
        let mut wire = signed_post();
        let authorization = wire.authorization().replace("host;x-amz-date", list);
        wire.set("authorization", &authorization);
        assert!(wire.post().is_err(), "{list}");
    }
}

#[test]
fn a_payload_must_be_signed() {
    for payload in ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"] {
        let credentials = Credentials::new(KEY_ID, SECRET, None, None, "test").into();
        let parameters = v4::SigningParams::builder()
            .identity(&credentials)
            .region("us-east-1")
            .name("execute-api")
            .time(UNIX_EPOCH + Duration::from_secs(NOW))
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let uri = format!("http://{HOST_NAME}{POST_PATH}");
        let headers = [("x-amz-content-sha256", payload)];
        let body = SignableBody::Precomputed(payload.to_owned());
        let signable = SignableRequest::new("POST", &uri, headers.into_iter(), body).unwrap();
        let (instructions, _) = aws_sign(signable, &parameters).unwrap().into_parts();
        let mut wire = unsigned_post();
        wire.set("x-amz-content-sha256", payload);
        for (name, value) in instructions.headers() {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            wire.headers.insert(name, value.parse().unwrap());
        }
        assert_eq!(wire.post(), Err(SigV4Error::SignatureDoesNotMatch));
    }
}

#[test]
fn neither_key_nor_signature_is_ever_printed() {
    let key = SigningKey::derive(SECRET, "20261122", "us-east-1", "execute-api");
    assert_eq!(format!("{key:?}"), "SigningKey(****)");
    let mut wire = signed_post();
    wire.body.push(b'!');
    let error = wire.post().unwrap_err();
    assert_eq!(
        error.to_string(),
        "The request signature we calculated does not match the signature you provided. Check \
         your AWS Secret Access Key and signing method. Consult the service documentation for \
         details."
    );
}
