//! The data plane's front door: a WebSocket handshake, from its HTTP request to a connection.

use std::sync::Arc;

use bytes::Bytes;
use gatepost_gateway::{
    clock::now_ms,
    new_id,
    observe::Event,
    pipeline::{self, ConnectRequest, Refusal},
};
use gatepost_wire::{
    lambda_event::HandshakeRequest,
    websocket::{Deflate, handshake as ws_handshake},
};
use http_body_util::Full;
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::Incoming,
    header::{
        AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT,
        SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
    },
    upgrade::OnUpgrade,
};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

use crate::{
    listener::ServerStream,
    respond,
    server::{Peer, Server},
    target::{Resolved, Target, TargetError, query_pairs},
};

/// Whether the request asks for an upgrade to WebSocket.
pub fn is_upgrade<B>(request: &Request<B>) -> bool {
    request.headers().get_all(UPGRADE).iter().any(|value| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .any(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"websocket"))
    })
}

/// Answers a handshake. The `$connect` route runs detached, so that a client who leaves meanwhile
/// does not stop it.
pub async fn handshake(
    server: &Arc<Server>,
    peer: &Peer,
    mut request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let on_upgrade = hyper::upgrade::on(&mut request);
    let (answer_to, connect) = match prepare(server, peer, &request) {
        Ok(prepared) => prepared,
        Err(response) => {
            server.gateway.observer().emit(Event::ConnectionRefused {
                api_id: None,
                status: response.status().as_u16(),
                detail: format!("{} {}", request.method(), request.uri().path()),
            });
            return closing(*response);
        }
    };
    let (answer, answered) = oneshot::channel();
    tokio::spawn(carry_out(
        Arc::clone(server),
        connect,
        answer_to,
        on_upgrade,
        answer,
    ));
    match answered.await {
        Ok(response) => response,
        // The task was dropped with the runtime, or panicked.
        Err(_) => closing(respond::status(StatusCode::INTERNAL_SERVER_ERROR)),
    }
}

type Prepared = Result<(Upgrade, ConnectRequest), Box<Response<Full<Bytes>>>>;

/// What the `101` says, besides the subprotocol.
struct Upgrade {
    accept: String,
    deflate: Option<Deflate>,
}

/// Checks the request itself and finds its stage.
fn prepare(server: &Server, peer: &Peer, request: &Request<Incoming>) -> Prepared {
    let headers = request.headers();
    if headers.get_all(AUTHORIZATION).iter().count() > 1 {
        return Err(Box::new(bad_request_page()));
    }
    let valid = ws_handshake::check_request(request.method(), request.version(), headers);
    if let Err(error) = valid {
        let text = error.to_string();
        return Err(Box::new(respond::error(
            StatusCode::BAD_REQUEST,
            "BadRequestException",
            &text,
        )));
    }
    let key = headers
        .get(SEC_WEBSOCKET_KEY)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let target = Target::of(request);
    let stage = match target.resolve(&server.gateway.apis(), peer.api_id.as_ref()) {
        Ok(Resolved::Stage(stage)) => stage,
        Ok(Resolved::AnyOf(_)) | Err(TargetError::Unknown(_) | TargetError::Disabled) => {
            return Err(Box::new(respond::forbidden()));
        }
        Err(TargetError::NoMethod { .. }) => return Err(Box::new(respond::forbidden())),
    };
    let connect = ConnectRequest {
        stage,
        domain_name: target.authority.as_str().into(),
        handshake: HandshakeRequest {
            headers: header_pairs(headers),
            query: query_pairs(request.uri().query().unwrap_or_default()),
            source_ip: peer.source_ip(),
            port: peer.local_port,
            proto: if peer.is_tls { "https" } else { "http" },
            trace_id: new_id::trace_id(now_ms()),
        },
    };
    let deflate = server
        .permessage_deflate
        .then(|| Deflate::negotiate(headers))
        .flatten();
    Ok((
        Upgrade {
            accept: ws_handshake::accept_key(key),
            deflate,
        },
        connect,
    ))
}

/// Headers as text, names in lower case. Bytes that are no UTF-8 become U+FFFD.
fn header_pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}

/// Runs `$connect`, answers, and hands the socket over to the connection's task.
async fn carry_out(
    server: Arc<Server>,
    connect: ConnectRequest,
    upgrade: Upgrade,
    on_upgrade: OnUpgrade,
    answer: oneshot::Sender<Response<Full<Bytes>>>,
) {
    let accepted = match pipeline::on_connect(&server.gateway, connect).await {
        Ok(accepted) => accepted,
        Err(refusal) => {
            // A client that left needs no answer.
            let _ = answer.send(refused(refusal));
            return;
        }
    };
    // Without an upgrade the client is gone, which `accepted` sees to when it is dropped.
    let switching = switching_protocols(&upgrade, accepted.subprotocol.as_deref());
    if answer.send(switching).is_err() {
        return;
    }
    let Ok(upgraded) = on_upgrade.await else {
        return;
    };
    if let Ok(parts) = upgraded.downcast::<TokioIo<ServerStream>>() {
        let transport = parts.io.into_inner().into_transport();
        accepted.establish(transport, upgrade.deflate, parts.read_buf.to_vec());
    }
}

/// `101`, with nothing but what AWS sends (data-plane spec 1.3).
fn switching_protocols(upgrade: &Upgrade, subprotocol: Option<&str>) -> Response<Full<Bytes>> {
    let mut response = respond::status(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    respond::insert(headers, SEC_WEBSOCKET_ACCEPT, &upgrade.accept);
    if let Some(deflate) = upgrade.deflate {
        respond::insert(
            headers,
            SEC_WEBSOCKET_EXTENSIONS,
            &deflate.response_header(),
        );
    }
    if let Some(subprotocol) = subprotocol {
        respond::insert(headers, SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    response
}

fn refused(refusal: Refusal) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(refusal.body)));
    // A function may answer any number; what is no HTTP status of an answer is its failure.
    *response.status_mut() = StatusCode::from_u16(refusal.status)
        .ok()
        .filter(|status| status.as_u16() >= 200)
        .unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in refusal.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            response.headers_mut().append(name, value);
        }
    }
    closing(response)
}

/// Bytes behind a refused handshake are frames that never were: they die with the socket and are
/// never read as a second request.
fn closing(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The page that AWS's front end answers malformed HTTP with (data-plane spec 1.2).
fn bad_request_page() -> Response<Full<Bytes>> {
    const PAGE: &str = "<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body>\r\n\
        <center><h1>400 Bad Request</h1></center>\r\n</body>\r\n</html>\r\n";
    let mut response = Response::new(Full::from(PAGE));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}
