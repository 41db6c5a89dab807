//! From a record to CloudWatch's lines.

use std::fmt::Write as _;

use super::{Entry, MAX_LINE, Record, RecordError, Severity};

const CONFIGURATION_ERROR: &str = "Execution failed due to configuration error: ";
/// Of these AWS says no more.
const BARE: [&str; 2] = [
    "Malformed Lambda proxy response",
    "Invalid permissions on Lambda function",
];

/// What all lines of a request speak of.
#[derive(Debug, Clone, Copy)]
pub struct RecordedRequest<'a> {
    /// `apiId`.
    pub api_id: &'a str,
    /// The stage.
    pub stage: &'a str,
    /// `requestId`.
    pub request_id: &'a str,
    /// `connectionId`; empty when the request names none.
    pub connection_id: &'a str,
}

/// One event of an execution log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds after the record began.
    pub offset_ms: u32,
    /// At which level it is written.
    pub severity: Severity,
    /// `({requestId}) {text}`: one line, whatever clients sent.
    pub message: String,
}

/// The lines of a record, in the order of writing.
///
/// # Errors
/// [`RecordError`]; the lines before it are lost too, so that none looks whole.
pub fn lines(request: &RecordedRequest<'_>, record: &Record) -> Result<Vec<Line>, RecordError> {
    let mut lines = Vec::new();
    for entry in record.entries() {
        let (offset_ms, entry) = entry?;
        let severity = entry.severity();
        let mut line = |text: String| {
            lines.push(Line {
                offset_ms,
                severity,
                message: message(request.request_id, &text),
            });
        };
        write_entry(request, &entry, &mut line);
    }
    Ok(lines)
}

