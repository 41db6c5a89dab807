use std::{fs, os::unix::fs::PermissionsExt};

use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, ServerConnection,
    SupportedProtocolVersion, pki_types::ServerName, version,
};
use time::{Duration, OffsetDateTime};

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn certificates(path: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(path)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

fn client_config(ca: &Path, version: &'static SupportedProtocolVersion) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca) {
        roots.add(certificate).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// A whole handshake in memory; the client's end of it.
fn handshake(
    server: &Arc<ServerConfig>,
    client: ClientConfig,
    name: &str,
) -> Result<ClientConnection, rustls::Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name)?;
    let mut server = ServerConnection::new(Arc::clone(server))?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(client)
}

fn local_config(folder: &Path, addresses: Vec<IpAddr>) -> Arc<ServerConfig> {
    let ca = Arc::new(LocalCa::open_or_create(folder).unwrap());
    server_config(CertificateSource::LocalCa { ca, addresses }).unwrap()
}

#[test]
fn a_client_that_trusts_the_local_ca_connects_by_any_name() {
    let folder = folder();
    let server = local_config(folder.path(), Vec::new());
    for name in [
        "localhost",
        "127.0.0.1",
        "::1",
        "abcdef0123.execute-api.localhost",
        "abcdef0123.execute-api.us-east-1.amazonaws.com",
        "ws.example.com",
    ] {
        for version in [&version::TLS12, &version::TLS13] {
            let client = client_config(&folder.path().join("ca.pem"), version);
            let client = handshake(&server, client, name).unwrap();
            assert_eq!(
                client.alpn_protocol(),
                Some(b"http/1.1".as_slice()),
                "{name}"
            );
        }
    }
}

#[test]
fn tls_1_3_is_preferred_and_http_2_alone_is_refused() {
    let folder = folder();
    let server = local_config(folder.path(), Vec::new());
    let ca_file = folder.path().join("ca.pem");
    let client = handshake(
        &server,
        client_config(&ca_file, &version::TLS13),
        "localhost",
    )
    .unwrap();
    assert_eq!(client.protocol_version(), Some(ProtocolVersion::TLSv1_3));

    let mut http_2 = client_config(&ca_file, &version::TLS13);
    http_2.alpn_protocols = vec![b"h2".to_vec()];
    let error = handshake(&server, http_2, "localhost").unwrap_err();
    assert_eq!(error, rustls::Error::NoApplicationProtocol);
}

#[test]
fn an_address_is_certified_only_when_the_listener_has_it() {
    let folder = folder();
    let ca_file = folder.path().join("ca.pem");
    let loopback_only = local_config(folder.path(), Vec::new());
    let client = client_config(&ca_file, &version::TLS13);
    let error = handshake(&loopback_only, client, "192.0.2.7").unwrap_err();
    assert!(
        matches!(error, rustls::Error::InvalidCertificate(_)),
        "{error}"
    );

    let with_address = local_config(folder.path(), vec!["192.0.2.7".parse().unwrap()]);
    let client = client_config(&ca_file, &version::TLS13);
    handshake(&with_address, client, "192.0.2.7").unwrap();
}

