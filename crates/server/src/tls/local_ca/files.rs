//! The files of the local CA: read with suspicion, written whole or not at all.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use time::OffsetDateTime;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use super::{CERTIFICATE_FILE, KEY_FILE};
use crate::tls::TlsError;

/// A CA that was read.
pub(super) struct CaFiles {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: KeyPair,
    pub(super) not_after: OffsetDateTime,
}

/// Reads the CA of a folder; `None` when there is none, or only half of one.
pub(super) fn read(folder: &Path) -> Result<Option<CaFiles>, TlsError> {
    let (certificate_file, key_file) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
    let (Some(certificate), Some(key)) = (read_file(&certificate_file)?, read_file(&key_file)?)
    else {
        return Ok(None);
    };
    refuse_exposed(&key_file)?;
    let damaged = |path: &Path, reason: String| TlsError::DamagedCa {
        path: path.into(),
        reason,
    };
    let certificate = CertificateDer::from_pem_slice(&certificate)
        .map_err(|error| damaged(&certificate_file, error.to_string()))?;
    let key = std::str::from_utf8(&key)
        .map_err(|error| damaged(&key_file, error.to_string()))
        .and_then(|key| {
            KeyPair::from_pem(key).map_err(|error| damaged(&key_file, error.to_string()))
        })?;
    let (_, x509) = X509Certificate::from_der(&certificate)
        .map_err(|error| damaged(&certificate_file, error.to_string()))?;
    if !x509.is_ca() {
        return Err(damaged(
            &certificate_file,
            "it is not the certificate of a CA".to_owned(),
        ));
    }
    if *x509.public_key().subject_public_key.data != *key.der_bytes() {
        return Err(damaged(&key_file, "it is not the key of ca.pem".to_owned()));
    }
    let not_after = x509.validity().not_after.to_datetime();
    Ok(Some(CaFiles {
        certificate,
        key,
        not_after,
    }))
}

/// Writes a CA, its key first: a certificate without a key counts as none.
pub(super) fn write(
    folder: &Path,
    certificate: &CertificateDer<'_>,
    key: &KeyPair,
) -> Result<(), TlsError> {
    fs::create_dir_all(folder).map_err(|error| TlsError::Io {
        path: folder.into(),
        verb: "make",
        error,
    })?;
    write_atomically(&folder.join(KEY_FILE), &key.serialize_pem(), 0o600)?;
    write_atomically(
        &folder.join(CERTIFICATE_FILE),
        &certificate_pem(certificate),
        0o644,
    )
}

/// Puts `text` into a file, so that a reader sees the old text or the new one.
pub(super) fn write_atomically(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let write = || {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(mode))
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|error: io::Error| TlsError::Io {
        path: path.into(),
        verb: "write",
        error,
    })
}

/// A certificate in PEM form (RFC 7468).
pub(super) fn certificate_pem(certificate: &CertificateDer<'_>) -> String {
    let base64 = STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, so it may be cut anywhere.
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

fn read_file(path: &Path) -> Result<Option<Vec<u8>>, TlsError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TlsError::Io {
            path: path.into(),
            verb: "read",
            error,
        }),
    }
}

fn refuse_exposed(key_file: &Path) -> Result<(), TlsError> {
    let metadata = fs::metadata(key_file).map_err(|error| TlsError::Io {
        path: key_file.into(),
        verb: "read",
        error,
    })?;
    let mode = metadata.mode() & 0o777;
    let of_others = mode & 0o077;
    if of_others == 0 {
        Ok(())
    } else {
        Err(TlsError::ExposedKey {
            path: key_file.into(),
            mode,
        })
    }
}