/// The texts of an entry, without the request id before them (spec A.2 to A.7).
fn write_entry(request: &RecordedRequest<'_>, entry: &Entry<'_>, line: &mut impl FnMut(String)) {
    let RecordedRequest {
        api_id,
        stage,
        request_id,
        connection_id,
    } = request;
    match entry {
        Entry::ExtendedRequestId(id) => {
            line(format!("Extended Request Id: {}", id.unwrap_or(request_id)));
        }
        Entry::StartingAuthorizer {
            authorizer_id,
            incoming_identity,
        } => {
            line(format!(
                "Starting authorizer: {authorizer_id} for request: {request_id}"
            ));
            line(format!(
                "Incoming identity: {{{}}}",
                incoming_identity.as_str()
            ));
        }
        Entry::AuthorizerResult { body } => {
            line(format!("Authorizer result body before parsing: {body}"));
        }
        Entry::AuthorizerAllowed { principal } => {
            line(format!(
                "Using valid authorizer policy for principal: {}",
                principal.as_str()
            ));
            line("Successfully completed authorizer execution".into());
        }
        Entry::UnauthorizedRequest => line(format!("Unauthorized request: {request_id}")),
        Entry::VerifyingUsagePlan { api_key } => line(format!(
            "Verifying Usage Plan for request: {request_id}. API Key: {} API Stage: \
             {api_id}/{stage}",
            api_key.as_str()
        )),
        Entry::ApiKeyAuthorized { route_key, api_key } => {
            let api_key = api_key.as_str();
            line(format!(
                "API Key {api_key} authorized because route '{route_key}' requires API Key and \
                 API Key is associated with a Usage Plan for API Stage {api_id}/{stage}"
            ));
            line(format!(
                "Usage Plan check succeeded for API Key {api_key} and API Stage {api_id}/{stage}"
            ));
        }
        Entry::ApiKeyNotRequired { route_key, api_key } => {
            let api_key = api_key.as_str();
            line(format!(
                "Verifying Usage Plan for request: {request_id}. API Key: {api_key} API Stage: \
                 {api_id}/{stage}"
            ));
            line(format!(
                "API Key {api_key} authorized because route '{route_key}' does not require API \
                 Key. Request will not contribute to throttle or quota limits"
            ));
            line(format!(
                "Usage Plan check succeeded for API Key {api_key} and API Stage {api_id}/{stage}"
            ));
        }
        Entry::StartingExecution { route_key } => {
            line(format!("Starting execution for request: {request_id}"));
            line(format!("WebSocket Request Route: [{route_key}]"));
        }
        Entry::ClientConnecting {
            user_agent,
            source_ip,
        } => line(format!(
            "Client [UserAgent: {}, SourceIp: {source_ip}] is connecting to WebSocket API \
             [{api_id}].",
            user_agent.unwrap_or("null")
        )),
        Entry::MessageReceived => line(format!(
            "WebSocket API [{api_id}] received message from client [Connection Id: \
             {connection_id}]."
        )),
        Entry::Message { event } => line(format!(
            "WebSocket API [{api_id}] received message from client [{connection_id}]. Message: \
             [{event}]."
        )),
        Entry::EndpointRequest { uri, headers, body } => {
            line(format!("Endpoint request URI: {uri}"));
            line(format!(
                "Endpoint request headers: {{{}}}",
                headers.as_str()
            ));
            line(format!(
                "Endpoint request body after transformations: {body}"
            ));
        }
        Entry::SendingRequest(uri) => line(format!("Sending request to {uri}")),
        Entry::EndpointResponse {
            status,
            latency_ms,
            headers,
            body,
        } => {
            line(format!(
                "Received response. Status: {status}, Integration latency: {latency_ms} ms"
            ));
            line(format!(
                "Endpoint response headers: {{{}}}",
                headers.as_str()
            ));
            line(format!(
                "Endpoint response body before transformations: {body}"
            ));
        }
        Entry::EndpointRequestId(id) => {
            line(format!("AWS Integration Endpoint RequestId : {id}"));
        }
        Entry::Failed(text) | Entry::Fault { text, .. } => {
            let error = text.strip_prefix(CONFIGURATION_ERROR);
            let bare = error.and_then(|error| BARE.iter().find(|bare| error.starts_with(*bare)));
            match bare {
                // What is wrong gets a line of its own.
                Some(bare) if error != Some(*bare) => {
                    line(format!("{CONFIGURATION_ERROR}{bare}"));
                    line(error.unwrap_or_default().to_owned());
                }
                _ => line((*text).to_owned()),
            }
        }
        Entry::Connected => line(format!(
            "Client [Connection Id: {connection_id}] connected to API [{api_id}] successfully."
        )),
        Entry::MessageDone { status } => line(format!(
            "Message from client [Connection Id: {connection_id}] sent to API [{api_id}] with \
             response status code [{status}]."
        )),
        Entry::Disconnected {
            status: Some(status),
            code,
            reason,
        } => line(format!(
            "Client [Connection Id: {connection_id}] disconnected from API [{api_id}] with \
             integration response status code [{status}]. Close reason: [{code}: {reason}]"
        )),
        Entry::Disconnected {
            status: None,
            code,
            reason,
        } => line(format!(
            "Client [Connection Id: {connection_id}] disconnected from API [{api_id}]. Close \
             reason: [{code}: {reason}]"
        )),
        Entry::ConnectionsBody { body } => line(format!(
            "Message to client [Connection Id: {connection_id}]: [{body}]"
        )),
        Entry::ConnectionsCall {
            operation,
            connection_id,
            caller,
            status,
            refusal,
        } => {
            let refusal = refusal.map(|why| format!(" {why}")).unwrap_or_default();
            line(format!(
                "{operation} for client [Connection Id: {connection_id}] by {caller} was answered \
                 with status code [{status}].{refusal}"
            ));
        }
    }
}

/// The whole message of an event: one line, cut as AWS cuts it (spec A.1).
fn message(request_id: &str, text: &str) -> String {
    let mut message = String::with_capacity(request_id.len() + text.len() + 3);
    message.push('(');
    message.push_str(request_id);
    message.push_str(") ");
    for c in text.chars() {
        match c {
            '\n' => message.push_str("\\n"),
            '\r' => message.push_str("\\r"),
            '\t' => message.push_str("\\t"),
            // What ends a line or steers a terminal.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                // Writing to a String does not fail.
                let _ = write!(message, "\\u{:04x}", u32::from(c));
            }
            c => message.push(c),
        }
    }
    if let Some((end, _)) = message.char_indices().nth(MAX_LINE) {
        message.truncate(end);
        message.push_str(" [TRUNCATED]");
    }
    message
}

#[cfg(test)]
mod tests {
    use gatepost_model::secret::Secret;

    use super::*;
    use crate::execution_log::Masked;

