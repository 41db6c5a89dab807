//! A line of an execution log (control-and-observability spec A.2 to A.8).

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionLine<'a> {
    /// `Verifying Usage Plan …`: of which API and stage it is.
    UsagePlan {
        /// `apiId`.
        api_id: &'a str,
        /// The stage.
        stage: &'a str,
    },
    /// `WebSocket Request Route: […]`.
    Route(&'a str),
    /// `Client […] is connecting …`.
    Connecting {
        /// `User-Agent`; `null` without one.
        user_agent: &'a str,
        /// The client's address.
        source_ip: &'a str,
    },
    /// `Client […] connected to API […] successfully.`
    Connected {
        /// The connection.
        connection_id: &'a str,
    },
    /// `WebSocket API […] received message from client […].`
    Received {
        /// The connection.
        connection_id: &'a str,
    },
    /// `Message from client […] sent to API […] with response status code […].`
    MessageDone {
        /// The connection.
        connection_id: &'a str,
        /// The status.
        status: u16,
    },
    /// `Client […] disconnected from API […] …`.
    Disconnected {
        /// The connection.
        connection_id: &'a str,
        /// The status of the `$disconnect` integration.
        status: Option<u16>,
        /// `disconnectStatusCode`.
        code: u16,
        /// `disconnectReason`.
        reason: &'a str,
    },
    /// `AWS Integration Endpoint RequestId : …`.
    EndpointRequestId(&'a str),
    /// `Received response. …`.
    Response {
        /// The status; lines of before 2020 have none.
        status: Option<u16>,
    },
    /// `Endpoint response body before transformations: …`.
    ResponseBody(&'a str),
    /// What went wrong, by the slug of its page.
    Fault {
        /// The slug.
        slug: &'static str,
    },
    /// A line at INFO or of a data trace, of which no more need be known.
    Other {
        /// Whether it is of a data trace.
        is_trace: bool,
    },
}

/// The request id of a line, and what it says; `None` when it is no line of an execution log.
pub fn execution_line(message: &str) -> Option<(&str, &str, ExecutionLine<'_>)> {
    let (request_id, text) = message.strip_prefix('(')?.split_once(") ")?;
    let is_id = !request_id.is_empty()
        && request_id
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"-_=+/".contains(&c));
    is_id.then(|| (request_id, text, line(text)))
}

/// What stands between two texts.
fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(behind)?.0)
}

fn line(text: &str) -> ExecutionLine<'_> {
    known(text).unwrap_or_else(|| match fault(text) {
        Some(slug) => ExecutionLine::Fault { slug },
        None => ExecutionLine::Other {
            is_trace: [
                "Endpoint request ",
                "Endpoint response ",
                "Sending request to ",
                "Authorizer result body",
                "Message to client",
            ]
            .iter()
            .any(|begin| text.starts_with(begin)),
        },
    })
}

