//! The credentials that sign calls of AWS services: those of `[integrations]`, else the
//! environment's, else a profile of `~/.aws`. Where the SDKs could ask somebody for temporary
//! ones, the error says which command does.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use aws_credential_types::Credentials;
use gatepost_model::secret::Secret;

use crate::config::IntegrationsConfig;

/// A profile that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
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
    /// Its credentials come from elsewhere (SSO, a role, a process).
    #[error(
        "the profile {0} holds no access key itself: put one into the environment with `eval \
         \"$(aws configure export-credentials --profile {0} --format env)\"`"
    )]
    NoAccessKey(String),
}

/// Finds the credentials; `None` when there are none.
///
/// # Errors
/// [`CredentialsError`] when a profile that was asked for cannot be used.
pub(super) fn find(
    config: &IntegrationsConfig,
    environment: &BTreeMap<String, String>,
) -> Result<Option<Credentials>, CredentialsError> {
    let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    if let Some(key) = &config.access_key {
        let token = key.session_token.as_ref().map(Secret::reveal);
        return Ok(Some(credentials(&key.id, key.secret.reveal(), token)));
    }
    if let Some(profile) = &config.profile {
        return of_profile(profile, environment).map(Some);
    }
    let id = variable("AWS_ACCESS_KEY_ID");
    if let (Some(id), Some(secret)) = (id, variable("AWS_SECRET_ACCESS_KEY")) {
        let token = variable("AWS_SESSION_TOKEN").map(String::as_str);
        return Ok(Some(credentials(id, secret, token)));
    }
    match variable("AWS_PROFILE") {
        Some(profile) => of_profile(profile, environment).map(Some),
        // Nobody asked for it: without an access key there are no credentials.
        None => match of_profile("default", environment) {
            Err(CredentialsError::NoProfile { .. } | CredentialsError::NoAccessKey(_)) => Ok(None),
            found => found.map(Some),
        },
    }
}

fn credentials(id: &str, secret: &str, token: Option<&str>) -> Credentials {
    Credentials::new(id, secret, token.map(str::to_owned), None, "gatepost")
}

fn of_profile(
    profile: &str,
    environment: &BTreeMap<String, String>,
) -> Result<Credentials, CredentialsError> {
    let file = |variable: &str, name: &str| match environment.get(variable) {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => {
            let home = environment.get("HOME").map_or("", String::as_str);
            Path::new(home).join(".aws").join(name)
        }
    };
    let credentials_file = file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    let config_file = file("AWS_CONFIG_FILE", "config");
    let mut found = section(&read(&config_file)?, |name| {
        name.strip_prefix("profile ").unwrap_or(name).trim() == profile
    });
    if let Some(own) = section(&read(&credentials_file)?, |name| name == profile) {
        found.get_or_insert_default().extend(own);
    }
    let Some(found) = found else {
        return Err(CredentialsError::NoProfile {
            profile: profile.to_owned(),
            credentials: credentials_file,
            config: config_file,
        });
    };
    let (id, secret) = (
        found.get("aws_access_key_id"),
        found.get("aws_secret_access_key"),
    );
    let (Some(id), Some(secret)) = (id, secret) else {
        return Err(CredentialsError::NoAccessKey(profile.to_owned()));
    };
    let token = found.get("aws_session_token").map(String::as_str);
    Ok(credentials(id, secret, token))
}

/// A file's text; one that is not there is empty.
fn read(path: &Path) -> Result<String, CredentialsError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        text => text.map_err(|error| CredentialsError::Unreadable {
            path: path.to_owned(),
            error,
        }),
    }
}

/// The settings of a section: `name = value` lines behind `[section]`. Lines that are indented
/// belong to the setting above them, and those that begin with `#` or `;` to nobody.
fn section(text: &str, is_wanted: impl Fn(&str) -> bool) -> Option<BTreeMap<String, String>> {
    let mut found: Option<BTreeMap<String, String>> = None;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::integrations::AccessKey;

    const CREDENTIALS: &str = "\
        # of two accounts\n\
        [default]\n\
        aws_access_key_id = DEFAULT\n\
        aws_secret_access_key=a+b/c=\n\
        [ dev ]\n\
        AWS_ACCESS_KEY_ID = DEV\n\
        aws_secret_access_key = d\n\
        aws_session_token = t\n";
    const CONFIG: &str = "\
        [default]\nregion = eu-west-1\n\
        [profile sso]\nsso_session = work\n\
        [profile in-config]\naws_access_key_id = CONFIG\naws_secret_access_key = c\ns3 =\n  \
        aws_access_key_id = nested\n";

    type Key = (String, String, Option<String>);

    fn find_with(
        config: &IntegrationsConfig,
        variables: &[(&str, &str)],
    ) -> Result<Option<Key>, String> {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".aws");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("credentials"), CREDENTIALS).unwrap();
        fs::write(folder.join("config"), CONFIG).unwrap();
        let home = home.path().display().to_string();
        let mut environment = BTreeMap::from([("HOME".to_owned(), home.clone())]);
        environment.extend(
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        match find(config, &environment) {
            Ok(found) => Ok(found.map(|found| {
                (
                    found.access_key_id().to_owned(),
                    found.secret_access_key().to_owned(),
                    found.session_token().map(str::to_owned),
                )
            })),
            Err(error) => Err(error.to_string().replace(&home, "~")),
        }
    }

    fn key(id: &str, secret: &str, token: Option<&str>) -> Key {
        (id.into(), secret.into(), token.map(str::to_owned))
    }

    #[test]
    fn credentials_come_from_the_configuration_the_environment_or_a_profile() {
        let none = IntegrationsConfig::default();
        let profile = |name: &str| IntegrationsConfig {
            profile: Some(name.into()),
            ..IntegrationsConfig::default()
        };
        let configured = IntegrationsConfig {
            access_key: Some(AccessKey {
                id: "OWN".into(),
                secret: Secret::new("o"),
                session_token: None,
            }),
            ..profile("dev")
        };
        let variables = [
            ("AWS_ACCESS_KEY_ID", "ENV"),
            ("AWS_SECRET_ACCESS_KEY", "e"),
            ("AWS_SESSION_TOKEN", "x"),
            ("AWS_PROFILE", "dev"),
        ];
        assert_eq!(
            find_with(&none, &[]),
            Ok(Some(key("DEFAULT", "a+b/c=", None)))
        );
        assert_eq!(
            find_with(&none, &variables[3..]),
            Ok(Some(key("DEV", "d", Some("t"))))
        );
        assert_eq!(
            find_with(&none, &variables),
            Ok(Some(key("ENV", "e", Some("x"))))
        );
        assert_eq!(
            find_with(&profile("in-config"), &variables),
            Ok(Some(key("CONFIG", "c", None)))
        );
        assert_eq!(
            find_with(&configured, &variables),
            Ok(Some(key("OWN", "o", None)))
        );
        let elsewhere = [("HOME", "/nowhere")];
        assert_eq!(find_with(&none, &elsewhere), Ok(None));
    }

    #[test]
    fn a_profile_that_cannot_be_used_says_what_to_do() {
        let none = IntegrationsConfig::default();
        let error = find_with(&none, &[("AWS_PROFILE", "typo")]).unwrap_err();
        assert_eq!(
            error,
            "there is no profile typo in ~/.aws/credentials or ~/.aws/config: correct the name, or \
             make it with `aws configure --profile typo`"
        );
        let error = find_with(&none, &[("AWS_PROFILE", "sso")]).unwrap_err();
        assert!(error.contains("aws configure export-credentials --profile sso --format env"));
    }
}
