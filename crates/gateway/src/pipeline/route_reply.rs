//! The route response: whether and with what the client is answered (data-plane spec 3.4, 5.10).

use gatepost_model::fault::{Fault, FaultKind};

use crate::{deployed::DeployedRoute, integration::IntegrationReply};

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
    match reply.body {
        Some(body) if body.len() > max_message_bytes => {
            let detail = format!(
                "the integration's answer has {} bytes, a message at most {max_message_bytes}",
                body.len()
            );
            Err(Fault::new(FaultKind::IntegrationFailure, detail))
        }
        body => Ok(body.filter(|body| !body.is_empty())),
    }
}
