//! Client certificates, with their private keys: the file is its owner's only.

use std::collections::BTreeMap;

use gatepost_model::{client_certificate::ClientCertificate, secret::Secret};
use rusqlite::{Connection as Database, Transaction};
use serde::{Deserialize, Serialize};

use super::{read_rows, rows, write};
use crate::control::Made;

pub(in crate::store) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS client_certificates (
        id TEXT PRIMARY KEY,
        document TEXT NOT NULL
    ) WITHOUT ROWID;
";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptCertificate {
    description: Option<String>,
    pem_encoded_certificate: String,
    private_key: String,
    tags: BTreeMap<String, String>,
    created_at_ms: u64,
    expires_at_ms: u64,
}

pub(super) fn keep(
    transaction: &Transaction<'_>,
    before: &Made,
    after: &Made,
) -> rusqlite::Result<()> {
    let rows = |made: &Made| {
        let certificates = &made.client_certificates;
        rows(certificates, |it| &it.client_certificate_id, kept)
    };
    write(
        transaction,
        "client_certificates",
        &rows(before),
        &rows(after),
    )
}

pub(super) fn read(database: &Database) -> rusqlite::Result<Vec<ClientCertificate>> {
    let query = "SELECT id, document FROM client_certificates";
    read_rows(database, query, client_certificate)
}

fn kept(certificate: &ClientCertificate) -> KeptCertificate {
    KeptCertificate {
        description: certificate.description.clone(),
        pem_encoded_certificate: certificate.pem_encoded_certificate.clone(),
        private_key: certificate.private_key.reveal().to_owned(),
        tags: certificate.tags.clone(),
        created_at_ms: certificate.created_at_ms,
        expires_at_ms: certificate.expires_at_ms,
    }
}

fn client_certificate(id: String, kept: KeptCertificate) -> ClientCertificate {
    ClientCertificate {
        client_certificate_id: id,
        description: kept.description,
        pem_encoded_certificate: kept.pem_encoded_certificate,
        private_key: Secret::new(kept.private_key),
        tags: kept.tags,
        created_at_ms: kept.created_at_ms,
        expires_at_ms: kept.expires_at_ms,
    }
}
