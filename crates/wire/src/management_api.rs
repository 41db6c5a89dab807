//! Bodies of the `@connections` API.

use gatepost_model::request_context::{ConnectionContext, iso_time};
use serde_json::Value;

/// The body of `GetConnection`, pretty-printed as AWS does (data-plane spec 8.2). `userAgent` is
/// absent when the client sent none.
pub fn connection_info_body(context: &ConnectionContext, last_active_ms: u64) -> String {
    let source_ip = Value::from(&*context.identity.source_ip);
    let user_agent = match context.identity.user_agent.as_deref() {
        Some(user_agent) => format!(",\n    \"userAgent\" : {}", Value::from(user_agent)),
        None => String::new(),
    };
    let connected_at = iso_time(context.connected_at_ms);
    let last_active_at = iso_time(last_active_ms);
    format!(
        r#"{{
  "identity" : {{
    "sourceIp" : {source_ip}{user_agent}
  }},
  "connectedAt" : "{connected_at}",
  "lastActiveAt" : "{last_active_at}"
}}"#
    )
}

/// The body of the 400 for a malformed id (data-plane spec 8.4).
pub fn invalid_connection_id_body(id: &str) -> String {
    message_body(&format!("Invalid connectionId: {id}"))
}

/// The body of an error whose only member is `message`.
pub fn message_body(text: &str) -> String {
    format!(r#"{{"message":{}}}"#, Value::from(text))
}

#[cfg(test)]
mod tests {
    use gatepost_model::request_context::Identity;

    use super::*;

    fn context(user_agent: Option<&str>) -> ConnectionContext {
        ConnectionContext {
            connection_id: "gbgBH8-ydQAYKEjZQA==".parse().unwrap(),
            api_id: "abcdef1234".into(),
            stage: "dev".into(),
            connected_at_ms: 1_790_295_749_887,
            domain_name: "localhost:4100".into(),
            identity: Identity::anonymous("203.0.113.7", user_agent),
            authorizer: None,
        }
    }

    #[test]
    fn connection_info_is_printed_as_aws_prints_it() {
        assert_eq!(
            connection_info_body(&context(Some("curl/\"8\"")), 1_790_295_750_101),
            "{\n  \"identity\" : {\n    \"sourceIp\" : \"203.0.113.7\",\n    \
             \"userAgent\" : \"curl/\\\"8\\\"\"\n  },\n  \
             \"connectedAt\" : \"2026-09-25T00:22:29.887Z\",\n  \
             \"lastActiveAt\" : \"2026-09-25T00:22:30.101Z\"\n}"
        );
    }

    #[test]
    fn connection_info_without_user_agent_has_no_such_member() {
        assert_eq!(
            connection_info_body(&context(None), 1_790_295_750_101),
            "{\n  \"identity\" : {\n    \"sourceIp\" : \"203.0.113.7\"\n  },\n  \
             \"connectedAt\" : \"2026-09-25T00:22:29.887Z\",\n  \
             \"lastActiveAt\" : \"2026-09-25T00:22:30.101Z\"\n}"
        );
    }

    #[test]
    fn an_invalid_id_is_repeated_and_escaped() {
        assert_eq!(
            invalid_connection_id_body("WDGT8fY4joECJrQ=test"),
            r#"{"message":"Invalid connectionId: WDGT8fY4joECJrQ=test"}"#
        );
        assert_eq!(
            invalid_connection_id_body("\"\n"),
            r#"{"message":"Invalid connectionId: \"\n"}"#
        );
    }
}
