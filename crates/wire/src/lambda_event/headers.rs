//! The headers of `CONNECT` and authorizer events: which, how they are written, in which order.

use std::borrow::Cow;

use super::{
    HandshakeRequest,
    multi_value::{Values, group},
};

/// Names whose canonical form is not plain Train-Case.
const IRREGULAR_NAMES: [&str; 9] = [
    "DNT",
    "Sec-CH-UA",
    "Sec-CH-UA-Mobile",
    "Sec-CH-UA-Platform",
    "Sec-GPC",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
];

/// Names that Gatepost sets itself, whatever the client sent.
const OWN_NAMES: [&str; 7] = [
    "connection",
    "content-length",
    "upgrade",
    "x-amzn-trace-id",
    "x-forwarded-for",
    "x-forwarded-port",
    "x-forwarded-proto",
];

/// The headers of an event, with the port as the text that they borrow.
pub(super) struct EventHeaders<'a> {
    request: &'a HandshakeRequest,
    port: String,
}

impl<'a> EventHeaders<'a> {
    pub(super) fn new(request: &'a HandshakeRequest) -> Self {
        Self {
            request,
            port: request.port.to_string(),
        }
    }

    /// The headers of the `CONNECT` event: without `Connection` and `Upgrade`.
    pub(super) fn of_connect(&self) -> Vec<Values<'_>> {
        self.sorted_with(&[])
    }

    /// The headers of the authorizer event.
    pub(super) fn of_authorizer(&self) -> Vec<Values<'_>> {
        self.sorted_with(&[
            ("Connection", "upgrade"),
            ("content-length", "0"),
            ("Upgrade", "websocket"),
        ])
    }

    fn sorted_with<'s>(&'s self, others: &[(&'static str, &'static str)]) -> Vec<Values<'s>> {
        let HandshakeRequest {
            headers,
            source_ip,
            proto,
            trace_id,
            ..
        } = self.request;
        let own = [
            ("X-Amzn-Trace-Id", &**trace_id),
            ("X-Forwarded-For", source_ip),
            ("X-Forwarded-Port", &self.port),
            ("X-Forwarded-Proto", proto),
        ];
        let sent = headers
            .iter()
            .filter(|(name, _)| !OWN_NAMES.iter().any(|own| name.eq_ignore_ascii_case(own)))
            .map(|(name, value)| (canonical_name(name), &**value));
        let set = own
            .into_iter()
            .chain(others.iter().copied())
            .map(|(name, value)| (Cow::Borrowed(name), value));
        let mut grouped = group(sent.chain(set));
        grouped.sort_by_cached_key(|(name, _)| name.to_ascii_lowercase());
        grouped
    }
}

/// Train-Case, with the irregular names. An unknown name that was sent in mixed case is kept.
fn canonical_name(name: &str) -> Cow<'_, str> {
    if let Some(irregular) = IRREGULAR_NAMES
        .into_iter()
        .find(|irregular| irregular.eq_ignore_ascii_case(name))
    {
        return Cow::Borrowed(irregular);
    }
    if name.bytes().any(|c| c.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    let mut at_word_start = true;
    let train_case = name.chars().map(|c| {
        let cased = if at_word_start {
            c.to_ascii_uppercase()
        } else {
            c
        };
        at_word_start = c == '-';
        cased
    });
    Cow::Owned(train_case.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_in_train_case_with_their_exceptions() {
        for (sent, written) in [
            ("host", "Host"),
            ("accept-encoding", "Accept-Encoding"),
            ("sec-websocket-key", "Sec-WebSocket-Key"),
            ("Sec-Websocket-Version", "Sec-WebSocket-Version"),
            ("dnt", "DNT"),
            ("x-api-key", "X-Api-Key"),
            ("HeaderAuth1", "HeaderAuth1"),
        ] {
            assert_eq!(canonical_name(sent), written);
        }
    }
}
