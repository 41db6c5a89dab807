//! The handshake: throttle → authorize → usage plan → required parameters → `$connect` integration
//! → `101` (data-plane spec 1.2). The client has no answer until all of it is done.

use std::{sync::Arc, time::Instant};

use gatepost_model::{
    RequestId,
    connection_id::ConnectionId,
    fault::{Fault, FaultKind},
    request_context::{AuthorizerContext, ConnectionContext, EventType, Identity, RequestContext},
    route::RouteKey,
};
use gatepost_wire::{
    execution_log::{Entry, shown},
    lambda_event::HandshakeRequest,
};
use hyper::http::request::Parts;

use super::{
    accepted::{Accepted, IssuedId},
    authorize::{Authorized, authorize, missing_source},
    connect_response::ConnectResponse,
    integration_request,
    integration_response::{self, IntegrationReply},
    rescue,
    select_route::{RequestBody, RoutedRequest},
    usage_plan,
};
use crate::{
    admission::TooMany,
    deployed::{DeployedRoute, DeployedStage, StageSlot},
    gateway::Gateway,
    integration::{self, bulkhead::Wait},
    lifecycle::HandshakeRecord,
    new_id,
    observe::{
        Event, RefusedRequest, RequestLog,
        metrics::{RouteSeries, blame_of_answer},
    },
    store::Lifecycle,
};

/// A valid WebSocket upgrade request to a stage.
pub struct ConnectRequest {
    /// The stage.
    pub stage: Arc<StageSlot>,
    /// The host (and port) that the client used.
    pub domain_name: Arc<str>,
    /// Headers (lower-case names), query, source address.
    pub handshake: HandshakeRequest,
    /// The request's head as it came, which is what clients sign.
    pub head: Parts,
}

/// A handshake that is answered with an HTTP error.
#[derive(Debug)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Why, for the log.
    pub detail: String,
    /// What went wrong; `None` when the `$connect` integration itself refused, and of what is no
    /// request to a stage.
    pub fault: Option<FaultKind>,
}

/// Carries out a handshake up to its answer.
///
/// # Errors
/// [`Refusal`]; the connection then never opens and has no `$disconnect`.
pub async fn on_connect(
    gateway: &Arc<Gateway>,
    request: ConnectRequest,
) -> Result<Accepted, Refusal> {
    if gateway.refuses_handshakes() {
        return Err(Refusal::unavailable("Gatepost is stopping"));
    }
    let Some(deployed) = request.stage.deployed.load_full() else {
        return Err(Refusal::forbidden("the stage is being deleted"));
    };
    let route = deployed.connect.as_ref();
    let series = route.map_or(&deployed.unrouted_series, |route| &route.series);
    let source_ip = &*request.handshake.source_ip;
    series.connecting();
    let issued = IssuedId::new(gateway, &request.stage, source_ip)
        .map_err(|too_many| refuse_admission(gateway, &deployed, series, too_many))?;
    let handshake = Handshake {
        gateway,
        deployed: &deployed,
        request: &request,
        request_id: new_id::request_id(),
        connection_id: issued.connection_id,
        connected_at_ms: issued.since_ms,
    };
    let mut log = handshake.begin_log();
    let began = Instant::now();
    let outcome = handshake.run(&mut log).await;
    gateway.metrics().handshakes.observe(began.elapsed());
    match outcome {
        Ok((context, response)) => {
            series.done(None);
            log.write(&Entry::Connected);
            log.end(ACCEPTED);
            let record = HandshakeRecord::new(&context, &handshake.request_id, ACCEPTED);
            Ok(issued.accept(context, request, response, record))
        }
        Err(refusal) => {
            let blame = if let Some(kind) = refusal.fault {
                gateway.metrics().faults.add(kind.slug(), "handshake");
                Some(kind.blame())
            } else {
                let integration = route.and_then(|route| route.integration.as_ref());
                blame_of_answer(integration.map(|it| &it.backend), refusal.status)
            };
            series.done(blame);
            log.end(refusal.status);
            let context = handshake.context(handshake.identity(None), None);
            let record = HandshakeRecord::new(&context, &handshake.request_id, refusal.status);
            gateway.observer().emit(Event::ConnectionRefused {
                source_ip: record.source_ip.to_string(),
                status: refusal.status,
                detail: refusal.detail.clone(),
                fault: refusal.fault,
                request: Some(Box::new(RefusedRequest {
                    api_id: deployed.api_id.clone(),
                    stage: deployed.stage_name.clone(),
                    connection_id: handshake.connection_id,
                    request_id: handshake.request_id.clone(),
                })),
            });
            issued.refuse(record.refused(&refusal.detail, refusal.fault));
            Err(refusal)
        }
    }
}

