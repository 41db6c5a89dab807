//! A connection id between its issue and its connection. However the handshake ends, also when its
//! task panics, the id leaves the registry with a tombstone, and `$disconnect` runs if `$connect`
//! had accepted it.

use std::sync::{Arc, atomic::Ordering};

use gatepost_model::{
    ApiId, connection::CloseCause, connection_id::ConnectionId, request_context::ConnectionContext,
};
use gatepost_wire::websocket::Deflate;
use tokio::sync::watch;

use super::{ConnectRequest, ConnectResponse, on_disconnect::on_disconnect};
use crate::{
    admission::TooMany,
    clock::{Moment, now_ms},
    connection::{Connection, client::ClientKey, task, transport::Transport},
    deployed::StageSlot,
    gateway::Gateway,
    held_posts::HeldPosts,
    lifecycle::HandshakeRecord,
    store::Past,
    tombstones::{End, Tombstone},
};

/// An id whose `$connect` route runs. Dropped, it was refused.
pub(crate) struct IssuedId {
    gateway: Arc<Gateway>,
    api_id: ApiId,
    source_ip: Box<str>,
    pub(crate) connection_id: ConnectionId,
    /// Since when it handshakes, milliseconds since the epoch.
    pub(super) since_ms: u64,
    /// Posts that wait for the connection, if they do.
    held: Option<Arc<HeldPosts>>,
    /// How the handshake went, once that is known.
    record: Option<Box<HandshakeRecord>>,
    accepted: bool,
}

/// A handshake that is answered with `101`. Dropped before it is established, its client left:
/// whoever stored the id in `$connect` learns of the end through `$disconnect`.
pub struct Accepted {
    /// What else the `101` says.
    pub response: ConnectResponse,
    gateway: Arc<Gateway>,
    context: Arc<ConnectionContext>,
    stage: Arc<StageSlot>,
    client_key: Option<ClientKey>,
    held: Option<Arc<HeldPosts>>,
    record: Option<Box<HandshakeRecord>>,
    /// When the handshake began, milliseconds since the epoch.
    began_at_ms: u64,
    established: bool,
    /// Dropped last, it tells those who wait for the connection to look again.
    _settled: watch::Sender<()>,
}

impl IssuedId {
    /// A fresh id of a connection to `stage`, entered as handshaking.
    ///
    /// # Errors
    /// [`TooMany`]; then there is nothing of it.
    pub(crate) fn new(
        gateway: &Arc<Gateway>,
        stage: &Arc<StageSlot>,
        source_ip: &str,
    ) -> Result<Self, TooMany> {
        gateway.admission.enter(&stage.api_id, source_ip)?;
        let since_ms = now_ms();
        let held = HeldPosts::new(stage, &gateway.held);
        Ok(Self {
            gateway: Arc::clone(gateway),
            api_id: stage.api_id.clone(),
            source_ip: source_ip.into(),
            connection_id: gateway.begin_handshake(&stage.api_id, since_ms, held.as_ref()),
            since_ms,
            held,
            record: None,
            accepted: false,
        })
    }

    /// It was refused; this is how.
    pub(super) fn refuse(mut self, record: HandshakeRecord) {
        self.record = Some(Box::new(record));
    }

    /// `$connect` accepted it.
    pub(super) fn accept(
        mut self,
        context: Arc<ConnectionContext>,
        request: ConnectRequest,
        response: ConnectResponse,
        record: HandshakeRecord,
    ) -> Accepted {
        let principal_id = context
            .authorizer
            .as_ref()
            .map(|authorizer| authorizer.principal_id.as_str());
        let client_key = ClientKey::of(
            &context.api_id,
            principal_id,
            &request.handshake.headers,
            &request.handshake.query,
        );
        let (settled, receiver) = watch::channel(());
        self.gateway
            .registry
            .accept(self.connection_id, self.since_ms, receiver);
        self.accepted = true;
        Accepted {
            response,
            gateway: Arc::clone(&self.gateway),
            context,
            stage: request.stage,
            client_key,
            held: self.held.take(),
            record: Some(Box::new(record)),
            began_at_ms: self.since_ms,
            established: false,
            _settled: settled,
        }
    }
}

impl Drop for IssuedId {
    fn drop(&mut self) {
        self.gateway.admission.answered();
        if self.accepted {
            return;
        }
        let tombstone = Tombstone {
            api_id: self.api_id.clone(),
            end: End::Refused,
            at_ms: now_ms(),
            replaced_by: None,
            client_key: None,
        };
        let past = Past::NeverEstablished {
            began_at_ms: self.since_ms,
            handshake: self.record.take(),
        };
        let id = self.connection_id;
        self.gateway.tombstones.ended(id, tombstone, past);
        self.gateway.registry.remove(&id);
        self.gateway.admission.left(&self.api_id, &self.source_ip);
        if let Some(held) = &self.held {
            held.refuse();
        }
    }
}

impl Accepted {
    /// The `101` is written: the connection is open. `early` are bytes that came right behind the
    /// handshake: they are its first frames.
    pub fn establish(mut self, transport: Transport, deflate: Option<Deflate>, early: Vec<u8>) {
        let connection = Connection::new(
            Arc::clone(&self.context),
            Arc::clone(&self.stage),
            self.client_key,
            deflate,
            transport,
            Moment::now(),
        )
        .paced(self.gateway.limits());
        self.established = true;
        self.gateway
            .metrics()
            .connects
            .fetch_add(1, Ordering::Relaxed);
        if let Some(held) = &self.held {
            let gateway = &self.gateway;
            held.deliver(&connection, gateway.limits(), &gateway.applied_posts);
        }
        // It is taken here only.
        if let Some(record) = self.record.take() {
            task::start(&self.gateway, connection, record, early);
        }
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        if self.established {
            return;
        }
        let (id, cause) = (self.context.connection_id, CloseCause::ClientVanished);
        let at_ms = now_ms();
        let tombstone = Tombstone {
            api_id: self.context.api_id.clone(),
            end: End::Closed(cause.clone()),
            at_ms,
            replaced_by: None,
            client_key: self.client_key,
        };
        let past = Past::NeverEstablished {
            began_at_ms: self.began_at_ms,
            handshake: self.record.take(),
        };
        self.gateway.tombstones.ended(id, tombstone, past);
        let context = Arc::clone(&self.context);
        on_disconnect(&self.gateway, context, &self.stage, &cause, at_ms);
        self.gateway.registry.remove(&id);
        let source_ip = &self.context.identity.source_ip;
        self.gateway.admission.left(&self.context.api_id, source_ip);
        if let Some(held) = &self.held {
            held.refuse();
        }
    }
}
