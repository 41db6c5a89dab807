//! `/_gatepost/connections`: the connections of now, a page of them or one.

use bytes::Bytes;
use gatepost_gateway::{
    clock::now_ms,
    connection::Connection,
    gateway::Gateway,
    live::{Live, LiveState},
};
use gatepost_model::{ApiId, connection_id::ConnectionId};
use http_body_util::Full;
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::JSON_VERSION;
use crate::{respond, target::query_pairs};

/// Connections of one page at most.
const MAX_PAGE: usize = 1000;

/// What a page is asked with.
#[derive(Default)]
struct Question {
    /// An id or a name.
    api: Option<String>,
    stage: Option<String>,
    after: Option<ConnectionId>,
    limit: Option<usize>,
}

impl Question {
    fn parse(query: &str) -> Result<Self, String> {
        let mut question = Self::default();
        for (name, value) in query_pairs(query) {
            match name.as_str() {
                "api" => question.api = Some(value),
                "stage" => question.stage = Some(value),
                "after" => {
                    let id = value.parse().map_err(|_| "after is no connection id")?;
                    question.after = Some(id);
                }
                "limit" => {
                    let limit = value.parse().ok();
                    let limit = limit.filter(|limit| (1..=MAX_PAGE).contains(limit));
                    question.limit = Some(
                        limit.ok_or_else(|| format!("limit is no number from 1 to {MAX_PAGE}"))?,
                    );
                }
                _ => return Err("there are api, stage, after and limit".into()),
            }
        }
        Ok(question)
    }
}

/// A page of the established connections.
pub(super) fn list(gateway: &Gateway, query: &str) -> Response<Full<Bytes>> {
    let question = match Question::parse(query) {
        Ok(question) => question,
        Err(text) => {
            return respond::error(StatusCode::BAD_REQUEST, "BadRequestException", &text);
        }
    };
    let apis = question.api.as_deref().map(|api| apis_called(gateway, api));
    if apis.as_ref().is_some_and(Vec::is_empty) {
        let text = "there is no such API";
        return respond::error(StatusCode::NOT_FOUND, "NotFoundException", text);
    }
    let limit = question.limit.unwrap_or(MAX_PAGE);
    let wanted = |connection: &Connection| {
        let context = &connection.context;
        let is_of_api = apis
            .as_ref()
            .is_none_or(|ids| ids.contains(&context.api_id));
        let stage = question.stage.as_deref();
        is_of_api && stage.is_none_or(|stage| context.stage.as_str() == stage)
    };
    // One more tells whether there are more.
    let mut page = gateway.live_connections(question.after.as_ref(), limit + 1, wanted);
    let has_more = page.len() > limit;
    page.truncate(limit);
    let last = page
        .last()
        .map(|last| last.context.connection_id.to_string());
    let page: Vec<Value> = page
        .iter()
        .map(|connection| shown(gateway, connection))
        .collect();
    let answer = json!({
        "version": JSON_VERSION,
        "total": gateway.connections(),
        "connections": page,
        "after": last.filter(|_| has_more),
    });
    respond::json(StatusCode::OK, answer.to_string())
}

/// The APIs of this id or name.
fn apis_called(gateway: &Gateway, api: &str) -> Vec<ApiId> {
    let table = gateway.apis();
    let apis = table.apis.values().map(|deployed| &deployed.api);
    let called = apis.filter(|it| it.api_id.as_str() == api || it.name == api);
    called.map(|it| it.api_id.clone()).collect()
}

/// One connection, whatever it does; 404 when its id stands for nothing in this process.
pub(super) fn one(gateway: &Gateway, id: &str) -> Response<Full<Bytes>> {
    let live = id.parse().ok().and_then(|id| gateway.live(&id));
    let connection = match live {
        None => {
            let text = "no connection of this id handshakes, is open or closes";
            return respond::error(StatusCode::NOT_FOUND, "NotFoundException", text);
        }
        Some(LiveState::Handshaking { since_ms }) => json!({
            "connectionId": id,
            "state": "handshaking",
            "connectedAt": since_ms,
        }),
        Some(LiveState::Established(connection)) => shown(gateway, &connection),
    };
    let answer = json!({
        "version": JSON_VERSION,
        "connection": connection,
    });
    respond::json(StatusCode::OK, answer.to_string())
}

fn shown(gateway: &Gateway, connection: &Connection) -> Value {
    let live = Live::of(connection);
    let (context, activity) = (&connection.context, live.activity);
    let table = gateway.apis();
    let api = table.apis.get(&context.api_id);
    let at = |count: u32, ms: u64| (count > 0).then_some(ms);
    let now = now_ms();
    json!({
        "connectionId": context.connection_id.to_string(),
        "apiId": context.api_id.as_str(),
        "apiName": api.map(|it| it.api.name.as_str()),
        "stage": context.stage.as_str(),
        "state": if live.closing.is_some() { "closing" } else { "open" },
        "closing": live.closing.map(|cause| cause.slug()),
        "sourceIp": &*context.identity.source_ip,
        "userAgent": context.identity.user_agent.as_deref(),
        "connectedAt": context.connected_at_ms,
        "ageMs": now.saturating_sub(context.connected_at_ms),
        "lastActiveAt": live.last_active_ms,
        "idleMs": now.saturating_sub(live.last_active_ms),
        "messages": activity.messages,
        "lastMessageAt": at(activity.messages, activity.last_message_at_ms),
        "posts": activity.posts,
        "lastPostAt": at(activity.posts, activity.last_post_at_ms),
        "inFlight": live.in_flight,
        "unsentBytes": live.unsent_bytes,
    })
}
