//! How fast one client may send, where `[limits]` says so.

use gatepost_model::{
    limits::Limits,
    throttle::{RateLimit, TokenBucket},
};

use crate::{admission::TooMany, clock};

/// The buckets of a connection: a second's worth each.
#[derive(Debug)]
pub(super) struct Pace {
    messages: Option<TokenBucket>,
    bytes: Option<TokenBucket>,
}

impl Pace {
    /// Full buckets; `None` when nothing is limited.
    pub fn new(limits: &Limits) -> Option<Self> {
        let (messages, bytes) = (limits.messages_per_second, limits.bytes_per_second);
        if messages.is_none() && bytes.is_none() {
            return None;
        }
        let bucket = |rate: u32, burst: u32| {
            TokenBucket::new(RateLimit {
                rate: rate.into(),
                burst,
            })
        };
        let greatest = u32::try_from(limits.max_message_bytes).unwrap_or(u32::MAX);
        Some(Self {
            messages: messages.map(|rate| bucket(rate, rate)),
            // One that could not hold the greatest message would never let it pass.
            bytes: bytes.map(|rate| bucket(rate, rate.max(greatest))),
        })
    }

    /// Counts a message of so many bytes.
    pub fn pass(&self, bytes: usize) -> Result<(), TooMany> {
        let now = clock::uptime();
        let taken = |bucket: &Option<TokenBucket>, tokens: u32| {
            bucket.as_ref().is_none_or(|it| it.take_many(tokens, now))
        };
        if !taken(&self.messages, 1) {
            return Err(TooMany("messages_per_second"));
        }
        if !taken(&self.bytes, u32::try_from(bytes).unwrap_or(u32::MAX)) {
            return Err(TooMany("bytes_per_second"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_bytes_are_each_limited_and_the_greatest_message_passes() {
        let limits = |messages, bytes| Limits {
            messages_per_second: messages,
            bytes_per_second: bytes,
            max_message_bytes: 1000,
            ..Limits::default()
        };
        assert!(Pace::new(&limits(None, None)).is_none());
        let messages = Pace::new(&limits(Some(2), None)).unwrap();
        let passed = [1000, 1000, 1].map(|bytes| messages.pass(bytes));
        assert_eq!(
            passed,
            [Ok(()), Ok(()), Err(TooMany("messages_per_second"))]
        );
        let bytes = Pace::new(&limits(None, Some(10))).unwrap();
        assert_eq!(bytes.pass(1000), Ok(()));
        assert_eq!(bytes.pass(500), Err(TooMany("bytes_per_second")));
    }
}
