//! A row of an access log, whatever its format: names of JSON members and the order of columns are
//! the user's (control-and-observability spec B).

use serde_json::Value;

/// What a row tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessRow {
    /// `requestId` or `extendedRequestId`.
    pub request_id: Option<String>,
    /// `connectionId`.
    pub connection_id: Option<String>,
    /// `eventType`.
    pub event_type: Option<String>,
    /// `routeKey`.
    pub route_key: Option<String>,
    /// `status`.
    pub status: Option<u16>,
    /// `error.responseType`.
    pub response_type: Option<String>,
    /// Who called: `identity.userArn`, `.user`, `.caller`, `.userAgent` or `.sourceIp`.
    pub caller: Option<String>,
    /// The columns that the format has, filled or not.
    pub columns: Columns,
}

/// Columns that an explanation needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Columns {
    /// `$context.connectionId`.
    pub connection_id: bool,
    /// `$context.eventType`.
    pub event_type: bool,
    /// `$context.status`.
    pub status: bool,
    /// `$context.error.responseType`.
    pub response_type: bool,
}

const EVENT_TYPES: [&str; 4] = ["CONNECT", "MESSAGE", "DISCONNECT", "CONNECTION_API"];

impl AccessRow {
    /// Reads a row; `None` when the message tells of no request.
    pub fn parse(message: &str) -> Option<Self> {
        let row = match serde_json::from_str::<Value>(message) {
            Ok(Value::Object(members)) => Self::of_members(&members),
            Ok(_) => return None,
            Err(_) => {
                // Words that an event is named with stand in any text.
                let row = Self::of_words(message);
                let names = row.request_id.is_some() || row.connection_id.is_some();
                return (row.event_type.is_some() && names).then_some(row);
            }
        };
        let tells = row.event_type.is_some() || row.status.is_some() && row.request_id.is_some();
        tells.then_some(row)
    }

    /// Whether the row is of a call of `@connections`.
    pub fn is_connections_call(&self) -> bool {
        self.event_type.as_deref() == Some("CONNECTION_API")
            || self
                .route_key
                .as_deref()
                .is_some_and(|key| key.contains("/@connections/"))
    }

    /// The operation of `ApiGatewayManagementApi`, by the route key.
    pub fn operation(&self) -> &'static str {
        match self
            .route_key
            .as_deref()
            .and_then(|key| key.split(' ').next())
        {
            Some("GET") => "GetConnection",
            Some("DELETE") => "DeleteConnection",
            Some("POST") => "PostToConnection",
            _ => "a call of @connections",
        }
    }

    fn of_members(members: &serde_json::Map<String, Value>) -> Self {
        let mut row = Self::default();
        let mut callers: [Option<String>; 4] = Default::default();
        for (name, value) in members {
            let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            let name = name.to_ascii_lowercase();
            let name = name.strip_prefix("context").unwrap_or(&name);
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => continue,
            };
            let text = Some(text).filter(|text| text != "-" && !text.is_empty());
            match name {
                "requestid" => row.request_id = text.or(row.request_id),
                "extendedrequestid" => row.request_id = row.request_id.or(text),
                "connectionid" => (row.connection_id, row.columns.connection_id) = (text, true),
                "eventtype" => (row.event_type, row.columns.event_type) = (text, true),
                "routekey" => row.route_key = text,
                "status" => {
                    row.status = text.and_then(|text| text.parse().ok());
                    row.columns.status = true;
                }
                "errorresponsetype" | "responsetype" => {
                    (row.response_type, row.columns.response_type) = (text, true);
                }
                "userarn" | "identityuserarn" => callers[0] = text,
                "user" | "caller" | "identityuser" | "identitycaller" => callers[1] = text,
                "useragent" | "identityuseragent" => callers[2] = text,
                "ip" | "sourceip" | "identitysourceip" => callers[3] = text,
                _ => {}
            }
        }
        row.caller = callers.into_iter().flatten().next();
        row
    }

    /// CLF, CSV, XML and formats of one's own: each value is known by its form.
    fn of_words(message: &str) -> Self {
        let mut row = Self::default();
        if is_of_a_runtime(message) {
            return row;
        }
        let is_separator = |c: char| c.is_whitespace() || ",\"[]<>|;'".contains(c);
        let words: Vec<&str> = message
            .split(is_separator)
            .map(|word| word.strip_prefix("id=").unwrap_or(word))
            .filter(|word| !word.is_empty())
            .collect();
        let Some(at) = words.iter().position(|word| EVENT_TYPES.contains(word)) else {
            return row;
        };
        row.event_type = Some(words[at].to_owned());
        row.columns = Columns {
            event_type: true,
            ..Columns::default()
        };
        let is_id = |word: &str| {
            let body = word.trim_end_matches('=');
            (11..=28).contains(&body.len())
                && word.ends_with('=')
                && body
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || b"-_+/".contains(&c))
        };
        let is_uuid =
            |word: &str| word.len() == 36 && word.bytes().filter(|c| *c == b'-').count() == 4;
        let methods = ["POST", "GET", "DELETE"];
        if let Some(method) = words[at + 1..].iter().find(|word| methods.contains(word)) {
            row.route_key = Some(format!("{method} /@connections/{{connectionId}}"));
        }
        for word in words {
            let is_status = word.len() == 3 && word.bytes().all(|digit| digit.is_ascii_digit());
            if is_status && row.status.is_none() {
                row.status = word.parse().ok();
                row.columns.status = true;
            } else if is_uuid(word) {
                row.request_id.get_or_insert_with(|| word.to_owned());
            } else if is_id(word) {
                // Ids of connections end in `==`, those of requests in `=`; earlier ones both in `=`,
                // and there the connection stands first.
                let is_connection = word.ends_with("==") || row.status.is_none();
                if is_connection && row.connection_id.is_none() {
                    row.connection_id = Some(word.to_owned());
                    row.columns.connection_id = true;
                } else {
                    row.request_id.get_or_insert_with(|| word.to_owned());
                }
            } else if word.contains('_')
                && word.bytes().all(|c| c.is_ascii_uppercase() || c == b'_')
                && row.event_type.as_deref() != Some(word)
            {
                row.response_type = Some(word.to_owned());
                row.columns.response_type = true;
            }
        }
        row
    }
}

