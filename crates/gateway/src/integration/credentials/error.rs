//! Why there are no credentials.

/// Why there are no credentials. The texts stand in execution logs and in answers of the Invoke API:
/// they name no file of this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Nobody has any.
    #[error(
        "there are no credentials for AWS: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
         AWS_PROFILE, or [integrations] profile"
    )]
    Nowhere,
    /// Nobody has any, and there is no instance metadata service either.
    #[error(
        "there are no credentials for AWS: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
         AWS_PROFILE, or [integrations] profile (and as an EC2 instance this machine has none: {0})"
    )]
    NoInstance(String),
    /// The default profile has some that cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// Whoever should give them does not.
    #[error("{of} gives no credentials: {what}")]
    NotGiven {
        /// Who, e.g. `STS`.
        of: String,
        /// Why.
        what: String,
    },
}

impl CredentialsError {
    pub(super) fn not_given(of: impl Into<String>, what: impl Into<String>) -> Self {
        Self::NotGiven {
            of: of.into(),
            what: what.into(),
        }
    }
}
