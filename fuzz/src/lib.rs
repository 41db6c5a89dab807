//! What the fuzz targets share.

use std::{collections::BTreeMap, sync::Arc};

use gatepost_model::{
    request_context::{AuthorizerContext, ConnectionContext, EventType, Identity, RequestContext},
    route::RouteKey,
};

/// The parts of an input, which lines of `---` divide; those that are missing are empty.
pub fn parts<const COUNT: usize>(input: &str) -> [&str; COUNT] {
    let mut parts = input.splitn(COUNT, "\n---\n");
    [(); COUNT].map(|()| parts.next().unwrap_or_default())
}

/// The context of a message.
///
/// # Panics
/// Never: its ids are good.
pub fn context() -> RequestContext {
    RequestContext {
        connection: Arc::new(ConnectionContext {
            connection_id: "gbgBH8-ydQAYKEjZQA==".parse().expect("an id"),
            api_id: "abcdef1234".into(),
            stage: "dev".into(),
            connected_at_ms: 1_790_294_508_123,
            domain_name: "localhost:4100".into(),
            identity: Identity::anonymous("203.0.113.7", Some("fuzz")),
            authorizer: Some(Box::new(AuthorizerContext {
                principal_id: "ann".into(),
                context: vec![("tenant".into(), "blue".into())],
                usage_identifier_key: None,
                integration_latency_ms: 1,
            })),
        }),
        request_id: "EOn8HGNeoAMEPSQ=".into(),
        request_time_ms: 1_790_294_508_124,
        route_key: RouteKey::Custom("send".into()),
        event_type: EventType::Message("gbgBIc-zdQAYKEjZQA==".into()),
        stage_variables: Arc::new(BTreeMap::from([("table".into(), "rooms".into())])),
    }
}
