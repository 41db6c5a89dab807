mod aws;
mod bounds;
mod methods;
mod velocity;

use std::{collections::BTreeMap, sync::Arc};

use gatepost_model::{
    request_context::{AuthorizerContext, ConnectionContext, EventType, Identity},
    route::RouteKey,
};

use super::*;

fn context() -> RequestContext {
    RequestContext {
        connection: Arc::new(ConnectionContext {
            connection_id: "gbgBH8-ydQAYKEjZQA==".parse().unwrap(),
            api_id: "abcdef1234".into(),
            stage: "dev".into(),
            connected_at_ms: 1_790_294_508_123,
            domain_name: "localhost:4100".into(),
            identity: Identity::anonymous("203.0.113.7", None),
            authorizer: Some(Box::new(AuthorizerContext {
                principal_id: "ann".into(),
                context: vec![("tenant".into(), "blue".into()), ("n".into(), "7".into())],
                usage_identifier_key: None,
                integration_latency_ms: 1,
            })),
        }),
        request_id: "EOn8HGNeoAMEPSQ=".into(),
        request_time_ms: 1_790_294_508_124,
        route_key: RouteKey::Custom("send".into()),
        event_type: EventType::Message("gbgBIc-zdQAYKEjZQA==".into()),
        stage_variables: Arc::new(BTreeMap::from([
            ("table".into(), "rooms".into()),
            ("url".into(), "x".into()),
        ])),
    }
}

fn render(template: &str, body: &str) -> Result<String, TemplateError> {
    let context = context();
    Template::parse(template)?.render(&TemplateInput::new(&context, body))
}

/// Checks what templates render to with `body`.
fn assert_renders(body: &str, templates: &[(&str, &str)]) {
    for (template, text) in templates {
        assert_eq!(render(template, body).as_deref(), Ok(*text), "{template}");
    }
}

/// Checks what templates without a body render to.
fn assert_all(templates: &[(&str, &str)]) {
    assert_renders("", templates);
}

fn problem(template: &str, body: &str) -> String {
    match render(template, body) {
        Ok(text) => panic!("{template} rendered {text:?}"),
        Err(error) => error.to_string(),
    }
}
