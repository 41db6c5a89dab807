//! Who may connect while there are so many: connections in all, of one API and from one address, and
//! handshakes under way. Who may not is refused before anything is done or kept for him.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::atomic::{AtomicUsize, Ordering},
};

use gatepost_model::{ApiId, limits::Limits};
use parking_lot::Mutex;

/// The counts, and what they may be.
#[derive(Debug)]
pub struct Admission {
    connections: AtomicUsize,
    handshakes: AtomicUsize,
    max_connections: usize,
    max_handshakes: usize,
    by_api: Option<Counts<ApiId>>,
    by_address: Option<Counts<Address>>,
}

/// Connections by something, where that is limited.
#[derive(Debug)]
struct Counts<K> {
    max: usize,
    counts: Mutex<HashMap<K, usize>>,
}

/// Whom an address stands for: of IPv6 whoever has one address has the 64 bits behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Address(Option<IpAddr>);

/// What there is too much of: the key of `[limits]` that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany(pub &'static str);

impl<K: Hash + Eq> Counts<K> {
    fn new(max: Option<usize>) -> Option<Self> {
        max.map(|max| Self {
            max,
            counts: Mutex::default(),
        })
    }

    fn enter(&self, key: K) -> bool {
        let mut counts = self.counts.lock();
        let count = counts.entry(key).or_default();
        let fits = *count < self.max;
        *count += usize::from(fits);
        fits
    }

    fn leave(&self, key: K) {
        if let Entry::Occupied(mut count) = self.counts.lock().entry(key) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl Address {
    fn of(source_ip: &str) -> Self {
        Self(source_ip.parse().ok().map(|ip| match ip {
            IpAddr::V6(ip) => {
                let network = u128::from(ip) >> 64 << 64;
                Ipv6Addr::from(network).into()
            }
            v4 @ IpAddr::V4(_) => v4,
        }))
    }
}

impl Admission {
    /// Nobody is connected.
    pub fn new(limits: &Limits) -> Self {
        Self {
            connections: AtomicUsize::new(0),
            handshakes: AtomicUsize::new(0),
            max_connections: limits.max_connections.unwrap_or(usize::MAX),
            max_handshakes: limits.max_handshakes,
            by_api: Counts::new(limits.max_connections_per_api),
            by_address: Counts::new(limits.max_connections_per_address),
        }
    }

    /// Lets a handshake begin, which counts as a connection from now on: until [`Self::answered`] and
    /// [`Self::left`].
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn enter(&self, api_id: &ApiId, source_ip: &str) -> Result<(), TooMany> {
        take(&self.handshakes, self.max_handshakes, "max_handshakes")?;
        let entered = take(&self.connections, self.max_connections, "max_connections");
        let entered = entered.and_then(|()| {
            self.enter_counts(api_id, source_ip).inspect_err(|_| {
                self.connections.fetch_sub(1, Ordering::AcqRel);
            })
        });
        entered.inspect_err(|_| self.answered())
    }

    fn enter_counts(&self, api_id: &ApiId, source_ip: &str) -> Result<(), TooMany> {
        if let Some(by_address) = &self.by_address
            && !by_address.enter(Address::of(source_ip))
        {
            return Err(TooMany("max_connections_per_address"));
        }
        if let Some(by_api) = &self.by_api
            && !by_api.enter(api_id.clone())
        {
            if let Some(by_address) = &self.by_address {
                by_address.leave(Address::of(source_ip));
            }
            return Err(TooMany("max_connections_per_api"));
        }
        Ok(())
    }

    /// The handshake of a connection has its answer.
    pub fn answered(&self) {
        self.handshakes.fetch_sub(1, Ordering::AcqRel);
    }

    /// A connection is no more.
    pub fn left(&self, api_id: &ApiId, source_ip: &str) {
        self.connections.fetch_sub(1, Ordering::AcqRel);
        if let Some(by_api) = &self.by_api {
            by_api.leave(api_id.clone());
        }
        if let Some(by_address) = &self.by_address {
            by_address.leave(Address::of(source_ip));
        }
    }

    /// Connections that handshake, are open or close.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }

    /// Handshakes under way.
    pub fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::Acquire)
    }
}

fn take(count: &AtomicUsize, max: usize, limit: &'static str) -> Result<(), TooMany> {
    let more = |count| (count < max).then_some(count + 1);
    let taken = count.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
    taken.map(drop).map_err(|_| TooMany(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(limits: &Limits) -> Admission {
        Admission::new(limits)
    }

    #[test]
    fn who_leaves_makes_room_and_who_is_refused_takes_none() {
        let admission = admission(&Limits {
            max_connections: Some(3),
            max_connections_per_api: Some(2),
            max_connections_per_address: Some(1),
            ..Limits::default()
        });
        let (one, other) = (ApiId::from("one"), ApiId::from("other"));
        let enter = |api: &ApiId, ip| admission.enter(api, ip).map_err(|TooMany(limit)| limit);
        assert_eq!(enter(&one, "192.0.2.1"), Ok(()));
        for _ in 0..10 {
            assert_eq!(enter(&one, "192.0.2.1"), Err("max_connections_per_address"));
        }
        assert_eq!(enter(&one, "192.0.2.2"), Ok(()));
        for _ in 0..10 {
            assert_eq!(enter(&one, "192.0.2.3"), Err("max_connections_per_api"));
        }
        assert_eq!(enter(&other, "192.0.2.3"), Ok(()));
        assert_eq!(enter(&other, "192.0.2.4"), Err("max_connections"));
        admission.left(&one, "192.0.2.1");
        assert_eq!(enter(&one, "192.0.2.1"), Ok(()));
        assert_eq!(admission.handshakes(), 4);
    }

    #[test]
    fn handshakes_are_counted_until_they_are_answered() {
        let admission = admission(&Limits {
            max_handshakes: 1,
            ..Limits::default()
        });
        let api = ApiId::from("api");
        assert_eq!(admission.enter(&api, "::1"), Ok(()));
        assert_eq!(admission.enter(&api, "::1"), Err(TooMany("max_handshakes")));
        admission.answered();
        assert_eq!(admission.enter(&api, "::1"), Ok(()));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let admission = admission(&Limits {
            max_connections_per_address: Some(1),
            ..Limits::default()
        });
        let api = ApiId::from("api");
        assert_eq!(admission.enter(&api, "2001:db8:0:1::1"), Ok(()));
        assert!(admission.enter(&api, "2001:db8:0:1:ffff::2").is_err());
        assert_eq!(admission.enter(&api, "2001:db8:0:2::1"), Ok(()));
    }
}
