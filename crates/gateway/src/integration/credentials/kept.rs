//! Credentials that are kept: fetched once however many ask for them, again before they expire while
//! everybody still signs with the old ones, and after a failure not at once.

use std::{
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwapOption;
use aws_credential_types::Credentials;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::{sync::watch, time::Instant};

use super::CredentialsError;

/// So long before they expire, credentials are fetched again; those that live for less than twice
/// as long, when half of their life is over.
const BEFORE_EXPIRY: Duration = Duration::from_secs(5 * 60);
/// After the first failure nobody is asked for so long; twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Fetches credentials.
pub(super) type Fetch =
    Box<dyn Fn() -> BoxFuture<'static, Result<Credentials, CredentialsError>> + Send + Sync>;

/// Credentials and who fetches them.
pub(super) struct Kept {
    held: ArcSwapOption<Held>,
    flight: Mutex<Flight>,
    fetch: Fetch,
}

struct Held {
    credentials: Credentials,
    refresh_at: Option<SystemTime>,
}

#[derive(Debug, PartialEq, Eq)]
enum Freshness {
    Fresh,
    /// Still good, but to be fetched again.
    Due,
    Expired,
}

/// The fetch that is under way, and what became of the last one.
#[derive(Default)]
struct Flight {
    /// Closed when it ends, however it does.
    end: Option<watch::Receiver<()>>,
    failure: Option<Failure>,
}

struct Failure {
    error: CredentialsError,
    in_a_row: u32,
    again_at: Instant,
}

impl Held {
    fn new(credentials: Credentials, now: SystemTime) -> Self {
        let refresh_at = credentials.expiry().map(|expiry| {
            let life = expiry.duration_since(now).unwrap_or_default();
            expiry - BEFORE_EXPIRY.min(life / 2)
        });
        Self {
            credentials,
            refresh_at,
        }
    }

    fn freshness(&self, now: SystemTime) -> Freshness {
        if self
            .credentials
            .expiry()
            .is_some_and(|expiry| expiry <= now)
        {
            Freshness::Expired
        } else if self.refresh_at.is_some_and(|refresh_at| refresh_at <= now) {
            Freshness::Due
        } else {
            Freshness::Fresh
        }
    }
}

impl Kept {
    pub(super) fn new(fetch: Fetch) -> Arc<Self> {
        Arc::new(Self {
            held: ArcSwapOption::empty(),
            flight: Mutex::default(),
            fetch,
        })
    }

    /// The credentials, good for now.
    pub(super) async fn get(self: &Arc<Self>) -> Result<Credentials, CredentialsError> {
        match self.held() {
            Some((credentials, Freshness::Fresh)) => return Ok(credentials),
            Some((credentials, Freshness::Due)) => {
                // They are good for some time, whatever becomes of it.
                let _ = self.refresh();
                return Ok(credentials);
            }
            Some((_, Freshness::Expired)) | None => {}
        }
        let mut end = self.refresh()?;
        // Nothing is sent: the channel closes.
        let _ = end.changed().await;
        match self.held() {
            Some((credentials, Freshness::Fresh | Freshness::Due)) => Ok(credentials),
            Some((_, Freshness::Expired)) | None => Err(self.error()),
        }
    }

    fn held(&self) -> Option<(Credentials, Freshness)> {
        let held = self.held.load();
        let held = held.as_ref()?;
        let freshness = held.freshness(SystemTime::now());
        Some((held.credentials.clone(), freshness))
    }

    fn error(&self) -> CredentialsError {
        let flight = self.flight.lock();
        let failure = flight.failure.as_ref();
        failure.map_or(
            CredentialsError::not_given("whoever was asked", "the question was given up"),
            |failure| failure.error.clone(),
        )
    }

    /// Fetches, unless that is under way; the receiver closes when it has ended. After a failure it
    /// gives the same error for a while.
    fn refresh(self: &Arc<Self>) -> Result<watch::Receiver<()>, CredentialsError> {
        let mut flight = self.flight.lock();
        let running = flight.end.as_ref();
        if let Some(end) = running.filter(|end| end.has_changed().is_ok()) {
            return Ok(end.clone());
        }
        let (sender, end) = watch::channel(());
        if matches!(self.held(), Some((_, Freshness::Fresh))) {
            // Somebody else's fetch has just ended.
            return Ok(end);
        }
        if let Some(failure) = &flight.failure
            && Instant::now() < failure.again_at
        {
            return Err(failure.error.clone());
        }
        flight.end = Some(end.clone());
        let kept = Arc::clone(self);
        tokio::spawn(async move {
            let fetched = (kept.fetch)().await;
            kept.settle(fetched);
            drop(sender);
        });
        Ok(end)
    }

    /// Keeps what was fetched, and sees to the next time.
    fn settle(self: &Arc<Self>, fetched: Result<Credentials, CredentialsError>) {
        let now = SystemTime::now();
        let until = |time: SystemTime| time.duration_since(now).unwrap_or_default();
        let fetched = fetched.and_then(|credentials| {
            let held = Held::new(credentials, now);
            match held.freshness(now) {
                Freshness::Expired => Err(CredentialsError::not_given(
                    "whoever was asked",
                    "those that it gave have expired",
                )),
                Freshness::Fresh | Freshness::Due => Ok(held),
            }
        });
        let next = match fetched {
            Ok(held) => {
                let next = held.refresh_at.map(until);
                self.held.store(Some(Arc::new(held)));
                self.flight.lock().failure = None;
                next
            }
            Err(error) => {
                let mut flight = self.flight.lock();
                let before = flight.failure.as_ref();
                let in_a_row = before.map_or(0, |failure| failure.in_a_row.saturating_add(1));
                let pause = pause_after(in_a_row);
                flight.failure = Some(Failure {
                    error,
                    in_a_row,
                    again_at: Instant::now() + pause,
                });
                // What never was there is looked for when somebody needs it.
                let is_good = |(_, freshness)| freshness != Freshness::Expired;
                self.held().is_some_and(is_good).then_some(pause)
            }
        };
        if let Some(next) = next {
            tokio::spawn(refresh_in(next, Arc::downgrade(self)));
        }
    }
}

/// After `failures` more than one.
fn pause_after(failures: u32) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures));
    pause.min(LONGEST_PAUSE)
}

