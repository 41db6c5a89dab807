//! Which posts were applied, so that the retry of an SDK whose first answer was lost is answered
//! and not sent a second time.

use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
    sync::atomic::{AtomicU64, Ordering},
};

use gatepost_model::connection_id::ConnectionId;
use parking_lot::{Condvar, Mutex};

use crate::simulation::{Variant, is_broken};

/// So that posts by many do not wait for each other.
const SHARDS: usize = 64;

/// The latest applied posts. A post is known by a keyed digest of 64 bits.
#[derive(Debug)]
pub struct AppliedPosts {
    /// How many are known.
    latest: u64,
    /// How many were applied so far.
    applied: AtomicU64,
    shards: [Shard; SHARDS],
    key: RandomState,
}

/// The posts of which the digests are alike.
#[derive(Debug, Default)]
struct Shard {
    posts: Mutex<Posts>,
    /// A post is under way no longer.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Posts {
    /// By digest; of one that came again, the latest time.
    applied: HashMap<u64, Applied>,
    /// Number and digest in the order of the numbers. What is forgotten goes with the next that
    /// comes: since digests are keyed, nobody can choose that only one shard gets some.
    order: VecDeque<(u64, u64)>,
    /// The digests of those that are being sent: of each thread one at most.
    under_way: Vec<u64>,
}

/// An applied post: its number, and whether an attempt that it overtook may still come. In one word,
/// since there are many.
#[derive(Debug, Clone, Copy)]
struct Applied(u64);

/// A post by one call of an SDK, whichever of its attempts makes it.
#[derive(Debug, Clone, Copy)]
pub struct Invocation(u64);

/// One attempt of it.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// The call.
    pub invocation: Invocation,
    /// Whether the SDK made the call before.
    pub is_retry: bool,
}

/// An attempt that is being sent; dropped, it lets the others of its call go on.
struct UnderWay<'a> {
    posts: &'a AppliedPosts,
    attempt: Attempt,
    is_applied: bool,
}

impl Applied {
    const IS_RETRY: u64 = 1;

    fn new(number: u64, is_retry: bool) -> Self {
        Self((number << 1) | u64::from(is_retry))
    }

    fn number(self) -> u64 {
        self.0 >> 1
    }

    /// Whether a first attempt was overtaken by this, which happens once.
    fn overtakes(&mut self) -> bool {
        let overtakes = self.0 & Self::IS_RETRY != 0;
        self.0 &= !Self::IS_RETRY;
        overtakes
    }
}

impl AppliedPosts {
    /// A memory of so many posts; with 0 of none.
    pub fn new(latest: usize) -> Self {
        Self {
            latest: latest as u64,
            applied: AtomicU64::new(0),
            shards: std::array::from_fn(|_| Shard::default()),
            key: RandomState::new(),
        }
    }

    /// The post of `bytes` to `connection` by the call `invocation_id`, which SDKs send as
    /// `amz-sdk-invocation-id` with each attempt.
    pub fn invocation(
        &self,
        connection: &ConnectionId,
        invocation_id: &[u8],
        bytes: usize,
    ) -> Invocation {
        Invocation(self.key.hash_one((connection, invocation_id, bytes)))
    }

    /// How many posts are known no longer, since so many came after them.
    pub fn forgotten(&self) -> u64 {
        self.applied
            .load(Ordering::Relaxed)
            .saturating_sub(self.latest)
    }

    /// Sends what an attempt asks for, unless its call was applied by another: by one before it, or by
    /// one behind it that was quicker, since networks overtake. Attempts of one call wait for each
    /// other, and for those of no other call.
    ///
    /// # Errors
    /// That of `send`; then nothing is applied.
    pub fn once<E>(
        &self,
        attempt: Option<Attempt>,
        send: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(attempt) = attempt.filter(|_| self.latest > 0) else {
            return send();
        };
        let Some(mut under_way) = self.begin(attempt) else {
            return Ok(());
        };
        send()?;
        under_way.is_applied = true;
        Ok(())
    }

