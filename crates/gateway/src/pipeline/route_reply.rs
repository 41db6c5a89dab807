//! The route response: whether and with what the client is answered (data-plane spec 3.4, 5.10).

use gatepost_model::fault::{Fault, FaultKind};

use super::integration_response::IntegrationReply;
use crate::deployed::DeployedRoute;

/// The text frame that answers a message: none on a one-way route, or when the body is empty.
///
/// # Errors
/// `Internal server error` for a body that no message may be as long as.
pub fn route_reply(
    route: &DeployedRoute,
    reply: IntegrationReply,
    max_message_bytes: usize,
) -> Result<Option<String>, Fault> {
    if !route.two_way {
        return Ok(None);
    }
    // A frame is text: what is no UTF-8 is replaced, as Java does.
    let text = match String::from_utf8(reply.body.into()) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    if text.len() > max_message_bytes {
        let detail = format!(
            "the integration's answer has {} bytes, a message at most {max_message_bytes}",
            text.len()
        );
        return Err(Fault::new(FaultKind::IntegrationFailure, detail));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}
