//! What the answer of the `$connect` integration puts on the `101`: the subprotocol, and on stages
//! that say so the headers that `connect_response_headers` names (data-plane spec 1.3, 1.4).

use gatepost_model::fault::{Fault, FaultKind};

use super::integration_response::IntegrationReply;

/// The greatest size of the headers that go along, names and values: what AWS allows on a request.
const MAX_HEADER_BYTES: usize = 10_240;

/// What goes on the `101` beside what makes it one.
#[derive(Debug, Clone, Default)]
pub struct ConnectResponse {
    /// `Sec-WebSocket-Protocol`.
    pub subprotocol: Option<String>,
    /// Other headers, in order.
    pub headers: Vec<(String, String)>,
}

impl ConnectResponse {
    /// Of an integration's answer; `names` of headers are lower case.
    ///
    /// # Errors
    /// `Internal server error` when the headers are larger than a client may be expected to take.
    pub(super) fn of(reply: &IntegrationReply, names: &[String]) -> Result<Self, Fault> {
        let is_named = |header: &&(String, String)| {
            names.iter().any(|name| header.0.eq_ignore_ascii_case(name))
        };
        let headers: Vec<_> = reply.headers.iter().filter(is_named).cloned().collect();
        let sizes = headers.iter().map(|(name, value)| name.len() + value.len());
        let bytes: usize = sizes.sum();
        if bytes > MAX_HEADER_BYTES {
            let detail = format!(
                "the headers for the 101 have {bytes} bytes, {MAX_HEADER_BYTES} are allowed"
            );
            return Err(Fault::new(FaultKind::IntegrationFailure, detail));
        }
        Ok(Self {
            subprotocol: reply.subprotocol().map(str::to_owned),
            headers,
        })
    }
}
