//! `GenerateClientCertificate`, `UpdateClientCertificate`, `DeleteClientCertificate`.

use std::time::Duration;

use gatepost_gateway::{clock::now_ms, control::Change, gateway::Gateway, new_id::resource_id};
use gatepost_model::{
    api::Api, client_certificate::ClientCertificate, limits::CLIENT_CERTIFICATES, secret::Secret,
};
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256,
    RsaKeySize,
};
use serde_json::Value;
use time::OffsetDateTime;

use super::{client_certificate, patch::Patch};
use crate::{
    control_plane::{quota, rescue::ControlPlaneError},
    shapes::apigateway::{
        DeleteClientCertificateRequest, GenerateClientCertificateRequest, Op,
        UpdateClientCertificateRequest,
    },
};

const PATHS: &[&str] = &["/description"];
/// As AWS's are.
const LIFE: Duration = Duration::from_secs(365 * 86_400);

pub(super) fn generate(
    gateway: &Gateway,
    request: GenerateClientCertificateRequest,
) -> Result<Value, ControlPlaneError> {
    // Before anybody waits for it.
    if gateway.client_certificates().len() >= CLIENT_CERTIFICATES {
        return Err(too_many());
    }
    let tags = quota::tags(request.tags)?;
    let created_at_ms = now_ms();
    let (pem_encoded_certificate, private_key) =
        self_signed(created_at_ms).map_err(ControlPlaneError::NotKept)?;
    let certificate = ClientCertificate {
        client_certificate_id: resource_id::<6>(),
        description: request.description.filter(|text| !text.is_empty()),
        pem_encoded_certificate,
        private_key,
        tags,
        created_at_ms,
        expires_at_ms: created_at_ms + millis(LIFE),
    };
    gateway.change(|change| {
        let made = &mut change.made.client_certificates;
        if made.len() >= CLIENT_CERTIFICATES {
            return Err(too_many());
        }
        let body = client_certificate::body(&certificate);
        made.push(certificate);
        Ok(body)
    })
}

fn too_many() -> ControlPlaneError {
    ControlPlaneError::LimitExceeded(format!(
        "Maximum number of client certificates for this account has been reached: there are \
         {CLIENT_CERTIFICATES}"
    ))
}

/// A certificate that signs itself, with its key, both PEM. An RSA key, as AWS makes it: every
/// backend knows those.
fn self_signed(now_ms: u64) -> Result<(String, Secret), String> {
    let failed = |error: rcgen::Error| format!("no certificate could be made: {error}");
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(failed)?;
    let mut params = CertificateParams::default();
    let name = &mut params.distinguished_name;
    name.push(DnType::OrganizationName, "Gatepost");
    name.push(DnType::OrganizationalUnitName, "ApiGateway");
    name.push(DnType::CommonName, "ApiGateway");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let now = OffsetDateTime::UNIX_EPOCH + Duration::from_millis(now_ms);
    params.not_before = now;
    params.not_after = now + LIFE;
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok((certificate.pem(), Secret::new(key.serialize_pem())))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The certificate, to be changed.
pub(super) fn find<'a>(
    change: &'a mut Change<'_>,
    id: &str,
) -> Result<&'a mut ClientCertificate, ControlPlaneError> {
    let mut made = change.made.client_certificates.iter_mut();
    made.find(|certificate| certificate.client_certificate_id == id)
        .ok_or_else(client_certificate::not_found)
}

pub(super) fn update(
    gateway: &Gateway,
    request: UpdateClientCertificateRequest,
) -> Result<Value, ControlPlaneError> {
    let patches = Patch::all(request.patch_operations)?;
    gateway.change(|change| {
        let certificate = find(change, &request.clientcertificate_id)?;
        for patch in &patches {
            match (patch.parts().0, &*patch.parts().1) {
                (Op::Replace, ["description"]) => certificate.description = patch.optional(),
                _ => return Err(patch.refuse(PATHS)),
            }
        }
        Ok(client_certificate::body(certificate))
    })
}

pub(super) fn delete(
    gateway: &Gateway,
    request: &DeleteClientCertificateRequest,
) -> Result<Value, ControlPlaneError> {
    let id = &request.clientcertificate_id;
    gateway.change(|change| {
        find(change, id)?;
        // Nobody else changes anything meanwhile.
        let table = gateway.apis();
        let mut users = table.apis.values().filter_map(|api| user(&api.api, id));
        if let Some(user) = users.next() {
            return Err(ControlPlaneError::Conflict(format!(
                "Client certificate {id} is still used by {user}"
            )));
        }
        let made = &mut change.made.client_certificates;
        made.retain(|certificate| certificate.client_certificate_id != *id);
        Ok(Value::Null)
    })
}

/// The stage of an API that shows a certificate.
fn user(api: &Api, id: &str) -> Option<String> {
    let mut stages = api.stages.iter();
    let stage = stages.find(|stage| stage.client_certificate_id.as_deref() == Some(id))?;
    let (stage, api_id) = (&stage.stage_name, &api.api_id);
    Some(format!("the stage {stage} of the API {api_id}"))
}
