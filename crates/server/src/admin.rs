//! Gatepost's own paths under `/_gatepost/`, and who may ask them.

mod connections;

use bytes::Bytes;
use gatepost_gateway::gateway::Gateway;
use gatepost_model::secret::Secret;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, HeaderName, HeaderValue, ORIGIN, WWW_AUTHENTICATE},
};
use sha2::{Digest, Sha256};

use crate::{
    endpoint::Endpoint,
    error_pages, prometheus, respond,
    server::{Door, Peer, Server},
    target::{Target, decode, host_of},
};

/// Where the pages of `docs/errors` are.
const ERRORS: &str = "/_gatepost/errors/";
/// Where the connections of now are.
const CONNECTIONS: &str = "/_gatepost/connections";
/// The version of the shapes of answers.
const JSON_VERSION: u32 = 1;

/// Which Gatepost is meant, by [`Server::instance`].
pub const INSTANCE: HeaderName = HeaderName::from_static("x-gatepost-instance");

/// Who may ask Gatepost's own paths.
#[derive(Debug, Clone)]
pub enum AdminAccess {
    /// Programs of this machine, and only by its own name: a page of another site, or a name that
    /// somebody made point here, is refused.
    ThisMachine,
    /// Whoever knows the token, at the admin listener. Everybody learns health and readiness, at
    /// any listener.
    Token(Secret),
}

impl AdminAccess {
    /// The refusal of whoever may not ask this.
    fn refusal<B>(
        &self,
        server: &Server,
        peer: &Peer,
        request: &Request<B>,
    ) -> Option<Response<Full<Bytes>>> {
        match self {
            Self::ThisMachine => {
                let is_by_name = is_ours(&Target::of(request).authority, server);
                if peer.is_loopback() && is_by_name && is_own_origin(request, server) {
                    return None;
                }
                Some(respond::forbidden())
            }
            Self::Token(_) if is_public(request) => None,
            Self::Token(_) if peer.door != Door::Admin => Some(respond::forbidden()),
            Self::Token(token) if bears(request, token) => None,
            Self::Token(_) => {
                let mut refused = respond::error(
                    StatusCode::UNAUTHORIZED,
                    "UnauthorizedException",
                    "The admin token is missing or wrong: send it as `Authorization: Bearer …`",
                );
                let scheme = HeaderValue::from_static("Bearer");
                refused.headers_mut().insert(WWW_AUTHENTICATE, scheme);
                Some(refused)
            }
        }
    }
}

/// Health and readiness, which load balancers ask.
fn is_public<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET
        && matches!(
            request.uri().path(),
            "/_gatepost/health" | "/_gatepost/ready"
        )
}

/// Whether the request carries the token. Digests are compared, whose timing tells nothing of it.
fn bears<B>(request: &Request<B>, token: &Secret) -> bool {
    let value = request
        .headers()
        .get(AUTHORIZATION)
        .map(HeaderValue::as_bytes);
    value
        .and_then(|value| value.strip_prefix(b"Bearer "))
        .is_some_and(|given| Sha256::digest(given) == Sha256::digest(token.reveal()))
}

/// Where the page of a reason or an error is read.
pub fn error_page_url(endpoint: &Endpoint, slug: &str) -> String {
    format!("{}{ERRORS}{slug}", endpoint.http_base())
}

/// Whether this names Gatepost itself.
fn is_ours(authority: &str, server: &Server) -> bool {
    let host = host_of(authority).to_ascii_lowercase();
    matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]") || host == server.endpoint.host()
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
    if let Some(refused) = server.admin.refusal(server, peer, request) {
        return refused;
    }
    if let (&Method::GET, Some(slug)) =
        (request.method(), request.uri().path().strip_prefix(ERRORS))
        && let Some(page) = error_pages::page(slug)
    {
        return respond::text(page);
    }
    let instance = request.headers().get(INSTANCE);
    if instance.is_some_and(|instance| instance.as_bytes() != server.instance.as_bytes()) {
        let text = "another Gatepost than the one that is meant listens here";
        return respond::error(
            StatusCode::MISDIRECTED_REQUEST,
            "MisdirectedException",
            text,
        );
    }
    let gateway = &server.gateway;
    if let (&Method::GET, Some(rest)) = (
        request.method(),
        request.uri().path().strip_prefix(CONNECTIONS),
    ) {
        match rest.strip_prefix('/') {
            None if rest.is_empty() => {
                return connections::list(gateway, request.uri().query().unwrap_or_default());
            }
            Some(id) => return connections::one(gateway, &decode(id)),
            None => {}
        }
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/_gatepost/health") => respond::json(StatusCode::OK, r#"{"status":"ok"}"#),
        (&Method::GET, "/_gatepost/metrics") => prometheus::response(server),
        (&Method::GET, "/_gatepost/ready") => ready(&server.gateway),
        _ => respond::error(
            StatusCode::NOT_FOUND,
            "NotFoundException",
            "Gatepost has /_gatepost/health, /_gatepost/ready, /_gatepost/metrics, \
             /_gatepost/connections and /_gatepost/errors/{reason}",
        ),
    }
}

/// Whether new connections are taken, for load balancers.
fn ready(gateway: &Gateway) -> Response<Full<Bytes>> {
    let (status, text) = if gateway.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else {
        (StatusCode::OK, "ready")
    };
    let apis = gateway.apis().apis.len();
    let connections = gateway.connections();
    let body = format!(r#"{{"status":"{text}","apis":{apis},"connections":{connections}}}"#);
    respond::json(status, body)
}