fn known(text: &str) -> Option<ExecutionLine<'_>> {
    if let Some(rest) = text.strip_prefix("Verifying Usage Plan for request: ") {
        let (_, place) = rest.split_once(" API Stage: ")?;
        let (api_id, stage) = place.split_once('/')?;
        return Some(ExecutionLine::UsagePlan { api_id, stage });
    }
    if let Some(rest) = text.strip_prefix("WebSocket Request Route: [") {
        return Some(ExecutionLine::Route(rest.strip_suffix(']')?));
    }
    if let Some(rest) = text.strip_prefix("Client [UserAgent: ") {
        // An agent may say anything; the address behind it may not.
        let (client, _) = rest.rsplit_once("] is connecting to WebSocket API [")?;
        let (user_agent, source_ip) = client.rsplit_once(", SourceIp: ")?;
        return Some(ExecutionLine::Connecting {
            user_agent,
            source_ip,
        });
    }
    if let Some(rest) = text.strip_prefix("Client [Connection Id: ") {
        let (connection_id, rest) = rest.split_once("] ")?;
        if rest.starts_with("connected to API [") {
            return Some(ExecutionLine::Connected { connection_id });
        }
        let rest = rest.strip_prefix("disconnected from API [")?;
        let (_, rest) = rest.split_once(']')?;
        let (status, close) = rest.split_once("Close reason: [")?;
        let (code, reason) = close.strip_suffix(']').unwrap_or(close).split_once(": ")?;
        return Some(ExecutionLine::Disconnected {
            connection_id,
            status: between(status, "status code [", "]").and_then(|it| it.parse().ok()),
            code: code.parse().ok()?,
            reason,
        });
    }
    if text.starts_with("WebSocket API [") {
        let (_, rest) = text.split_once("] received message from client [")?;
        let rest = rest.strip_prefix("Connection Id: ").unwrap_or(rest);
        let connection_id = rest.split_once(']')?.0;
        return Some(ExecutionLine::Received { connection_id });
    }
    if let Some(rest) = text.strip_prefix("Message from client [Connection Id: ") {
        return Some(ExecutionLine::MessageDone {
            connection_id: rest.split_once(']')?.0,
            status: between(rest, "status code [", "]")?.parse().ok()?,
        });
    }
    if let Some(id) = text.strip_prefix("AWS Integration Endpoint RequestId : ") {
        return Some(ExecutionLine::EndpointRequestId(id));
    }
    if let Some(rest) = text.strip_prefix("Received response. ") {
        return Some(ExecutionLine::Response {
            status: between(rest, "Status: ", ",").and_then(|it| it.parse().ok()),
        });
    }
    text.strip_prefix("Endpoint response body before transformations: ")
        .map(ExecutionLine::ResponseBody)
}

const CONFIGURATION: &str = "Execution failed due to configuration error: ";
/// Beginnings of lines, and the pages of what went wrong.
const BEGINNINGS: [(&str, &str); 9] = [
    (
        "Execution failed due to a timeout error",
        "integration-timeout",
    ),
    ("Lambda execution failed with status", "integration-failure"),
    (
        "Lambda invocation failed with status",
        "integration-failure",
    ),
    (
        "Execution failed due to a network error",
        "integration-failure",
    ),
    (
        "Execution failed due to an internal error",
        "integration-failure",
    ),
    ("Unauthorized request: ", "unauthorized"),
    ("Key throttle limit exceeded", "throttled"),
    ("Usage Plan check failed", "invalid-api-key"),
    ("Execution failed", "api-configuration"),
];

