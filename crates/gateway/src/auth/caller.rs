//! The caller of a request, once it is verified or need not be.

use std::{net::IpAddr, sync::Arc};

use gatepost_model::{principal::Principal, request_context::Signer};
use gatepost_wire::iam_policy::{AuthorizationRequest, Denial, RequestKeys};

use super::AccessKey;

/// Who makes a request. Only [`super::Identified::verify`] makes one.
#[derive(Debug, Clone)]
pub struct Caller(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// Nothing is verified under `off`.
    Unverified {
        access_key_id: Option<Box<str>>,
        principal: Principal,
    },
    Verified(Arc<AccessKey>),
}

/// What of a request policies may ask about, besides the caller.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts<'a> {
    /// The client's address.
    pub source_ip: Option<IpAddr>,
    /// `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// `Referer`.
    pub referer: Option<&'a str>,
    /// Whether it came over TLS.
    pub secure_transport: bool,
    /// The region it came to.
    pub region: &'a str,
    /// Milliseconds since the epoch.
    pub now_ms: u64,
}

impl<'a> RequestFacts<'a> {
    /// The facts as condition keys; a client without signature has no principal.
    pub fn keys(&self, principal: Option<&'a Principal>) -> RequestKeys<'a> {
        RequestKeys {
            principal,
            source_ip: self.source_ip,
            user_agent: self.user_agent,
            referer: self.referer,
            secure_transport: self.secure_transport,
            region: self.region,
            now_ms: self.now_ms,
        }
    }
}

impl Caller {
    pub(super) fn unverified(access_key_id: Option<String>, principal: Principal) -> Self {
        Self(Kind::Unverified {
            access_key_id: access_key_id.map(Into::into),
            principal,
        })
    }

    pub(super) fn verified(access_key: Arc<AccessKey>) -> Self {
        Self(Kind::Verified(access_key))
    }

    /// Whether its policies decide; under `off` everybody may do everything.
    pub fn is_verified(&self) -> bool {
        matches!(self.0, Kind::Verified(_))
    }

    /// Who it is; under `off`, who it may be.
    pub fn principal(&self) -> &Principal {
        match &self.0 {
            Kind::Unverified { principal, .. } => principal,
            Kind::Verified(access_key) => access_key.principal(),
        }
    }

    /// The access key that the request names; only under `off` there may be none.
    pub fn access_key_id(&self) -> Option<&str> {
        match &self.0 {
            Kind::Unverified { access_key_id, .. } => access_key_id.as_deref(),
            Kind::Verified(access_key) => Some(access_key.id()),
        }
    }

    /// The members of `identity` that `AWS_IAM` authorization fills.
    pub fn signer(&self) -> Signer {
        let principal = self.principal();
        Signer {
            account_id: principal.account_id().into(),
            user_id: principal.user_id().into(),
            user_arn: principal.to_string().into(),
            access_key: self.access_key_id().unwrap_or_default().into(),
        }
    }

    /// Whether the caller may do `action` on `resource`; under `off` everybody may.
    ///
    /// # Errors
    /// [`Denial`], whose message is AWS's.
    pub fn authorize(
        &self,
        action: &str,
        resource: &str,
        facts: &RequestFacts<'_>,
    ) -> Result<(), Denial> {
        let Kind::Verified(access_key) = &self.0 else {
            return Ok(());
        };
        access_key.permissions().authorize(&AuthorizationRequest {
            action,
            resource,
            keys: &facts.keys(Some(access_key.principal())),
        })
    }
}
