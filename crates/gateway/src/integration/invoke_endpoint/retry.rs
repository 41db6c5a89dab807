//! Which calls of an Invoke endpoint are made again, as the SDKs' standard mode does: three attempts,
//! with growing random pauses, and fewer when most fail.
//!
//! The SDKs also repeat what may have run already. Here a function that is waited for is invoked again
//! only when it surely did not begin, since API Gateway invokes it once; an event may come twice from
//! Lambda itself, so what is ambiguous is repeated there.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use gatepost_model::invocation::{InvocationType, InvokeError, InvokeResponse};

use super::answer::no_answer;
use crate::{integration::http_error::HttpError, new_id::random_bytes};

const ATTEMPTS: u32 = 3;
/// The longest pause before the second attempt; twice as long before the third.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// `Retry-After` is not heeded for longer; a client waits for the whole of it.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The SDKs' retry quota: each retry costs, each success gives back.
const QUOTA: u32 = 500;
const COST: u32 = 5;

/// An attempt that gave no answer of the function.
#[derive(Debug)]
pub(super) struct Failed {
    error: InvokeError,
    kind: Kind,
    retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The function surely did not begin, and may the next time.
    NotBegun,
    /// It may have.
    Ambiguous,
    /// Another attempt betters nothing.
    ForGood,
}

impl Failed {
    /// Another attempt betters nothing.
    pub(super) fn for_good(error: InvokeError) -> Self {
        Self {
            error,
            kind: Kind::ForGood,
            retry_after: None,
        }
    }

    /// There is no answer.
    pub(super) fn of_transport(error: &HttpError) -> Self {
        let never_sent = error.is_never_sent();
        let kind = match error {
            HttpError::TooBig(_) | HttpError::Denied(_) | HttpError::Tls { .. } => Kind::ForGood,
            _ if never_sent => Kind::NotBegun,
            _ => Kind::Ambiguous,
        };
        Self {
            error: InvokeError {
                never_sent,
                ..no_answer(error.to_string())
            },
            kind,
            retry_after: None,
        }
    }

    /// Lambda refuses, perhaps with `Retry-After`, seconds.
    pub(super) fn answered(error: InvokeError, retry_after: Option<u64>) -> Self {
        let kind = match (error.status, error.error_type.as_str()) {
            (429, _)
            | (
                _,
                "EC2ThrottledException"
                | "ResourceNotReadyException"
                | "SnapStartNotReadyException",
            ) => Kind::NotBegun,
            (500 | 502..=504, _) => Kind::Ambiguous,
            _ => Kind::ForGood,
        };
        Self {
            error,
            kind,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    /// What is said of it in the end.
    pub(super) fn into_error(self) -> InvokeError {
        self.error
    }
}

/// How much may still be repeated at one endpoint.
#[derive(Debug)]
pub(super) struct Retries {
    quota: AtomicU32,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            quota: AtomicU32::new(QUOTA),
        }
    }
}

impl Retries {
    /// The pause before the next attempt, or `None` when there is none.
    pub(super) fn pause(
        &self,
        invocation_type: InvocationType,
        answered: &Result<InvokeResponse, Failed>,
        attempt: u32,
    ) -> Option<Duration> {
        let Err(failed) = answered else {
            let given_back = if attempt == 1 { 1 } else { COST };
            self.change(|quota| Some(QUOTA.min(quota + given_back)));
            return None;
        };
        let may_repeat = match failed.kind {
            Kind::NotBegun => true,
            Kind::Ambiguous => invocation_type != InvocationType::RequestResponse,
            Kind::ForGood => false,
        };
        let is_paid = || self.change(|quota| quota.checked_sub(COST));
        if !may_repeat || attempt >= ATTEMPTS || !is_paid() {
            return None;
        }
        let longest = FIRST_PAUSE * 2_u32.pow(attempt - 1);
        let random = f64::from(u32::from_ne_bytes(random_bytes())) / f64::from(u32::MAX);
        let pause = longest.mul_f64(random);
        let asked_for = failed.retry_after.unwrap_or_default();
        Some(pause.max(asked_for.min(LONGEST_PAUSE)))
    }

    fn change(&self, change: impl Fn(u32) -> Option<u32>) -> bool {
        let ordering = Ordering::Relaxed;
        self.quota.fetch_update(ordering, ordering, change).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, error_type: &str) -> Result<InvokeResponse, Failed> {
        let error = InvokeError {
            status,
            error_type: error_type.to_owned(),
            ..no_answer(String::new())
        };
        Err(Failed::answered(error, None))
    }

    fn broken() -> Result<InvokeResponse, Failed> {
        Err(Failed::of_transport(&HttpError::Broken {
            backend: "http://h".to_owned(),
            cause: "closed".to_owned(),
        }))
    }

    const ONCE: InvocationType = InvocationType::RequestResponse;

    #[test]
    fn a_function_that_may_have_run_is_not_invoked_again() {
        let retries = Retries::default();
        let is_repeated = |kind, answered| retries.pause(kind, &answered, 1).is_some();
        assert!(is_repeated(ONCE, refused(429, "TooManyRequestsException")));
        assert!(is_repeated(ONCE, refused(502, "EC2ThrottledException")));
        for once in [
            refused(500, "ServiceException"),
            refused(503, "ServiceException"),
            broken(),
        ] {
            assert!(!is_repeated(ONCE, once));
        }
    }

    #[test]
    fn an_event_is_sent_again_until_it_is_taken() {
        let retries = Retries::default();
        let is_repeated = |answered| retries.pause(InvocationType::Event, &answered, 1).is_some();
        assert!(is_repeated(refused(500, "ServiceException")));
        assert!(is_repeated(broken()));
        assert!(!is_repeated(refused(413, "RequestTooLargeException")));
        assert!(!is_repeated(refused(403, "AccessDeniedException")));
        assert!(!is_repeated(refused(404, "ResourceNotFoundException")));
    }

    #[test]
    fn there_are_three_attempts_and_a_quota_of_retries() {
        let retries = Retries::default();
        let throttled = || refused(429, "TooManyRequestsException");
        assert!(retries.pause(ONCE, &throttled(), 2).is_some());
        assert!(retries.pause(ONCE, &throttled(), 3).is_none());
        let granted = (0..1000)
            .filter(|_| retries.pause(ONCE, &throttled(), 1).is_some())
            .count();
        assert_eq!(granted, 99);
    }

    #[test]
    fn retry_after_is_heeded_for_some_seconds() {
        let retries = Retries::default();
        let pause = |seconds| {
            let error = InvokeError {
                status: 429,
                ..no_answer(String::new())
            };
            let failed = Err(Failed::answered(error, Some(seconds)));
            retries.pause(ONCE, &failed, 1).unwrap()
        };
        assert_eq!(pause(2), Duration::from_secs(2));
        assert_eq!(pause(3600), Duration::from_secs(5));
    }
}