/// The page of what a line says went wrong (spec A.6, A.7).
fn fault(text: &str) -> Option<&'static str> {
    if let Some(tail) = text.strip_prefix(CONFIGURATION) {
        let of_authorizer = [
            "Invalid JSON in response",
            "Unrecognized field",
            "Authorizer",
        ]
        .iter();
        return Some(if tail.starts_with("Malformed Lambda proxy response") {
            "integration-failure"
        } else if of_authorizer
            .into_iter()
            .any(|begin| tail.starts_with(begin))
        {
            "authorizer-configuration"
        } else {
            "api-configuration"
        });
    }
    let known = BEGINNINGS.iter().find(|(begin, _)| text.starts_with(begin));
    known.map(|(_, slug)| *slug).or_else(|| {
        let quota = text.contains("quota limit exceeded") || text.contains("Limit Exceeded");
        quota.then_some("quota-exceeded")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> ExecutionLine<'_> {
        let (id, _, line) = execution_line(text).unwrap();
        assert_eq!(id, "EP5yqFByIAMElXw=");
        line
    }

    #[test]
    fn the_lines_that_aws_writes_are_understood() {
        let connection_id = "gbgBH8-ydQAYKEjZQA==";
        for (text, expected) in [
            (
                "Verifying Usage Plan for request: EP5yqFByIAMElXw=. API Key:  API Stage: abcdef1234/dev",
                ExecutionLine::UsagePlan {
                    api_id: "abcdef1234",
                    stage: "dev",
                },
            ),
            (
                "WebSocket Request Route: [$connect]",
                ExecutionLine::Route("$connect"),
            ),
            (
                "Client [UserAgent: a, SourceIp: 1] is connecting to WebSocket API [x], SourceIp: 203.0.113.7] is connecting to WebSocket API [abcdef1234].",
                ExecutionLine::Connecting {
                    user_agent: "a, SourceIp: 1] is connecting to WebSocket API [x]",
                    source_ip: "203.0.113.7",
                },
            ),
            (
                "Client [Connection Id: gbgBH8-ydQAYKEjZQA==] connected to API [abcdef1234] successfully.",
                ExecutionLine::Connected { connection_id },
            ),
            (
                "WebSocket API [abcdef1234] received message from client [Connection Id: gbgBH8-ydQAYKEjZQA==].",
                ExecutionLine::Received { connection_id },
            ),
            (
                "WebSocket API [abcdef1234] received message from client [gbgBH8-ydQAYKEjZQA==]. Message: [{\"a\":[1]}].",
                ExecutionLine::Received { connection_id },
            ),
            (
                "Message from client [Connection Id: gbgBH8-ydQAYKEjZQA==] sent to API [abcdef1234] with response status code [502].",
                ExecutionLine::MessageDone {
                    connection_id,
                    status: 502,
                },
            ),
            (
                "Client [Connection Id: gbgBH8-ydQAYKEjZQA==] disconnected from API [abcdef1234] with integration response status code [200]. Close reason: [1000: probe-complete]",
                ExecutionLine::Disconnected {
                    connection_id,
                    status: Some(200),
                    code: 1000,
                    reason: "probe-complete",
                },
            ),
            (
                "Client [Connection Id: gbgBH8-ydQAYKEjZQA==] disconnected from API [abcdef1234]. Close reason: [1001: ]",
                ExecutionLine::Disconnected {
                    connection_id,
                    status: None,
                    code: 1001,
                    reason: "",
                },
            ),
            (
                "AWS Integration Endpoint RequestId : 5f8c5b6e-0000-4000-8000-1b9c00000000",
                ExecutionLine::EndpointRequestId("5f8c5b6e-0000-4000-8000-1b9c00000000"),
            ),
            (
                "Received response. Status: 200, Integration latency: 41 ms",
                ExecutionLine::Response { status: Some(200) },
            ),
            (
                "Received response. Integration latency: 41 ms",
                ExecutionLine::Response { status: None },
            ),
            (
                "Lambda execution failed with status 200 due to customer function error: no. Lambda request id: x",
                ExecutionLine::Fault {
                    slug: "integration-failure",
                },
            ),
            (
                "Execution failed due to configuration error: Malformed Lambda proxy response",
                ExecutionLine::Fault {
                    slug: "integration-failure",
                },
            ),
            (
                "Execution failed due to configuration error: Invalid permissions on Lambda function",
                ExecutionLine::Fault {
                    slug: "api-configuration",
                },
            ),
            (
                "Execution failed due to configuration error: Invalid JSON in response: x",
                ExecutionLine::Fault {
                    slug: "authorizer-configuration",
                },
            ),
            (
                "Execution failed due to a timeout error",
                ExecutionLine::Fault {
                    slug: "integration-timeout",
                },
            ),
            (
                "Unauthorized request: EP5yqFByIAMElXw=",
                ExecutionLine::Fault {
                    slug: "unauthorized",
                },
            ),
            (
                "Starting execution for request: EP5yqFByIAMElXw=",
                ExecutionLine::Other { is_trace: false },
            ),
            (
                "Endpoint request headers: {a=b}",
                ExecutionLine::Other { is_trace: true },
            ),
        ] {
            assert_eq!(
                said(&format!("(EP5yqFByIAMElXw=) {text}")),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_line_of_an_execution_log_is_none() {
        for text in [
            "",
            "START RequestId: x",
            "(a b) c",
            "() x",
            "(x)",
            "{\"requestId\":\"x\"}",
        ] {
            assert_eq!(execution_line(text), None, "{text}");
        }
    }
}
