//! CloudWatch Logs over what functions printed, what the stages' logs tell, and what was put
//! (JSON 1.1, 2014-03-28; control-and-observability spec G.1).

mod authorization;
mod create_log_group;
mod cursor;
mod delete_log_group;
mod describe_log_groups;
mod describe_log_streams;
mod error;
mod filter_log_events;
mod get_log_events;
mod get_log_record;
mod insights;
mod log_group;
mod log_stream;
mod operation;
mod parameters;
mod put_log_events;
mod retention_policy;
mod tags;

use std::sync::Arc;

use bytes::Bytes;
use gatepost_gateway::{
    new_id,
    store::{LogChange, LogLine, Store},
};
use http_body_util::Full;
use hyper::{Response, StatusCode, header::CONTENT_TYPE, header::HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{auth::VerifiedRequest, respond, server::Server};
use error::LogsError;

pub use insights::{Queries, QueryLimits};
pub use log_group::declare_groups;
pub use operation::{Operation, TARGET};

/// The greatest answer, bytes of messages.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// What the operations read and change.
struct Logs {
    store: Arc<Store>,
    /// How long every event is kept at most, milliseconds.
    kept_ms: i64,
    queries: Arc<Queries>,
    region: String,
    account_id: String,
}

/// Answers a call of CloudWatch Logs.
pub async fn handle(
    server: &Arc<Server>,
    operation: Operation,
    request: &VerifiedRequest<'_>,
) -> Response<Full<Bytes>> {
    let (action, resources) = authorization::of(operation, request);
    for resource in resources {
        if let Err(denied) = request.authorize(&action, &resource) {
            return LogsError::AccessDenied(denied).response();
        }
    }
    let body = request.body.clone();
    let gateway = &server.gateway;
    let store = Arc::clone(gateway.store());
    let logs = Logs {
        kept_ms: i64::try_from(store.log_age().as_millis()).unwrap_or(i64::MAX),
        store,
        queries: Arc::clone(&server.queries),
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
            Operation::CreateLogGroup => self.create_log_group(input(body)?),
            Operation::CreateLogStream => self.create_log_stream(&input(body)?),
            Operation::DeleteLogGroup => self.delete_log_group(&input(body)?),
            Operation::DeleteLogStream => self.delete_log_stream(&input(body)?),
            Operation::DeleteRetentionPolicy => self.delete_retention_policy(&input(body)?),
            Operation::DescribeQueries => self.describe_queries(&input(body)?),
            Operation::DescribeLogGroups => self.describe_log_groups(&input(body)?),
            Operation::DescribeLogStreams => self.describe_log_streams(&input(body)?),
            Operation::FilterLogEvents => self.filter_log_events(&input(body)?),
            Operation::GetLogEvents => self.get_log_events(&input(body)?),
            Operation::GetLogRecord => self.get_log_record(&input(body)?),
            Operation::GetQueryResults => self.get_query_results(&input(body)?),
            Operation::ListTagsForResource | Operation::ListTagsLogGroup => {
                self.list_tags(&input(body)?)
            }
            Operation::PutLogEvents => self.put_log_events(input(body)?),
            Operation::PutLogGroupDeletionProtection => {
                self.put_log_group_deletion_protection(&input(body)?)
            }
            Operation::PutRetentionPolicy => self.put_retention_policy(&input(body)?),
            Operation::StartQuery => self.start_query(&input(body)?),
            Operation::StopQuery => self.stop_query(&input(body)?),
            Operation::TagResource | Operation::TagLogGroup => self.tag(input(body)?),
            Operation::UntagResource => self.untag(input(body)?, "tagKeys"),
            Operation::UntagLogGroup => self.untag(input(body)?, "tags"),
        }
    }

    /// Makes a change; the answer is empty.
    fn change(&self, log_group: &str, change: LogChange) -> Result<Value, LogsError> {
        self.store.change_log_group(log_group, change)?;
        Ok(Value::Null)
    }
}

fn input<T: DeserializeOwned>(body: &[u8]) -> Result<T, LogsError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| LogsError::Serialization(error.to_string()))
}

/// A message as CloudWatch Logs has it: what a function printed with the line break that ended the
/// line, all else as it is.
fn message(log_group: &str, line: LogLine) -> String {
    if line.put_at_ms.is_none() && log_group.starts_with(log_group::OF_FUNCTIONS) {
        line.message + "\n"
    } else {
        line.message
    }
}

/// When an event was taken in: what Gatepost wrote, as it happened.
fn ingestion_time(line: &LogLine) -> i64 {
    line.put_at_ms.unwrap_or(line.position.timestamp_ms)
}

/// An answer; one without a value has no body.
fn response(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let mut response = respond::json(status, body);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-amz-json-1.1"),
    );
    respond::insert(headers, respond::REQUEST_ID, &new_id::uuid());
    response
}