/// Fetches again without anybody asking, if it is due then.
async fn refresh_in(time: Duration, kept: Weak<Kept>) {
    tokio::time::sleep(time).await;
    if let Some(kept) = kept.upgrade()
        && matches!(kept.held(), Some((_, Freshness::Due)))
    {
        let _ = kept.refresh();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::{FutureExt as _, future::join_all};
    use tokio::{sync::Semaphore, task::yield_now};

    use super::*;

    /// Who fetches for a test: each fetch ends when the test lets it.
    struct Fetcher {
        begun: AtomicU32,
        may_end: Semaphore,
    }

    impl Fetcher {
        fn begun(&self) -> u32 {
            self.begun.load(Ordering::SeqCst)
        }

        fn let_end(&self, fetches: usize) {
            self.may_end.add_permits(fetches);
        }
    }

    /// Keeps what `of` gives for the number of the fetch.
    fn kept(
        of: impl Fn(u32) -> Result<Credentials, CredentialsError> + Send + Sync + 'static,
    ) -> (Arc<Kept>, Arc<Fetcher>) {
        let fetcher = Arc::new(Fetcher {
            begun: AtomicU32::new(0),
            may_end: Semaphore::new(0),
        });
        let (fetching, of) = (Arc::clone(&fetcher), Arc::new(of));
        let kept = Kept::new(Box::new(move || {
            let number = fetching.begun.fetch_add(1, Ordering::SeqCst);
            let (fetching, of) = (Arc::clone(&fetching), Arc::clone(&of));
            Box::pin(async move {
                fetching.may_end.acquire().await.unwrap().forget();
                of(number)
            })
        }));
        (kept, fetcher)
    }

    fn key(number: u32, life: Option<Duration>) -> Credentials {
        let expiry = life.map(|life| SystemTime::now() + life);
        Credentials::new(format!("KEY{number}"), "s", None, expiry, "test")
    }

    /// Credentials that are good for an hour, and due.
    fn due(number: u32) -> Arc<Held> {
        Arc::new(Held {
            credentials: key(number, Some(Duration::from_secs(3600))),
            refresh_at: Some(SystemTime::now()),
        })
    }

    /// Waits for the fetch that was begun last.
    async fn end_of_fetch(kept: &Kept) {
        let end = kept.flight.lock().end.clone();
        // Nothing is sent: the channel closes.
        let _ = end.expect("a fetch was begun").changed().await;
    }

    #[tokio::test]
    async fn however_many_ask_one_fetches() {
        let (kept, fetcher) = kept(|number| Ok(key(number, None)));
        let mut all = Box::pin(join_all((0..100).map(|_| kept.get())));
        assert!((&mut all).now_or_never().is_none());
        fetcher.let_end(100);
        assert!(
            all.await
                .iter()
                .all(|got| got.as_ref().unwrap().access_key_id() == "KEY0")
        );
        assert_eq!(fetcher.begun(), 1);
    }

    #[tokio::test]
    async fn one_that_stops_waiting_stops_nothing() {
        let (kept, fetcher) = kept(|number| Ok(key(number, None)));
        assert!(kept.get().now_or_never().is_none());
        fetcher.let_end(1);
        assert_eq!(kept.get().await.unwrap().access_key_id(), "KEY0");
        assert_eq!(fetcher.begun(), 1);
    }

    #[tokio::test]
    async fn new_ones_are_fetched_before_the_old_expire_and_nobody_waits_for_them() {
        let (kept, fetcher) = kept(|_| Ok(key(1, None)));
        kept.held.store(Some(due(0)));
        let id = || {
            let got = kept.get().now_or_never().expect("it is there");
            got.unwrap().access_key_id().to_owned()
        };
        for _ in 0..10 {
            assert_eq!(id(), "KEY0");
            yield_now().await;
        }
        fetcher.let_end(1);
        end_of_fetch(&kept).await;
        assert_eq!(id(), "KEY1");
        assert_eq!(fetcher.begun(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn they_are_fetched_again_when_they_are_due_though_nobody_asks() {
        let (kept, fetcher) = kept(|_| Ok(key(1, None)));
        fetcher.let_end(1);
        kept.held.store(Some(due(0)));
        refresh_in(Duration::from_secs(1), Arc::downgrade(&kept)).await;
        end_of_fetch(&kept).await;
        assert_eq!(kept.held().unwrap().0.access_key_id(), "KEY1");
        // What does not expire is not.
        refresh_in(Duration::from_secs(1), Arc::downgrade(&kept)).await;
        yield_now().await;
        assert_eq!(fetcher.begun(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_the_same_error_is_given_for_a_while() {
        let (kept, fetcher) = kept(|number| match number {
            0 => Err(CredentialsError::not_given("STS", "it is down")),
            _ => Ok(key(number, None)),
        });
        fetcher.let_end(2);
        let all = join_all((0..10).map(|_| kept.get())).await;
        let down = CredentialsError::not_given("STS", "it is down");
        assert!(all.into_iter().all(|got| got == Err(down.clone())));
        tokio::time::advance(Duration::from_millis(999)).await;
        assert_eq!(kept.get().await, Err(down));
        assert_eq!(fetcher.begun(), 1);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(kept.get().await.unwrap().access_key_id(), "KEY1");
    }

    #[tokio::test]
    async fn those_that_have_expired_are_none() {
        let (kept, fetcher) = kept(|number| Ok(key(number, Some(Duration::ZERO))));
        fetcher.let_end(1);
        let error = kept.get().await.unwrap_err();
        assert!(error.to_string().contains("have expired"), "{error}");
    }

    #[test]
    fn pauses_grow_to_a_minute() {
        let seconds = [0, 1, 5, 6, 99].map(|failures| pause_after(failures).as_secs());
        assert_eq!(seconds, [1, 2, 32, 60, 60]);
    }

    #[test]
    fn they_are_due_five_minutes_before_they_expire() {
        let now = SystemTime::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let expiry = Some(after(3600));
        let held = Held::new(Credentials::new("A", "s", None, expiry, "test"), now);
        assert_eq!(held.freshness(after(3299)), Freshness::Fresh);
        assert_eq!(held.freshness(after(3300)), Freshness::Due);
        assert_eq!(held.freshness(after(3600)), Freshness::Expired);
    }
}
