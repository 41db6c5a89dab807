//! `GetClientCertificates`, `GetClientCertificate`.

use gatepost_model::client_certificate::ClientCertificate;
use serde_json::{Value, json};

use crate::control_plane::{
    json::{present, unless_empty},
    rescue::ControlPlaneError,
};

pub(super) fn find<'a>(
    certificates: &'a [ClientCertificate],
    wanted: &str,
) -> Result<&'a ClientCertificate, ControlPlaneError> {
    let mut certificates = certificates.iter();
    certificates
        .find(|certificate| id(certificate) == wanted)
        .ok_or_else(not_found)
}

pub(super) fn not_found() -> ControlPlaneError {
    ControlPlaneError::NotFoundUnnamed("Client Certificate")
}

pub(super) fn id(certificate: &ClientCertificate) -> &str {
    &certificate.client_certificate_id
}

/// The certificate without its key.
pub(super) fn body(certificate: &ClientCertificate) -> Value {
    present(json!({
        "clientCertificateId": id(certificate),
        "createdDate": certificate.created_at_ms / 1000,
        "description": certificate.description,
        "expirationDate": certificate.expires_at_ms / 1000,
        "pemEncodedCertificate": certificate.pem_encoded_certificate,
        "tags": unless_empty(&certificate.tags),
    }))
}
