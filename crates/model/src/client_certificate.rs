//! Client certificates that calls made.

use std::collections::BTreeMap;

use crate::secret::Secret;

/// `ClientCertificate`: what the integrations of a stage that names it show to HTTPS backends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// `clientCertificateId`.
    pub client_certificate_id: String,
    /// `description`.
    pub description: Option<String>,
    /// `pemEncodedCertificate`.
    pub pem_encoded_certificate: String,
    /// Its private key, PEM, which nobody is shown.
    pub private_key: Secret,
    /// `tags`.
    pub tags: BTreeMap<String, String>,
    /// `createdDate`, milliseconds since the epoch.
    pub created_at_ms: u64,
    /// `expirationDate`, milliseconds since the epoch.
    pub expires_at_ms: u64,
}
