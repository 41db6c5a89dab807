//! Who calls, and whether they may: access keys, the verification of signatures, policies.
//!
//! A request is *identified* by its headers, before its body is read, and *verified* with it:
//! [`Auth::identify`], then [`Identified::verify`], which alone makes a [`Caller`].

mod access_key;
mod caller;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use gatepost_model::principal::{Principal, PrincipalKind};
use gatepost_wire::sigv4::{Claim, Expected, ScopedClaim, SigV4Error, SignedRequest};

pub use self::{
    access_key::{AccessKey, AccessKeys},
    caller::{Caller, RequestFacts},
};

/// `[auth] mode`: how requests prove who they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// `off`: signatures are not verified, and everybody may do everything.
    Off,
    /// `sigv4`: requests are signed with a known access key, whose policies decide.
    SigV4,
}

/// What verifies requests.
#[derive(Debug)]
pub struct Auth {
    mode: AuthMode,
    region: Box<str>,
    account_id: Box<str>,
    access_keys: Arc<AccessKeys>,
}

/// A request as it is known before its body: nothing of it may be believed yet.
#[derive(Debug)]
pub struct Identified<'a>(Identity<'a>);

#[derive(Debug)]
enum Identity<'a> {
    Unverified(Caller),
    Claimed {
        claim: ScopedClaim,
        access_key: Arc<AccessKey>,
        region: &'a str,
        service: &'a str,
    },
}

impl Auth {
    /// Verifies requests to this region and account by these keys.
    pub fn new(
        mode: AuthMode,
        region: impl Into<Box<str>>,
        account_id: impl Into<Box<str>>,
        access_keys: Arc<AccessKeys>,
    ) -> Self {
        Self {
            mode,
            region: region.into(),
            account_id: account_id.into(),
            access_keys,
        }
    }

    /// How requests prove who they come from.
    pub fn mode(&self) -> AuthMode {
        self.mode
    }

    /// The region that signatures must be for.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The account of this endpoint.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// Identifies a request to `service`, the signing name of this endpoint. `now` is in seconds
    /// since the epoch. Under `off` a request need not be signed.
    ///
    /// # Errors
    /// [`SigV4Error`] for everything that can be wrong before the body is known.
    pub fn identify<'a>(
        &'a self,
        request: &SignedRequest<'_>,
        service: &'a str,
        now: u64,
    ) -> Result<Identified<'a>, SigV4Error> {
        match self.mode {
            AuthMode::Off => {
                let claim = Claim::of(request).ok();
                Ok(Identified(Identity::Unverified(self.unverified(claim))))
            }
            AuthMode::SigV4 => self.claimed(Claim::of(request)?, service, now),
        }
    }

    /// Identifies a request to what is protected by `AWS_IAM`, which must be signed also under
    /// `off`, although the signature is not verified then (contract, "Configuration").
    ///
    /// # Errors
    /// As [`Auth::identify`].
    pub fn identify_signed<'a>(
        &'a self,
        request: &SignedRequest<'_>,
        service: &'a str,
        now: u64,
    ) -> Result<Identified<'a>, SigV4Error> {
        let claim = Claim::of(request)?;
        match self.mode {
            AuthMode::Off => Ok(Identified(Identity::Unverified(
                self.unverified(Some(claim)),
            ))),
            AuthMode::SigV4 => self.claimed(claim, service, now),
        }
    }

    fn claimed<'a>(
        &'a self,
        claim: Claim,
        service: &'a str,
        now: u64,
    ) -> Result<Identified<'a>, SigV4Error> {
        let claim = claim.check(&Expected {
            region: &self.region,
            service,
            now,
        })?;
        let access_key = self
            .access_keys
            .get(claim.access_key_id())
            .ok_or(SigV4Error::UnrecognizedClient)?;
        Ok(Identified(Identity::Claimed {
            claim,
            access_key,
            region: &self.region,
            service,
        }))
    }

    /// Who it may be; whom nobody knows is the account itself.
    fn unverified(&self, claim: Option<Claim>) -> Caller {
        let access_key_id = claim.map(|claim| claim.access_key_id().to_owned());
        let known = access_key_id
            .as_deref()
            .and_then(|id| self.access_keys.get(id));
        let principal = match known {
            Some(access_key) => access_key.principal().clone(),
            None => Principal::new(self.account_id.clone(), PrincipalKind::Root),
        };
        Caller::unverified(access_key_id, principal)
    }
}

impl Identified<'_> {
    /// Verifies the signature over the request with its whole body.
    ///
    /// # Errors
    /// [`SigV4Error`] when the session token or the signature is another.
    pub fn verify(self, request: &SignedRequest<'_>, payload: &[u8]) -> Result<Caller, SigV4Error> {
        match self.0 {
            Identity::Unverified(caller) => Ok(caller),
            Identity::Claimed {
                claim,
                access_key,
                region,
                service,
            } => {
                let signing_key = access_key.signing_key(claim.day(), region, service);
                claim.verify(request, payload, &signing_key, access_key.session_token())?;
                Ok(Caller::verified(access_key))
            }
        }
    }
}
