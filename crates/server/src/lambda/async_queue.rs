//! Asynchronous invocations: the queue, the retries and the destinations
//! (control-and-observability spec F.2).

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gatepost_gateway::integration::invoke_function::InvokeFunction;
use gatepost_model::{
    FunctionName,
    arn::FunctionReference,
    function::{EventInvokeConfig, Function},
    invocation::{InvocationType, InvokeError, InvokeRequest},
};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};

use super::{
    error_body,
    invocation::{Answer, Event, Outcome},
    log_stream::iso_now,
    runner::LocalRunner,
};

/// What an invocation occupies besides its payload, roughly.
const OVERHEAD: usize = 4096;
/// The longest wait after a throttle.
const MAX_BACK_OFF: Duration = Duration::from_secs(300);

/// The waiting asynchronous invocations of all functions, bounded by their bytes.
pub(super) struct AsyncQueue {
    room: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

/// One asynchronous invocation.
struct Queued {
    function: FunctionName,
    event: Event,
    since: Instant,
    attempts: u8,
    throttles: u32,
}

/// `requestContext.condition` of a destination's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Condition {
    Success,
    RetriesExhausted,
    EventAgeExceeded,
    ZeroReservedConcurrency,
}

/// What follows an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Retry(Duration),
    End(Condition),
}

impl AsyncQueue {
    pub fn new(bytes: usize) -> Self {
        Self {
            room: Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))),
            waiting: Arc::default(),
        }
    }

    /// Takes no more, and tells how many were waiting, if any.
    pub fn close(&self) -> Option<usize> {
        self.room.close();
        Some(self.waiting.load(Ordering::Relaxed)).filter(|waiting| *waiting > 0)
    }

    /// How many invocations wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Queues an event, or refuses when the queue is full.
    pub fn push(
        &self,
        runner: &Weak<LocalRunner>,
        function: FunctionName,
        event: Event,
    ) -> Result<(), InvokeError> {
        let bytes = u32::try_from(event.payload.len() + OVERHEAD).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room)
            .try_acquire_many_owned(bytes)
            .map_err(|_| error_body::throttled("CallerRateLimitExceeded"))?;
        let place = Place {
            waiting: Arc::clone(&self.waiting),
            _room: room,
        };
        place.waiting.fetch_add(1, Ordering::Relaxed);
        let queued = Queued {
            function,
            event,
            since: Instant::now(),
            attempts: 0,
            throttles: 0,
        };
        tokio::spawn(carry_out(runner.clone(), queued, place));
        Ok(())
    }
}

/// A place in the queue.
struct Place {
    waiting: Arc<AtomicUsize>,
    _room: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn carry_out(runner: Weak<LocalRunner>, mut queued: Queued, place: Place) {
    let Some(delay) = runner
        .upgrade()
        .map(|runner| runner.shared().config.async_delay)
    else {
        return;
    };
    sleep(delay).await;
    loop {
        // Held for one attempt only: the runner may go while we wait.
        let Some(runner_now) = runner.upgrade() else {
            return;
        };
        let outcome = runner_now
            .attempt(&queued.function, queued.event.clone())
            .await;
        let Some(function) = runner_now.function(&queued.function) else {
            runner_now.shared().warn(format!(
                "function {} is gone, and its asynchronous invocation {} with it",
                queued.function, queued.event.request_id
            ));
            return;
        };
        match queued.next_step(&outcome, &function, &runner_now) {
            Step::Retry(delay) => {
                drop(runner_now);
                sleep(delay).await;
            }
            Step::End(condition) => {
                drop(place);
                queued
                    .tell_destination(condition, &outcome, &function, &runner_now)
                    .await;
                return;
            }
        }
    }
}

impl Queued {
    fn next_step(&mut self, outcome: &Outcome, function: &Function, runner: &LocalRunner) -> Step {
        let config = &runner.shared().config;
        let retries = function.event_invoke_config(self.event.qualifier());
        let delay = match outcome {
            Ok(Answer { failed: false, .. }) => return Step::End(Condition::Success),
            Ok(_) => {
                self.attempts = self.attempts.saturating_add(1);
                if self.attempts > retries.max_retry_attempts {
                    return Step::End(Condition::RetriesExhausted);
                }
                let delays = &config.retry_delays;
                let nth = delays.get(usize::from(self.attempts) - 1);
                nth.or(delays.last()).copied().unwrap_or_default()
            }
            Err(_) if function.reserved_concurrency == Some(0) => {
                return Step::End(Condition::ZeroReservedConcurrency);
            }
            Err(_) => {
                let doubled = 2_u32.saturating_pow(self.throttles);
                self.throttles = self.throttles.saturating_add(1);
                config
                    .throttle_delay
                    .saturating_mul(doubled)
                    .min(MAX_BACK_OFF)
            }
        };
        if self.since.elapsed() + delay > retries.max_event_age {
            return Step::End(Condition::EventAgeExceeded);
        }
        Step::Retry(delay)
    }

