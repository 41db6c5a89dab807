//! The error that a client is told, as a text frame or as the body of a refused handshake.

use gatepost_model::{MessageId, RequestId, connection_id::ConnectionId};
use serde_json::Value;

/// The frame, with AWS's uneven spacing (data-plane spec §6).
pub fn error_frame(message: &str, connection_id: &ConnectionId, request_id: &RequestId) -> String {
    frame(message, connection_id, ("requestId", request_id.as_str()))
}

/// The frame for a message that is not what its model says: it names the message instead of the
/// request (data-plane spec 5.11, §14).
pub fn validation_frame(
    message: &str,
    connection_id: &ConnectionId,
    message_id: &MessageId,
) -> String {
    frame(message, connection_id, ("messageId", message_id.as_str()))
}

fn frame(message: &str, connection_id: &ConnectionId, (name, id): (&str, &str)) -> String {
    let (message, id) = (Value::from(message), Value::from(id));
    format!(r#"{{"message": {message}, "connectionId":"{connection_id}", "{name}":{id}}}"#)
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
    fn a_failed_validation_names_the_message() {
        let frame = validation_frame(
            "Bad request body",
            &"gbgBH8-ydQAYKEjZQA==".parse().unwrap(),
            &MessageId::from("gbgBH8-ydQAYKEjZQB=="),
        );
        assert_eq!(
            frame,
            r#"{"message": "Bad request body", "connectionId":"gbgBH8-ydQAYKEjZQA==", "messageId":"gbgBH8-ydQAYKEjZQB=="}"#
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
