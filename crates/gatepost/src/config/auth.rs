//! `[auth]`: how requests prove who they come from, and the access keys that they may be signed with
//! (`[auth.access_keys."AKIA…"]`).

use std::path::PathBuf;

use figment::value::Value;
use gatepost_gateway::auth::AuthMode;
use gatepost_model::secret::Secret;

use super::{
    layers::Source,
    reader::{Reader, path_in},
};

/// `[auth]`.
#[derive(Debug, Clone, PartialEq)]
pub struct AuthConfig {
    /// `mode`; each command has a default of its own.
    pub mode: Option<AuthMode>,
    /// `function_policies`: what the app's own functions may do; everything when it is not set.
    pub function_policies: Option<PoliciesConfig>,
    /// `[auth.access_keys."AKIA…"]`.
    pub access_keys: Vec<AccessKeyConfig>,
}

/// An access key.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessKeyConfig {
    /// `AccessKeyId`.
    pub id: String,
    /// Where it stands.
    pub place: Source,
    /// `secret`, `secret_file` or `secret_env`.
    pub secret: SecretSource,
    /// `user`: the name of the IAM user whose key it is, perhaps with a path.
    pub user: String,
    /// `account`: the user's account, when it is not this one.
    pub account: Option<String>,
    /// `policies` of the user.
    pub policies: PoliciesConfig,
    /// `session_policies`, which the user's may not exceed with this key.
    pub session_policies: PoliciesConfig,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// Here.
    Value(Secret),
    /// The content of a file, without a line break at its end.
    File(PathBuf),
    /// The value of an environment variable.
    Variable(String),
}

/// A list of policies.
#[derive(Debug, Clone, PartialEq)]
pub struct PoliciesConfig {
    /// Where it stands.
    pub place: Source,
    /// The key, with its section.
    pub key: String,
    /// The policies.
    pub policies: Vec<PolicySource>,
}

/// A policy in IAM's JSON.
#[derive(Debug, Clone, PartialEq)]
pub enum PolicySource {
    /// A file with it.
    File(PathBuf),
    /// Its text.
    Json(String),
    /// A table of TOML with the same members.
    Table(serde_json::Value),
}

pub(super) fn read(reader: &mut Reader) -> AuthConfig {
    let sections = reader.subsections("auth.access_keys");
    let mode = reader.take(
        "auth.mode",
        None,
        "",
        "\"off\" or \"sigv4\"",
        |value, _| match value.as_str()? {
            "off" => Some(Some(AuthMode::Off)),
            "sigv4" => Some(Some(AuthMode::SigV4)),
            _ => None,
        },
    );
    let function_policies = policies(reader, "auth.function_policies".to_owned());
    AuthConfig {
        mode,
        function_policies: (function_policies.place != Source::Default)
            .then_some(function_policies),
        access_keys: sections
            .into_iter()
            .filter_map(|(id, section)| access_key(reader, id, &section))
            .collect(),
    }
}

fn access_key(reader: &mut Reader, id: String, section: &str) -> Option<AccessKeyConfig> {
    let place = reader.place_of_section(section);
    let is_id = |id: &str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
    };
    if !is_id(&id) {
        let expected = "an access key id such as \"AKIAIOSFODNN7EXAMPLE\"";
        reader.refuse_name(section, expected);
    }
    let secret = secret_source(reader, &format!("{section}.secret"));
    let secret = secret.unwrap_or_default();
    if secret.is_none() {
        reader.needs(section, "one of secret, secret_file and secret_env");
    }
    let user = reader.text(
        &format!("{section}.user"),
        "the name of an IAM user such as \"ann\"",
        |user| is_user(user).then(|| user.to_owned()),
    );
    let account = reader.text(
        &format!("{section}.account"),
        "the 12 digits of an account",
        |account| {
            let is_account = account.len() == 12 && account.bytes().all(|c| c.is_ascii_digit());
            is_account.then(|| account.to_owned())
        },
    );
    let policies_of = policies(reader, format!("{section}.policies"));
    let session_policies = policies(reader, format!("{section}.session_policies"));
    if user.is_none() {
        reader.needs(section, "a user");
    }
    Some(AccessKeyConfig {
        id,
        place,
        secret: secret?,
        user: user?,
        account,
        policies: policies_of,
        session_policies,
    })
}

/// Where a secret is: the one of `key`, `{key}_file` and `{key}_env` that is set, or none.
///
/// # Errors
/// More than one is set.
pub(super) fn secret_source(reader: &mut Reader, key: &str) -> Result<Option<SecretSource>, ()> {
    let value = reader.secret(key);
    let file = file_to_compare(reader, &format!("{key}_file"));
    let variable = reader.text(
        &format!("{key}_env"),
        "the name of an environment variable",
        |name| (!name.is_empty() && !name.contains('=')).then(|| name.to_owned()),
    );
    match (value, file, variable) {
        (Some(secret), None, None) => Ok(Some(SecretSource::Value(secret))),
        (None, Some(path), None) => Ok(Some(SecretSource::File(path))),
        (None, None, Some(name)) => Ok(Some(SecretSource::Variable(name))),
        (None, None, None) => Ok(None),
        _ => Err(()),
    }
}

/// The path of a file whose content counts as part of the value.
fn file_to_compare(reader: &mut Reader, key: &str) -> Option<PathBuf> {
    let path = reader.path(key)?;
    reader.compare_file(key, &path);
    Some(path)
}

/// A user's name as IAM has it, perhaps below a path.
fn is_user(user: &str) -> bool {
    let is_name = |c: u8| c.is_ascii_alphanumeric() || b"+=,.@_-".contains(&c);
    (1..=512).contains(&user.len())
        && user
            .split('/')
            .all(|part| !part.is_empty() && part.bytes().all(is_name))
}

/// A list of files, texts and tables, or one of them.
fn policies(reader: &mut Reader, key: String) -> PoliciesConfig {
    let expected = "files with policies, or policies, such as [\"post.json\"] or \
                    [{Version = \"2012-10-17\", Statement = []}]";
    let mut place = Source::Default;
    let policies = reader.take(&key, Vec::new(), "", expected, |value, source| {
        place = source.clone();
        match value {
            Value::Array(_, values) => values.iter().map(|value| policy(value, source)).collect(),
            value => policy(value, source).map(|policy| vec![policy]),
        }
    });
    for policy in &policies {
        if let PolicySource::File(path) = policy {
            reader.compare_file(&key, path);
        }
    }
    PoliciesConfig {
        place,
        key,
        policies,
    }
}

fn policy(value: &Value, source: &Source) -> Option<PolicySource> {
    match value {
        Value::String(_, text) if text.trim_start().starts_with('{') => {
            Some(PolicySource::Json(text.clone()))
        }
        Value::String(_, path) => path_in(path, source).map(PolicySource::File),
        Value::Dict(..) => json(value).map(PolicySource::Table),
        _ => None,
    }
}

/// A table as JSON.
fn json(value: &Value) -> Option<serde_json::Value> {
    Some(match value {
        Value::Dict(_, members) => members
            .iter()
            .map(|(name, value)| Some((name.clone(), json(value)?)))
            .collect::<Option<_>>()?,
        Value::Array(_, values) => values.iter().map(json).collect::<Option<_>>()?,
        Value::String(_, text) => text.clone().into(),
        Value::Bool(_, flag) => (*flag).into(),
        Value::Num(_, number) => match number.to_i128().map(i64::try_from) {
            Some(Ok(number)) => number.into(),
            _ => number.to_f64()?.into(),
        },
        Value::Char(..) | Value::Empty(..) => return None,
    })
}