    const REQUEST: RecordedRequest<'static> = RecordedRequest {
        api_id: "abcdef1234",
        stage: "dev",
        request_id: "EP5yqFByIAMElXw=",
        connection_id: "gbgBH8-ydQAYKEjZQA==",
    };

    fn messages(entries: &[Entry<'_>]) -> Vec<String> {
        let mut record = Record::default();
        for (n, entry) in entries.iter().enumerate() {
            record.push(u32::try_from(n).unwrap(), entry);
        }
        let record = Record::from_bytes(record.as_bytes().to_vec());
        let lines = lines(&REQUEST, &record).unwrap();
        lines.into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn a_connect_is_written_as_captured_from_aws() {
        let expected = "\
(EP5yqFByIAMElXw=) Extended Request Id: EP5yqFByIAMElXw=
(EP5yqFByIAMElXw=) Verifying Usage Plan for request: EP5yqFByIAMElXw=. API Key:  API Stage: abcdef1234/dev
(EP5yqFByIAMElXw=) API Key  authorized because route '$connect' does not require API Key. Request will not contribute to throttle or quota limits
(EP5yqFByIAMElXw=) Usage Plan check succeeded for API Key  and API Stage abcdef1234/dev
(EP5yqFByIAMElXw=) Starting execution for request: EP5yqFByIAMElXw=
(EP5yqFByIAMElXw=) WebSocket Request Route: [$connect]
(EP5yqFByIAMElXw=) Client [UserAgent: null, SourceIp: 203.0.113.7] is connecting to WebSocket API [abcdef1234].
(EP5yqFByIAMElXw=) AWS Integration Endpoint RequestId : 5f8c5b6e-0000-4000-8000-1b9c00000000
(EP5yqFByIAMElXw=) Client [Connection Id: gbgBH8-ydQAYKEjZQA==] connected to API [abcdef1234] successfully.";
        let entries = [
            Entry::ExtendedRequestId(None),
            Entry::ApiKeyNotRequired {
                route_key: "$connect",
                api_key: Masked::default(),
            },
            Entry::StartingExecution {
                route_key: "$connect",
            },
            Entry::ClientConnecting {
                user_agent: None,
                source_ip: "203.0.113.7",
            },
            Entry::EndpointRequestId("5f8c5b6e-0000-4000-8000-1b9c00000000"),
            Entry::Connected,
        ];
        assert_eq!(messages(&entries).join("\n"), expected);
    }

    #[test]
    fn the_check_of_an_api_key_shows_its_end_only() {
        let api_key = || Masked::api_key(&Secret::new("0123456789012345678901bMZHBg"));
        let entries = [
            Entry::VerifyingUsagePlan { api_key: api_key() },
            Entry::ApiKeyAuthorized {
                route_key: "$connect",
                api_key: api_key(),
            },
        ];
        let expected = "\
(EP5yqFByIAMElXw=) Verifying Usage Plan for request: EP5yqFByIAMElXw=. API Key: **********************bMZHBg API Stage: abcdef1234/dev
(EP5yqFByIAMElXw=) API Key **********************bMZHBg authorized because route '$connect' requires API Key and API Key is associated with a Usage Plan for API Stage abcdef1234/dev
(EP5yqFByIAMElXw=) Usage Plan check succeeded for API Key **********************bMZHBg and API Stage abcdef1234/dev";
        assert_eq!(messages(&entries).join("\n"), expected);
    }

    #[test]
    fn a_line_is_cut_behind_1024_characters_and_says_so() {
        let body = "ü".repeat(2000);
        let [line] = &messages(&[Entry::AuthorizerResult { body: &body }])[..] else {
            panic!()
        };
        assert_eq!(line.chars().count(), 1036);
        assert!(line.ends_with("ü [TRUNCATED]"));
        let kept = crate::execution_log::shown(&body);
        assert_eq!(
            messages(&[Entry::AuthorizerResult { body: kept }]),
            [line.as_str()]
        );
    }

    #[test]
    fn nobody_writes_a_second_line_or_steers_the_terminal() {
        let entry = Entry::Disconnected {
            status: Some(200),
            code: 4000,
            reason: "a\r\n(x) b\u{1b}[2J\u{85}\u{2028}c\td",
        };
        assert_eq!(
            messages(&[entry]),
            [
                "(EP5yqFByIAMElXw=) Client [Connection Id: gbgBH8-ydQAYKEjZQA==] disconnected from \
                 API [abcdef1234] with integration response status code [200]. Close reason: \
                 [4000: a\\r\\n(x) b\\u001b[2J\\u0085\\u2028c\\td]"
            ]
        );
    }

    #[test]
    fn a_record_of_another_version_or_a_damaged_one_is_an_error() {
        let mut record = Record::default();
        record.push(7, &Entry::Failed("x"));
        let bytes = record.as_bytes();
        for damaged in [
            [&[9], &bytes[1..]].concat(),
            bytes[..bytes.len() - 1].to_vec(),
            [bytes, &[0, 250]].concat(),
        ] {
            assert_eq!(
                lines(&REQUEST, &Record::from_bytes(damaged)),
                Err(RecordError)
            );
        }
        assert_eq!(
            lines(&REQUEST, &Record::from_bytes(Vec::new())),
            Ok(Vec::new())
        );
    }
}
