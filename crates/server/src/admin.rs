//! Gatepost's own paths under `/_gatepost/`. Only programs of this machine may ask, and only by
//! its own name: a page of another site, or a name that somebody made point here, is refused.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, header::ORIGIN};

use crate::{
    error_pages, prometheus, respond,
    server::{Peer, Server},
    target::{Target, host_of},
};

/// Where the pages of `docs/errors` are.
const ERRORS: &str = "/_gatepost/errors/";

/// Where the page of a reason or an error is read.
pub fn error_page_url(authority: &str, slug: &str) -> String {
    format!("http://{authority}{ERRORS}{slug}")
}

/// Whether this names Gatepost itself.
fn is_ours(authority: &str, server: &Server) -> bool {
    let host = host_of(authority).to_ascii_lowercase();
    matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]")
        || host == host_of(&server.authority)
}

/// Whether the request comes from no page, or from one that Gatepost itself served.
pub fn is_own_origin<B>(request: &Request<B>, server: &Server) -> bool {
    let Some(origin) = request.headers().get(ORIGIN) else {
        return true;
    };
    let origin = String::from_utf8_lossy(origin.as_bytes());
    origin
        .split_once("://")
        .is_some_and(|(_, authority)| is_ours(authority, server))
}

/// Answers a request under `/_gatepost/`.
pub fn handle<B>(server: &Server, peer: &Peer, request: &Request<B>) -> Response<Full<Bytes>> {
    if !peer.is_loopback() || !is_ours(&Target::of(request).authority, server) {
        return respond::forbidden();
    }
    if !is_own_origin(request, server) {
        return respond::forbidden();
    }
    if let (&Method::GET, Some(slug)) =
        (request.method(), request.uri().path().strip_prefix(ERRORS))
        && let Some(page) = error_pages::page(slug)
    {
        return respond::text(page);
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/_gatepost/health") => respond::json(StatusCode::OK, r#"{"status":"ok"}"#),
        (&Method::GET, "/_gatepost/metrics") => prometheus::response(&server.gateway),
        (&Method::GET, "/_gatepost/ready") => {
            let apis = server.gateway.apis().apis.len();
            let connections = server.gateway.connections();
            let body = format!(r#"{{"status":"ready","apis":{apis},"connections":{connections}}}"#);
            respond::json(StatusCode::OK, body)
        }
        _ => respond::error(
            StatusCode::NOT_FOUND,
            "NotFoundException",
            "Gatepost has /_gatepost/health, /_gatepost/ready, /_gatepost/metrics and \
             /_gatepost/errors/{reason}",
        ),
    }
}