#[test]
fn the_ca_survives_a_restart_and_its_key_is_the_owners_alone() {
    let folder = folder();
    let state = folder.path().join("state");
    LocalCa::open_or_create(&state).unwrap();
    let first = fs::read(state.join("ca.pem")).unwrap();
    let mode = fs::metadata(state.join("ca-key.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let ca = LocalCa::open_or_create(&state).unwrap();
    assert_eq!(fs::read(ca.certificate_file()).unwrap(), first);
}

#[test]
fn a_ca_near_its_end_is_renewed() {
    let folder = folder();
    let now = OffsetDateTime::now_utc();
    LocalCa::open_or_create_at(folder.path(), now).unwrap();
    let first = fs::read(folder.path().join("ca.pem")).unwrap();
    LocalCa::open_or_create_at(folder.path(), now + Duration::days(3200)).unwrap();
    assert_eq!(fs::read(folder.path().join("ca.pem")).unwrap(), first);
    LocalCa::open_or_create_at(folder.path(), now + Duration::days(3400)).unwrap();
    assert_ne!(fs::read(folder.path().join("ca.pem")).unwrap(), first);
}

#[test]
fn a_damaged_ca_is_an_error_that_names_the_file_and_the_mend() {
    let other = folder();
    LocalCa::open_or_create(other.path()).unwrap();
    let other_key = fs::read(other.path().join("ca-key.pem")).unwrap();
    for (file, content) in [
        ("ca.pem", b"not PEM".to_vec()),
        (
            "ca.pem",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec(),
        ),
        ("ca-key.pem", b"".to_vec()),
        ("ca-key.pem", vec![0xff]),
        ("ca-key.pem", other_key),
    ] {
        let folder = folder();
        LocalCa::open_or_create(folder.path()).unwrap();
        let path = folder.path().join(file);
        fs::write(&path, content).unwrap();
        let error = LocalCa::open_or_create(folder.path())
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(&format!("{}: the local CA is damaged", path.display())));
        assert!(
            error.ends_with("delete ca.pem and ca-key.pem in that folder, and a new one is made")
        );
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let folder = folder();
    LocalCa::open_or_create(folder.path()).unwrap();
    let key = folder.path().join("ca-key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let error = LocalCa::open_or_create(folder.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("(mode 644): if nobody did, chmod 600 it"),
        "{error}"
    );
}

#[test]
fn half_a_ca_is_made_anew() {
    for file in ["ca.pem", "ca-key.pem"] {
        let folder = folder();
        LocalCa::open_or_create(folder.path()).unwrap();
        fs::remove_file(folder.path().join(file)).unwrap();
        LocalCa::open_or_create(folder.path()).unwrap();
    }
}

#[test]
fn certificates_are_kept_until_they_age_and_never_too_many() {
    let folder = folder();
    let ca = LocalCa::open_or_create(folder.path()).unwrap();
    let now = OffsetDateTime::now_utc();
    let first = ca.certificate_at(&["Chat.example.com"], now).unwrap();
    let again = ca
        .certificate_at(&["chat.example.com"], now + Duration::days(59))
        .unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    let renewed = ca
        .certificate_at(&["chat.example.com"], now + Duration::days(61))
        .unwrap();
    assert!(!Arc::ptr_eq(&first, &renewed));

    for number in 0..300 {
        ca.certificate_at(&[format!("{number}.example.com")], now)
            .unwrap();
    }
    assert_eq!(ca.kept(), 256);
}

#[test]
fn the_bundle_holds_the_local_ca_after_the_systems_roots() {
    let folder = folder();
    let ca = LocalCa::open_or_create(folder.path()).unwrap();
    let bundle = folder.path().join("bundle.pem");
    fs::write(&bundle, "what was there before").unwrap();
    ca.write_bundle(&bundle).unwrap();
    let system = rustls_native_certs::load_native_certs().certs.len();
    let bundled = certificates(&bundle);
    assert_eq!(bundled.len(), system + 1);
    assert_eq!(bundled[system], certificates(ca.certificate_file())[0]);

    let nowhere = ca
        .write_bundle(&folder.path().join("missing/bundle.pem"))
        .unwrap_err();
    assert!(
        nowhere
            .to_string()
            .contains("missing/bundle.pem: cannot write it"),
        "{nowhere}"
    );
}

/// A certificate for `chat.example.com` as a user brings one: files, not signed by the local CA.
fn own_certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let own = rcgen::generate_simple_self_signed(["chat.example.com".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("own.pem"), folder.join("own-key.pem"));
    fs::write(&certificate, own.cert.pem()).unwrap();
    fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}

#[test]
fn the_users_own_certificate_is_served() {
    let folder = folder();
    let (certificate, key) = own_certificate(folder.path());
    let client = client_config(&certificate, &version::TLS13);
    let server = server_config(CertificateSource::Files(
        CertificateFiles::open(certificate, key).unwrap(),
    ))
    .unwrap();
    handshake(&server, client, "chat.example.com").unwrap();
}

#[test]
fn files_that_are_no_certificate_and_key_are_named() {
    let folder = folder();
    let (certificate, key) = own_certificate(folder.path());
    let (other_key, missing) = (
        folder.path().join("other.pem"),
        folder.path().join("missing.pem"),
    );
    let other = rcgen::KeyPair::generate().unwrap();
    fs::write(&other_key, other.serialize_pem()).unwrap();
    for (certificate, key, message) in [
        (&missing, &key, "missing.pem: cannot read it: "),
        (&certificate, &missing, "missing.pem: cannot read it: "),
        (
            &key,
            &key,
            "own-key.pem: expected a certificate in PEM form, found none",
        ),
        (
            &certificate,
            &certificate,
            "own.pem: expected a private key in PEM form: ",
        ),
        (
            &certificate,
            &other_key,
            "other.pem cannot be used together: ",
        ),
    ] {
        let (certificate, key) = (certificate.clone(), key.clone());
        let error = CertificateFiles::open(certificate, key).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}
