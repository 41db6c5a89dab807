//! Sinks that are called over the network: entries are gathered for a moment, then delivered
//! together, and what cannot be delivered at once is tried again for a while.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout_at},
};

use super::{Inbox, State, Waiting};
use crate::{new_id::random_bytes, store::RenderedEntry};

/// How long entries wait for others.
const LINGER: Duration = Duration::from_secs(1);
/// Text of a round, bytes; an entry more, if it does not fit.
const ROUND: usize = 4 * 1024 * 1024;
/// The wait before the first repeat. It doubles each time.
const FIRST_DELAY: Duration = Duration::from_millis(200);
/// The longest wait between two repeats.
const MAX_DELAY: Duration = Duration::from_secs(5);
/// How long a delivery is tried again.
const TRIED_FOR: Duration = Duration::from_secs(60);

/// Who delivers rounds of entries.
pub(super) trait Deliver: Send + Sync + 'static {
    /// Delivers entries; how many of them are lost for good.
    fn deliver(
        &self,
        entries: Vec<RenderedEntry>,
        state: &State,
    ) -> impl Future<Output = u64> + Send;
}

/// A delivery that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// What happened, and the mend.
    pub what: String,
    /// Whether it may go better the next time.
    pub may_pass: bool,
}

/// Delivers what arrives, until the sink is gone. A panic loses the round that it happens in.
pub(super) async fn deliver_rounds(mut inbox: Inbox, to: impl Deliver) {
    while let Some(round) = Round::gather(&mut inbox).await {
        let backlog = &inbox.state.backlog;
        if !round.rendered.is_empty() {
            let all = round.rendered.len() as u64;
            let delivery = to.deliver(round.rendered, &inbox.state);
            let lost = AssertUnwindSafe(delivery).catch_unwind().await;
            backlog.drop_entries(lost.unwrap_or_else(|_| {
                inbox
                    .state
                    .is_in_trouble("it panicked, a bug: please report it");
                all
            }));
        }
        backlog.leave(round.entries, round.bytes);
        for done in round.flushed {
            // Who waited for it may be gone.
            let _ = done.send(());
        }
    }
}

/// Entries that are delivered together.
#[derive(Default)]
struct Round {
    rendered: Vec<RenderedEntry>,
    /// The length of their text, bytes.
    text: usize,
    /// How many they are, and what they count in bytes.
    entries: usize,
    bytes: usize,
    flushed: Vec<oneshot::Sender<()>>,
}

impl Round {
    /// The next round; `None` when the sink is gone.
    async fn gather(inbox: &mut Inbox) -> Option<Self> {
        let mut round = Self::default();
        round.take(inbox.queue.recv().await?);
        let until = Instant::now() + LINGER;
        while round.text < ROUND && round.flushed.is_empty() {
            match timeout_at(until, inbox.queue.recv()).await {
                Ok(Some(waiting)) => round.take(waiting),
                Ok(None) | Err(_) => break,
            }
        }
        Some(round)
    }

    fn take(&mut self, waiting: Waiting) {
        match waiting {
            Waiting::Entry(entry, bytes) => {
                self.entries += 1;
                self.bytes += bytes;
                if let Some(rendered) = entry.render() {
                    let text = rendered.lines.iter().map(|line| line.message.len());
                    self.text += text.sum::<usize>();
                    self.rendered.push(rendered);
                }
            }
            Waiting::Flush(done) => self.flushed.push(done),
        }
    }
}

/// Tries until it succeeds, cannot succeed, or has been tried for long enough.
pub(super) async fn with_retries<T, F>(
    state: &State,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let give_up_at = Instant::now() + TRIED_FOR;
    let mut delay = FIRST_DELAY;
    loop {
        let failure = match attempt().await {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        state.is_in_trouble(&failure.what);
        // Between half of it and all of it, so that many do not come at the same time.
        let [chance] = random_bytes::<1>();
        let wait = delay.mul_f64(0.5 + f64::from(chance) / 512.0);
        if !failure.may_pass || Instant::now() + wait > give_up_at {
            return Err(failure);
        }
        sleep(wait).await;
        delay = (delay * 2).min(MAX_DELAY);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use crate::{
        observe::sinks::{Sink, SinkKind},
        store::{LogEntry, LogEvent},
    };

    fn failure(may_pass: bool) -> Failure {
        Failure {
            what: "no".into(),
            may_pass,
        }
    }

    async fn attempts(succeed_at: usize, may_pass: bool) -> (usize, Duration, bool) {
        let (sink, _inbox) = Sink::new(SinkKind::Otlp, 1);
        let tried = AtomicUsize::new(0);
        let began = Instant::now();
        let done = with_retries(&sink.state, || {
            let number = tried.fetch_add(1, Ordering::Relaxed) + 1;
            std::future::ready(if number == succeed_at {
                Ok(())
            } else {
                Err(failure(may_pass))
            })
        });
        let is_done = done.await.is_ok();
        assert_eq!(sink.trouble().is_some(), succeed_at != 1);
        (tried.into_inner(), began.elapsed(), is_done)
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_again_ever_less_often_and_not_for_ever() {
        let (tried, took, is_done) = attempts(3, true).await;
        assert_eq!((tried, is_done), (3, true));
        assert!(took >= Duration::from_millis(300) && took <= Duration::from_millis(600));
        let (tried, took, is_done) = attempts(0, true).await;
        assert!(!is_done && (14..40).contains(&tried), "{tried}");
        assert!(took <= TRIED_FOR && took + MAX_DELAY >= TRIED_FOR);
        assert_eq!(attempts(0, false).await, (1, Duration::ZERO, false));
    }

    fn entry() -> LogEntry {
        LogEntry::Event(Arc::new(LogEvent {
            log_group: "g".into(),
            stream: "s".into(),
            timestamp_ms: 1,
            message: "line".to_owned(),
        }))
    }

    /// Has a defect that the first round meets.
    struct Defective(AtomicUsize);

    impl Deliver for Defective {
        async fn deliver(&self, _: Vec<RenderedEntry>, _: &State) -> u64 {
            assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "the defect");
            0
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_defect_loses_its_round_only_and_is_said() {
        let (sink, inbox) = Sink::new(SinkKind::Otlp, 1_000_000);
        tokio::spawn(deliver_rounds(inbox, Defective(AtomicUsize::new(0))));
        for _ in 0..2 {
            sink.offer(&entry());
            sink.offer(&entry());
            assert_eq!(sink.finish(Instant::now() + LINGER).await, None);
            assert_eq!((sink.waiting(), sink.dropped()), (0, 2));
        }
        assert!(sink.loss(2).ends_with("report it"), "{}", sink.loss(2));
    }
}
