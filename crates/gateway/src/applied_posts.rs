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

    /// Whether an attempt needs nothing but its answer: its call made it before, and was applied.
    pub fn is_done(&self, attempt: Attempt) -> bool {
        attempt.is_retry
            && !is_broken(Variant::RepeatedPost)
            && self.was_applied(attempt.invocation)
    }

    /// A post was applied, which was this attempt if it was one.
    pub fn note(&self, attempt: Option<Attempt>) {
        if let Some(attempt) = attempt {
            self.applied(attempt.invocation);
        }
    }

    /// How many posts are known no longer, since so many came after them.
    pub fn forgotten(&self) -> u64 {
        self.applied
            .load(Ordering::Relaxed)
            .saturating_sub(self.latest)
    }

    fn applied(&self, Invocation(digest): Invocation) {
        if self.latest == 0 {
            return;
        }
        let mut shard = self.shard(digest).lock();
        // Under the lock: in a shard the numbers grow.
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

    fn was_applied(&self, Invocation(digest): Invocation) -> bool {
        let shard = self.shard(digest).lock();
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

    #[test]
    fn only_the_same_post_by_the_same_call_was_applied() {
        let posts = AppliedPosts::new(1 << 16);
        let [one, other] = [[1; 13], [2; 13]].map(ConnectionId::from_bytes);
        let applied = posts.invocation(&one, b"call", 3);
        assert!(!posts.was_applied(applied));
        posts.applied(applied);
        assert!(posts.was_applied(posts.invocation(&one, b"call", 3)));
        for different in [
            posts.invocation(&other, b"call", 3),
            posts.invocation(&one, b"another", 3),
            posts.invocation(&one, b"call", 4),
        ] {
            assert!(!posts.was_applied(different));
        }
    }

    #[test]
    fn a_memory_without_places_remembers_nothing_and_a_small_one_forgets() {
        let id = ConnectionId::from_bytes([1; 13]);
        let none = AppliedPosts::new(0);
        let post = none.invocation(&id, b"call", 3);
        none.applied(post);
        assert!(!none.was_applied(post));
        let small = AppliedPosts::new(1);
        let [first, second] = [b"a", b"b"].map(|call| small.invocation(&id, call, 1));
        small.applied(first);
        small.applied(second);
        assert!(!small.was_applied(first) && small.was_applied(second));
    }

    #[test]
    fn the_latest_are_known_to_the_last_and_the_memory_of_the_others_is_given_back() {
        const LATEST: usize = 1000;
        let posts = AppliedPosts::new(LATEST);
        let id = ConnectionId::from_bytes([1; 13]);
        let call = |number: usize| posts.invocation(&id, &number.to_le_bytes(), 1);
        for number in 0..20 * LATEST {
            posts.applied(call(number));
        }
        for number in 0..19 * LATEST {
            assert!(!posts.was_applied(call(number)), "{number}");
        }
        for number in 19 * LATEST..20 * LATEST {
            assert!(posts.was_applied(call(number)), "{number}");
        }
        let kept = |shard: &Mutex<Shard>| shard.lock().order.len();
        assert!(posts.shards.iter().map(kept).sum::<usize>() < 2 * LATEST);
        // One that is applied once more is among the latest again.
        posts.applied(call(0));
        for number in 1..LATEST {
            posts.applied(call(number));
        }
        assert!(posts.was_applied(call(0)));
        posts.applied(call(LATEST));
        assert!(!posts.was_applied(call(0)));
    }
}
