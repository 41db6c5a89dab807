//! TLS: HTTP/1.1 over TLS 1.2 or later, with the user's certificate or with one from a local CA.

mod local_ca;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

pub use self::local_ca::LocalCa;

/// Where a listener's certificate comes from.
#[derive(Debug)]
pub enum CertificateSource {
    /// PEM files, which may be read again.
    Files(Arc<CertificateFiles>),
    /// A local CA, which issues a certificate for every name that a client asks for.
    LocalCa {
        /// The CA.
        ca: Arc<LocalCa>,
        /// The addresses that clients may connect to by number, beside `127.0.0.1` and `::1`:
        /// such clients name no host.
        addresses: Vec<IpAddr>,
    },
}

/// A certificate of the user's in PEM files, which may be read again while it is shown.
#[derive(Debug)]
pub struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
}

impl CertificateFiles {
    /// Reads the chain, leaf first, and its private key.
    ///
    /// # Errors
    /// [`TlsError`] when they cannot be used.
    pub fn open(certificate: PathBuf, key: PathBuf) -> Result<Arc<Self>, TlsError> {
        let current = ArcSwap::from_pointee(read_files(&certificate, &key)?);
        Ok(Arc::new(Self {
            certificate,
            key,
            current,
        }))
    }

    /// Reads them again: handshakes from now on show what they hold.
    ///
    /// # Errors
    /// [`TlsError`] when they cannot be used; then the old certificate stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let now = read_files(&self.certificate, &self.key)?;
        self.current.store(Arc::new(now));
        Ok(())
    }
}

impl ResolvesServerCert for CertificateFiles {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}: cannot {verb} it: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        verb: &'static str,
        /// The system's error.
        error: io::Error,
    },
    /// A file of the local CA is not what Gatepost wrote.
    #[error(
        "{path}: the local CA is damaged ({reason}): delete ca.pem and ca-key.pem in that folder, \
         and a new one is made"
    )]
    DamagedCa {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The CA's key may have been read by others.
    #[error(
        "{path}: others than its owner can read this key (mode {mode:03o}): if nobody did, chmod \
         600 it; else delete it, and a new local CA is made"
    )]
    ExposedKey {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A PEM file of the user's is not one.
    #[error("{path}: expected {expected} in PEM form: {error}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What was found.
        error: pem::Error,
    },
    /// A file without a certificate.
    #[error("{0}: expected a certificate in PEM form, found none")]
    NoCertificate(PathBuf),
    /// Certificate and key do not fit each other, or cannot be used.
    #[error("{certificate} and {key} cannot be used together: {error}")]
    CertificateAndKey {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// What rustls says.
        error: rustls::Error,
    },
    /// A certificate cannot be issued.
    #[error("cannot issue a certificate for {names}: {error}")]
    Issue {
        /// The names that were asked for.
        names: String,
        /// What rcgen says.
        error: rcgen::Error,
    },
    /// The cryptography library refuses.
    #[error("cannot set up TLS: {0}")]
    Rustls(#[from] rustls::Error),
}

/// The configuration of a listener: TLS 1.2 or later, ALPN `http/1.1`.
///
/// # Errors
/// [`TlsError`] when certificate or key cannot be used.
pub fn server_config(source: CertificateSource) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth();
    let mut config = match source {
        CertificateSource::Files(files) => builder.with_cert_resolver(files),
        CertificateSource::LocalCa { ca, addresses } => {
            let resolver = LocalResolver::new(ca, &addresses);
            // A CA that cannot issue is found out here, and not by the first client.
            resolver.ca.certificate_for(&resolver.local_names)?;
            builder.with_cert_resolver(Arc::new(resolver))
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read_files(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let in_file = |path: &Path, expected| {
        let path = path.to_owned();
        move |error| match error {
            pem::Error::Io(error) => TlsError::Io {
                path,
                verb: "read",
                error,
            },
            error => TlsError::Pem {
                path,
                expected,
                error,
            },
        }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(in_file(certificate, "certificates"))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(certificate.to_owned()));
    }
    let private_key = PrivateKeyDer::from_pem_file(key).map_err(in_file(key, "a private key"))?;
    CertifiedKey::from_der(chain, private_key, &aws_lc_rs::default_provider()).map_err(|error| {
        TlsError::CertificateAndKey {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            error,
        }
    })
}

/// Chooses the certificate for the name that the client asks for; for `localhost` and the local
/// addresses when it asks for none, as clients do that connect to an address.
#[derive(Debug)]
struct LocalResolver {
    ca: Arc<LocalCa>,
    local_names: Vec<String>,
}

impl LocalResolver {
    fn new(ca: Arc<LocalCa>, addresses: &[IpAddr]) -> Self {
        let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let others = addresses
            .iter()
            .filter(|address| !loopback.contains(address));
        let addresses = loopback.iter().chain(others).map(ToString::to_string);
        let local_names = std::iter::once("localhost".to_owned())
            .chain(addresses)
            .collect();
        Self { ca, local_names }
    }
}

impl ResolvesServerCert for LocalResolver {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        match client_hello.server_name() {
            Some(name) => self.ca.certificate_for(&[name]),
            None => self.ca.certificate_for(&self.local_names),
        }
        .ok()
    }
}

#[cfg(test)]
mod tests;
