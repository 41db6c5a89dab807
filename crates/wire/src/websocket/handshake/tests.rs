use http::{HeaderName, HeaderValue};

use super::*;

/// The example of RFC 6455 §1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn headers(list: &[(&'static str, &'static [u8])]) -> HeaderMap {
    list.iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_bytes(value).unwrap();
            (HeaderName::from_static(name), value)
        })
        .collect()
}

fn request() -> HeaderMap {
    headers(&[
        ("upgrade", b"websocket"),
        ("connection", b"Upgrade"),
        ("sec-websocket-version", b"13"),
        ("sec-websocket-key", KEY.as_bytes()),
    ])
}

fn check(headers: &HeaderMap) -> Result<&[u8], InvalidUpgradeRequest> {
    check_request(&Method::GET, Version::HTTP_11, headers)
}

#[test]
fn the_accept_key_is_that_of_rfc_6455_section_1_3() {
    assert_eq!(accept_key(KEY.as_bytes()), ACCEPT);
    assert_eq!(request_key(*b"the sample nonce"), KEY);
}

#[test]
fn a_request_with_all_headers_is_an_upgrade() {
    assert_eq!(check(&request()), Ok(KEY.as_bytes()));
}

#[test]
fn tokens_match_in_any_case_and_within_lists() {
    let mut request = request();
    request.insert("upgrade", HeaderValue::from_static("h2c, WebSocket/13"));
    assert_eq!(check(&request), Err(InvalidUpgradeRequest::Upgrade));
    request.append("upgrade", HeaderValue::from_static("WebSocket"));
    request.insert("connection", HeaderValue::from_static("keep-alive,uPGRADE"));
    assert!(check(&request).is_ok());
}

#[test]
fn each_missing_or_wrong_header_has_its_error() {
    use InvalidUpgradeRequest::{Connection, Key, Upgrade, WebSocketVersion};
    for (name, value, error) in [
        ("upgrade", "h2c", Upgrade),
        ("connection", "keep-alive", Connection),
        ("sec-websocket-version", "8", WebSocketVersion),
        ("sec-websocket-key", "c2hvcnQ=", Key),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ", Key),
        ("sec-websocket-key", "not base64 at all!!", Key),
    ] {
        let mut wrong = request();
        wrong.insert(name, HeaderValue::from_static(value));
        assert_eq!(check(&wrong), Err(error), "{name}: {value}");
        let mut missing = request();
        missing.remove(name);
        assert_eq!(check(&missing), Err(error), "no {name}");
    }
}

#[test]
fn key_and_version_must_come_once() {
    for (name, error) in [
        ("sec-websocket-key", InvalidUpgradeRequest::Key),
        (
            "sec-websocket-version",
            InvalidUpgradeRequest::WebSocketVersion,
        ),
    ] {
        let mut request = request();
        let value = request[name].clone();
        request.append(name, value);
        assert_eq!(check(&request), Err(error));
    }
}

#[test]
fn only_get_over_http_1_1_upgrades() {
    let request = request();
    assert_eq!(
        check_request(&Method::POST, Version::HTTP_11, &request),
        Err(InvalidUpgradeRequest::Method)
    );
    assert_eq!(
        check_request(&Method::GET, Version::HTTP_10, &request),
        Err(InvalidUpgradeRequest::HttpVersion)
    );
}

#[test]
fn header_values_beyond_ascii_are_refused_without_panic() {
    for name in [
        "upgrade",
        "connection",
        "sec-websocket-version",
        "sec-websocket-key",
    ] {
        let mut request = request();
        request.insert(name, HeaderValue::from_bytes(b"\xff\x80\xfe").unwrap());
        assert!(check(&request).is_err());
    }
}

#[test]
fn a_response_must_answer_the_key_and_choose_what_was_offered() {
    let response = |extra: &[_]| {
        let mut list = vec![
            ("upgrade", &b"websocket"[..]),
            ("connection", b"upgrade"),
            ("sec-websocket-accept", ACCEPT.as_bytes()),
        ];
        list.extend_from_slice(extra);
        headers(&list)
    };
    let switching = StatusCode::SWITCHING_PROTOCOLS;
    let check = |headers: &HeaderMap| check_response(switching, headers, KEY, &["chat"]);
    assert_eq!(check(&response(&[])), Ok(None));
    assert_eq!(
        check(&response(&[("sec-websocket-protocol", b"chat")])),
        Ok(Some("chat"))
    );
    assert_eq!(
        check(&response(&[("sec-websocket-protocol", b"mqtt")])),
        Err(InvalidUpgradeResponse::Subprotocol("mqtt".into()))
    );
    assert_eq!(
        check(&response(&[(
            "sec-websocket-extensions",
            b"permessage-deflate"
        )])),
        Err(InvalidUpgradeResponse::Extension)
    );
    assert_eq!(
        check(&response(&[("sec-websocket-accept", ACCEPT.as_bytes())])),
        Err(InvalidUpgradeResponse::Accept)
    );
    assert_eq!(
        check_response(switching, &response(&[]), "b3RoZXIga2V5IGhlcmUhIQ==", &[]),
        Err(InvalidUpgradeResponse::Accept)
    );
    assert_eq!(check(&headers(&[])), Err(InvalidUpgradeResponse::Upgrade));
    assert_eq!(
        check_response(StatusCode::FORBIDDEN, &response(&[]), KEY, &[]),
        Err(InvalidUpgradeResponse::Refused(StatusCode::FORBIDDEN))
    );
}