    /// `None` for an attempt whose call was applied by another.
    fn begin(&self, attempt: Attempt) -> Option<UnderWay<'_>> {
        let Invocation(digest) = attempt.invocation;
        let shard = self.shard(digest);
        let mut posts = shard.posts.lock();
        while posts.under_way.contains(&digest) {
            shard.ended.wait(&mut posts);
        }
        if self.is_done(attempt, &mut posts) {
            return None;
        }
        posts.under_way.push(digest);
        Some(UnderWay {
            posts: self,
            attempt,
            is_applied: false,
        })
    }

    /// A first attempt is done only if a later one overtook it, and no other was taken for that since:
    /// who makes all calls with one id means them all.
    fn is_done(&self, attempt: Attempt, posts: &mut Posts) -> bool {
        let Invocation(digest) = attempt.invocation;
        let is_retry = attempt.is_retry && !is_broken(Variant::RepeatedPost);
        let applied = posts.applied.get_mut(&digest);
        applied.is_some_and(|post| self.is_known(*post) && (is_retry || post.overtakes()))
    }

    /// Under the lock of its shard, in which the numbers so grow.
    fn applied(&self, attempt: Attempt, posts: &mut Posts) {
        let Invocation(digest) = attempt.invocation;
        let number = self.applied.fetch_add(1, Ordering::Relaxed);
        while let Some(&(oldest, of)) = posts.order.front()
            && number - oldest >= self.latest
        {
            posts.order.pop_front();
            // One that came again is known by its later number.
            let post = posts.applied.get(&of);
            if post.is_some_and(|post| post.number() == oldest) {
                posts.applied.remove(&of);
            }
        }
        posts.order.push_back((number, digest));
        let post = Applied::new(number, attempt.is_retry);
        posts.applied.insert(digest, post);
    }

    fn is_known(&self, post: Applied) -> bool {
        self.applied.load(Ordering::Relaxed) - post.number() <= self.latest
    }

    fn shard(&self, digest: u64) -> &Shard {
        // Less than `SHARDS`.
        let [lowest, ..] = digest.to_le_bytes();
        &self.shards[usize::from(lowest) % SHARDS]
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let Invocation(digest) = self.attempt.invocation;
        let shard = self.posts.shard(digest);
        let mut posts = shard.posts.lock();
        if self.is_applied {
            self.posts.applied(self.attempt, &mut posts);
        }
        posts.under_way.retain(|under_way| *under_way != digest);
        drop(posts);
        shard.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{atomic::AtomicUsize, mpsc},
        thread,
        time::Duration,
    };

    use super::*;

    impl AppliedPosts {
        /// Whether a retry would be sent, without that it counts.
        fn knows(&self, Invocation(digest): Invocation) -> bool {
            let posts = self.shard(digest).posts.lock();
            let post = posts.applied.get(&digest);
            post.is_some_and(|post| self.is_known(*post))
        }

        /// Makes an attempt; gives whether it was sent.
        fn sends(&self, invocation: Invocation, is_retry: bool) -> bool {
            let mut is_sent = false;
            let attempt = Attempt {
                invocation,
                is_retry,
            };
            let sent: Result<(), ()> = self.once(Some(attempt), || {
                is_sent = true;
                Ok(())
            });
            sent.is_ok() && is_sent
        }
    }

    #[test]
    fn of_the_attempts_of_a_call_one_is_sent_whichever_comes_first() {
        let posts = AppliedPosts::new(100);
        let id = ConnectionId::from_bytes([1; 13]);
        let call = |name: &[u8]| posts.invocation(&id, name, 3);
        assert!(posts.sends(call(b"a"), false));
        assert!(!posts.sends(call(b"a"), true));
        // The second attempt overtook the first.
        assert!(posts.sends(call(b"b"), true));
        assert!(!posts.sends(call(b"b"), false));
        assert!(!posts.sends(call(b"b"), true));
        // A caller that gives all its calls one id.
        assert!(posts.sends(call(b"c"), false) && posts.sends(call(b"c"), false));
        // What failed was not applied.
        let attempt = |is_retry| Attempt {
            invocation: call(b"d"),
            is_retry,
        };
        assert_eq!(posts.once(Some(attempt(false)), || Err(())), Err(()));
        assert!(posts.sends(call(b"d"), true));
    }

    #[test]
    fn a_first_attempt_is_overtaken_once() {
        let posts = AppliedPosts::new(100);
        let id = ConnectionId::from_bytes([1; 13]);
        let call = posts.invocation(&id, b"a", 3);
        assert!(posts.sends(call, true));
        assert!(!posts.sends(call, false));
        assert!(!posts.sends(call, true));
        // A caller that gives all its calls one id: each is sent, and its retry is not.
        for _ in 0..3 {
            assert!(posts.sends(call, false));
            assert!(!posts.sends(call, true));
        }
    }

    #[test]
    fn a_post_counts_once_whichever_attempt_made_it() {
        let posts = AppliedPosts::new(2);
        let id = ConnectionId::from_bytes([1; 13]);
        let [late, next, last] = [b"a", b"b", b"c"].map(|call| posts.invocation(&id, call, 1));
        posts.sends(late, true);
        posts.sends(late, false);
        posts.sends(next, true);
        assert!(posts.knows(late) && posts.knows(next));
        assert_eq!(posts.forgotten(), 0);
        posts.sends(last, true);
        assert!(!posts.knows(late) && posts.knows(next) && posts.knows(last));
        assert_eq!(posts.forgotten(), 1);
        // Forgotten, it is neither answered nor an overtaken one.
        assert!(posts.sends(late, false) && posts.sends(late, false));
    }

    #[test]
    fn a_call_does_not_wait_for_another_of_its_shard() {
        let posts = AppliedPosts::new(100);
        let id = ConnectionId::from_bytes([1; 13]);
        let call = |number: usize| posts.invocation(&id, &number.to_le_bytes(), 3);
        let shard = |Invocation(digest)| std::ptr::from_ref(posts.shard(digest));
        let slow = call(0);
        let mut others = (1..100 * SHARDS).map(call);
        let other = others.find(|call| shard(*call) == shard(slow)).unwrap();
        let (begins, begun) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        thread::scope(|scope| {
            let posts = &posts;
            scope.spawn(move || {
                let attempt = Attempt {
                    invocation: slow,
                    is_retry: false,
                };
                posts.once(Some(attempt), || {
                    begins.send(()).unwrap();
                    ended.recv()
                })
            });
            begun.recv().unwrap();
            let (sends, sent) = mpsc::channel();
            scope.spawn(move || sends.send(posts.sends(other, false)));
            let sent = sent.recv_timeout(Duration::from_secs(10));
            end.send(()).unwrap();
            assert_eq!(sent, Ok(true));
        });
        assert!(posts.knows(slow));
    }

    #[test]
    fn of_attempts_at_once_one_is_sent() {
        let posts = AppliedPosts::new(100);
        let id = ConnectionId::from_bytes([1; 13]);
        for round in 0..500_usize {
            let invocation = posts.invocation(&id, &round.to_le_bytes(), 3);
            let sent = AtomicUsize::new(0);
            thread::scope(|scope| {
                for number in 1..=4 {
                    let (posts, sent) = (&posts, &sent);
                    scope.spawn(move || {
                        let attempt = Attempt {
                            invocation,
                            is_retry: number > 1,
                        };
                        posts.once(Some(attempt), || {
                            thread::yield_now();
                            // The first that comes fails.
                            let before = sent.fetch_add(1, Ordering::Relaxed);
                            (before > 0).then_some(()).ok_or(())
                        })
                    });
                }
            });
            assert_eq!(sent.into_inner(), 2, "round {round}");
        }
    }

    #[test]
    fn a_post_that_panics_was_not_applied_and_nobody_waits_for_it() {
        let posts = AppliedPosts::new(100);
        let invocation = posts.invocation(&ConnectionId::from_bytes([1; 13]), b"a", 3);
        let attempt = Attempt {
            invocation,
            is_retry: false,
        };
        let post = || posts.once(Some(attempt), || -> Result<(), ()> { panic!("told") });
        assert!(catch_unwind(AssertUnwindSafe(post)).is_err());
        assert!(posts.sends(invocation, true));
    }

    #[test]
    fn only_the_same_post_by_the_same_call_was_applied() {
        let posts = AppliedPosts::new(1 << 16);
        let [one, other] = [[1; 13], [2; 13]].map(ConnectionId::from_bytes);
        let applied = posts.invocation(&one, b"call", 3);
        assert!(!posts.knows(applied));
        posts.sends(applied, false);
        assert!(posts.knows(posts.invocation(&one, b"call", 3)));
        for different in [
            posts.invocation(&other, b"call", 3),
            posts.invocation(&one, b"another", 3),
            posts.invocation(&one, b"call", 4),
        ] {
            assert!(!posts.knows(different));
        }
    }

    #[test]
    fn a_memory_without_places_remembers_nothing_and_a_small_one_forgets() {
        let id = ConnectionId::from_bytes([1; 13]);
        let none = AppliedPosts::new(0);
        let post = none.invocation(&id, b"call", 3);
        none.sends(post, false);
        assert!(!none.knows(post));
        let small = AppliedPosts::new(1);
        let [first, second] = [b"a", b"b"].map(|call| small.invocation(&id, call, 1));
        small.sends(first, false);
        small.sends(second, false);
        assert!(!small.knows(first) && small.knows(second));
    }

    #[test]
    fn the_latest_are_known_to_the_last_and_the_memory_of_the_others_is_given_back() {
        const LATEST: usize = 1000;
        let posts = AppliedPosts::new(LATEST);
        let id = ConnectionId::from_bytes([1; 13]);
        let call = |number: usize| posts.invocation(&id, &number.to_le_bytes(), 1);
        for number in 0..20 * LATEST {
            posts.sends(call(number), false);
        }
        for number in 0..19 * LATEST {
            assert!(!posts.knows(call(number)), "{number}");
        }
        for number in 19 * LATEST..20 * LATEST {
            assert!(posts.knows(call(number)), "{number}");
        }
        let kept = |shard: &Shard| shard.posts.lock().order.len();
        assert!(posts.shards.iter().map(kept).sum::<usize>() < 2 * LATEST);
        // One that is applied once more is among the latest again.
        posts.sends(call(0), false);
        for number in 1..LATEST {
            posts.sends(call(number), false);
        }
        assert!(posts.knows(call(0)));
        posts.sends(call(LATEST), false);
        assert!(!posts.knows(call(0)));
    }
}
