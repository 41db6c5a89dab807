//! The profiles of `~/.aws/config` and `~/.aws/credentials`: who gives the credentials of each. Where
//! only a human with the AWS CLI could fetch them, the error says which command does.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use gatepost_gateway::integration::credentials::{
    AssumeRole, CredentialProcess, Source, WebIdentity,
};
use gatepost_model::secret::Secret;

use super::{Surroundings, access_key};

/// A profile that cannot be used. Only the first two name files.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A file exists and cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// No file has it.
    #[error(
        "there is no profile {profile} in {credentials} or {config}: correct the name, or make it \
         with `aws configure --profile {profile}`"
    )]
    NoProfile {
        /// The profile.
        profile: String,
        /// `~/.aws/credentials`.
        credentials: PathBuf,
        /// `~/.aws/config`.
        config: PathBuf,
    },
    /// It has other settings only.
    #[error(
        "the profile {0} holds no credentials: write aws_access_key_id and aws_secret_access_key, \
         credential_process, or role_arn into it"
    )]
    NoCredentials(String),
    /// A human must log in.
    #[error(
        "the profile {profile} holds no access key itself but asks IAM Identity Center or a browser \
         ({setting}), which Gatepost does not: write `credential_process = aws configure \
         export-credentials --profile {profile}` into another profile and name that, or put a key \
         into the environment with `eval \"$(aws configure export-credentials --profile {profile} \
         --format env)\"`"
    )]
    Login {
        /// The profile.
        profile: String,
        /// `sso_session` or such.
        setting: &'static str,
    },
    /// A human must read a code.
    #[error(
        "the profile {0} needs a code of a device (mfa_serial), for which nobody can be asked here: \
         put a key into the environment with `eval \"$(aws configure export-credentials --profile \
         {0} --format env)\"`"
    )]
    Mfa(String),
    /// A role without anybody who assumes it.
    #[error(
        "the profile {0} has a role_arn, but nobody assumes it: write source_profile, \
         credential_source or web_identity_token_file beside it"
    )]
    NobodyAssumes(String),
    /// `source_profile` leads back.
    #[error(
        "the source_profile settings of {0} lead round in a circle: end them in a profile with an access key"
    )]
    Circle(String),
    /// `credential_source` names something else.
    #[error(
        "the profile {profile}: credential_source is {value}, and must be Environment, \
         Ec2InstanceMetadata or EcsContainer"
    )]
    CredentialSource {
        /// The profile.
        profile: String,
        /// The value.
        value: String,
    },
    /// `credential_source` names what is not there.
    #[error("the profile {profile}: credential_source is {value}, but there are none in it")]
    NothingThere {
        /// The profile.
        profile: String,
        /// The value.
        value: String,
    },
}

impl ProfileError {
    /// What it says where callers read it: no files. The profile that is missing is one that another
    /// names.
    pub(super) fn without_files(&self) -> String {
        match self {
            Self::NoProfile { profile, .. } => format!(
                "there is no profile {profile}, which a source_profile names: correct the name, or \
                 make it with `aws configure --profile {profile}`"
            ),
            Self::Unreadable { error, .. } => error.to_string(),
            other => other.to_string(),
        }
    }
}

/// The settings of one profile, out of both files.
type Settings = BTreeMap<String, String>;

/// Both files.
pub(super) struct Profiles {
    config: File,
    credentials: File,
}

struct File {
    path: PathBuf,
    text: String,
}

impl Profiles {
    /// Reads `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`, or those of `~/.aws`.
    pub(super) fn read(around: &Surroundings<'_>) -> Result<Self, ProfileError> {
        let file = |variable: &str, name: &str| {
            let home = Path::new(around.variable("HOME").unwrap_or_default());
            let in_home = || home.join(".aws").join(name);
            let path = around
                .variable(variable)
                .map_or_else(in_home, PathBuf::from);
            let text = read(&path)?;
            Ok(File { path, text })
        };
        Ok(Self {
            config: file("AWS_CONFIG_FILE", "config")?,
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials")?,
        })
    }

    /// Who gives the credentials of a profile.
    pub(super) fn source(
        &self,
        profile: &str,
        around: &Surroundings<'_>,
    ) -> Result<Source, ProfileError> {
        self.follow(profile, around, &mut Vec::new())
    }

