//! Gatepost's own paths under `/_gatepost/`, and who may ask them.

mod connections;

use bytes::Bytes;
use gatepost_gateway::gateway::Gateway;
use gatepost_model::secret::Secret;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, FORWARDED, HeaderName, HeaderValue, ORIGIN, WWW_AUTHENTICATE},
};
use sha2::{Digest, Sha256};

use crate::{
    endpoint::Endpoint,
    error_pages, prometheus, respond,
    server::{Door, Peer, Server},
    target::{Target, decode, host_of},
};

/// Where all of them are.
pub const PATHS: &str = "/_gatepost/";
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
    /// [`Asker::ThisMachine`].
    ThisMachine,
    /// Whoever knows the token, at the admin listener. Everybody learns health and readiness, at
    /// any listener.
    Token(Secret),
}

/// Who asks Gatepost's own paths, by the request as it was sent: what proxies say of clients is for
/// clients, who may say it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A program of this machine, and by its own name: no page of another site, no name that somebody
    /// made point here, and nobody whose request was forwarded.
    ThisMachine,
    /// Anybody else, and whoever asks for no such path.
    Anybody,
}

impl Asker {
    /// The one at the other end of `peer`'s socket.
    pub fn of<B>(endpoint: &Endpoint, peer: &Peer, request: &Request<B>) -> Self {
        let is_of_this_machine = request.uri().path().starts_with(PATHS)
            && peer.address.ip().to_canonical().is_loopback()
            && !is_forwarded(request.headers())
            && is_ours(&Target::of(request).authority, endpoint)
            && is_own_origin(request, endpoint);
        if is_of_this_machine {
            Self::ThisMachine
        } else {
            Self::Anybody
        }
    }
}

/// Whether a proxy says that it passes on what somebody else asks.
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .any(|name| name == FORWARDED || name.as_str().starts_with("x-forwarded-"))
}

impl AdminAccess {
    /// The refusal of whoever may not ask this.
    fn refusal<B>(
        &self,
        peer: &Peer,
        asker: Asker,
        request: &Request<B>,
    ) -> Option<Response<Full<Bytes>>> {
        match self {
            Self::ThisMachine => match asker {
                Asker::ThisMachine => None,
                Asker::Anybody => Some(respond::forbidden()),
            },
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
fn is_ours(authority: &str, endpoint: &Endpoint) -> bool {
    let host = host_of(authority).to_ascii_lowercase();
    matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]") || host == endpoint.host()
}

/// Whether the request comes from no page, or from one that Gatepost itself served.
pub fn is_own_origin<B>(request: &Request<B>, endpoint: &Endpoint) -> bool {
    let Some(origin) = request.headers().get(ORIGIN) else {
        return true;
    };
    let origin = String::from_utf8_lossy(origin.as_bytes());
    origin
        .split_once("://")
        .is_some_and(|(_, authority)| is_ours(authority, endpoint))
}

/// Answers a request under `/_gatepost/`.
pub fn handle<B>(
    server: &Server,
    peer: &Peer,
    asker: Asker,
    request: &Request<B>,
) -> Response<Full<Bytes>> {
    if let Some(refused) = server.admin.refusal(peer, asker, request) {
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

#[cfg(test)]
mod tests {
    use hyper::header::HOST;

    use super::*;

    fn asker(address: &str, path: &str, host: &str, header: (&str, &str)) -> Asker {
        let peer = Peer {
            address: address.parse().unwrap(),
            local_port: 4100,
            is_tls: false,
            door: Door::Public,
        };
        let request = Request::builder().uri(path).header(HOST, host);
        let request = request.header(header.0, header.1).body(()).unwrap();
        Asker::of(&Endpoint::plain("gatepost.test:4100"), &peer, &request)
    }

    const PATH: &str = "/_gatepost/metrics";
    const NOTHING: (&str, &str) = ("accept", "*/*");

    #[test]
    fn programs_of_this_machine_ask_by_its_own_name() {
        for address in [
            "127.0.0.1:9",
            "127.9.9.9:9",
            "[::1]:9",
            "[::ffff:127.0.0.1]:9",
        ] {
            for host in [
                "localhost:4100",
                "127.0.0.1",
                "[::1]:4100",
                "gatepost.test:4100",
            ] {
                assert_eq!(asker(address, PATH, host, NOTHING), Asker::ThisMachine);
            }
        }
    }

    #[test]
    fn nobody_else_does_whatever_is_said_of_him() {
        let anybody = |address, host, header| {
            let asker = asker(address, PATH, host, header);
            assert_eq!(asker, Asker::Anybody, "{address} {host} {header:?}");
        };
        let here = "127.0.0.1:9";
        // A client in the network of trusted proxies.
        anybody("10.1.2.3:9", "localhost", NOTHING);
        anybody("10.1.2.3:9", "localhost", ("x-forwarded-for", "127.0.0.1"));
        anybody(here, "rebound.example", NOTHING);
        anybody(here, "rebound.example", ("x-forwarded-host", "localhost"));
        anybody(here, "localhost", ("origin", "http://rebound.example"));
        for name in [
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "X-Forwarded-Host",
            "X-Forwarded-Port",
            "X-Forwarded-Anything",
        ] {
            anybody(here, "localhost", (name, "localhost"));
        }
        anybody(here, "localhost", ("Forwarded", "for=127.0.0.1"));
    }
}
