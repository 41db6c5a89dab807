//! The credentials that calls of AWS are signed with: fetched where the SDKs look for them, kept, and
//! fetched again before they expire, beside the calls.
//!
//! Where they are looked for is decided once, by whoever reads configuration and environment; what is
//! fetched goes past `[egress]`, since nothing that clients send has a part in it.

mod ask;
mod assume_role;
mod container;
mod document;
mod error;
mod instance_metadata;
mod kept;
mod process;

use std::{fmt, path::PathBuf, sync::Arc};

use aws_credential_types::Credentials;
use futures_util::future::BoxFuture;

use self::kept::Kept;
pub use self::{
    assume_role::{AssumeRole, Sts, WebIdentity},
    container::{ContainerEndpoint, InvalidContainerUri},
    error::CredentialsError,
    instance_metadata::InstanceMetadata,
    process::CredentialProcess,
};
use super::{
    client_certificate::CertificateFileError,
    egress::Egress,
    http_client::{HttpClient, HttpClientConfig},
};

/// The greatest answer of whoever gives credentials, bytes; they have a few thousand.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Where credentials come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// An access key that is known: of the configuration, the environment, a profile.
    AccessKey(Credentials),
    /// The `credential_process` of a profile.
    Process(CredentialProcess),
    /// A role that the credentials of another source assume.
    AssumeRole(Box<AssumeRole>),
    /// A role that a token of another identity provider assumes.
    WebIdentity(WebIdentity),
    /// The agent of a container's host.
    Container(ContainerEndpoint),
    /// The role of the EC2 instance, if this machine is one. Asked last.
    InstanceMetadata(InstanceMetadata),
    /// There are none, or they cannot be used.
    Nowhere(CredentialsError),
}

impl Source {
    /// Fetches them.
    fn fetch<'a>(
        &'a self,
        client: &'a HttpClient,
    ) -> BoxFuture<'a, Result<Credentials, CredentialsError>> {
        Box::pin(async move {
            match self {
                Self::AccessKey(credentials) => Ok(credentials.clone()),
                Self::Process(process) => process.fetch().await,
                Self::AssumeRole(role) => {
                    let own = role.source.fetch(client).await?;
                    role.fetch(client, &own).await
                }
                Self::WebIdentity(identity) => identity.fetch(client).await,
                Self::Container(container) => container.fetch(client).await,
                Self::InstanceMetadata(metadata) => metadata.fetch(client).await,
                Self::Nowhere(error) => Err(error.clone()),
            }
        })
    }

    /// Whether nobody said that there are credentials.
    fn is_guess(&self) -> bool {
        matches!(
            self,
            Self::InstanceMetadata(_) | Self::Nowhere(CredentialsError::Nowhere)
        )
    }
}

/// In words: "the credentials are those of …".
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccessKey(credentials) => {
                write!(f, "the access key {}", credentials.access_key_id())
            }
            Self::Process(process) => {
                write!(
                    f,
                    "the credential_process of the profile {}",
                    process.profile
                )
            }
            Self::AssumeRole(role) => write!(f, "the role {}", role.role_arn),
            Self::WebIdentity(identity) => write!(f, "the role {}", identity.role_arn),
            Self::Container(_) => f.write_str("the container"),
            Self::InstanceMetadata(_) => f.write_str("this EC2 instance, if it is one"),
            Self::Nowhere(_) => f.write_str("nobody"),
        }
    }
}

/// Gives the credentials of one source to everybody who signs. Cheap to clone.
#[derive(Clone)]
pub struct CredentialsProvider {
    source: Arc<Source>,
    kept: Arc<Kept>,
}

impl CredentialsProvider {
    /// Those of `source`, fetched when they are asked for first. Servers are trusted as the system
    /// trusts them, and by the CAs of `ca_certificates`.
    ///
    /// # Errors
    /// [`CertificateFileError`] when the CAs cannot be used.
    pub fn new(
        source: Source,
        ca_certificates: Option<PathBuf>,
    ) -> Result<Self, CertificateFileError> {
        let client = HttpClient::new(HttpClientConfig {
            egress: Egress::everywhere(),
            ca_certificates,
            idle_connections_per_backend: 1,
            max_answer_bytes: MAX_ANSWER_BYTES,
        })?;
        let source = Arc::new(source);
        let of = Arc::clone(&source);
        let fetch = move || -> BoxFuture<'static, _> {
            let (source, client) = (Arc::clone(&of), client.clone());
            Box::pin(async move { source.fetch(&client).await })
        };
        Ok(Self {
            source,
            kept: Kept::new(Box::new(fetch)),
        })
    }

    /// None.
    pub fn nowhere() -> Self {
        let error = CredentialsError::Nowhere;
        let none = error.clone();
        Self {
            source: Arc::new(Source::Nowhere(error)),
            kept: Kept::new(Box::new(move || {
                let none = none.clone();
                Box::pin(async move { Err(none) })
            })),
        }
    }

    /// The credentials, good for now. Waits only for the first ones, and for new ones when the old
    /// have expired; must be called within the runtime.
    ///
    /// # Errors
    /// [`CredentialsError`]; the same for a while after a failure, without asking again.
    pub async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        self.kept.get().await
    }

    /// Those for an endpoint. One that is not AWS's own takes any, so nobody waits there for
    /// credentials that only might exist.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub async fn credentials_for(
        &self,
        is_real_aws: bool,
    ) -> Result<Credentials, CredentialsError> {
        if self.source.is_guess() && !is_real_aws {
            return Ok(Credentials::new(
                "gatepost", "gatepost", None, None, "dummy",
            ));
        }
        self.credentials().await
    }

    /// Where they come from.
    pub fn source(&self) -> &Source {
        &self.source
    }
}

impl Default for CredentialsProvider {
    fn default() -> Self {
        Self::nowhere()
    }
}

impl fmt::Debug for CredentialsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CredentialsProvider")
            .field(&self.source)
            .finish()
    }
}
