//! One invocation on its way to a process, and what comes back.

use bytes::Bytes;
use gatepost_gateway::{
    clock::now_ms,
    new_id::{self, hex, random_bytes},
};
use gatepost_model::invocation::InvokeError;
use tokio::sync::oneshot;

use super::error_body;

/// An event for a process, with the place where its answer goes.
pub(super) struct Job {
    pub request_id: String,
    pub payload: Bytes,
    /// The ARN as it was invoked, with its qualifier if it had one.
    pub function_arn: String,
    /// `$LATEST` or the version behind the alias.
    pub version: String,
    pub client_context: Option<String>,
    pub trace_id: String,
    pub tail_log: bool,
    answer: oneshot::Sender<Outcome>,
}

/// What became of a job: the function's answer, or why it never got there.
pub(super) type Outcome = Result<Answer, InvokeError>;

/// What a function answered, or the error document in its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub payload: Vec<u8>,
    /// `X-Amz-Function-Error: Unhandled`.
    pub failed: bool,
    pub log_tail: Option<String>,
}

/// The event that a job carries.
#[derive(Clone)]
pub(super) struct Event {
    pub request_id: String,
    pub payload: Bytes,
    pub function_arn: String,
    pub version: String,
    pub client_context: Option<String>,
    pub trace_id: Option<String>,
    pub tail_log: bool,
}

impl Event {
    /// The qualifier that was invoked; without one it is `$LATEST`.
    pub fn qualifier(&self) -> &str {
        // `arn:{partition}:lambda:{region}:{account}:function:{name}` and what follows it.
        self.function_arn.splitn(8, ':').nth(7).unwrap_or("$LATEST")
    }
}

/// Where the outcome of a job arrives.
pub(super) struct Pending(oneshot::Receiver<Outcome>);

impl Job {
    pub fn new(event: Event) -> (Box<Self>, Pending) {
        let (answer, pending) = oneshot::channel();
        let job = Self {
            request_id: event.request_id,
            payload: event.payload,
            function_arn: event.function_arn,
            version: event.version,
            client_context: event.client_context,
            trace_id: event.trace_id.unwrap_or_else(new_trace_id),
            tail_log: event.tail_log,
            answer,
        };
        (Box::new(job), Pending(pending))
    }

    /// Answers; that nobody waits any more does not matter.
    pub fn settle(self, outcome: Outcome) {
        let _ = self.answer.send(outcome);
    }
}

impl Pending {
    pub async fn outcome(self) -> Outcome {
        self.0.await.unwrap_or_else(|_| {
            // Heard or not, it is not done: what must come comes at the next start.
            Err(InvokeError {
                never_sent: true,
                ..error_body::service("Gatepost stopped before the function answered.")
            })
        })
    }
}

/// A trace that is not sampled.
pub(super) fn new_trace_id() -> String {
    let mut trace_id = new_id::trace_id(now_ms());
    trace_id.push_str(";Parent=");
    trace_id.push_str(&hex(&random_bytes::<8>()));
    trace_id.push_str(";Sampled=0");
    trace_id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_has_root_parent_and_sampling() {
        let id = new_trace_id();
        assert_eq!(
            id.len(),
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0".len()
        );
    }
}
