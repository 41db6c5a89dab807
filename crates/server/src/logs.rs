//! The reads of CloudWatch Logs over what functions printed and what the stages' execution logs
//! tell (JSON 1.1, 2014-03-28; control-and-observability spec G.1).

mod authorization;
mod cursor;
mod describe_log_groups;
mod describe_log_streams;
mod error;
mod filter_log_events;
mod get_log_events;
mod log_group;
mod parameters;

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use gatepost_gateway::{new_id, store::Store};
use http_body_util::Full;
use hyper::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE, header::HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{auth::VerifiedRequest, respond, server::Server};
use error::LogsError;

/// What stands before the operation in `X-Amz-Target`.
pub const TARGET: &str = "Logs_20140328";

/// The greatest answer, bytes of messages.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// An operation that is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `DescribeLogGroups`.
    DescribeLogGroups,
    /// `DescribeLogStreams`.
    DescribeLogStreams,
    /// `FilterLogEvents`.
    FilterLogEvents,
    /// `GetLogEvents`.
    GetLogEvents,
}

impl Operation {
    /// Its name.
    fn name(self) -> &'static str {
        match self {
            Self::DescribeLogGroups => "DescribeLogGroups",
            Self::DescribeLogStreams => "DescribeLogStreams",
            Self::FilterLogEvents => "FilterLogEvents",
            Self::GetLogEvents => "GetLogEvents",
        }
    }

    /// The operation that `X-Amz-Target` names, if it is here.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let target = headers.get("x-amz-target")?.to_str().ok()?;
        match target.strip_prefix(TARGET)? {
            ".DescribeLogGroups" => Some(Self::DescribeLogGroups),
            ".DescribeLogStreams" => Some(Self::DescribeLogStreams),
            ".FilterLogEvents" => Some(Self::FilterLogEvents),
            ".GetLogEvents" => Some(Self::GetLogEvents),
            _ => None,
        }
    }
}

/// What the operations read from.
struct Logs {
    store: Arc<Store>,
    /// The groups that are there before their first event: of the app's functions, and those that
    /// access logs go to.
    groups: BTreeSet<String>,
    region: String,
    account_id: String,
}

/// Answers a call of CloudWatch Logs.
pub async fn handle(
    server: &Arc<Server>,
    operation: Operation,
    request: &VerifiedRequest<'_>,
) -> Response<Full<Bytes>> {
    let (action, resource) = authorization::of(operation, request);
    let call = match request.authorize(&action, &resource) {
        Ok(call) => call,
        Err(denied) => return LogsError::AccessDenied(denied).response(),
    };
    let body = call.request().body.clone();
    let gateway = &server.gateway;
    let logs = Logs {
        store: Arc::clone(gateway.store()),
        groups: log_group::before_the_first_event(server),
        region: gateway.region().to_owned(),
        account_id: gateway.account_id().to_owned(),
    };
    let answer = tokio::task::spawn_blocking(move || logs.act(operation, &body)).await;
    match answer.unwrap_or(Err(LogsError::Stopped)) {
        Ok(body) => response(StatusCode::OK, &body),
        Err(error) => error.response(),
    }
}

impl Logs {
    fn act(&self, operation: Operation, body: &[u8]) -> Result<Value, LogsError> {
        match operation {
            Operation::DescribeLogGroups => self.describe_log_groups(&input(body)?),
            Operation::DescribeLogStreams => self.describe_log_streams(&input(body)?),
            Operation::FilterLogEvents => self.filter_log_events(&input(body)?),
            Operation::GetLogEvents => self.get_log_events(&input(body)?),
        }
    }
}

fn input<T: DeserializeOwned>(body: &[u8]) -> Result<T, LogsError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| LogsError::Serialization(error.to_string()))
}

/// A message as CloudWatch Logs has it: what a function printed with the line break that ended the
/// line, all else without.
fn message(log_group: &str, line: String) -> String {
    if log_group.starts_with(log_group::OF_FUNCTIONS) {
        line + "\n"
    } else {
        line
    }
}

fn response(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = respond::json(status, body.to_string());
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-amz-json-1.1"),
    );
    respond::insert(headers, respond::REQUEST_ID, &new_id::uuid());
    response
}
