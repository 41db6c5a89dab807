//! The protocols of CloudWatch: JSON 1.0, which boto3 and the SDK for JavaScript speak, and the
//! older query protocol of forms and XML, which version 2 of the AWS CLI speaks
//! (control-and-observability spec G.4).

use std::fmt::Write;

use bytes::Bytes;
use gatepost_gateway::new_id;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::error::MonitoringError;
use crate::{auth::VerifiedRequest, respond};

/// What stands before the operation in `X-Amz-Target`.
pub const TARGET: &str = "GraniteServiceVersion20100801";
const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
/// The greatest list that a form may have: positions are the caller's.
const MAX_LIST: usize = 1000;
/// How deep a form's members may lie.
const MAX_DEPTH: usize = 12;

/// How the caller speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Json,
    Query,
}

/// What is asked, in whatever protocol.
pub(super) struct Asked {
    pub protocol: Protocol,
    pub operation: String,
    pub input: Value,
}

impl Asked {
    /// Reads a request.
    pub fn by(request: &VerifiedRequest<'_>) -> Result<Self, (Protocol, MonitoringError)> {
        if let Some(target) = request.head.headers.get("x-amz-target") {
            let target = String::from_utf8_lossy(target.as_bytes());
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            let body: &[u8] = if request.body.is_empty() {
                b"{}"
            } else {
                &request.body
            };
            let input = serde_json::from_slice(body);
            let input = input
                .map_err(|error| (Protocol::Json, MonitoringError::Input(error.to_string())))?;
            return Ok(Self {
                protocol: Protocol::Json,
                operation,
                input,
            });
        }
        let query = request.head.uri.query().unwrap_or_default().as_bytes();
        let form: &[u8] = if request.body.is_empty() {
            query
        } else {
            &request.body
        };
        let input = value_of_form(form).map_err(|error| (Protocol::Query, error))?;
        let operation = input["Action"].as_str().map(str::to_owned);
        Ok(Self {
            protocol: Protocol::Query,
            operation: operation.ok_or((Protocol::Query, MonitoringError::NoOperation))?,
            input,
        })
    }
}

impl Protocol {
    /// The answer to an operation.
    pub fn answer(self, operation: &str, answer: &Value) -> Response<Full<Bytes>> {
        let request_id = new_id::uuid();
        let body = match self {
            Self::Json => answer.to_string(),
            Self::Query => {
                let mut result = String::new();
                write_xml(&mut result, answer);
                format!(
                    "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{result}\
                     </{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId>\
                     </ResponseMetadata></{operation}Response>"
                )
            }
        };
        self.response(StatusCode::OK, body, &request_id)
    }

    /// The answer to what is refused.
    pub fn refused(self, error: &MonitoringError) -> Response<Full<Bytes>> {
        let request_id = new_id::uuid();
        let (status, shape, code) = error.kind();
        let message = error.to_string();
        let fault = if status.is_server_error() {
            "Receiver"
        } else {
            "Sender"
        };
        let body = match self {
            Self::Json => json!({ "__type": shape, "message": message }).to_string(),
            Self::Query => format!(
                "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{fault}</Type><Code>{code}</Code>\
                 <Message>{}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>",
                escaped(&message)
            ),
        };
        let mut response = self.response(status, body, &request_id);
        let headers = response.headers_mut();
        if self == Self::Json {
            headers.insert(respond::ERROR_TYPE, HeaderValue::from_static(shape));
            respond::insert(headers, QUERY_ERROR, &format!("{code};{fault}"));
        }
        response
    }

