//! The local CA of `dev`: made once per state folder, never installed system-wide, trusted only by
//! who is told to.

mod files;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    crypto::aws_lc_rs::sign::any_ecdsa_type,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    sign::{CertifiedKey, SigningKey},
};
use time::{Duration, OffsetDateTime};

use super::TlsError;

/// The CA's certificate, for clients to trust.
const CERTIFICATE_FILE: &str = "ca.pem";
/// The CA's key, readable by its owner only.
const KEY_FILE: &str = "ca-key.pem";
const CA_VALIDITY: Duration = Duration::days(3650);
/// A CA that ends sooner is replaced, so that no certificate of it outlives it.
const CA_RENEWAL: Duration = Duration::days(365);
const VALIDITY: Duration = Duration::days(90);
/// A certificate that ends sooner is issued again.
const RENEWAL: Duration = Duration::days(30);
/// Certificates begin in the past, for clients whose clock is slow.
const CLOCK_SKEW: Duration = Duration::days(1);
/// Certificates that are kept; the names are the clients' choice.
const MAX_CERTIFICATES: usize = 256;

/// A certificate authority of this folder's own.
#[derive(Debug)]
pub struct LocalCa {
    certificate_file: PathBuf,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    /// One key for all certificates: they are all this process's.
    key: KeyPair,
    signing_key: Arc<dyn SigningKey>,
    issued: Mutex<HashMap<String, Issued>>,
}

#[derive(Debug)]
struct Issued {
    certificate: Arc<CertifiedKey>,
    renew_at: OffsetDateTime,
}

impl LocalCa {
    /// Opens the CA in `folder`; makes one when there is none or it is about to expire.
    ///
    /// # Errors
    /// [`TlsError`] when its files cannot be read or written, are damaged, or its key is exposed.
    pub fn open_or_create(folder: &Path) -> Result<Self, TlsError> {
        Self::open_or_create_at(folder, OffsetDateTime::now_utc())
    }

    pub(super) fn open_or_create_at(folder: &Path, now: OffsetDateTime) -> Result<Self, TlsError> {
        let ca = files::read(folder)?.filter(|ca| now + CA_RENEWAL < ca.not_after);
        let (certificate, ca_key) = match ca {
            Some(ca) => (ca.certificate, ca.key),
            None => create(folder, now)?,
        };
        let issuer = Issuer::from_ca_cert_der(&certificate, ca_key).map_err(|error| {
            TlsError::DamagedCa {
                path: folder.join(CERTIFICATE_FILE),
                reason: error.to_string(),
            }
        })?;
        let key = generate_key()?;
        let signing_key = any_ecdsa_type(&PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
        Ok(Self {
            certificate_file: folder.join(CERTIFICATE_FILE),
            certificate,
            issuer,
            key,
            signing_key,
            issued: Mutex::default(),
        })
    }

    /// The file with the CA's certificate, for clients that *add* it to their roots.
    pub fn certificate_file(&self) -> &Path {
        &self.certificate_file
    }

    /// Writes the system's roots and this CA into one PEM file, for clients whose setting
    /// *replaces* their roots (Python, OpenSSL).
    ///
    /// # Errors
    /// [`TlsError::Io`] when the file cannot be written; what was there before stays then.
    pub fn write_bundle(&self, path: &Path) -> Result<(), TlsError> {
        // A root that cannot be read is one that the system's own clients cannot read either.
        let system = rustls_native_certs::load_native_certs().certs;
        let bundle: String = system
            .iter()
            .chain([&self.certificate])
            .map(files::certificate_pem)
            .collect();
        files::write_atomically(path, &bundle, 0o644)
    }

    /// A certificate for these host names and addresses, issued now or not long ago.
    ///
    /// # Errors
    /// [`TlsError::Issue`] when a name cannot stand in a certificate.
    pub fn certificate_for(
        &self,
        names: &[impl AsRef<str>],
    ) -> Result<Arc<CertifiedKey>, TlsError> {
        self.certificate_at(names, OffsetDateTime::now_utc())
    }

    pub(super) fn certificate_at(
        &self,
        names: &[impl AsRef<str>],
        now: OffsetDateTime,
    ) -> Result<Arc<CertifiedKey>, TlsError> {
        let names: Vec<String> = names
            .iter()
            .map(|name| name.as_ref().to_ascii_lowercase())
            .collect();
        let cache_key = names.join(", ");
        if let Some(issued) = self.issued.lock().get(&cache_key)
            && now < issued.renew_at
        {
            return Ok(Arc::clone(&issued.certificate));
        }
        let certificate = self.issue(names, now).map_err(|error| TlsError::Issue {
            names: cache_key.clone(),
            error,
        })?;
        let renew_at = now + VALIDITY - RENEWAL;
        self.keep(
            cache_key,
            Issued {
                certificate: Arc::clone(&certificate),
                renew_at,
            },
        );
        Ok(certificate)
    }

    fn issue(
        &self,
        names: Vec<String>,
        now: OffsetDateTime,
    ) -> Result<Arc<CertifiedKey>, rcgen::Error> {
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "Gatepost");
        params.not_before = now - CLOCK_SKEW;
        params.not_after = now + VALIDITY;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&self.key, &self.issuer)?;
        let chain = vec![certificate.der().clone()];
        Ok(Arc::new(CertifiedKey::new(
            chain,
            Arc::clone(&self.signing_key),
        )))
    }

    /// Keeps a certificate, in the place of the oldest when there are too many.
    fn keep(&self, names: String, issued: Issued) {
        let mut kept = self.issued.lock();
        if kept.len() >= MAX_CERTIFICATES && !kept.contains_key(&names) {
            let oldest = kept.iter().min_by_key(|(_, issued)| issued.renew_at);
            if let Some(oldest) = oldest.map(|(names, _)| names.clone()) {
                kept.remove(&oldest);
            }
        }
        kept.insert(names, issued);
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.issued.lock().len()
    }
}

/// Makes a CA and writes it into `folder`.
fn create(
    folder: &Path,
    now: OffsetDateTime,
) -> Result<(CertificateDer<'static>, KeyPair), TlsError> {
    let key = generate_key()?;
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "Gatepost local CA");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Gatepost");
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + CA_VALIDITY;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key).map_err(cannot_issue_ca)?;
    files::write(folder, certificate.der(), &key)?;
    Ok((certificate.der().clone(), key))
}

fn generate_key() -> Result<KeyPair, TlsError> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(cannot_issue_ca)
}

fn cannot_issue_ca(error: rcgen::Error) -> TlsError {
    TlsError::Issue {
        names: "the local CA".to_owned(),
        error,
    }
}
