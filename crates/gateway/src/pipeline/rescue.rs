//! The one place where a fault becomes bytes: an error frame, or a refused handshake.

use gatepost_model::{RequestId, connection_id::ConnectionId, fault::Fault};
use gatepost_wire::error_frame::{error_frame, validation_frame};

use super::on_connect::Refusal;

/// The error frame for a message that failed; the connection stays open (data-plane spec §6).
pub fn frame(fault: &Fault, connection_id: &ConnectionId, request_id: &RequestId) -> String {
    let message = fault.message();
    match &fault.validation {
        None => error_frame(message, connection_id, request_id),
        Some(validation) => validation_frame(message, connection_id, &validation.message_id),
    }
}

/// The answer to a handshake that failed (data-plane spec 1.5): JSON with `message`,
/// `connectionId` and `requestId`, and `x-amz-apigw-id`.
pub fn handshake(fault: &Fault, connection_id: ConnectionId, request_id: &RequestId) -> Refusal {
    Refusal {
        status: fault.kind.handshake_status(),
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("x-amz-apigw-id".into(), request_id.to_string()),
        ],
        body: frame(fault, &connection_id, request_id).into_bytes(),
        detail: fault.detail.clone(),
        fault: Some(fault.kind),
    }
}
