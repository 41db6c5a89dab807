//! The server: what a request on the one port is, in the order in which it is decided.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicUsize},
};

use bytes::Bytes;
use gatepost_gateway::gateway::Gateway;
use gatepost_model::ApiId;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming};

use crate::{
    admin::{self, AdminAccess, Asker},
    aws_apis,
    connections_api::{self, neighbour::Neighbours},
    data_plane,
    endpoint::Endpoint,
    lambda::{LocalRunner, MadeFunctions},
    logs::Queries,
    respond,
    target::{self, Target},
    trusted_proxies::TrustedProxies,
};

/// What all listeners of one process share.
pub struct Server {
    /// The core.
    pub gateway: Arc<Gateway>,
    /// The functions that run here.
    pub functions: Arc<LocalRunner>,
    /// Those of them that were made by calls.
    pub made_functions: Arc<MadeFunctions>,
    /// Where clients reach the APIs.
    pub endpoint: Endpoint,
    /// The reverse proxies before it.
    pub trusted_proxies: TrustedProxies,
    /// The page at `/`, for the demo.
    pub home_page: Option<&'static str>,
    /// The queries of CloudWatch Logs Insights.
    pub queries: Arc<Queries>,
    /// Who may ask Gatepost's own paths.
    pub admin: AdminAccess,
    /// A random name of this process, by which programs know that they ask the Gatepost they mean.
    pub instance: Box<str>,
    /// Whether 410 and 400 answers of `@connections` carry `x-gatepost-gone-reason`.
    pub gone_reason_header: bool,
    /// Sockets that may be open at once.
    pub max_sockets: usize,
    /// Those that speak HTTP, or do not speak yet.
    pub sockets: AtomicUsize,
    /// Those of the admin listener, which take no place of a client's.
    pub admin_sockets: AtomicUsize,
    /// The Gatepost that is taken over, or that takes over.
    pub neighbours: Neighbours,
}

/// From where a request came: the client, as trusted proxies tell.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The client's address; port 0 when only its proxy knows that.
    pub address: SocketAddr,
    /// The port that the client used.
    pub local_port: u16,
    /// Whether the client speaks TLS.
    pub is_tls: bool,
    /// The listener that it came to.
    pub door: Door,
}

/// What a listener is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// Everything that clients and backends ask.
    Public,
    /// The same, with the stages of one API at the root.
    Api(ApiId),
    /// Gatepost's own paths, and nothing else.
    Admin,
}

impl Peer {
    /// The API whose own port the request came to.
    pub fn api_id(&self) -> Option<&ApiId> {
        match &self.door {
            Door::Api(api_id) => Some(api_id),
            Door::Public | Door::Admin => None,
        }
    }

    /// The address as `sourceIp` writes it.
    pub fn source_ip(&self) -> String {
        self.address.ip().to_canonical().to_string()
    }
}

impl Server {
    /// `ApiEndpoint`: where clients reach an API, without its stage.
    pub fn api_endpoint(&self, api_id: &ApiId) -> String {
        let base = self.endpoint.ws_base();
        if self.gateway.apis().is_only_of_templates(api_id) {
            base
        } else {
            format!("{base}/_aws/execute-api/{api_id}")
        }
    }

    /// Answers one request: upgrades and `@connections` come first, so that a stage may have any
    /// name; then Gatepost's own paths, then the AWS APIs.
    pub async fn handle(
        self: &Arc<Self>,
        peer: &Peer,
        mut request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        // No proxy is believed about who is on this machine.
        let asker = Asker::of(&self.endpoint, peer, &request);
        let client = self.trusted_proxies.client(peer, &mut request);
        let peer = client.as_ref().unwrap_or(peer);
        let url_bytes = request
            .uri()
            .path_and_query()
            .map_or(0, |url| url.as_str().len());
        if url_bytes > self.gateway.limits().max_url_bytes {
            self.gateway.metrics().limits.add("max_url_bytes", "");
            return respond::status(StatusCode::URI_TOO_LONG);
        }
        if !target::has_valid_host(&request) {
            return respond::bad_request_page();
        }
        if peer.door == Door::Admin {
            return admin::handle(self, peer, asker, &request);
        }
        if data_plane::is_upgrade(&request) {
            return data_plane::handshake(self, peer, request).await;
        }
        if let Some(target) = Target::of_connections_api(&request) {
            return connections_api::handle(self, peer, target, request).await;
        }
        if request.uri().path().starts_with(admin::PATHS) {
            return admin::handle(self, peer, asker, &request);
        }
        if let (Some(page), "/") = (self.home_page, request.uri().path()) {
            return respond::html(page);
        }
        if aws_apis::Service::of(&request).is_some() {
            return aws_apis::handle(self, peer, request).await;
        }
        // A stage's URL without an upgrade, or nothing at all (data-plane spec §14).
        respond::forbidden()
    }
}
