//! The bulkhead of an integration or authorizer: only so many of its calls are under way at once,
//! so that a slow backend takes no more of Gatepost than its share. Calls beyond that wait their
//! turn, first come, first served: within their own timeout and at most so many of them, or, where
//! the call must not be lost, as long as it takes.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use gatepost_model::{
    ApiId, AuthorizerId, IntegrationId, StageName,
    fault::{Fault, FaultKind},
    limits::Limits,
};
use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

/// Lets only so many calls of one integration or authorizer through.
#[derive(Debug)]
pub struct Bulkhead {
    under_way: Semaphore,
    waiting: Semaphore,
    bounds: Bounds,
}

/// How many calls of one integration or authorizer there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Under way at once.
    pub under_way: usize,
    /// Waiting for those with [`Wait::Bounded`].
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

/// How a call waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Within the call's timeout, and only while few others wait: somebody waits for its answer.
    Bounded,
    /// Until the turn comes, however many wait; the timeout counts from then. For events that must
    /// not be lost and that something else bounds, as the connections bound their `$disconnect`s.
    UntilTurn,
}

/// Why a call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// Too many wait.
    Overloaded(Bounds),
    /// It took too long.
    TimedOut {
        /// What of the time it waited for its turn.
        waited: Duration,
        /// Those of the bulkhead.
        bounds: Bounds,
    },
}

impl NoAnswer {
    /// The fault of an integration.
    pub fn of_integration(self) -> Fault {
        let kind = match self {
            Self::Overloaded(_) => FaultKind::IntegrationFailure,
            Self::TimedOut { .. } => FaultKind::IntegrationTimeout,
        };
        let too_long = "Execution failed due to a timeout error";
        Fault::new(kind, self.detail("integration", too_long))
    }

    /// The fault of an authorizer.
    pub fn of_authorizer(self) -> Fault {
        let too_long = "the authorizer did not answer in time";
        Fault::new(
            FaultKind::AuthorizerFailure,
            self.detail("authorizer", too_long),
        )
    }

    fn detail(self, whose: &str, too_long: &str) -> String {
        match self {
            Self::Overloaded(Bounds { under_way, waiting }) => format!(
                "the {whose} is overloaded: {under_way} calls are under way and {waiting} wait \
                 ([limits] in_flight_per_integration, waiting_per_integration)"
            ),
            Self::TimedOut { waited, .. } if waited.as_millis() == 0 => too_long.to_owned(),
            Self::TimedOut { waited, bounds } => format!(
                "{too_long}: it waited {} ms of that for its turn, since {} calls of this {whose} \
                 were under way ([limits] in_flight_per_integration)",
                waited.as_millis(),
                bounds.under_way
            ),
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

    /// Makes a call when it is its turn; `limit` bounds the call, and with [`Wait::Bounded`] also
    /// the wait.
    ///
    /// # Errors
    /// [`NoAnswer`] at `limit`, or when too many wait.
    pub async fn call<T>(
        &self,
        wait: Wait,
        limit: Duration,
        call: impl Future<Output = T>,
    ) -> Result<T, NoAnswer> {
        let timed_out = |waited| NoAnswer::TimedOut {
            waited,
            bounds: self.bounds,
        };
        if wait == Wait::UntilTurn {
            let _place = self.turn().await;
            let answered = timeout(limit, call).await;
            return answered.map_err(|_| timed_out(Duration::ZERO));
        }
        let asked = Instant::now();
        let mut begun = None;
        let answered = timeout(limit, async {
            let _place = self.enter().await?;
            begun = Some(Instant::now());
            Ok(call.await)
        })
        .await;
        answered.unwrap_or_else(|_| Err(timed_out(begun.unwrap_or_else(Instant::now) - asked)))
    }

    /// A place among the calls under way, unless too many wait for one.
    async fn enter(&self) -> Result<Place<'_>, NoAnswer> {
        if let Ok(place) = self.under_way.try_acquire() {
            return Ok(Some(place));
        }
        let Ok(_waits) = self.waiting.try_acquire() else {
            return Err(NoAnswer::Overloaded(self.bounds));
        };
        Ok(self.turn().await)
    }

    /// A place among the calls under way, first come, first served.
    async fn turn(&self) -> Place<'_> {
        // The semaphore is never closed, so there is always a permit.
        self.under_way.acquire().await.ok()
    }
}

/// Holds a call's place among those under way.
type Place<'a> = Option<SemaphorePermit<'a>>;

/// The bulkheads of all integrations and authorizers. A deployment takes over those of the one
/// before, whose calls may still be under way.
#[derive(Debug)]
pub struct Bulkheads {
    bounds: Bounds,
    by_owner: Mutex<ByOwner>,
}

#[derive(Debug, Default)]
struct ByOwner {
    bulkheads: HashMap<Key, Weak<Bulkhead>>,
    /// How many were left when those that are no more were taken out.
    left: usize,
}

type Key = (ApiId, StageName, Owner);

/// Whose calls a bulkhead lets through.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Those of an integration: all routes that target it share them.
    Integration(IntegrationId),
    /// Those of an authorizer.
    Authorizer(AuthorizerId),
}

