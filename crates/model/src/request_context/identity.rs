//! `requestContext.identity`: who the client is, as far as its handshake told.

use crate::secret::Secret;

/// What is known of a client for the life of its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `sourceIp`.
    pub source_ip: Box<str>,
    /// `userAgent`; absent when the client sent none.
    pub user_agent: Option<Box<str>>,
    /// Who signed the handshake; absent unless its route's authorization is `AWS_IAM`.
    pub signer: Option<Box<Signer>>,
    /// The API key that the handshake carried; absent unless a route of the stage requires one.
    pub api_key: Option<Box<ApiKeyIdentity>>,
}

/// The members of `identity` that `AWS_IAM` authorization fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// `accountId`.
    pub account_id: Box<str>,
    /// `caller` and `user`: the unique id of the principal, such as `AIDA…`.
    pub user_id: Box<str>,
    /// `userArn`.
    pub user_arn: Box<str>,
    /// `accessKey`: the id of the access key, never its secret.
    pub access_key: Box<str>,
}

/// The members of `identity` that an API key fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyIdentity {
    /// `apiKey`: the key's value, with which anybody gets in.
    pub api_key: Secret,
    /// `apiKeyId`.
    pub api_key_id: Box<str>,
}

impl Identity {
    /// The identity of a client of whom no more is known than where it came from.
    pub fn anonymous(source_ip: impl Into<Box<str>>, user_agent: Option<&str>) -> Self {
        Self {
            source_ip: source_ip.into(),
            user_agent: user_agent.map(Into::into),
            signer: None,
            api_key: None,
        }
    }

    /// The value of `$context.identity.{name}`; `None` when it is absent, as everything of Cognito
    /// and of organizations is here. Source: data-plane spec 5.7.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let signer = self.signer.as_deref();
        let api_key = self.api_key.as_deref();
        match name {
            "sourceIp" => Some(&self.source_ip),
            "userAgent" => self.user_agent.as_deref(),
            "accountId" => signer.map(|signer| &*signer.account_id),
            "caller" | "user" => signer.map(|signer| &*signer.user_id),
            "userArn" => signer.map(|signer| &*signer.user_arn),
            "accessKey" => signer.map(|signer| &*signer.access_key),
            "apiKey" => api_key.map(|key| key.api_key.reveal()),
            "apiKeyId" => api_key.map(|key| &*key.api_key_id),
            _ => None,
        }
    }
}