/// The answer to a handshake for which there is no room: that of a throttled one. Nothing is kept of
/// it but its number.
fn refuse_admission(
    gateway: &Gateway,
    deployed: &DeployedStage,
    series: &RouteSeries,
    TooMany(limit): TooMany,
) -> Refusal {
    let detail = format!("there are as many connections as [limits] {limit} allows");
    let fault = Fault::new(FaultKind::Throttled, detail);
    gateway.metrics().limits.add(limit, "");
    gateway.metrics().faults.add(fault.kind.slug(), "handshake");
    series.done(Some(fault.kind.blame()));
    let id = gateway.issue_id(&deployed.api_id);
    rescue::handshake(&fault, id, &new_id::request_id())
}

/// The status of a `$connect` that went well, in logs and records.
const ACCEPTED: u16 = 200;

struct Handshake<'a> {
    gateway: &'a Gateway,
    deployed: &'a DeployedStage,
    request: &'a ConnectRequest,
    request_id: RequestId,
    connection_id: ConnectionId,
    connected_at_ms: u64,
}

impl Handshake<'_> {
    fn begin_log(&self) -> RequestLog {
        let route = self.deployed.connect.as_ref();
        let settings = route.map_or(&self.deployed.log_settings, |route| &route.log_settings);
        let context = self.request_context(self.context(self.identity(None), None));
        let (logs, stage) = (self.gateway.logs(), &self.request.stage);
        RequestLog::begin(logs, stage, settings, &context, true)
    }

    async fn run(
        &self,
        log: &mut RequestLog,
    ) -> Result<(Arc<ConnectionContext>, ConnectResponse), Refusal> {
        let route = self.deployed.connect.as_ref();
        let passed = self
            .gateway
            .throttle
            .pass_handshake(route.map(AsRef::as_ref));
        passed.map_err(|throttled| self.refuse(&throttled.into(), log))?;
        let Some(route) = route else {
            log.api_key_not_required(RouteKey::Connect.as_str());
            let context = self.context(self.identity(self.presented_key(None)), None);
            log_connecting(&context, log);
            self.journal_soon(&context);
            return Ok((context, ConnectResponse::default()));
        };
        let context = self.request_context(self.context(self.identity(None), None));
        let authorization = &route.authorization;
        let authorized = authorize(self.gateway, authorization, &context, self.request, log)
            .await
            .map_err(|fault| self.refuse(&fault, log))?;
        let (signer, authorizer) = match authorized {
            Authorized::Anybody => (None, None),
            Authorized::Signer(signer) => (Some(Box::new(signer)), None),
            Authorized::Client(context) => (None, Some(context)),
        };
        let api_key = self.presented_key(authorizer.as_ref()).map(str::to_owned);
        let identity = Identity {
            signer,
            ..self.identity(api_key.as_deref())
        };
        let context = self.request_context(self.context(identity, authorizer));
        log.identified(&context.connection);
        usage_plan::pass(self.gateway, route, &context, api_key.as_deref(), log)
            .map_err(|fault| self.refuse(&fault, log))?;
        log_connecting(&context.connection, log);
        let missing = missing_source(
            &route.required_parameters,
            &context,
            &self.request.handshake,
        );
        if let Some(parameter) = missing {
            let detail = format!("the required request parameter {parameter} is missing");
            let fault = Fault::new(FaultKind::BadRequestParameters, detail);
            return Err(self.refuse(&fault, log));
        }
        let response = self.integrate(route, &context, log).await?;
        Ok((context.connection, response))
    }

    /// Runs the `$connect` integration; on success it may say something on the `101`.
    async fn integrate(
        &self,
        route: &Arc<DeployedRoute>,
        context: &RequestContext,
        log: &mut RequestLog,
    ) -> Result<ConnectResponse, Refusal> {
        let started = Instant::now();
        let request = RoutedRequest {
            route: Arc::clone(route),
            context: context.clone(),
            body: RequestBody::default(),
        };
        let handshake = Some(&self.request.handshake);
        let built = integration_request::build(&request, handshake, log);
        let reply = match built.map_err(|fault| self.refuse(&fault, log))? {
            None => {
                self.journal_soon(&context.connection);
                return Ok(ConnectResponse::default());
            }
            Some(integration_request) => {
                let journalled = self.gateway.store().journal(&context.connection).await;
                journalled.map_err(|error| Refusal::unavailable(&error.to_string()))?;
                integration::invoke(self.gateway, integration_request, Wait::Bounded, log)
                    .await
                    .and_then(|answer| {
                        integration_response::build(&request, handshake, answer, log)
                    })
            }
        };
        let status = match &reply {
            Ok(reply) => reply.status,
            Err(fault) => fault.kind.handshake_status(),
        };
        let error = match &reply {
            Ok(reply) => reply.problem.clone(),
            Err(fault) => Some(fault.detail.clone()),
        };
        self.gateway.observer().emit(Event::Request {
            connection_id: self.connection_id,
            request_id: self.request_id.clone(),
            route_key: Some(RouteKey::Connect),
            status,
            latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            error,
        });
        let reply = reply.map_err(|fault| self.refuse(&fault, log))?;
        if !reply.has_status {
            let detail = "Execution failed due to configuration error: Malformed Lambda proxy \
                          response: statusCode is missing";
            let fault = Fault::new(FaultKind::IntegrationFailure, detail);
            return Err(self.refuse(&fault, log));
        }
        if (200..300).contains(&reply.status) {
            let settings = self.request.stage.settings.load();
            let names = &settings.extensions.connect_response_headers;
            return ConnectResponse::of(&reply, names).map_err(|fault| self.refuse(&fault, log));
        }
        Err(Refusal::of_integration(reply))
    }

    /// Nobody hears of the connection before it is open: its `$disconnect` is owed, and that is
    /// written with what comes next.
    fn journal_soon(&self, context: &Arc<ConnectionContext>) {
        let connecting = Lifecycle::Connecting(Arc::clone(context));
        self.gateway.store().record(connecting);
    }

    /// The API key that the client presents; none is looked for unless a route requires one.
    fn presented_key<'a>(&'a self, authorizer: Option<&'a AuthorizerContext>) -> Option<&'a str> {
        let source = self.deployed.api_key_source?;
        usage_plan::presented_key(source, &self.request.handshake, authorizer)
    }

    fn identity(&self, api_key: Option<&str>) -> Identity {
        let handshake = &self.request.handshake;
        let user_agent = handshake
            .headers
            .iter()
            .find(|(name, _)| name == "user-agent")
            .map(|(_, value)| &**value);
        let api_key = api_key.and_then(|value| usage_plan::identify(self.gateway, value));
        Identity {
            api_key: api_key.map(Box::new),
            ..Identity::anonymous(&*handshake.source_ip, user_agent)
        }
    }

    fn context(
        &self,
        identity: Identity,
        authorizer: Option<AuthorizerContext>,
    ) -> Arc<ConnectionContext> {
        Arc::new(ConnectionContext {
            connection_id: self.connection_id,
            api_id: self.deployed.api_id.clone(),
            stage: self.deployed.stage_name.clone(),
            connected_at_ms: self.connected_at_ms,
            domain_name: Arc::clone(&self.request.domain_name),
            identity,
            authorizer: authorizer.map(Box::new),
        })
    }

    fn request_context(&self, connection: Arc<ConnectionContext>) -> RequestContext {
        RequestContext {
            connection,
            request_id: self.request_id.clone(),
            request_time_ms: self.connected_at_ms,
            route_key: RouteKey::Connect,
            event_type: EventType::Connect,
            stage_variables: Arc::clone(&self.deployed.stage_variables),
        }
    }

    fn refuse(&self, fault: &Fault, log: &mut RequestLog) -> Refusal {
        log.fault(fault);
        rescue::handshake(fault, self.connection_id, &self.request_id)
    }
}

