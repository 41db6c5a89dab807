//! The condition keys: what a policy may ask about a request besides its action and resource.

use std::{borrow::Cow, net::IpAddr};

use gatepost_model::{principal::Principal, request_context::iso_time};

/// What is known of a request, for conditions and policy variables.
#[derive(Debug, Clone, Copy)]
pub struct RequestKeys<'a> {
    /// Who calls; unknown to an authorizer's policy, which is about a client without one.
    pub principal: Option<&'a Principal>,
    /// `aws:SourceIp`.
    pub source_ip: Option<IpAddr>,
    /// `aws:UserAgent`.
    pub user_agent: Option<&'a str>,
    /// `aws:referer`.
    pub referer: Option<&'a str>,
    /// `aws:SecureTransport`.
    pub secure_transport: bool,
    /// `aws:RequestedRegion`.
    pub region: &'a str,
    /// `aws:CurrentTime`, milliseconds since the epoch.
    pub now_ms: u64,
}

/// A condition key that is evaluated here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    SourceIp,
    PrincipalArn,
    PrincipalAccount,
    PrincipalType,
    UserId,
    Username,
    CurrentTime,
    EpochTime,
    SecureTransport,
    UserAgent,
    Referer,
    RequestedRegion,
    /// Always `false`: no AWS service calls on anybody's behalf here.
    ViaAwsService,
    /// Never there: it comes with what this has not, such as MFA, organizations and VPCs.
    Absent,
}

/// What the key is about is not known of this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnknownHere;

impl Key {
    /// The key of this name, whose case does not matter.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "aws:sourceip" => Self::SourceIp,
            "aws:principalarn" => Self::PrincipalArn,
            "aws:principalaccount" => Self::PrincipalAccount,
            "aws:principaltype" => Self::PrincipalType,
            "aws:userid" => Self::UserId,
            "aws:username" => Self::Username,
            "aws:currenttime" => Self::CurrentTime,
            "aws:epochtime" => Self::EpochTime,
            "aws:securetransport" => Self::SecureTransport,
            "aws:useragent" => Self::UserAgent,
            "aws:referer" => Self::Referer,
            "aws:requestedregion" => Self::RequestedRegion,
            "aws:viaawsservice" | "aws:principalisawsservice" => Self::ViaAwsService,
            "aws:multifactorauthpresent"
            | "aws:multifactorauthage"
            | "aws:principalorgid"
            | "aws:sourcevpc"
            | "aws:sourcevpce"
            | "aws:vpcsourceip" => Self::Absent,
            _ => return None,
        })
    }
}

impl<'a> RequestKeys<'a> {
    /// The value of a key; `None` when this request has none.
    pub(super) fn value(&self, key: Key) -> Result<Option<Cow<'a, str>>, UnknownHere> {
        let principal = || self.principal.ok_or(UnknownHere);
        Ok(match key {
            Key::SourceIp => Some(self.source_ip.ok_or(UnknownHere)?.to_string().into()),
            Key::PrincipalArn => Some(principal()?.policy_arn().into()),
            Key::PrincipalAccount => Some(principal()?.account_id().into()),
            Key::PrincipalType => Some(principal()?.principal_type().into()),
            Key::UserId => Some(principal()?.user_id().into()),
            Key::Username => principal()?.user_name().map(Into::into),
            Key::CurrentTime => Some(iso_time(self.now_ms).into()),
            Key::EpochTime => Some((self.now_ms / 1000).to_string().into()),
            Key::SecureTransport => Some(self.secure_transport.to_string().into()),
            Key::UserAgent => self.user_agent.map(Into::into),
            Key::Referer => self.referer.map(Into::into),
            Key::RequestedRegion => Some(self.region.into()),
            Key::ViaAwsService => Some("false".into()),
            Key::Absent => None,
        })
    }
}
