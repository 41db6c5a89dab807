//! Throttling (data-plane spec 10): a route's own rate, then what all APIs of the account share. The
//! narrower limit comes first, so that a client who exceeds it takes nothing from the others. What
//! nobody limits costs a look at an `Option`.

use std::sync::Arc;

use gatepost_model::{
    fault::{Fault, FaultKind},
    limits::Limits,
    throttle::{RateLimit, TokenBucket},
};

use crate::{clock, deployed::DeployedRoute};

/// What all APIs share: the account's rates, which only `[limits]` sets.
#[derive(Debug)]
pub struct AccountThrottle {
    /// Handshakes, messages and calls of `@connections`.
    requests: Option<TokenBucket>,
    /// Handshakes.
    new_connections: Option<TokenBucket>,
}

/// 429: there are more requests than a limit allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Throttled(String);

impl Throttled {
    /// A client sends faster than this key of `[limits]` allows.
    pub(super) fn of_client(limit: &str) -> Self {
        Self(format!(
            "The client sends more than [limits] {limit} allows"
        ))
    }
}

impl AccountThrottle {
    /// Full buckets for the account's limits.
    pub fn new(limits: &Limits) -> Self {
        let per_second = limits.new_connections_per_second;
        Self {
            requests: limits.account_throttle.limit().map(TokenBucket::new),
            new_connections: per_second.map(|per_second| {
                TokenBucket::new(RateLimit {
                    rate: per_second.into(),
                    burst: per_second,
                })
            }),
        }
    }

    /// Lets a handshake pass; there may be no `$connect` route.
    ///
    /// # Errors
    /// [`Throttled`].
    pub fn pass_handshake(&self, route: Option<&DeployedRoute>) -> Result<(), Throttled> {
        pass_route(route)?;
        take(self.new_connections.as_ref(), || {
            "new connections".to_owned()
        })?;
        self.pass_call()
    }

    /// Lets a message pass; it may have selected no route.
    ///
    /// # Errors
    /// [`Throttled`].
    pub fn pass_message(&self, route: Option<&DeployedRoute>) -> Result<(), Throttled> {
        pass_route(route)?;
        self.pass_call()
    }

    /// Lets a call of `@connections` pass.
    ///
    /// # Errors
    /// [`Throttled`].
    pub fn pass_call(&self) -> Result<(), Throttled> {
        take(self.requests.as_ref(), || {
            "requests of the account".to_owned()
        })
    }
}

fn pass_route(route: Option<&DeployedRoute>) -> Result<(), Throttled> {
    let Some(route) = route else {
        return Ok(());
    };
    take(route.throttle.as_deref(), || {
        format!("route {}", route.route_key)
    })
}

/// Takes a token, if there is a bucket; `of_what` the limit is, for the log.
pub(super) fn take(
    bucket: Option<&TokenBucket>,
    of_what: impl FnOnce() -> String,
) -> Result<(), Throttled> {
    match bucket {
        Some(bucket) if !bucket.take(clock::uptime()) => {
            let RateLimit { rate, burst } = bucket.limit();
            Err(Throttled(format!(
                "Key throttle limit exceeded for {}. Limit: {rate:.2} Burst: {burst}",
                of_what()
            )))
        }
        _ => Ok(()),
    }
}

impl From<Throttled> for Fault {
    fn from(Throttled(detail): Throttled) -> Self {
        Self::new(FaultKind::Throttled, detail)
    }
}

/// The bucket of a route, which outlives a redeployment.
pub(crate) fn route_bucket(
    limit: Option<RateLimit>,
    before: Option<&DeployedRoute>,
) -> Option<Arc<TokenBucket>> {
    let before = before.and_then(|route| route.throttle.as_ref());
    limit.map(|limit| TokenBucket::successor(before, limit, clock::uptime()))
}
