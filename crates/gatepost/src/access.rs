//! Who is let in, from the configuration: secrets and policies are read, access keys made.

use std::{collections::BTreeMap, fs, io, path::PathBuf, sync::Arc};

use gatepost_gateway::auth::{AccessKey, AccessKeys, AuthMode};
use gatepost_model::{
    principal::{Principal, PrincipalKind},
    secret::Secret,
};
use gatepost_wire::iam_policy::{InvalidPolicy, Permissions, Policy, PolicyKind, Unsupported};

use crate::config::{AccessKeyConfig, AuthConfig, PoliciesConfig, PolicySource, SecretSource};

/// Who is let in, and what is worth saying of it.
#[derive(Debug)]
pub struct Access {
    /// How requests prove who they come from.
    pub mode: AuthMode,
    /// The configured keys.
    pub keys: Arc<AccessKeys>,
    /// What the app's own functions may do.
    pub function_permissions: Arc<Permissions>,
    /// What loads, but may not do what its author expects.
    pub warnings: Vec<String>,
}

/// Why nobody can be let in as configured.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A secret or a policy cannot be read.
    #[error("{place}: cannot read {path}: {error}")]
    Unreadable {
        /// Where it is named.
        place: String,
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A variable that is not set.
    #[error("{place}: the environment variable {name} is not set, or empty: set it to the secret")]
    NoVariable {
        /// Where it is named.
        place: String,
        /// The variable.
        name: String,
    },
    /// A secret that is empty.
    #[error("{place}: the secret of access key {id} is empty")]
    EmptySecret {
        /// Where the key is.
        place: String,
        /// The key.
        id: String,
    },
    /// A policy that is no JSON.
    #[error("{place}: {policy}: {error}")]
    NotJson {
        /// Where it is named.
        place: String,
        /// Which one.
        policy: String,
        /// What the parser says.
        error: serde_json::Error,
    },
    /// A policy that IAM refuses.
    #[error("{place}: {policy}: {error}")]
    Invalid {
        /// Where it is named.
        place: String,
        /// Which one.
        policy: String,
        /// What is wrong.
        error: InvalidPolicy,
    },
    /// A policy with something that cannot be meant.
    #[error("{place}: {policy}: {error}")]
    Mistake {
        /// Where it is named.
        place: String,
        /// Which one.
        policy: String,
        /// What is wrong.
        error: Unsupported,
    },
}

/// Reads the secrets and policies. `mode` is how requests prove who they
/// come from, `account_id` the account of this endpoint.
///
/// # Errors
/// [`AccessError`]: nothing that is not understood lets anybody in.
pub fn access(
    config: &AuthConfig,
    mode: AuthMode,
    environment: &BTreeMap<String, String>,
    account_id: &str,
) -> Result<Access, AccessError> {
    let mut warnings = Vec::new();
    let access_keys = AccessKeys::default();
    for key in &config.access_keys {
        let permissions = Permissions {
            identity_based: policies(&key.policies, &mut warnings)?,
            session: policies(&key.session_policies, &mut warnings)?,
        };
        let account_id = key.account.as_deref().unwrap_or(account_id);
        let user = PrincipalKind::User(key.user.as_str().into());
        access_keys.insert(AccessKey::new(
            key.id.as_str(),
            secret(key, environment)?,
            None,
            Principal::new(account_id, user),
            Arc::new(permissions),
        ));
    }
    let function_permissions = match &config.function_policies {
        None => Permissions::everything(),
        Some(config) => Permissions {
            identity_based: policies(config, &mut warnings)?,
            session: Vec::new(),
        },
    };
    if mode == AuthMode::SigV4 && config.access_keys.is_empty() {
        warnings.push(
            "[auth] mode is \"sigv4\" and there is no access key: only the app's functions can \
             call @connections and the AWS APIs; add [auth.access_keys.\"AKIA…\"]"
                .to_owned(),
        );
    }
    Ok(Access {
        mode,
        keys: Arc::new(access_keys),
        function_permissions: Arc::new(function_permissions),
        warnings,
    })
}

fn secret(
    key: &AccessKeyConfig,
    environment: &BTreeMap<String, String>,
) -> Result<Secret, AccessError> {
    let secret = read_secret(&key.secret, &key.place.to_string(), environment)?;
    if secret.reveal().is_empty() {
        return Err(AccessError::EmptySecret {
            place: key.place.to_string(),
            id: key.id.clone(),
        });
    }
    Ok(secret)
}

/// Reads a secret that is named at `place`.
///
/// # Errors
/// [`AccessError`] when its file or variable cannot be read.
pub fn read_secret(
    source: &SecretSource,
    place: &str,
    environment: &BTreeMap<String, String>,
) -> Result<Secret, AccessError> {
    match source {
        SecretSource::Value(secret) => Ok(secret.clone()),
        SecretSource::File(path) => match fs::read_to_string(path) {
            Ok(text) => Ok(Secret::new(text.trim_end_matches(['\r', '\n']))),
            Err(error) => Err(AccessError::Unreadable {
                place: place.to_owned(),
                path: path.clone(),
                error,
            }),
        },
        SecretSource::Variable(name) => {
            let value = environment.get(name).filter(|value| !value.is_empty());
            value
                .map(Secret::new)
                .ok_or_else(|| AccessError::NoVariable {
                    place: place.to_owned(),
                    name: name.clone(),
                })
        }
    }
}

fn policies(
    config: &PoliciesConfig,
    warnings: &mut Vec<String>,
) -> Result<Vec<Policy>, AccessError> {
    let mut policies = Vec::new();
    for (index, source) in config.policies.iter().enumerate() {
        let place = || config.place.to_string();
        let name = || match source {
            PolicySource::File(path) => path.display().to_string(),
            PolicySource::Json(_) | PolicySource::Table(_) => {
                format!("policy {} of {}", index + 1, config.key)
            }
        };
        let parse = |text: &str| {
            serde_json::from_str(text).map_err(|error| AccessError::NotJson {
                place: place(),
                policy: name(),
                error,
            })
        };
        let document = match source {
            PolicySource::Table(document) => document.clone(),
            PolicySource::Json(text) => parse(text)?,
            PolicySource::File(path) => {
                let text = fs::read_to_string(path).map_err(|error| AccessError::Unreadable {
                    place: place(),
                    path: path.clone(),
                    error,
                })?;
                parse(&text)?
            }
        };
        let policy = Policy::parse(&document, PolicyKind::IdentityBased).map_err(|error| {
            AccessError::Invalid {
                place: place(),
                policy: name(),
                error,
            }
        })?;
        for unsupported in policy.unsupported() {
            if unsupported.is_mistake() {
                return Err(AccessError::Mistake {
                    place: place(),
                    policy: name(),
                    error: unsupported.clone(),
                });
            }
            warnings.push(format!(
                "{}: {}: {unsupported}: its statement never allows, and always denies what else of \
                 it matches",
                place(),
                name()
            ));
        }
        policies.push(policy);
    }
    Ok(policies)
}
