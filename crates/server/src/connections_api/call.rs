//! One call: who makes it, for which connection, with which ids it is answered, and what is told of
//! it.

use std::fmt;

use bytes::Bytes;
use gatepost_gateway::{
    deployed::StageSlot,
    new_id,
    observe::{Event, RequestLog},
};
use gatepost_model::{
    FunctionName, RequestId, connection::InvalidConnectionId, connection_id::ConnectionId,
};
use gatepost_wire::execution_log::{Entry, Severity, shown};
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, HeaderName, USER_AGENT},
};

use super::rescue::Failure;
use crate::{
    respond,
    server::{Peer, Server},
};

/// Characters of an id, or of a caller's name, that are told.
const TOLD: usize = 64;

/// A call of `@connections`.
pub(super) struct Call {
    pub method: Method,
    /// The id as the caller wrote it.
    pub id_text: String,
    pub connection_id: Result<ConnectionId, InvalidConnectionId>,
    caller: Caller,
    /// `x-amzn-RequestId`.
    request_id: RequestId,
    /// `x-amz-apigw-id`.
    extended_request_id: RequestId,
}

/// Who calls, as far as it is known.
enum Caller {
    /// A function that runs here, known by its access key, and the request that it works on.
    Function(FunctionName, Option<String>),
    /// A program, by the first product of its `User-Agent`, and its address.
    Program { product: String, source_ip: String },
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(name, Some(request_id)) => {
                write!(f, "function {name} (request {request_id})")
            }
            Self::Function(name, None) => write!(f, "function {name}"),
            Self::Program { product, source_ip } if product.is_empty() => f.write_str(source_ip),
            Self::Program { product, source_ip } => write!(f, "{product} at {source_ip}"),
        }
    }
}

impl Caller {
    fn of<B>(server: &Server, peer: &Peer, request: &Request<B>) -> Self {
        let header = |name: HeaderName| {
            let value = request.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()))
        };
        let access_key_id = header(AUTHORIZATION).and_then(|authorization| {
            let (_, credential) = authorization.split_once("Credential=")?;
            credential.split('/').next().map(str::to_owned)
        });
        if let Some(function) = access_key_id.and_then(|id| server.functions.caller_of(&id)) {
            return Self::Function(function.function, function.request_id);
        }
        // `aws-sdk-js/3.1 ua/2.1 …`: the first product says enough.
        let agent = header(USER_AGENT).unwrap_or_default();
        Self::Program {
            product: told(agent.split(' ').next().unwrap_or_default()),
            source_ip: peer.source_ip(),
        }
    }
}

/// So much of a caller's text that it stays in its place.
fn told(text: &str) -> String {
    let printable = text.chars().filter(|c| !c.is_control());
    printable.take(TOLD).collect()
}

impl Call {
    /// The call that a request makes for `id_text`.
    pub fn new<B>(server: &Server, peer: &Peer, id_text: String, request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            connection_id: id_text.parse(),
            id_text,
            caller: Caller::of(server, peer, request),
            request_id: new_id::uuid().into(),
            extended_request_id: new_id::request_id(),
        }
    }

    /// The operation of `ApiGatewayManagementApi` that it is.
    pub fn operation(&self) -> Option<&'static str> {
        match self.method {
            Method::POST => Some("PostToConnection"),
            Method::GET => Some("GetConnection"),
            Method::DELETE => Some("DeleteConnection"),
            _ => None,
        }
    }

    /// Gives an answer that carries request ids those of this call.
    pub fn put_ids(&self, response: &mut Response<Full<Bytes>>) {
        let headers = response.headers_mut();
        for (name, id) in [
            (respond::REQUEST_ID, &self.request_id),
            (respond::APIGW_ID, &self.extended_request_id),
        ] {
            if headers.contains_key(&name) {
                respond::insert(headers, name, id.as_str());
            }
        }
    }

    /// Tells the observer of the call and its answer.
    pub fn tell(self, server: &Server, status: StatusCode, failure: Option<Failure>) {
        let observer = server.gateway.observer();
        if observer.follows_traffic() {
            observer.emit(Event::ManagementCall {
                method: self.method.to_string(),
                connection_id: told(&self.id_text),
                status: status.as_u16(),
                refused: failure.and_then(Failure::into_refused),
                caller: self.caller.to_string(),
            });
        }
    }

    /// Writes the call and its answer into the stage's execution log.
    pub fn log(
        &self,
        server: &Server,
        stage: &StageSlot,
        posted: &[u8],
        status: StatusCode,
        failure: Option<&Failure>,
    ) {
        let mut log = RequestLog::begin_connections_call(
            server.gateway.store(),
            stage,
            &self.request_id,
            &self.extended_request_id,
            self.connection_id.ok(),
        );
        if log.writes(Severity::DataTrace) && !posted.is_empty() {
            log.write(&Entry::ConnectionsBody {
                body: shown(&String::from_utf8_lossy(posted)),
            });
        }
        if log.is_on() {
            let refusal = failure.map(Failure::describe);
            log.write(&Entry::ConnectionsCall {
                operation: self.operation().unwrap_or(self.method.as_str()),
                connection_id: shown(&self.id_text),
                caller: &self.caller.to_string(),
                status: status.as_u16(),
                refusal: refusal.as_deref(),
            });
        }
        log.end();
    }
}
