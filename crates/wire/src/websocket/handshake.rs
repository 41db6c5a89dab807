//! The opening handshake (RFC 6455 §4), apart from the target's own rules.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use http::{
    HeaderMap, Method, StatusCode, Version,
    header::{
        AsHeaderName, CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
        SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use sha1::{Digest, Sha1};

/// What every `Sec-WebSocket-Accept` is made with (§1.3).
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why a request does not open a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUpgradeRequest {
    /// Not a `GET`.
    #[error("a WebSocket opens with GET")]
    Method,
    /// Not HTTP/1.1.
    #[error("a WebSocket opens with HTTP/1.1")]
    HttpVersion,
    /// No `websocket` in `Upgrade`: a plain HTTP request.
    #[error("it is not an upgrade: send `Upgrade: websocket`, or use a WebSocket client")]
    Upgrade,
    /// No `upgrade` in `Connection`.
    #[error("send `Connection: Upgrade`; a proxy in between may have removed it")]
    Connection,
    /// `Sec-WebSocket-Version` is not 13; the response must name 13 (§4.4).
    #[error("send `Sec-WebSocket-Version: 13` once")]
    WebSocketVersion,
    /// `Sec-WebSocket-Key` is not 16 bytes in base64.
    #[error("send one `Sec-WebSocket-Key` of 16 random bytes in base64")]
    Key,
}

/// Checks that a request opens a WebSocket (§4.2.1) and returns its `Sec-WebSocket-Key`.
pub fn check_request<'a>(
    method: &Method,
    version: Version,
    headers: &'a HeaderMap,
) -> Result<&'a [u8], InvalidUpgradeRequest> {
    if !has_token(headers, UPGRADE, b"websocket") {
        return Err(InvalidUpgradeRequest::Upgrade);
    }
    if method != Method::GET {
        return Err(InvalidUpgradeRequest::Method);
    }
    if version != Version::HTTP_11 {
        return Err(InvalidUpgradeRequest::HttpVersion);
    }
    if !has_token(headers, CONNECTION, b"upgrade") {
        return Err(InvalidUpgradeRequest::Connection);
    }
    if single_value(headers, SEC_WEBSOCKET_VERSION) != Some(b"13") {
        return Err(InvalidUpgradeRequest::WebSocketVersion);
    }
    single_value(headers, SEC_WEBSOCKET_KEY)
        .filter(|key| BASE64.decode(key).is_ok_and(|nonce| nonce.len() == 16))
        .ok_or(InvalidUpgradeRequest::Key)
}

/// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
pub fn accept_key(key: &[u8]) -> String {
    BASE64.encode(
        Sha1::new()
            .chain_update(key)
            .chain_update(ACCEPT_GUID)
            .finalize(),
    )
}

/// A client's `Sec-WebSocket-Key` from 16 random bytes.
pub fn request_key(random: [u8; 16]) -> String {
    BASE64.encode(random)
}

/// Why a response does not open the WebSocket that a client asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUpgradeResponse {
    /// The server refused: status, headers and body say why.
    #[error("the server refused the handshake with status {0}")]
    Refused(StatusCode),
    /// `Upgrade` or `Connection` is missing.
    #[error(
        "the response has no `Upgrade: websocket` and `Connection: Upgrade`: is it a WebSocket server?"
    )]
    Upgrade,
    /// `Sec-WebSocket-Accept` does not answer the key.
    #[error("Sec-WebSocket-Accept does not match the key: is a cache in between?")]
    Accept,
    /// A subprotocol that was not offered.
    #[error("the server chose the subprotocol `{0}`, which was not offered")]
    Subprotocol(String),
    /// An extension, although none was offered.
    #[error("the server chose an extension, although none was offered")]
    Extension,
}

/// Checks the response to a request with this key, these subprotocols and no extensions (§4.1);
/// returns the subprotocol that the server chose.
pub fn check_response<'a>(
    status: StatusCode,
    headers: &HeaderMap,
    key: &str,
    subprotocols: &[&'a str],
) -> Result<Option<&'a str>, InvalidUpgradeResponse> {
    if status != StatusCode::SWITCHING_PROTOCOLS {
        return Err(InvalidUpgradeResponse::Refused(status));
    }
    if !has_token(headers, UPGRADE, b"websocket") || !has_token(headers, CONNECTION, b"upgrade") {
        return Err(InvalidUpgradeResponse::Upgrade);
    }
    let accept = accept_key(key.as_bytes());
    if single_value(headers, SEC_WEBSOCKET_ACCEPT) != Some(accept.as_bytes()) {
        return Err(InvalidUpgradeResponse::Accept);
    }
    if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err(InvalidUpgradeResponse::Extension);
    }
    let Some(chosen) = headers.get(SEC_WEBSOCKET_PROTOCOL) else {
        return Ok(None);
    };
    subprotocols
        .iter()
        .copied()
        .find(|offered| offered.as_bytes() == chosen.as_bytes().trim_ascii())
        .map(Some)
        .ok_or_else(|| {
            InvalidUpgradeResponse::Subprotocol(String::from_utf8_lossy(chosen.as_bytes()).into())
        })
}

/// Whether a comma-separated header has this token, in any case.
fn has_token(headers: &HeaderMap, name: impl AsHeaderName, token: &[u8]) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

/// The value of a header that must come once.
fn single_value(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&[u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values
        .next()
        .is_none()
        .then(|| value.as_bytes().trim_ascii())
}

/// A parameter of an extension, with its value as written.
type Parameter<'a> = (&'a [u8], Option<&'a [u8]>);

/// The items of `Sec-WebSocket-Extensions` (§9.1), most wanted first.
pub(super) fn extension_offers(
    headers: &HeaderMap,
) -> impl Iterator<Item = (&[u8], Vec<Parameter<'_>>)> {
    headers
        .get_all(SEC_WEBSOCKET_EXTENSIONS)
        .iter()
        .flat_map(|value| split_outside_quotes(value.as_bytes(), b','))
        .map(|offer| {
            let mut parts = split_outside_quotes(offer, b';');
            let name = parts.next().unwrap_or_default();
            let parameters = parts.map(|parameter| {
                let mut sides = parameter.splitn(2, |byte| *byte == b'=');
                let name = sides.next().unwrap_or_default().trim_ascii();
                (name, sides.next().map(<[u8]>::trim_ascii))
            });
            (name, parameters.collect())
        })
}

/// The trimmed parts between separators that do not stand in a quoted string.
fn split_outside_quotes(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    text.split(move |byte| {
        if is_escaped {
            is_escaped = false;
            return false;
        }
        match *byte {
            b'"' => is_quoted = !is_quoted,
            b'\\' => is_escaped = is_quoted,
            byte => return byte == separator && !is_quoted,
        }
        false
    })
    .map(<[u8]>::trim_ascii)
}

/// A parameter's value without the quotes that it may be written with.
pub(super) fn unquoted(value: &[u8]) -> &[u8] {
    value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests;
