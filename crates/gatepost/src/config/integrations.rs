//! `[integrations]`: what integrations reach their backends with.

use std::{collections::BTreeMap, path::PathBuf};

use gatepost_gateway::integration::vpc_link::VpcLink;
use gatepost_model::secret::Secret;

use super::{TlsFiles, reader::Reader};

/// `[integrations]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IntegrationsConfig {
    /// `ca_certificates`: CAs that are trusted in backends besides the system's, PEM.
    pub ca_certificates: Option<PathBuf>,
    /// `profile`: which credentials of `~/.aws` sign calls of AWS services.
    pub profile: Option<String>,
    /// `access_key_id`, `secret_access_key` and `session_token`, before all other credentials.
    pub access_key: Option<AccessKey>,
    /// `vpc_links`: where each VPC link leads, by its id, or by its logical id or name in the
    /// template.
    pub vpc_links: BTreeMap<String, VpcLink>,
    /// `client_certificates`, by `ClientCertificateId`, or by the logical id in the template.
    pub client_certificates: BTreeMap<String, TlsFiles>,
}

/// An access key of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// `access_key_id`.
    pub id: String,
    /// `secret_access_key`.
    pub secret: Secret,
    /// `session_token`.
    pub session_token: Option<Secret>,
}

pub(super) fn read(reader: &mut Reader) -> IntegrationsConfig {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let ca_certificates = reader.path("integrations.ca_certificates");
    if let Some(path) = &ca_certificates {
        reader.compare_file("integrations.ca_certificates", path);
    }
    IntegrationsConfig {
        ca_certificates,
        profile: reader.text(
            "integrations.profile",
            "the name of a profile such as \"dev\"",
            text,
        ),
        access_key: access_key(reader),
        vpc_links: reader.table(
            "integrations.vpc_links",
            "a table of schemes, hosts and ports such as {abc123 = \"http://127.0.0.1:8080\"}",
            |link| link.parse().ok(),
        ),
        client_certificates: reader.certificates("integrations.client_certificates"),
    }
}

fn access_key(reader: &mut Reader) -> Option<AccessKey> {
    const ID: &str = "integrations.access_key_id";
    const SECRET: &str = "integrations.secret_access_key";
    const TOKEN: &str = "integrations.session_token";
    let id = reader.text(
        ID,
        "an access key id such as \"AKIAIOSFODNN7EXAMPLE\"",
        |id| (!id.is_empty()).then(|| id.to_owned()),
    );
    let secret = reader.secret(SECRET);
    let session_token = reader.secret(TOKEN);
    match (id, secret) {
        (Some(id), Some(secret)) => Some(AccessKey {
            id,
            secret,
            session_token,
        }),
        (Some(_), None) => {
            reader.lacks(ID, SECRET);
            None
        }
        (None, Some(_)) => {
            reader.lacks(SECRET, ID);
            None
        }
        (None, None) => {
            if session_token.is_some() {
                reader.lacks(TOKEN, ID);
            }
            None
        }
    }
}
