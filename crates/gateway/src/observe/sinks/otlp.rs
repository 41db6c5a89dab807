//! An OpenTelemetry collector: log records over OTLP/HTTP, as protobuf.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use gatepost_wire::execution_log::Severity;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, StatusCode, Uri,
    header::{CONTENT_TYPE, HeaderValue},
};
use opentelemetry_proto::tonic::{
    collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse},
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber},
    resource::v1::Resource,
};
use prost::Message as _;

use super::{
    State,
    rounds::{Deliver, Failure, with_retries},
};
use crate::{
    integration::http_client::HttpClient,
    store::{RenderedEntry, RenderedLine},
};

/// How long the collector may take.
const TIMEOUT: Duration = Duration::from_secs(10);
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const NAME: &str = "gatepost";

/// Where the collector is.
#[derive(Debug, Clone)]
pub struct OtlpConfig {
    /// Who calls.
    pub http: HttpClient,
    /// Its URL, with the path `/v1/logs`.
    pub url: Uri,
    /// What is sent along, such as a key; secrets are marked so.
    pub headers: HeaderMap,
}

/// The sink.
#[derive(Debug)]
pub(super) struct Otlp(OtlpConfig);

impl Otlp {
    pub(super) fn new(config: OtlpConfig) -> Self {
        Self(config)
    }

    /// Sends a request; how many of its records the collector refused.
    async fn send(&self, body: Bytes) -> Result<(u64, String), Failure> {
        let config = &self.0;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = config.url.clone();
        *request.headers_mut() = config.headers.clone();
        request.headers_mut().insert(CONTENT_TYPE, PROTOBUF);
        let may_pass = |what: String| Failure {
            what,
            may_pass: true,
        };
        let answer = tokio::time::timeout(TIMEOUT, config.http.send(request))
            .await
            .map_err(|_| may_pass(format!("the collector {} does not answer", config.url)))?
            .map_err(|error| may_pass(error.to_string()))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Failure {
                what: format!("the collector {} answered {status}", config.url),
                // OTLP's own list.
                may_pass: matches!(
                    status,
                    StatusCode::TOO_MANY_REQUESTS
                        | StatusCode::BAD_GATEWAY
                        | StatusCode::SERVICE_UNAVAILABLE
                        | StatusCode::GATEWAY_TIMEOUT
                ),
            });
        }
        let answer = ExportLogsServiceResponse::decode(answer.into_body()).unwrap_or_default();
        let refused = answer.partial_success.unwrap_or_default();
        let records = u64::try_from(refused.rejected_log_records).unwrap_or_default();
        Ok((records, refused.error_message))
    }
}

impl Deliver for Otlp {
    async fn deliver(&self, entries: Vec<RenderedEntry>, state: &State) -> u64 {
        let count = entries.len() as u64;
        let body: Bytes = request(entries).encode_to_vec().into();
        match with_retries(state, || self.send(body.clone())).await {
            Ok((0, _)) => 0,
            Ok((records, why)) => {
                state.is_in_trouble(&format!("the collector refused {records} records: {why}"));
                // Which ones it does not say: no more than there are.
                records.min(count)
            }
            Err(_) => count,
        }
    }
}

/// The records of these entries, by log group and stream.
fn request(entries: Vec<RenderedEntry>) -> ExportLogsServiceRequest {
    let observed_ns = SystemTime::now().duration_since(UNIX_EPOCH);
    let observed_ns = observed_ns.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    });
    let mut streams: BTreeMap<_, Vec<LogRecord>> = BTreeMap::new();
    for entry in entries {
        let ids = [
            ("aws.request_id", entry.request_id.map(String::from)),
            (
                "gatepost.connection_id",
                entry.connection_id.map(|id| id.to_string()),
            ),
        ];
        let ids: Vec<KeyValue> = ids
            .into_iter()
            .filter_map(|(key, id)| Some(attribute(key, Value::StringValue(id?))))
            .collect();
        let lines = entry.lines.into_iter();
        let records = lines.map(|line| record(line, ids.clone(), observed_ns));
        let stream = streams.entry((entry.log_group, entry.stream)).or_default();
        stream.extend(records);
    }
    let resource_logs = streams
        .into_iter()
        .map(|((log_group, stream), log_records)| ResourceLogs {
            resource: Some(Resource {
                attributes: vec![
                    attribute("service.name", Value::StringValue(NAME.into())),
                    attribute("aws.log.group.names", one(&log_group)),
                    attribute("aws.log.stream.names", one(&stream)),
                ],
                ..Resource::default()
            }),
            scope_logs: vec![ScopeLogs {
                scope: Some(InstrumentationScope {
                    name: NAME.into(),
                    version: env!("CARGO_PKG_VERSION").into(),
                    ..InstrumentationScope::default()
                }),
                log_records,
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        });
    ExportLogsServiceRequest {
        resource_logs: resource_logs.collect(),
    }
}

fn record(line: RenderedLine, attributes: Vec<KeyValue>, observed_ns: u64) -> LogRecord {
    let severity = match line.severity {
        Severity::Error => SeverityNumber::Error,
        Severity::Info => SeverityNumber::Info,
        Severity::DataTrace => SeverityNumber::Trace,
    };
    LogRecord {
        time_unix_nano: line.timestamp_ms.saturating_mul(1_000_000),
        observed_time_unix_nano: observed_ns,
        severity_number: severity.into(),
        severity_text: line.severity.name().into(),
        body: Some(AnyValue {
            value: Some(Value::StringValue(line.message)),
        }),
        attributes,
        ..LogRecord::default()
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

/// A list of one text.
fn one(text: &str) -> Value {
    Value::ArrayValue(ArrayValue {
        values: vec![AnyValue {
            value: Some(Value::StringValue(text.into())),
        }],
    })
}