/// Writes that the client asks for a connection.
fn log_connecting(context: &ConnectionContext, log: &mut RequestLog) {
    log.starting_execution(RouteKey::Connect.as_str());
    log.write(&Entry::ClientConnecting {
        user_agent: context.identity.user_agent.as_deref().map(shown),
        source_ip: &context.identity.source_ip,
    });
}

/// Headers that a `$connect` integration cannot set on the answer: they frame it.
const FRAMING_HEADERS: [&str; 6] = [
    "connection",
    "content-length",
    "keep-alive",
    "transfer-encoding",
    "trailer",
    "upgrade",
];

impl Refusal {
    /// `503 {"message":"Service Unavailable"}`: Gatepost stops, or cannot keep what it promises.
    fn unavailable(detail: &str) -> Self {
        Self {
            status: 503,
            headers: vec![("content-type".into(), "application/json".into())],
            body: br#"{"message":"Service Unavailable"}"#.to_vec(),
            detail: detail.to_owned(),
            fault: None,
        }
    }

    /// `403 {"message":"Forbidden"}`: unknown API, stage or path.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self {
            status: 403,
            headers: vec![
                ("content-type".into(), "application/json".into()),
                ("x-amzn-errortype".into(), "ForbiddenException".into()),
            ],
            body: br#"{"message":"Forbidden"}"#.to_vec(),
            detail: detail.into(),
            fault: None,
        }
    }

    /// The `$connect` integration's own answer: its status, headers and body (spec 1.5).
    fn of_integration(reply: IntegrationReply) -> Self {
        let problem = reply.problem.map(|problem| format!(": {problem}"));
        let detail = format!(
            "the $connect integration answered {}{}",
            reply.status,
            problem.unwrap_or_default()
        );
        let headers = reply
            .headers
            .into_iter()
            .filter(|(name, _)| {
                !FRAMING_HEADERS
                    .iter()
                    .any(|framing| name.eq_ignore_ascii_case(framing))
            })
            .collect();
        Self {
            status: reply.status,
            headers,
            body: reply.body.into(),
            detail,
            fault: None,
        }
    }
}
