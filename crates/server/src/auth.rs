//! Requests whose caller is known. Handlers of AWS's APIs take only these, so that none can be
//! reached by a request that was not verified:
//! [`IdentifiedRequest`] (head) → [`VerifiedRequest`] (body) → [`Authorized`] (one operation).

use std::net::IpAddr;

use bytes::Bytes;
use gatepost_gateway::{
    auth::{Auth, Caller, Identified, RequestFacts},
    clock::now_ms,
};
use gatepost_model::arn::ExecuteApiArn;
use gatepost_wire::sigv4::{SigV4Error, SignedRequest};
use http::{HeaderMap, HeaderName, header, request::Parts};

use crate::server::Peer;

/// A request whose body is still to come. Nothing of it may be believed.
pub struct IdentifiedRequest<'a> {
    head: Parts,
    authority: String,
    auth: &'a Auth,
    identified: Identified<'a>,
    source_ip: IpAddr,
    is_tls: bool,
    now_ms: u64,
}

/// A request whose signature is verified, or need not be.
pub struct VerifiedRequest<'a> {
    /// The head.
    pub head: Parts,
    /// The whole body.
    pub body: Bytes,
    auth: &'a Auth,
    caller: Caller,
    source_ip: IpAddr,
    is_tls: bool,
    now_ms: u64,
}

/// A verified request whose caller may do what it asks.
pub struct Authorized<'a>(&'a VerifiedRequest<'a>);

/// The caller may not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AccessDenied(pub String);

impl<'a> IdentifiedRequest<'a> {
    /// Identifies a request to `service`, the signing name of this endpoint; `authority` is the host
    /// that it is routed by.
    ///
    /// # Errors
    /// [`SigV4Error`] for everything that can be wrong before the body is known.
    pub fn new(
        auth: &'a Auth,
        peer: &Peer,
        head: Parts,
        authority: String,
        service: &'a str,
    ) -> Result<Self, SigV4Error> {
        let now_ms = now_ms();
        let identified = auth.identify(&signed(&head, &authority), service, now_ms / 1000)?;
        Ok(Self {
            authority,
            auth,
            identified,
            source_ip: peer.address.ip().to_canonical(),
            is_tls: peer.is_tls,
            now_ms,
            head,
        })
    }

    /// Verifies the request with its whole body.
    ///
    /// # Errors
    /// [`SigV4Error`] when it is not what was signed.
    pub fn verify(self, body: Bytes) -> Result<VerifiedRequest<'a>, SigV4Error> {
        let signed = signed(&self.head, &self.authority);
        let caller = self.identified.verify(&signed, &body)?;
        Ok(VerifiedRequest {
            head: self.head,
            body,
            auth: self.auth,
            caller,
            source_ip: self.source_ip,
            is_tls: self.is_tls,
            now_ms: self.now_ms,
        })
    }
}

fn signed<'a>(head: &'a Parts, authority: &'a str) -> SignedRequest<'a> {
    SignedRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        authority,
        headers: &head.headers,
    }
}

impl VerifiedRequest<'_> {
    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The region that the request came to.
    pub fn region(&self) -> &str {
        self.auth.region()
    }

    /// The account that the request came to.
    pub fn account_id(&self) -> &str {
        self.auth.account_id()
    }

    /// Whether the caller may do `action` on `resource`.
    ///
    /// # Errors
    /// [`AccessDenied`].
    pub fn authorize(&self, action: &str, resource: &str) -> Result<Authorized<'_>, AccessDenied> {
        self.decide(action, resource, || resource.to_owned())
    }

    /// As [`Self::authorize`], on what an API has; a refusal does not show the whole account.
    ///
    /// # Errors
    /// [`AccessDenied`].
    pub fn authorize_on_api<'r>(
        &self,
        action: &str,
        resource: impl FnOnce() -> ExecuteApiArn<'r>,
    ) -> Result<Authorized<'_>, AccessDenied> {
        if !self.caller.is_verified() {
            return Ok(Authorized(self));
        }
        let resource = resource();
        self.decide(action, &resource.to_string(), || resource.masked())
    }

    fn decide(
        &self,
        action: &str,
        resource: &str,
        shown: impl FnOnce() -> String,
    ) -> Result<Authorized<'_>, AccessDenied> {
        let facts = RequestFacts {
            source_ip: Some(self.source_ip),
            user_agent: text(&self.head.headers, header::USER_AGENT),
            referer: text(&self.head.headers, header::REFERER),
            secure_transport: self.is_tls,
            region: self.auth.region(),
            now_ms: self.now_ms,
        };
        match self.caller.authorize(action, resource, &facts) {
            Ok(()) => Ok(Authorized(self)),
            Err(denial) => {
                let caller = self.caller.principal().to_string();
                Err(AccessDenied(denial.message(&caller, action, &shown())))
            }
        }
    }
}

impl<'a> Authorized<'a> {
    /// The request.
    pub fn request(&self) -> &'a VerifiedRequest<'a> {
        self.0
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