    fn response(self, status: StatusCode, body: String, request_id: &str) -> Response<Full<Bytes>> {
        let content_type = match self {
            Self::Json => "application/x-amz-json-1.0",
            Self::Query => "text/xml",
        };
        let mut response = respond::json(status, body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        respond::insert(headers, respond::REQUEST_ID, request_id);
        response
    }
}

/// `A.member.1.B=x` as `{"A":[{"B":"x"}]}`; all values are texts.
fn value_of_form(form: &[u8]) -> Result<Value, MonitoringError> {
    let form = String::from_utf8_lossy(form);
    let mut value = Value::Object(Map::new());
    for pair in form.split('&').filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name);
        let path: Vec<&str> = name.split('.').filter(|step| *step != "member").collect();
        let invalid = || MonitoringError::Input(format!("`{name}` is no parameter"));
        if path.len() > MAX_DEPTH {
            return Err(invalid());
        }
        let mut place = &mut value;
        for step in path {
            place = match step.parse::<usize>() {
                Ok(position) if (1..=MAX_LIST).contains(&position) => {
                    if place.is_null() {
                        *place = Value::Array(Vec::new());
                    }
                    let list = place.as_array_mut().ok_or_else(invalid)?;
                    if list.len() < position {
                        list.resize(position, Value::Null);
                    }
                    &mut list[position - 1]
                }
                Ok(_) => return Err(invalid()),
                Err(_) => {
                    if place.is_null() {
                        *place = Value::Object(Map::new());
                    }
                    let members = place.as_object_mut().ok_or_else(invalid)?;
                    members.entry(step).or_insert(Value::Null)
                }
            };
        }
        *place = Value::String(decoded(text));
    }
    Ok(value)
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

/// Members as elements, lists as `member`s, and times in ISO 8601.
fn write_xml(xml: &mut String, value: &Value) {
    let Value::Object(members) = value else {
        return write_text(xml, value, false);
    };
    for (name, member) in members {
        let _ = write!(xml, "<{name}>");
        let is_time = name.starts_with("Timestamp");
        match member {
            Value::Array(list) => {
                for item in list {
                    xml.push_str("<member>");
                    if item.is_object() {
                        write_xml(xml, item);
                    } else {
                        write_text(xml, item, is_time);
                    }
                    xml.push_str("</member>");
                }
            }
            // The only map: of percentiles to their values.
            Value::Object(map) if name == "ExtendedStatistics" => {
                for (key, value) in map {
                    let key = escaped(key);
                    let _ = write!(xml, "<entry><key>{key}</key><value>{value}</value></entry>");
                }
            }
            Value::Object(_) => write_xml(xml, member),
            _ => write_text(xml, member, is_time),
        }
        let _ = write!(xml, "</{name}>");
    }
}

fn write_text(xml: &mut String, value: &Value, is_time: bool) {
    let time = value.as_i64().filter(|_| is_time);
    let time = time.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    match (time.and_then(|time| time.format(&Rfc3339).ok()), value) {
        (Some(time), _) => xml.push_str(&time),
        (None, Value::String(text)) => xml.push_str(&escaped(text)),
        (None, value) => {
            let _ = write!(xml, "{value}");
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_the_value_that_it_names() {
        let form = b"Action=X&A.member.1.B=x+y&A.member.2.B=%26&C.D=1";
        let expected = json!({"Action":"X","A":[{"B":"x y"},{"B":"&"}],"C":{"D":"1"}});
        assert_eq!(value_of_form(form).unwrap(), expected);
        for hostile in [
            "A.member.9999999=x",
            "A=1&A.B=2",
            "A.member.0=x",
            &"a.".repeat(99),
        ] {
            assert!(value_of_form(hostile.as_bytes()).is_err(), "{hostile}");
        }
    }

    #[test]
    fn an_answer_in_xml_has_members_and_times() {
        let mut xml = String::new();
        write_xml(&mut xml, &json!({"A":[{"Timestamp":60,"B":1.5}],"C":"<&"}));
        assert_eq!(
            xml,
            "<A><member><Timestamp>1970-01-01T00:01:00Z</Timestamp><B>1.5</B></member></A>\
             <C>&lt;&amp;</C>"
        );
    }
}
