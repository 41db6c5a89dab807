//! The error that a client is told, as a text frame or as the body of a refused handshake.

use gatepost_model::{RequestId, connection_id::ConnectionId};
use serde_json::Value;

/// The frame, with AWS's uneven spacing (data-plane spec §6).
pub fn error_frame(message: &str, connection_id: &ConnectionId, request_id: &RequestId) -> String {
    let message = Value::from(message);
    let request_id = Value::from(request_id.as_str());
    format!(
        r#"{{"message": {message}, "connectionId":"{connection_id}", "requestId":{request_id}}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(message: &str) -> String {
        error_frame(
            message,
            &"gbgBH8-ydQAYKEjZQA==".parse().unwrap(),
            &RequestId::from("PbTk7ET8IAMFs2g="),
        )
    }

    #[test]
    fn the_spacing_is_that_of_aws() {
        assert_eq!(
            frame("Forbidden"),
            r#"{"message": "Forbidden", "connectionId":"gbgBH8-ydQAYKEjZQA==", "requestId":"PbTk7ET8IAMFs2g="}"#
        );
    }

    #[test]
    fn a_message_cannot_break_out_of_its_string() {
        assert_eq!(
            frame("a\"b\\c\n"),
            r#"{"message": "a\"b\\c\n", "connectionId":"gbgBH8-ydQAYKEjZQA==", "requestId":"PbTk7ET8IAMFs2g="}"#
        );
    }
}
