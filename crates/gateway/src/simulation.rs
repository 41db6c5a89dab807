//! The seams of `tests/simulation`, which plays this crate's code with time and faults from a seed: it
//! replaces the clock, randomness, sockets and the disk's thread. They are there with the feature
//! `simulation` only, and do something only on a thread that simulates.

#[cfg(feature = "simulation")]
mod replaced;
#[cfg(feature = "simulation")]
mod socket;

#[cfg(feature = "simulation")]
pub use replaced::{
    Replaced, disk_has_work, is_on, moment, random_bytes, replace, restore, set_clock,
};
#[cfg(feature = "simulation")]
pub use socket::{ClientEnd, Network, Socket, Written};

/// A fault that is built in on purpose, to see that the simulation finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// A post is answered 200 when its outbox is full, and is in none.
    LostPost,
    /// What waits in an outbox is overtaken.
    OvertakingPost,
    /// An SDK's second attempt is sent again.
    RepeatedPost,
    /// A post for a connection whose client has its `101` may be told that it is not established.
    HastyGone,
    /// What is sent to a connection that closes goes out behind its close frame.
    SentBehindClose,
    /// The journal is not synced before `$connect` is called.
    UnsyncedJournal,
    /// A `$disconnect` that is delivered again has another request id.
    NewRequestId,
    /// A `$disconnect` that is delivered is not struck out of the journal.
    UnstruckJournal,
    /// A drain does not wait for what it owes.
    HastyDrain,
}

/// Whether this is built in.
#[cfg(not(feature = "simulation"))]
pub(crate) const fn is_broken(_: Variant) -> bool {
    false
}

/// Whether this is built in.
#[cfg(feature = "simulation")]
pub fn is_broken(variant: Variant) -> bool {
    replaced::variant() == Some(variant)
}
