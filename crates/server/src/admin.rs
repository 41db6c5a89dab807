//! Gatepost's own paths under `/_gatepost/`: `health` and `ready` for everybody; nothing else yet.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode};

use crate::{
    respond,
    server::{Peer, Server},
};

/// Answers a request under `/_gatepost/`.
pub fn handle<B>(server: &Server, _peer: &Peer, request: &Request<B>) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/_gatepost/health") => {
            respond::json(StatusCode::OK, r#"{"status":"ok"}"#)
        }
        (&Method::GET, "/_gatepost/ready") => {
            let apis = server.gateway.apis().apis.len();
            let connections = server.gateway.connections();
            let body = format!(r#"{{"status":"ready","apis":{apis},"connections":{connections}}}"#);
            respond::json(StatusCode::OK, body)
        }
        _ => respond::error(
            StatusCode::NOT_FOUND,
            "NotFoundException",
            "Gatepost has /_gatepost/health and /_gatepost/ready",
        ),
    }
}
