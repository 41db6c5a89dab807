//! The bulkhead of an integration: only so many of its calls are under way at once, so that a slow
//! backend takes no more of Gatepost than its share. Calls beyond that wait their turn within
//! their own timeout; beyond the bound of the wait they fail at once.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use gatepost_model::{
    ApiId, IntegrationId, StageName,
    fault::{Fault, FaultKind},
    limits::Limits,
};
use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

/// Lets only so many calls of one integration through.
#[derive(Debug)]
pub struct Bulkhead {
    under_way: Semaphore,
    waiting: Semaphore,
    bounds: Bounds,
}

/// How many calls of one integration there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Under way at once.
    pub under_way: usize,
    /// Waiting for those.
    pub waiting: usize,
}

impl Bounds {
    /// Those of `[limits]`.
    pub fn of(limits: &Limits) -> Self {
        Self {
            under_way: limits.in_flight_per_integration,
            waiting: limits.waiting_per_integration,
        }
    }
}

impl Bulkhead {
    fn new(bounds: Bounds) -> Self {
        Self {
            under_way: Semaphore::new(bounds.under_way),
            waiting: Semaphore::new(bounds.waiting),
            bounds,
        }
    }

    /// Makes a call when it is its turn; `limit` bounds both the wait and the call.
    ///
    /// # Errors
    /// `Endpoint request timed out` at `limit`, `Internal server error` when too many wait, and
    /// what the call fails with.
    pub async fn call<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let asked = Instant::now();
        let mut begun = None;
        let answered = timeout(limit, async {
            let _place = self.enter().await?;
            begun = Some(Instant::now());
            call.await
        })
        .await;
        answered.unwrap_or_else(|_| {
            let waited = begun.unwrap_or_else(Instant::now) - asked;
            Err(self.timed_out(waited))
        })
    }

    async fn enter(&self) -> Result<SemaphorePermit<'_>, Fault> {
        if let Ok(place) = self.under_way.try_acquire() {
            return Ok(place);
        }
        let Ok(_turn) = self.waiting.try_acquire() else {
            let Bounds { under_way, waiting } = self.bounds;
            return Err(Fault::new(
                FaultKind::IntegrationFailure,
                format!(
                    "the integration is overloaded: {under_way} calls are under way and {waiting} \
                     wait ([limits] in_flight_per_integration, waiting_per_integration)"
                ),
            ));
        };
        // It is never closed.
        self.under_way
            .acquire()
            .await
            .map_err(|_| Fault::new(FaultKind::IntegrationFailure, "the integration is closed"))
    }

    /// The fault of a call that took too long, `waited` of it for its turn.
    fn timed_out(&self, waited: Duration) -> Fault {
        let mut detail = "Execution failed due to a timeout error".to_owned();
        let waited = waited.as_millis();
        if waited > 0 {
            detail = format!(
                "{detail}: it waited {waited} ms of that for its turn, since {} calls of this \
                 integration were under way ([limits] in_flight_per_integration)",
                self.bounds.under_way
            );
        }
        Fault::new(FaultKind::IntegrationTimeout, detail)
    }
}

/// The bulkheads of all integrations. A deployment takes over those of the one before, whose calls
/// may still be under way.
#[derive(Debug)]
pub struct Bulkheads {
    bounds: Bounds,
    by_integration: Mutex<HashMap<Key, Weak<Bulkhead>>>,
}

type Key = (ApiId, StageName, IntegrationId);

impl Bulkheads {
    /// No bulkheads yet.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            by_integration: Mutex::default(),
        }
    }

    /// The bulkhead of an integration as one stage serves it: all routes that target it share it.
    pub fn of(&self, api: &ApiId, stage: &StageName, integration: &IntegrationId) -> Arc<Bulkhead> {
        let key = (api.clone(), stage.clone(), integration.clone());
        let mut by_integration = self.by_integration.lock();
        if let Some(bulkhead) = by_integration.get(&key).and_then(Weak::upgrade) {
            return bulkhead;
        }
        by_integration.retain(|_, bulkhead| bulkhead.strong_count() > 0);
        let bulkhead = Arc::new(Bulkhead::new(self.bounds));
        by_integration.insert(key, Arc::downgrade(&bulkhead));
        bulkhead
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::oneshot;

    use super::*;

    const LONG: Duration = Duration::from_secs(29);
    const SHORT: Duration = Duration::from_millis(20);

    fn bulkhead() -> Bulkhead {
        Bulkhead::new(Bounds {
            under_way: 1,
            waiting: 1,
        })
    }

    #[tokio::test]
    async fn a_call_waits_its_turn_and_the_next_beyond_the_wait_fails_at_once() {
        let bulkhead = bulkhead();
        let (finish, finished) = oneshot::channel();
        let slow = bulkhead.call(LONG, async { Ok(finished.await) });
        let waits = bulkhead.call(LONG, async { Ok("waited") });
        let refused = async {
            let refused = bulkhead.call(LONG, async { Ok("refused") }).await;
            finish.send("slow").unwrap();
            refused
        };
        let (slow, waits, refused) = tokio::join!(slow, waits, refused);
        assert_eq!(slow.unwrap(), Ok("slow"));
        assert_eq!(waits.unwrap(), "waited");
        let fault = refused.unwrap_err();
        assert_eq!(fault.kind, FaultKind::IntegrationFailure);
        assert!(fault.detail.contains("1 calls are under way and 1 wait"));
    }

    #[tokio::test]
    async fn waiting_counts_towards_the_timeout_and_a_call_that_timed_out_frees_its_place() {
        let bulkhead = bulkhead();
        let hangs = bulkhead.call(2 * SHORT, pending::<Result<(), Fault>>());
        let waits = bulkhead.call(SHORT, pending::<Result<(), Fault>>());
        let (hangs, waits) = tokio::join!(hangs, waits);
        let detail = hangs.unwrap_err().detail;
        assert_eq!(detail, "Execution failed due to a timeout error");
        let fault = waits.unwrap_err();
        assert_eq!(fault.kind, FaultKind::IntegrationTimeout);
        assert!(fault.detail.contains("ms of that for its turn"));
        bulkhead.call(LONG, async { Ok(()) }).await.unwrap();
    }

    #[test]
    fn a_new_deployment_has_the_bulkhead_of_the_old_one() {
        let bulkheads = Bulkheads::new(Bounds {
            under_way: 1,
            waiting: 1,
        });
        let of =
            |integration: &str| bulkheads.of(&"api".into(), &"prod".into(), &integration.into());
        let first = of("a");
        assert!(Arc::ptr_eq(&first, &of("a")));
        assert!(!Arc::ptr_eq(&first, &of("b")));
    }
}
