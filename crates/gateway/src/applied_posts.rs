//! Which posts were applied, so that the retry of an SDK whose first answer was lost is answered
//! and not sent a second time.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::atomic::{AtomicU64, Ordering},
};

use gatepost_model::connection_id::ConnectionId;

/// The applied posts, the latest of each place. Memory is bounded: a newer post takes the place of
/// an older one, which then is forgotten. A post is known by a keyed digest of 64 bits.
#[derive(Debug)]
pub struct AppliedPosts {
    places: Box<[AtomicU64]>,
    key: RandomState,
}

/// A post by one call of an SDK, whichever of its attempts makes it.
#[derive(Debug, Clone, Copy)]
pub struct Invocation(u64);

impl AppliedPosts {
    /// A memory of so many posts; with 0 of none.
    pub fn new(places: usize) -> Self {
        Self {
            places: (0..places).map(|_| AtomicU64::new(0)).collect(),
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
        // 0 is an empty place.
        Invocation(self.key.hash_one((connection, invocation_id, bytes)) | 1)
    }

    /// It was applied.
    pub fn applied(&self, Invocation(digest): Invocation) {
        if let Some(place) = self.place(digest) {
            place.store(digest, Ordering::Release);
        }
    }

    /// Whether it was applied before; `false` also when that is forgotten.
    pub fn was_applied(&self, Invocation(digest): Invocation) -> bool {
        self.place(digest)
            .is_some_and(|place| place.load(Ordering::Acquire) == digest)
    }

    fn place(&self, digest: u64) -> Option<&AtomicU64> {
        // The upper half: the lowest bit is always set.
        let upper = usize::try_from(digest >> 32).unwrap_or(usize::MAX);
        self.places.get(upper.checked_rem(self.places.len())?)
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
}
