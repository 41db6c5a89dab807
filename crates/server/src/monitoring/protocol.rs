//! The protocols of CloudWatch: JSON 1.0, which boto3 and the SDK for JavaScript speak, and the
//! older query protocol of forms and XML, which version 2 of the AWS CLI speaks
//! (control-and-observability spec G.4).

use std::{collections::BTreeMap, fmt::Write};

use bytes::Bytes;
use gatepost_gateway::new_id;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
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

/// What is asked, in whatever protocol. The input is read once the caller is authorized.
pub(super) struct Asked {
    pub protocol: Protocol,
    pub operation: String,
    input: Bytes,
}

impl Asked {
    /// Reads which operation a request asks for.
    pub fn by(request: &VerifiedRequest<'_>) -> Result<Self, (Protocol, MonitoringError)> {
        if let Some(target) = request.head.headers.get("x-amz-target") {
            let target = String::from_utf8_lossy(target.as_bytes());
            return Ok(Self {
                protocol: Protocol::Json,
                operation: target.rsplit('.').next().unwrap_or_default().to_owned(),
                input: request.body.clone(),
            });
        }
        let form = if request.body.is_empty() {
            let query = request.head.uri.query().unwrap_or_default();
            Bytes::copy_from_slice(query.as_bytes())
        } else {
            request.body.clone()
        };
        Ok(Self {
            protocol: Protocol::Query,
            operation: action(&form).ok_or((Protocol::Query, MonitoringError::NoOperation))?,
            input: form,
        })
    }

    /// Reads the input.
    pub fn input(&self) -> Result<Value, MonitoringError> {
        match self.protocol {
            Protocol::Json if self.input.is_empty() => Ok(json!({})),
            Protocol::Json => serde_json::from_slice(&self.input)
                .map_err(|error| MonitoringError::Input(error.to_string())),
            Protocol::Query => value_of_form(&self.input),
        }
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

/// The names of a form and their texts, neither decoded yet.
fn pairs(form: &str) -> impl DoubleEndedIterator<Item = (&str, &str)> {
    let pairs = form.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The operation of a form.
fn action(form: &[u8]) -> Option<String> {
    let form = String::from_utf8_lossy(form);
    let named = pairs(&form).rfind(|(name, _)| decoded(name) == "Action");
    named.map(|(_, text)| decoded(text))
}

/// A value of a form while it is read. Positions come in any order, and only those that are named
/// take memory.
#[derive(Default)]
enum Place {
    #[default]
    Empty,
    Text(String),
    List(BTreeMap<usize, Self>),
    Members(BTreeMap<String, Self>),
}

impl Place {
    /// The place one step further; `None` when this one is of another kind.
    fn step(&mut self, step: &str) -> Option<&mut Self> {
        let position = step.parse::<usize>().ok();
        if matches!(self, Self::Empty) {
            *self = match position {
                Some(_) => Self::List(BTreeMap::new()),
                None => Self::Members(BTreeMap::new()),
            };
        }
        match (self, position) {
            (Self::List(list), Some(position @ 1..=MAX_LIST)) => {
                Some(list.entry(position).or_default())
            }
            (Self::Members(members), None) => Some(members.entry(step.to_owned()).or_default()),
            _ => None,
        }
    }

    /// The value; `None` when a list has a gap.
    fn value(self) -> Option<Value> {
        Some(match self {
            Self::Empty => Value::Null,
            Self::Text(text) => Value::String(text),
            Self::List(list) => {
                // From one on: the last position is how many there are.
                if list.keys().next_back() != Some(&list.len()) {
                    return None;
                }
                let items: Option<_> = list.into_values().map(Self::value).collect();
                Value::Array(items?)
            }
            Self::Members(members) => {
                let members = members.into_iter();
                let members = members.map(|(name, place)| Some((name, place.value()?)));
                Value::Object(members.collect::<Option<_>>()?)
            }
        })
    }
}

/// `A.member.1.B=x` as `{"A":[{"B":"x"}]}`; all values are texts.
fn value_of_form(form: &[u8]) -> Result<Value, MonitoringError> {
    let form = String::from_utf8_lossy(form);
    let mut value = Place::Members(BTreeMap::new());
    for (name, text) in pairs(&form) {
        let name = decoded(name);
        let mut steps = name.split('.').filter(|step| *step != "member");
        let mut place = Some(&mut value);
        for step in steps.by_ref().take(MAX_DEPTH) {
            place = place.and_then(|place| place.step(step));
        }
        let place = place.filter(|_| steps.next().is_none());
        let place =
            place.ok_or_else(|| MonitoringError::Input(format!("`{name}` is no parameter")))?;
        *place = Place::Text(decoded(text));
    }
    let gap = || MonitoringError::Input("the positions of a list are not 1, 2, 3 …".into());
    value.value().ok_or_else(gap)
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
            "A.member.2=x",
            "A.member.1=x&A.member.3=x",
            "A.member.1=x&A.B=x",
            "A.1000.1000.1000.1000.1000.1000.1000.1000.1000.1000.1000=x",
            &"a.".repeat(99),
        ] {
            assert!(value_of_form(hostile.as_bytes()).is_err(), "{hostile}");
        }
    }

    #[test]
    fn positions_come_in_any_order_as_sdks_that_sort_names_write_them() {
        let form =
            b"A.member.1=a&A.member.10=j&A.member.2=b&A.member.3=c&A.member.4=d&A.member.5=e\
                     &A.member.6=f&A.member.7=g&A.member.8=h&A.member.9=i";
        let expected = json!({"A":["a","b","c","d","e","f","g","h","i","j"]});
        assert_eq!(value_of_form(form).unwrap(), expected);
    }

    #[test]
    fn the_operation_is_read_without_the_rest() {
        assert_eq!(
            action(b"A.member.7=x&Action=List%4detrics").unwrap(),
            "ListMetrics"
        );
        assert_eq!(action(b"Version=1"), None);
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
