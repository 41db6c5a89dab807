//! Client certificates: what a stage with a `ClientCertificateId` shows to HTTPS backends, and the
//! CAs that Gatepost trusts in them.

use std::{
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore,
    client::ResolvesClientCert,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
};

/// A certificate chain with its key.
#[derive(Debug, Clone)]
pub struct ClientCertificate(Arc<SingleCertAndKey>);

/// An id that no client certificate is configured for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the client certificate `{0}` is not there: write {0} = {{ certificate = \"client.pem\", key = \
     \"client-key.pem\" }} below [integrations.client_certificates]"
)]
pub struct UnknownClientCertificate(pub String);

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFileError {
    /// A file is missing or holds something else.
    #[error("{path}: expected {expected} in PEM form: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What was found.
        cause: String,
    },
    /// Certificate and key do not fit each other, or cannot be used.
    #[error("{certificate} and {key} cannot be used together: {cause}")]
    DoNotFit {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// What rustls says.
        cause: String,
    },
    /// The cryptography library refuses.
    #[error("cannot set up TLS: {0}")]
    Rustls(#[from] rustls::Error),
}

impl ClientCertificate {
    /// Reads a certificate chain and its key, both PEM.
    ///
    /// # Errors
    /// [`CertificateFileError`].
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateFileError> {
        let chain = read_certificates(certificate)?;
        let private_key = PrivateKeyDer::from_pem_file(key).map_err(|error| {
            CertificateFileError::Unreadable {
                path: key.to_owned(),
                expected: "a private key",
                cause: error.to_string(),
            }
        })?;
        let certified =
            CertifiedKey::from_der(chain, private_key, &provider()).map_err(|error| {
                CertificateFileError::DoNotFit {
                    certificate: certificate.to_owned(),
                    key: key.to_owned(),
                    cause: error.to_string(),
                }
            })?;
        Ok(Self(Arc::new(SingleCertAndKey::from(certified))))
    }

    pub(super) fn resolver(&self) -> Arc<dyn ResolvesClientCert> {
        Arc::clone(&self.0) as _
    }
}

/// The same certificate is the one that was read once.
impl PartialEq for ClientCertificate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ClientCertificate {}

impl Hash for ClientCertificate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// The system's CAs, and those of `file`.
///
/// # Errors
/// [`CertificateFileError`] when the file cannot be used.
pub(super) fn trusted_roots(file: Option<&Path>) -> Result<RootCertStore, CertificateFileError> {
    let mut roots = RootCertStore::empty();
    // Certificates of the system that rustls cannot read are of no use to it.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = file {
        for certificate in read_certificates(path)? {
            roots
                .add(certificate)
                .map_err(|error| CertificateFileError::Unreadable {
                    path: path.to_owned(),
                    expected: "CA certificates",
                    cause: error.to_string(),
                })?;
        }
    }
    Ok(roots)
}

/// The cryptography of everything outward.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateFileError> {
    let unreadable = |cause: String| CertificateFileError::Unreadable {
        path: path.to_owned(),
        expected: "certificates",
        cause,
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(error.to_string()))?;
    if certificates.is_empty() {
        return Err(unreadable("there is none".to_owned()));
    }
    Ok(certificates)
}
