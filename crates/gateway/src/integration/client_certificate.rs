//! Client certificates: what a stage with a `ClientCertificateId` shows to HTTPS backends, and the
//! CAs that Gatepost trusts in them.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use gatepost_model::client_certificate as kept;
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
    "the client certificate `{0}` is not there: make one with GenerateClientCertificate, or write {0} \
     = {{ certificate = \"client.pem\", key = \"client-key.pem\" }} below \
     [integrations.client_certificates]"
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
        Self::new(chain, private_key).map_err(|error| CertificateFileError::DoNotFit {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            cause: error.to_string(),
        })
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, rustls::Error> {
        let certified = CertifiedKey::from_der(chain, key, &provider())?;
        Ok(Self(Arc::new(SingleCertAndKey::from(certified))))
    }

    /// One that a call made; `None` when it is not what was made.
    fn of_kept(kept: &kept::ClientCertificate) -> Option<Self> {
        let chain = CertificateDer::pem_slice_iter(kept.pem_encoded_certificate.as_bytes());
        let chain = chain.collect::<Result<_, _>>().ok()?;
        let key = PrivateKeyDer::from_pem_slice(kept.private_key.reveal().as_bytes()).ok()?;
        Self::new(chain, key).ok()
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

/// The client certificates that stages may name: those of the configuration, and those that calls
/// made.
#[derive(Debug, Default)]
pub struct ClientCertificates {
    configured: BTreeMap<String, ClientCertificate>,
    made: ArcSwap<Made>,
}

/// Those that calls made, as they are told of and as they are shown to backends.
#[derive(Debug, Default)]
struct Made {
    kept: Arc<Vec<kept::ClientCertificate>>,
    by_id: BTreeMap<String, ClientCertificate>,
}

impl ClientCertificates {
    /// Those of the configuration, by id.
    pub fn new(configured: BTreeMap<String, ClientCertificate>) -> Self {
        Self {
            configured,
            made: ArcSwap::default(),
        }
    }

    /// The ids of the configuration.
    pub fn configured(&self) -> impl Iterator<Item = &String> {
        self.configured.keys()
    }

    /// Those that calls made.
    pub fn made(&self) -> Arc<Vec<kept::ClientCertificate>> {
        Arc::clone(&self.made.load().kept)
    }

    /// The certificate of this id; the configuration's is before one that a call made.
    pub(crate) fn get(&self, id: &str) -> Option<ClientCertificate> {
        let configured = self.configured.get(id).cloned();
        configured.or_else(|| self.made.load().by_id.get(id).cloned())
    }

    /// Has these in place of the ones that calls made before. Stages that show one that is gone go on
    /// until they are deployed anew.
    pub(crate) fn replace_made(&self, kept: &[kept::ClientCertificate]) {
        let before = self.made.load();
        let by_id = kept.iter().filter_map(|kept| {
            let id = &kept.client_certificate_id;
            // Integrations of one certificate share connections, which a new reading would end.
            let known = before.by_id.get(id).cloned();
            let certificate = known.or_else(|| ClientCertificate::of_kept(kept))?;
            Some((id.clone(), certificate))
        });
        self.made.store(Arc::new(Made {
            by_id: by_id.collect(),
            kept: Arc::new(kept.to_vec()),
        }));
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
