//! Amazon CloudWatch Logs: the groups and streams that Gatepost itself shows, made where they are
//! missing, filled by `PutLogEvents` within AWS's limits.

mod batches;

use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};

use self::batches::{Batch, Stream, streams};
use super::{
    State,
    rounds::{Deliver, Failure, with_retries},
};
use crate::{
    integration::{
        cloudwatch_logs::{CallError, CloudWatchLogs},
        credentials::CredentialsError,
    },
    store::RenderedEntry,
};

/// Streams that are put at once.
const STREAMS_AT_ONCE: usize = 8;
/// Refusals that are none the next time.
const MAY_PASS: [&str; 6] = [
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "ServiceUnavailableException",
    "OperationAbortedException",
    "RequestTimeout",
];

/// The sink.
#[derive(Debug)]
pub struct CloudWatch {
    /// Who is called.
    pub logs: CloudWatchLogs,
    /// What stands before the name of every group.
    pub log_group_prefix: String,
}

/// What `PutLogEvents` answers, as far as it matters.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Put {
    rejected_log_events_info: Rejected,
}

/// Which events were not taken, as counts from the ends of the batch.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "they are AWS's names")]
struct Rejected {
    too_old_log_event_end_index: usize,
    expired_log_event_end_index: usize,
    too_new_log_event_start_index: Option<usize>,
}

impl Rejected {
    fn entries(&self, batch: &Batch) -> u64 {
        let len = batch.events.len();
        let first = self
            .too_old_log_event_end_index
            .max(self.expired_log_event_end_index)
            .min(len);
        let last = self.too_new_log_event_start_index.unwrap_or(len);
        let last = last.clamp(first, len);
        batch.entries_in(0..first) + batch.entries_in(last..len)
    }
}

impl Deliver for CloudWatch {
    async fn deliver(&self, entries: Vec<RenderedEntry>, state: &State) -> u64 {
        let streams = streams(&self.log_group_prefix, entries);
        let mut puts = futures_util::stream::iter(streams)
            .map(|stream| self.put_stream(stream, state))
            .buffer_unordered(STREAMS_AT_ONCE);
        let mut lost = 0;
        while let Some(of_stream) = puts.next().await {
            lost += of_stream;
        }
        lost
    }
}

impl CloudWatch {
    /// Puts the batches of a stream, in their order; how many entries are lost.
    async fn put_stream(&self, stream: Stream, state: &State) -> u64 {
        let mut lost = 0;
        for batch in &stream.batches {
            let body = stream.put_log_events(batch);
            let put = with_retries(state, || self.put(&stream, body.clone()));
            lost += match put.await {
                Ok(rejected) => {
                    let entries = rejected.entries(batch);
                    if entries > 0 {
                        state.is_in_trouble(
                            "CloudWatch Logs takes no events that are older than 14 days or than \
                             the retention of their group, or more than two hours ahead: set the \
                             clock",
                        );
                    }
                    entries
                }
                Err(_) => batch.entries_in(0..batch.events.len()),
            };
        }
        lost
    }

    /// Puts a batch; where its group or stream is missing it is made first.
    async fn put(&self, stream: &Stream, body: Bytes) -> Result<Rejected, Failure> {
        let put = match self.logs.call("PutLogEvents", body.clone()).await {
            Err(error) if error.is("ResourceNotFoundException") => {
                self.make(stream).await?;
                self.logs.call("PutLogEvents", body).await
            }
            put => put,
        };
        let answer = put.map_err(Failure::from)?;
        let answer: Put = serde_json::from_slice(&answer).unwrap_or_default();
        Ok(answer.rejected_log_events_info)
    }

    /// Makes a stream. Its group only where that is missing: a role may be allowed streams alone.
    async fn make(&self, stream: &Stream) -> Result<(), Failure> {
        let group = json!({"logGroupName": stream.log_group});
        let name = json!({"logGroupName": stream.log_group, "logStreamName": stream.name});
        match self.make_one("CreateLogStream", &name).await {
            Err(error) if error.is("ResourceNotFoundException") => {
                self.make_one("CreateLogGroup", &group).await?;
                self.make_one("CreateLogStream", &name).await?;
            }
            made => made?,
        }
        Ok(())
    }

    /// Makes a group or a stream, or finds that somebody else has.
    async fn make_one(&self, operation: &str, input: &Value) -> Result<(), CallError> {
        match self.logs.call(operation, input.to_string().into()).await {
            Err(error) if !error.is("ResourceAlreadyExistsException") => Err(error),
            _ => Ok(()),
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let may_pass = match &error {
            CallError::Unusable(_)
            | CallError::Credentials(CredentialsError::Nowhere | CredentialsError::Unusable(_)) => {
                false
            }
            // An instance metadata service that is slow for once looks like none.
            CallError::NoAnswer(_)
            | CallError::Credentials(
                CredentialsError::NotGiven { .. } | CredentialsError::NoInstance(_),
            ) => true,
            CallError::Refused { status, kind, .. } => {
                status.is_server_error() || MAY_PASS.contains(&kind.as_str())
            }
        };
        Self {
            what: error.to_string(),
            may_pass,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{batches::Event, *};

    #[test]
    fn entries_are_lost_whose_last_event_is_rejected() {
        let event = |ends_entry| Event {
            timestamp: 1,
            message: "x".into(),
            ends_entry,
        };
        // Two entries of two lines, one of one.
        let events = [false, true, false, true, true].map(event).into();
        let batch = Batch { events };
        let rejected = |json: &str| {
            let put: Put = serde_json::from_str(json).unwrap();
            put.rejected_log_events_info.entries(&batch)
        };
        assert_eq!(rejected("{}"), 0);
        assert_eq!(
            rejected(r#"{"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 2}}"#),
            1
        );
        assert_eq!(
            rejected(
                r#"{"rejectedLogEventsInfo": {"expiredLogEventEndIndex": 4,
                    "tooNewLogEventStartIndex": 4}}"#
            ),
            3
        );
        assert_eq!(
            rejected(r#"{"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 9}}"#),
            3
        );
        for json in [
            r#"{"rejectedLogEventsInfo": {"tooNewLogEventStartIndex": 9}}"#,
            r#"{"rejectedLogEventsInfo": {"tooNewLogEventStartIndex": 5}}"#,
        ] {
            assert_eq!(rejected(json), 0, "{json}");
        }
        assert_eq!(
            rejected(
                r#"{"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 9,
                    "tooNewLogEventStartIndex": 9}}"#
            ),
            3
        );
    }

    #[test]
    fn credentials_that_may_come_later_are_waited_for() {
        let may_pass = |error: CredentialsError| Failure::from(CallError::from(error)).may_pass;
        assert!(may_pass(CredentialsError::NotGiven {
            of: "STS".into(),
            what: "it is down".into()
        }));
        assert!(may_pass(CredentialsError::NoInstance(
            "a slow second".into()
        )));
        assert!(!may_pass(CredentialsError::Nowhere));
        assert!(!may_pass(CredentialsError::Unusable("no key".into())));
    }
}
