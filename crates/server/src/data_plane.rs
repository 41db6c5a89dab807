//! The data plane's front door: a WebSocket handshake, from its HTTP request to a connection.

use std::sync::Arc;

use bytes::Bytes;
use gatepost_gateway::{
    clock::now_ms,
    new_id,
    observe::Event,
    pipeline::{self, ConnectRequest, ConnectResponse, Refusal},
};
use gatepost_model::extensions::Extensions;
use gatepost_wire::{
    lambda_event::HandshakeRequest,
    websocket::{
        Deflate,
        handshake::{self as ws_handshake, InvalidUpgradeRequest},
    },
};
use http_body_util::Full;
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Body, Incoming},
    header::{
        AUTHORIZATION, CONNECTION, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT,
        SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    upgrade::OnUpgrade,
};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;

use crate::{
    listener::ServerStream,
    respond,
    server::{Peer, Server},
    target::{Resolved, Target, query_pairs},
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
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let (answer_to, connect) = match prepare(server, peer, request) {
        Ok(prepared) => prepared,
        Err(Refused { response, detail }) => {
            let path = uri.path();
            server.gateway.observer().emit(Event::ConnectionRefused {
                source_ip: peer.source_ip(),
                status: response.status().as_u16(),
                detail: format!("{method} {path}: {detail}"),
                fault: None,
                request: None,
            });
            return respond::closing(*response);
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
        Err(_) => respond::closing(respond::status(StatusCode::INTERNAL_SERVER_ERROR)),
    }
}

type Prepared = Result<(Upgrade, ConnectRequest), Refused>;

/// A handshake that is refused before its stage is known.
struct Refused {
    response: Box<Response<Full<Bytes>>>,
    /// Why, for the log.
    detail: String,
}

impl Refused {
    fn new(response: Response<Full<Bytes>>, detail: impl Into<String>) -> Self {
        Self {
            response: Box::new(response),
            detail: detail.into(),
        }
    }
}

/// What the `101` says, besides the subprotocol.
struct Upgrade {
    accept: String,
    deflate: Option<Deflate>,
}

/// Checks the request itself and finds its stage.
fn prepare(server: &Server, peer: &Peer, request: Request<Incoming>) -> Prepared {
    let headers = request.headers();
    if headers.get_all(AUTHORIZATION).iter().count() > 1 {
        let page = respond::bad_request_page();
        return Err(Refused::new(page, "there are two Authorization headers"));
    }
    if !request.body().is_end_stream() {
        // Its bytes would be taken for frames, or frames for its bytes.
        let page = respond::bad_request_page();
        return Err(Refused::new(page, "a handshake has no body"));
    }
    let key = ws_handshake::check_request(request.method(), request.version(), headers)
        .map_err(invalid_upgrade)?;
    let target = Target::of(&request);
    let stage = match target.resolve(&server.gateway.apis(), peer.api_id.as_ref()) {
        Ok(Resolved::Stage(stage)) => stage,
        Ok(Resolved::AnyOf(_)) => {
            return Err(Refused::new(respond::forbidden(), "several APIs have it"));
        }
        Err(error) => return Err(Refused::new(respond::forbidden(), error.to_string())),
    };
    let settings = stage.settings.load();
    let extensions = &settings.extensions;
    refuse_origin(extensions, headers)?;
    let deflate = extensions
        .permessage_deflate
        .then(|| Deflate::negotiate(headers))
        .flatten();
    drop(settings);
    let upgrade = Upgrade {
        accept: ws_handshake::accept_key(key),
        deflate,
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
        head: request.into_parts().0,
    };
    Ok((upgrade, connect))
}

/// Whether the page that connects is of an allowed origin. Nothing of the API is asked for one
/// that is not.
fn refuse_origin(extensions: &Extensions, headers: &HeaderMap) -> Result<(), Refused> {
    for origin in headers.get_all(ORIGIN) {
        let origin = String::from_utf8_lossy(origin.as_bytes());
        if !extensions.allows_origin(Some(&origin)) {
            let origin: String = origin
                .chars()
                .filter(|c| !c.is_control())
                .take(200)
                .collect();
            let detail = format!("the Origin {origin} is not among allowed_origins");
            return Err(Refused::new(respond::forbidden(), detail));
        }
    }
    Ok(())
}

/// The answer to a request that RFC 6455 forbids; to a wrong version it names the right one (§4.4).
fn invalid_upgrade(error: InvalidUpgradeRequest) -> Refused {
    let text = error.to_string();
    let mut response = respond::error(StatusCode::BAD_REQUEST, "BadRequestException", &text);
    if error == InvalidUpgradeRequest::WebSocketVersion {
        let version = HeaderValue::from_static("13");
        response
            .headers_mut()
            .insert(SEC_WEBSOCKET_VERSION, version);
    }
    Refused::new(response, text)
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
    let switching = switching_protocols(&upgrade, &accepted.response);
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

/// `101`, with nothing but what AWS sends (data-plane spec 1.3) unless the stage says so.
fn switching_protocols(upgrade: &Upgrade, connect: &ConnectResponse) -> Response<Full<Bytes>> {
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
    if let Some(subprotocol) = &connect.subprotocol {
        respond::insert(headers, SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    append_all(headers, &connect.headers);
    response
}

/// Adds headers of an integration; what no header may be is left out.
fn append_all(headers: &mut HeaderMap, more: &[(String, String)]) {
    for (name, value) in more {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            headers.append(name, value);
        }
    }
}

fn refused(refusal: Refusal) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(refusal.body)));
    // A function may answer any number; what is no HTTP status of an answer is its failure.
    *response.status_mut() = StatusCode::from_u16(refusal.status)
        .ok()
        .filter(|status| status.as_u16() >= 200)
        .unwrap_or(StatusCode::BAD_GATEWAY);
    append_all(response.headers_mut(), &refusal.headers);
    // Bytes behind it are frames that never were: they die with the socket and are never read as a
    // second request.
    respond::closing(response)
}