    /// `before` are the profiles that led here by `source_profile`.
    fn follow(
        &self,
        profile: &str,
        around: &Surroundings<'_>,
        before: &mut Vec<String>,
    ) -> Result<Source, ProfileError> {
        let settings = self.settings(profile)?;
        let setting = |name: &str| {
            let value = settings.get(name).map(String::as_str);
            value.filter(|value| !value.is_empty())
        };
        let own_key = || {
            let id = setting("aws_access_key_id")?;
            let secret = setting("aws_secret_access_key")?;
            Some(access_key(id, secret, setting("aws_session_token")))
        };
        // The key of a profile that another one names assumes that one's role, not its own.
        if !before.is_empty()
            && let Some(key) = own_key()
        {
            return Ok(key);
        }
        if before.iter().any(|earlier| earlier == profile) {
            return Err(ProfileError::Circle(before.join(", ")));
        }
        if let Some(role_arn) = setting("role_arn") {
            let session_name = setting("role_session_name").map(str::to_owned);
            let sts = around.sts(setting("region"));
            let role_arn = role_arn.to_owned();
            if let Some(token_file) = setting("web_identity_token_file") {
                return Ok(Source::WebIdentity(WebIdentity {
                    token_file: token_file.into(),
                    role_arn,
                    session_name,
                    sts,
                }));
            }
            if setting("mfa_serial").is_some() {
                return Err(ProfileError::Mfa(profile.to_owned()));
            }
            let source = match (setting("source_profile"), setting("credential_source")) {
                (Some(other), _) => {
                    before.push(profile.to_owned());
                    self.follow(other, around, before)?
                }
                (None, Some(value)) => credential_source(value, profile, around)?,
                (None, None) => return Err(ProfileError::NobodyAssumes(profile.to_owned())),
            };
            return Ok(Source::AssumeRole(Box::new(AssumeRole {
                source,
                role_arn,
                session_name,
                external_id: setting("external_id").map(str::to_owned),
                duration_seconds: setting("duration_seconds").and_then(|text| text.parse().ok()),
                sts,
            })));
        }
        if let Some(key) = own_key() {
            return Ok(key);
        }
        if let Some(command) = setting("credential_process") {
            return Ok(Source::Process(CredentialProcess {
                profile: profile.to_owned(),
                command: Secret::new(command),
            }));
        }
        let login = ["sso_session", "sso_start_url", "login_session"]
            .into_iter()
            .find(|name| setting(name).is_some());
        let profile = profile.to_owned();
        Err(match login {
            Some(setting) => ProfileError::Login { profile, setting },
            None => ProfileError::NoCredentials(profile),
        })
    }

    fn settings(&self, profile: &str) -> Result<Settings, ProfileError> {
        let mut found = section(&self.config.text, |name| {
            name.strip_prefix("profile ").unwrap_or(name).trim() == profile
        });
        if let Some(own) = section(&self.credentials.text, |name| name == profile) {
            found.get_or_insert_default().extend(own);
        }
        found.ok_or_else(|| ProfileError::NoProfile {
            profile: profile.to_owned(),
            credentials: self.credentials.path.clone(),
            config: self.config.path.clone(),
        })
    }
}

fn credential_source(
    value: &str,
    profile: &str,
    around: &Surroundings<'_>,
) -> Result<Source, ProfileError> {
    let found = match value {
        "Environment" => around.access_key(),
        "Ec2InstanceMetadata" => around.instance_metadata(),
        "EcsContainer" => around.container().ok().flatten(),
        _ => {
            return Err(ProfileError::CredentialSource {
                profile: profile.to_owned(),
                value: value.to_owned(),
            });
        }
    };
    found.ok_or_else(|| ProfileError::NothingThere {
        profile: profile.to_owned(),
        value: value.to_owned(),
    })
}

/// A file's text; one that is not there is empty.
fn read(path: &Path) -> Result<String, ProfileError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        text => text.map_err(|error| ProfileError::Unreadable {
            path: path.to_owned(),
            error,
        }),
    }
}

/// The settings of a section: `name = value` lines behind `[section]`. Lines that are indented
/// belong to the setting above them, and those that begin with `#` or `;` to nobody.
fn section(text: &str, is_wanted: impl Fn(&str) -> bool) -> Option<Settings> {
    let mut found: Option<Settings> = None;
    let mut is_inside = false;
    for line in text.lines() {
        if line.starts_with(['#', ';', ' ', '\t']) {
            continue;
        }
        let header = line.trim().strip_prefix('[');
        if let Some(name) = header.and_then(|rest| rest.split(']').next()) {
            is_inside = is_wanted(name.trim());
            if is_inside {
                found.get_or_insert_default();
            }
        } else if let Some((name, value)) = line.split_once('=').filter(|_| is_inside) {
            let name = name.trim().to_ascii_lowercase();
            found
                .get_or_insert_default()
                .insert(name, value.trim().to_owned());
        }
    }
    found
}
