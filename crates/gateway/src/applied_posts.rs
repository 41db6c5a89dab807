//! Which posts were applied, so that the retry of an SDK whose first answer was lost is answered
//! and not sent a second time.

use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
    sync::atomic::{AtomicU64, Ordering},
};

use gatepost_model::connection_id::ConnectionId;
use parking_lot::Mutex;

use crate::simulation::{Variant, is_broken};

/// So that posts by many do not wait for each other.
const SHARDS: usize = 64;
/// Turns the digest of a call into that of its being applied by another attempt than the first. The
/// lowest byte stays, which chooses the shard.
const BY_A_RETRY: u64 = 0x5bd1_e995_7f4a_7c00;

/// The latest applied posts. A post is known by a keyed digest of 64 bits.
#[derive(Debug)]
pub struct AppliedPosts {
    /// How many are known.
    latest: u64,
    /// How many were applied so far.
    applied: AtomicU64,
    shards: [Mutex<Shard>; SHARDS],
    key: RandomState,
}

/// The posts of which the digests are alike.
#[derive(Debug, Default)]
struct Shard {
    /// Each with its number, that of the latest time.
    numbers: HashMap<u64, u64>,
    /// Number and digest in the order of the numbers. What is forgotten goes with the next that
    /// comes: since digests are keyed, nobody can choose that only one shard gets some.
    order: VecDeque<(u64, u64)>,
}

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

impl AppliedPosts {
    /// A memory of so many posts; with 0 of none.
    pub fn new(latest: usize) -> Self {
        Self {
            latest: latest as u64,
            applied: AtomicU64::new(0),
            shards: std::array::from_fn(|_| Mutex::default()),
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
    /// other.
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
        let Invocation(digest) = attempt.invocation;
        let mut shard = self.shard(digest).lock();
        if self.is_done(attempt, &shard) {
            return Ok(());
        }
        send()?;
        self.applied(digest, &mut shard);
        if attempt.is_retry {
            self.applied(digest ^ BY_A_RETRY, &mut shard);
        }
        Ok(())
    }

    /// A first attempt is done only if a later one was applied: who makes all calls with one id
    /// means them all.
    fn is_done(&self, attempt: Attempt, shard: &Shard) -> bool {
        let Invocation(digest) = attempt.invocation;
        let is_retry = attempt.is_retry && !is_broken(Variant::RepeatedPost);
        is_retry && self.was_applied(digest, shard) || self.was_applied(digest ^ BY_A_RETRY, shard)
    }

    /// Under the lock of its shard, in which the numbers so grow.
    fn applied(&self, digest: u64, shard: &mut Shard) {
        let number = self.applied.fetch_add(1, Ordering::Relaxed);
        while let Some(&(oldest, of)) = shard.order.front()
            && number - oldest >= self.latest
        {
            shard.order.pop_front();
            // One that came again is known by its later number.
            if shard.numbers.get(&of) == Some(&oldest) {
                shard.numbers.remove(&of);
            }
        }
        shard.order.push_back((number, digest));
        shard.numbers.insert(digest, number);
    }

    fn was_applied(&self, digest: u64, shard: &Shard) -> bool {
        let number = shard.numbers.get(&digest);
        let applied = self.applied.load(Ordering::Relaxed);
        number.is_some_and(|number| applied - number <= self.latest)
    }

    fn shard(&self, digest: u64) -> &Mutex<Shard> {
        // Less than `SHARDS`.
        let [lowest, ..] = digest.to_le_bytes();
        &self.shards[usize::from(lowest) % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl AppliedPosts {
        /// Whether a retry would be sent, without that it counts.
        fn knows(&self, Invocation(digest): Invocation) -> bool {
            self.was_applied(digest, &self.shard(digest).lock())
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
        let kept = |shard: &Mutex<Shard>| shard.lock().order.len();
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