/// Whether the runtime of a function wrote the line: Python's `[ERROR]\t…` and `[ERROR] …`, Node's
/// `…Z\t{invocation}\tERROR\t…`.
fn is_of_a_runtime(message: &str) -> bool {
    const LEVELS: [&str; 9] = [
        "TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL", "NOTICE",
    ];
    let by_python = message
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .is_some_and(|(level, _)| LEVELS.contains(&level));
    let by_node = message.split('\t').nth(2);
    by_python || by_node.is_some_and(|level| LEVELS.contains(&level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_function_prints_is_no_row() {
        for text in [
            "[ERROR] could not handle MESSAGE from client: no table",
            "[ERROR] could not handle MESSAGE of gbgBH8-ydQAYKEjZQA==: no table",
            "could not handle MESSAGE from client: 503",
            "2026-09-25T00:01:48.000Z\t5f8c5b6e-0000-4000-8000-1b9c00000000\tERROR\tCONNECT failed",
            "[WARNING]\t2026-09-25T00:01:48.000Z\t5f8c5b6e-0000-4000-8000-1b9c00000000\tCONNECT failed",
        ] {
            assert_eq!(AccessRow::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_row_is_read_in_each_of_the_consoles_formats() {
        let clf = r#"203.0.113.7 - - [25/Sep/2026:00:01:48 +0000] "CONNECTION_API POST /@connections/{connectionId} gbgBH8-ydQAYKEjZQA==" 410 5f8c5b6e-0000-4000-8000-1b9c00000000"#;
        let csv = "203.0.113.7,-,-,25/Sep/2026:00:01:48 +0000,CONNECTION_API,POST /@connections/{connectionId},gbgBH8-ydQAYKEjZQA==,410,5f8c5b6e-0000-4000-8000-1b9c00000000,EP5yqFByIAMElXw=";
        let xml = r#"<request id="5f8c5b6e-0000-4000-8000-1b9c00000000"> <ip>203.0.113.7</ip> <eventType>CONNECTION_API</eventType> <routeKey>POST /@connections/{connectionId}</routeKey> <status>410</status> <connectionId>gbgBH8-ydQAYKEjZQA==</connectionId> </request>"#;
        let json = r#"{ "requestId":"5f8c5b6e-0000-4000-8000-1b9c00000000", "ip": "203.0.113.7", "eventType":"CONNECTION_API", "routeKey":"POST /@connections/{connectionId}", "status":"410", "connectionId":"gbgBH8-ydQAYKEjZQA==" }"#;
        for text in [clf, csv, xml, json] {
            let row = AccessRow::parse(text).unwrap();
            assert_eq!(
                row.connection_id.as_deref(),
                Some("gbgBH8-ydQAYKEjZQA=="),
                "{text}"
            );
            assert_eq!(
                row.request_id.as_deref(),
                Some("5f8c5b6e-0000-4000-8000-1b9c00000000"),
                "{text}"
            );
            assert_eq!(row.status, Some(410), "{text}");
            assert!(row.is_connections_call());
            assert_eq!(row.operation(), "PostToConnection");
        }
    }

    #[test]
    fn a_json_row_tells_what_its_format_has() {
        let row = AccessRow::parse(
            r#"{"extendedRequestId":"EP5yqFByIAMElXw=","eventType":"MESSAGE","status":502,"error.responseType":"INTEGRATION_FAILURE","connectionId":"-"}"#,
        )
        .unwrap();
        assert_eq!(row.response_type.as_deref(), Some("INTEGRATION_FAILURE"));
        assert_eq!(row.connection_id, None);
        assert!(row.columns.connection_id && row.columns.response_type && row.columns.status);
        assert_eq!(AccessRow::parse("START RequestId: x"), None);
        assert_eq!(AccessRow::parse("7"), None);
    }
}
