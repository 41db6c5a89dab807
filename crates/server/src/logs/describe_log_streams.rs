//! `DescribeLogStreams`.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use gatepost_gateway::store::{LogPosition, LoggedStream};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Logs, cursor::EventId, error::LogsError, parameters};

const MAX_STREAMS: u16 = 50;
const LAST_EVENT_TIME: &str = "LastEventTime";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    #[serde(default)]
    descending: bool,
    limit: Option<i64>,
    next_token: Option<String>,
}

/// By what streams are ordered: the time is 0 when only the name counts.
type Key = (i64, String);

impl Logs {
    pub(super) fn describe_log_streams(&self, input: &Input) -> Result<Value, LogsError> {
        let order_by = input.order_by.as_deref().unwrap_or("LogStreamName");
        parameters::one_of(order_by, "orderBy", &["LogStreamName", LAST_EVENT_TIME])?;
        let by_time = order_by == LAST_EVENT_TIME;
        if by_time && input.log_stream_name_prefix.is_some() {
            return Err(LogsError::InvalidParameter(
                "Cannot order by LastEventTime with a logStreamNamePrefix.",
            ));
        }
        let limit = parameters::limit(input.limit, MAX_STREAMS)?;
        let after = input.next_token.as_deref().map(last_key).transpose()?;
        let log_group = self.group_of(
            input.log_group_name.as_deref(),
            input.log_group_identifier.as_deref(),
        )?;
        let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
        let mut streams: Vec<(Key, LoggedStream)> = self
            .store
            .log_streams(&log_group)?
            .into_iter()
            .filter(|stream| stream.name.starts_with(prefix))
            .map(|stream| {
                let last_ms = stream.lines_ms.map_or(0, |(_, last_ms)| last_ms);
                let time = if by_time { last_ms } else { 0 };
                ((time, stream.name.clone()), stream)
            })
            .collect();
        streams.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        if input.descending {
            streams.reverse();
        }
        let mut rest = streams.iter().filter(|(key, _)| match &after {
            None => true,
            Some(after) if input.descending => key < after,
            Some(after) => key > after,
        });
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let last = page.last().filter(|_| rest.next().is_some());
        let group_arn = self.group_arn(&log_group);
        let stream = |(_, stream): &&(Key, LoggedStream)| {
            let mut described = json!({
                "logStreamName": stream.name,
                "creationTime": stream.created_at_ms,
                "arn": format!("{group_arn}:log-stream:{}", stream.name),
                // As on AWS, where it is no longer counted.
                "storedBytes": 0,
            });
            if let Some((first_ms, last_ms)) = stream.lines_ms {
                described["firstEventTimestamp"] = json!(first_ms);
                described["lastEventTimestamp"] = json!(last_ms);
                described["lastIngestionTime"] = json!(last_ms.max(stream.created_at_ms));
                let token = EventId(LogPosition::at(last_ms)).to_string();
                described["uploadSequenceToken"] = json!(token);
            }
            described
        };
        let mut answer = json!({ "logStreams": page.iter().map(stream).collect::<Vec<_>>() });
        if let Some((key, _)) = last {
            let token = json!(key).to_string();
            answer["nextToken"] = json!(BASE64_URL_SAFE_NO_PAD.encode(token));
        }
        Ok(answer)
    }
}

/// The key of the last stream of the page before.
fn last_key(token: &str) -> Result<Key, LogsError> {
    let key = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
    key.and_then(|key| serde_json::from_slice(&key).ok())
        .ok_or(LogsError::InvalidToken)
}
