//! Where the credentials are that sign calls of AWS, in the SDKs' order: the configuration's, the
//! environment's, those of a profile of `~/.aws`, of a web identity, of the container, of the EC2
//! instance. Nothing is asked here; files and variables are read once.

mod profile;

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use gatepost_gateway::integration::{
    aws_service::ServiceEndpoints,
    credentials::{
        ContainerEndpoint, CredentialsError, InstanceMetadata, InvalidContainerUri, Source, Sts,
        WebIdentity,
    },
};
use gatepost_model::secret::Secret;

pub use self::profile::ProfileError;
use self::profile::Profiles;
use crate::config::IntegrationsConfig;

/// The region of STS where nothing names one.
const DEFAULT_REGION: &str = "us-east-1";
/// The profile that is used where nobody asks for one.
const DEFAULT_PROFILE: &str = "default";

/// Credentials that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The variables of a container.
    #[error(transparent)]
    Container(#[from] InvalidContainerUri),
}

/// What is around: variables, and where services are.
pub(super) struct Surroundings<'a> {
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) endpoints: &'a ServiceEndpoints,
}

impl<'a> Surroundings<'a> {
    /// A variable that is set and not empty.
    fn variable(&self, name: &str) -> Option<&'a str> {
        let value = self.variables.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// STS in this region, or in that of the environment.
    fn sts(&self, region: Option<&str>) -> Sts {
        let region = self
            .variable("AWS_REGION")
            .or(self.variable("AWS_DEFAULT_REGION"))
            .or(region)
            .unwrap_or(DEFAULT_REGION);
        Sts {
            url: self.endpoints.url_of("sts", region),
            region: region.to_owned(),
        }
    }

    fn access_key(&self) -> Option<Source> {
        let id = self.variable("AWS_ACCESS_KEY_ID")?;
        let secret = self.variable("AWS_SECRET_ACCESS_KEY")?;
        let token = self.variable("AWS_SESSION_TOKEN");
        Some(access_key(id, secret, token))
    }

    fn web_identity(&self) -> Option<Source> {
        Some(Source::WebIdentity(WebIdentity {
            token_file: self.variable("AWS_WEB_IDENTITY_TOKEN_FILE")?.into(),
            role_arn: self.variable("AWS_ROLE_ARN")?.to_owned(),
            session_name: self.variable("AWS_ROLE_SESSION_NAME").map(str::to_owned),
            sts: self.sts(None),
        }))
    }

    fn container(&self) -> Result<Option<Source>, InvalidContainerUri> {
        let endpoint = ContainerEndpoint::of_environment(|name| self.variable(name))?;
        Ok(endpoint.map(Source::Container))
    }

    fn instance_metadata(&self) -> Option<Source> {
        let metadata = InstanceMetadata::of_environment(|name| self.variable(name));
        metadata.map(Source::InstanceMetadata)
    }
}

/// Finds where the credentials are.
///
/// # Errors
/// [`SourceError`] when a profile that was asked for, or a container's variable, cannot be used. A
/// default profile that nobody asked for fails only whoever signs with it.
pub(super) fn find(
    config: &IntegrationsConfig,
    around: &Surroundings<'_>,
) -> Result<Source, SourceError> {
    if let Some(key) = &config.access_key {
        let token = key.session_token.as_ref().map(Secret::reveal);
        return Ok(access_key(&key.id, key.secret.reveal(), token));
    }
    if let Some(profile) = &config.profile {
        return Ok(Profiles::read(around)?.source(profile, around)?);
    }
    if let Some(key) = around.access_key() {
        return Ok(key);
    }
    let profiles = Profiles::read(around)?;
    if let Some(profile) = around.variable("AWS_PROFILE") {
        return Ok(profiles.source(profile, around)?);
    }
    match profiles.source(DEFAULT_PROFILE, around) {
        Ok(source) => return Ok(source),
        // Not of a profile that it names: whoever is found behind it would be somebody else.
        Err(ProfileError::NoProfile { profile, .. } | ProfileError::NoCredentials(profile))
            if profile == DEFAULT_PROFILE => {}
        Err(error) => {
            let unusable = CredentialsError::Unusable(error.without_files());
            return Ok(Source::Nowhere(unusable));
        }
    }
    if let Some(identity) = around.web_identity() {
        return Ok(identity);
    }
    if let Some(container) = around.container()? {
        return Ok(container);
    }
    let none = Source::Nowhere(CredentialsError::Nowhere);
    Ok(around.instance_metadata().unwrap_or(none))
}

fn access_key(id: &str, secret: &str, token: Option<&str>) -> Source {
    let token = token.map(str::to_owned);
    Source::AccessKey(Credentials::new(id, secret, token, None, "gatepost"))
}

#[cfg(test)]
mod tests;