impl Bulkheads {
    /// No bulkheads yet.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            by_owner: Mutex::default(),
        }
    }

    /// How many calls are under way, and how many wait for their turn, of all integrations and
    /// authorizers. A `$disconnect` that waits is not among them.
    pub fn calls(&self) -> (usize, usize) {
        let by_owner = self.by_owner.lock();
        let bulkheads = by_owner.bulkheads.values().filter_map(Weak::upgrade);
        bulkheads.fold((0, 0), |(under_way, waiting), bulkhead| {
            let Bounds {
                under_way: most,
                waiting: most_waiting,
            } = bulkhead.bounds;
            (
                under_way + most.saturating_sub(bulkhead.under_way.available_permits()),
                waiting + most_waiting.saturating_sub(bulkhead.waiting.available_permits()),
            )
        })
    }

    /// The bulkhead of an integration or authorizer as one stage serves it.
    pub fn of(&self, api: &ApiId, stage: &StageName, owner: Owner) -> Arc<Bulkhead> {
        let key = (api.clone(), stage.clone(), owner);
        let mut by_owner = self.by_owner.lock();
        let ByOwner { bulkheads, left } = &mut *by_owner;
        if let Some(bulkhead) = bulkheads.get(&key).and_then(Weak::upgrade) {
            return bulkhead;
        }
        // Seldom, since all are looked at: hundreds of APIs have tens of thousands.
        if bulkheads.len() > 2 * *left + 16 {
            bulkheads.retain(|_, bulkhead| bulkhead.strong_count() > 0);
            *left = bulkheads.len();
        }
        let bulkhead = Arc::new(Bulkhead::new(self.bounds));
        bulkheads.insert(key, Arc::downgrade(&bulkhead));
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
        let slow = bulkhead.call(Wait::Bounded, LONG, finished);
        let waits = bulkhead.call(Wait::Bounded, LONG, async { "waited" });
        let refused = async {
            let refused = bulkhead.call(Wait::Bounded, LONG, async { "refused" });
            let refused = refused.await;
            finish.send("slow").unwrap();
            refused
        };
        let (slow, waits, refused) = tokio::join!(slow, waits, refused);
        assert_eq!(slow.unwrap(), Ok("slow"));
        assert_eq!(waits.unwrap(), "waited");
        let refused = refused.unwrap_err();
        let fault = refused.of_integration();
        assert_eq!(fault.kind, FaultKind::IntegrationFailure);
        let detail = "the integration is overloaded: 1 calls are under way and 1 wait";
        assert!(fault.detail.starts_with(detail));
        let fault = refused.of_authorizer();
        assert_eq!(fault.kind, FaultKind::AuthorizerFailure);
        let detail = "the authorizer is overloaded: 1 calls are under way and 1 wait";
        assert!(fault.detail.starts_with(detail));
    }

    #[tokio::test]
    async fn waiting_counts_towards_the_timeout_and_a_call_that_timed_out_frees_its_place() {
        let bulkhead = bulkhead();
        let hangs = bulkhead.call(Wait::Bounded, 2 * SHORT, pending::<()>());
        let waits = bulkhead.call(Wait::Bounded, SHORT, pending::<()>());
        let (hangs, waits) = tokio::join!(hangs, waits);
        let detail = hangs.unwrap_err().of_integration().detail;
        assert_eq!(detail, "Execution failed due to a timeout error");
        let fault = waits.unwrap_err().of_integration();
        assert_eq!(fault.kind, FaultKind::IntegrationTimeout);
        assert!(fault.detail.contains("ms of that for its turn"));
        let free = bulkhead.call(Wait::Bounded, LONG, async {});
        free.await.unwrap();
    }

    #[tokio::test]
    async fn who_waits_until_its_turn_may_be_one_of_many_and_then_has_all_its_time() {
        let bulkhead = bulkhead();
        let began = Instant::now();
        let call = || bulkhead.call(Wait::UntilTurn, SHORT, pending::<()>());
        let bounded = bulkhead.call(Wait::Bounded, LONG, async { began.elapsed() });
        let (first, second, third, bounded, last) =
            tokio::join!(call(), call(), call(), bounded, call());
        // Those that wait so take no place of the bounded one, which has its turn between them.
        let turn = bounded.unwrap();
        assert!(turn >= 3 * SHORT);
        assert!(began.elapsed() >= turn + SHORT);
        for timed_out in [first, second, third, last] {
            let detail = timed_out.unwrap_err().of_integration().detail;
            assert_eq!(detail, "Execution failed due to a timeout error");
        }
    }

    #[test]
    fn a_new_deployment_has_the_bulkhead_of_the_old_one() {
        let bulkheads = Bulkheads::new(Bounds {
            under_way: 1,
            waiting: 1,
        });
        let of = |owner| bulkheads.of(&"api".into(), &"prod".into(), owner);
        let first = of(Owner::Integration("a".into()));
        assert!(Arc::ptr_eq(&first, &of(Owner::Integration("a".into()))));
        assert!(!Arc::ptr_eq(&first, &of(Owner::Integration("b".into()))));
        assert!(!Arc::ptr_eq(&first, &of(Owner::Authorizer("a".into()))));
    }
}