    async fn tell_destination(
        &self,
        condition: Condition,
        outcome: &Outcome,
        function: &Function,
        runner: &LocalRunner,
    ) {
        let EventInvokeConfig {
            on_success,
            on_failure,
            ..
        } = function.event_invoke_config(self.event.qualifier());
        let destination = match condition {
            Condition::Success => on_success,
            _ => on_failure,
        };
        let Some(destination) = &destination else {
            if condition != Condition::Success {
                runner.shared().warn(format!(
                    "function {} gave up the asynchronous invocation {} ({condition:?})",
                    function.name, self.event.request_id
                ));
            }
            return;
        };
        let here = FunctionReference::parse(destination)
            .is_ok_and(|reference| runner.function(&reference.name).is_some());
        if !here {
            runner.shared().warn_once(format!(
                "function {}: the destination {destination} is not a function here and gets no \
                 records",
                function.name
            ));
            return;
        }
        let request = InvokeRequest {
            function: destination.clone(),
            qualifier: None,
            invocation_type: InvocationType::Event,
            payload: self.record(condition, outcome, function),
            tail_log: false,
            client_context: None,
            trace_id: None,
            source: None,
        };
        if let Err(error) = runner.invoke(request).await {
            runner.shared().warn(format!(
                "function {}: the destination {destination} did not get a record: {error}",
                function.name
            ));
        }
    }

    /// The record of an invocation for its destination.
    fn record(&self, condition: Condition, outcome: &Outcome, function: &Function) -> Vec<u8> {
        let payload = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            // What is no JSON is recorded as the text that it is.
            RawValue::from_string(text.clone())
                .or_else(|_| serde_json::value::to_raw_value(&text))
                .unwrap_or_default()
        };
        let answer = outcome.as_ref().ok();
        let record = Record {
            version: "1.0",
            timestamp: iso_now(),
            request_context: RequestContext {
                request_id: &self.event.request_id,
                function_arn: format!("{}:{}", function.arn, self.event.qualifier()),
                condition,
                approximate_invoke_count: match condition {
                    Condition::Success => self.attempts.saturating_add(1),
                    _ => self.attempts,
                },
            },
            request_payload: payload(&self.event.payload),
            response_context: answer.map(|answer| ResponseContext {
                status_code: 200,
                executed_version: &self.event.version,
                function_error: answer.failed.then_some("Unhandled"),
            }),
            response_payload: answer.map(|answer| payload(&answer.payload)),
        };
        // Strings, numbers and valid JSON always serialise.
        serde_json::to_vec(&record).unwrap_or_default()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    version: &'a str,
    timestamp: String,
    request_context: RequestContext<'a>,
    request_payload: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_payload: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: String,
    condition: Condition,
    approximate_invoke_count: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'a> {
    status_code: u16,
    executed_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'a str>,
}
