mod auth;
mod mistakes;
mod stages;

use std::fs;

use gatepost_gateway::auth::AuthMode;
use gatepost_model::{secret::Secret, throttle::ThrottleSettings};

use super::{integrations::AccessKey, *};

const EMPTY: [(&str, &str); 0] = [];

/// Loads a file with this text, these variables and these flags; paths in errors are cut to the
/// file's name.
fn load(
    toml: &str,
    env: &[(&str, &str)],
    flags: &[(&str, &'static str, &str)],
) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatepost.toml");
    fs::write(&file, toml).unwrap();
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let overrides: Vec<_> = flags
        .iter()
        .map(|(flag, key, value)| Override {
            flag: (*flag).to_owned(),
            key,
            value: (*value).to_owned(),
        })
        .collect();
    Config::load(Some(&file), &env, &overrides).map_err(|errors| {
        errors
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    })
}

#[track_caller]
fn assert_error(toml: &str, env: &[(&str, &str)], expected: &str) {
    assert_eq!(load(toml, env, &[]).unwrap_err(), expected);
}

fn setting(config: &Config, key: &str) -> (String, String) {
    let setting = config
        .settings
        .iter()
        .find(|setting| setting.key == key)
        .unwrap();
    let source = setting.source.to_string();
    (
        setting.value.clone(),
        source.rsplit('/').next().unwrap().to_owned(),
    )
}

#[test]
fn nothing_set_gives_awss_limits_and_loopback() {
    let config = Config::load(None, &[], &[]).unwrap();
    assert_eq!(config.limits, Limits::default());
    let listen: Vec<String> = config
        .server
        .listen
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(listen, ["127.0.0.1:4100", "[::1]:4100"]);
    assert_eq!(config.server.public_name, None);
    assert_eq!(config.server.tls, None);
    assert_eq!(config.auth.mode, None);
    assert_eq!(config.auth.access_keys, []);
    assert_eq!(config.auth.function_policies, None);
    assert_eq!(config.functions.async_delay, Duration::from_millis(100));
    assert_eq!(
        config.functions.retry_delays,
        [60, 120].map(Duration::from_secs)
    );
    assert_eq!(config.functions.init_timeout, Duration::from_secs(10));
    assert_eq!(config.functions.max_processes, 100);
    assert_eq!(config.functions.endpoint, None);
    assert_eq!(config.egress, EgressConfig::default());
    assert_eq!(config.stages, StagesConfig::default());
}

#[test]
fn every_key_is_read_from_the_file() {
    let config = load(
        r#"
        [server]
        listen = ["127.0.0.1:8080", "[::]:8080"]
        public_name = "ws.example.com"
        tls_certificate = "/etc/gatepost/cert.pem"
        tls_key = "/etc/gatepost/key.pem"
        parameters = {Stage = "prod"}
        [limits]
        idle_timeout = "20m"
        max_connection_duration = "1d"
        max_message_bytes = "1MiB"
        max_frame_bytes = 65536
        integration_timeout = "1500ms"
        handshake_timeout = "3s"
        max_sockets = 1000
        max_connections = 500
        max_connections_per_api = 400
        max_connections_per_address = 300
        max_handshakes = 200
        messages_per_second = 100
        bytes_per_second = 50
        max_outbox_bytes = "1MiB"
        outbox_bytes = "1KiB"
        write_timeout = "5s"
        close_timeout = "1s"
        in_flight_per_connection = 1
        in_flight_per_integration = 20
        waiting_per_integration = 0
        idle_connections_per_backend = 4
        max_integration_response_bytes = "1MiB"
        max_frames_per_message = 8
        drain = "0s"
        drain_spread = "2s"
        disconnects_at_once = 9
        disconnects_per_second = 8
        disconnect_retry_age = "1h"
        max_url_bytes = 8192
        max_authorizer_result_bytes = "16KiB"
        max_held_posts = 7
        max_held_bytes = "1MiB"
        max_applied_posts = 5
        max_tombstones = 10
        tombstone_age = "1h"
        aws_quotas = true
        account_rate_limit = 0.5
        account_burst_limit = 7
        new_connections_per_second = 3
        [auth]
        mode = "off"
        [functions]
        async_delay = "0ms"
        retry_delays = ["1s"]
        init_timeout = "30s"
        max_processes = 4
        require_permissions = false
        endpoint = "http://localhost:3001/"
        endpoints = { chat-Main = "http://localhost:9000", chat-Far = "aws" }
        [integrations]
        ca_certificates = "/etc/backends.pem"
        profile = "dev"
        access_key_id = "AKIA"
        secret_access_key = "s3cret"
        session_token = "t0ken"
        vpc_links = { abc123 = "http://127.0.0.1:8080" }
        [integrations.client_certificates.def456]
        certificate = "/etc/client.pem"
        key = "/etc/client-key.pem"
        [egress]
        allow = ["10.0.0.0/8", "example.com"]
        deny = "192.0.2.1"
        [extensions]
        permessage_deflate = true
        "#,
        &EMPTY,
        &[],
    )
    .unwrap();
    assert_eq!(
        config.limits,
        Limits {
            idle_timeout: Duration::from_secs(1200),
            max_connection_duration: Duration::from_secs(86_400),
            max_message_bytes: 1_048_576,
            max_frame_bytes: 65_536,
            integration_timeout: Duration::from_millis(1500),
            handshake_timeout: Duration::from_secs(3),
            max_sockets: Some(1000),
            max_connections: Some(500),
            max_connections_per_api: Some(400),
            max_connections_per_address: Some(300),
            max_handshakes: 200,
            messages_per_second: Some(100),
            bytes_per_second: Some(50),
            max_outbox_bytes: 1024 * 1024,
            outbox_bytes: 1024,
            write_timeout: Duration::from_secs(5),
            close_timeout: Duration::from_secs(1),
            in_flight_per_connection: 1,
            in_flight_per_integration: 20,
            waiting_per_integration: 0,
            idle_connections_per_backend: 4,
            max_integration_response_bytes: 1_048_576,
            max_frames_per_message: 8,
            drain: Duration::ZERO,
            drain_spread: Duration::from_secs(2),
            disconnects_at_once: 9,
            disconnects_per_second: 8,
            disconnect_retry_age: Duration::from_secs(3600),
            max_url_bytes: 8192,
            max_authorizer_result_bytes: 16_384,
            max_held_posts: 7,
            max_held_bytes: 1_048_576,
            max_applied_posts: 5,
            max_tombstones: 10,
            tombstone_age: Duration::from_secs(3600),
            account_throttle: ThrottleSettings {
                rate_limit: Some(0.5),
                burst_limit: Some(7),
            },
            new_connections_per_second: Some(3),
        }
    );
    assert_eq!(
        config.server,
        ServerConfig {
            templates: Vec::new(),
            listen: vec![
                "127.0.0.1:8080".parse().unwrap(),
                "[::]:8080".parse().unwrap()
            ],
            public_name: Some("ws.example.com".parse().unwrap()),
            trusted_proxies: vec![],
            parameters: BTreeMap::from([("Stage".to_owned(), "prod".to_owned())]),
            tls: Some(TlsFiles {
                certificate: "/etc/gatepost/cert.pem".into(),
                key: "/etc/gatepost/key.pem".into(),
            }),
        }
    );
    assert_eq!(
        config.functions,
        FunctionsConfig {
            async_delay: Duration::ZERO,
            retry_delays: vec![Duration::from_secs(1)],
            init_timeout: Duration::from_secs(30),
            max_processes: 4,
            require_permissions: false,
            endpoint: Some(FunctionEndpoint::Url("http://localhost:3001".to_owned())),
            endpoints: BTreeMap::from([
                ("chat-Far".to_owned(), FunctionEndpoint::Aws),
                (
                    "chat-Main".to_owned(),
                    FunctionEndpoint::Url("http://localhost:9000".to_owned())
                ),
            ]),
        }
    );
    assert_eq!(
        config.integrations,
        IntegrationsConfig {
            ca_certificates: Some("/etc/backends.pem".into()),
            profile: Some("dev".into()),
            access_key: Some(AccessKey {
                id: "AKIA".into(),
                secret: Secret::new("s3cret"),
                session_token: Some(Secret::new("t0ken")),
            }),
            vpc_links: BTreeMap::from([(
                "abc123".to_owned(),
                "http://127.0.0.1:8080".parse().unwrap()
            )]),
            client_certificates: BTreeMap::from([(
                "def456".to_owned(),
                TlsFiles {
                    certificate: "/etc/client.pem".into(),
                    key: "/etc/client-key.pem".into(),
                }
            )]),
        }
    );
    assert_eq!(config.egress.allow, ["10.0.0.0/8", "example.com"]);
    assert_eq!(config.egress.deny, ["192.0.2.1"]);
    assert!(config.stages.others.extensions.permessage_deflate);
}

#[test]
fn secrets_show_neither_as_settings_nor_in_errors() {
    let toml = "[integrations]\naccess_key_id = \"AKIA\"\nsecret_access_key = \"s3cret\"\n";
    let config = load(toml, &EMPTY, &[]).unwrap();
    let (value, source) = setting(&config, "integrations.secret_access_key");
    assert_eq!(
        (value.as_str(), source.as_str()),
        ("\"****\"", "gatepost.toml:3")
    );
    assert!(!format!("{config:?}").contains("s3cret"));
    assert_error(
        "[integrations]\nsession_token = 4711\n",
        &EMPTY,
        "gatepost.toml:2: integrations.session_token: expected a text, found something else",
    );
    assert_error(
        "[integrations]\naccess_key_id = \"AKIA\"\n",
        &EMPTY,
        "gatepost.toml:2: integrations.access_key_id needs integrations.secret_access_key: set \
         both or none",
    );
}

#[test]
fn vpc_links_and_client_certificates_are_tables() {
    let config = load(
        "[integrations.client_certificates]\na = { certificate = \"c.pem\", key = \"k.pem\" }\n",
        &[(
            "GATEPOST_INTEGRATIONS__VPC_LINKS",
            "a=http://h:1,b=https://i",
        )],
        &[],
    )
    .unwrap();
    let files = &config.integrations.client_certificates["a"];
    assert!(files.certificate.is_absolute() && files.certificate.ends_with("c.pem"));
    assert_eq!(
        config.integrations.vpc_links["b"],
        "https://i".parse().unwrap()
    );
    for (toml, key) in [
        (
            "[integrations.vpc_links]\na = \"http://h/path\"\n",
            "vpc_links",
        ),
        (
            "[integrations.vpc_links]\na = \"localhost:1\"\n",
            "vpc_links",
        ),
        (
            "[integrations.client_certificates]\na = { certificate = \"c.pem\" }\n",
            "client_certificates",
        ),
        (
            "[integrations.client_certificates]\na = \"c.pem\"\n",
            "client_certificates",
        ),
    ] {
        let error = load(toml, &EMPTY, &[]).unwrap_err();
        assert!(
            error.contains(&format!("integrations.{key}: expected a table")),
            "{error}"
        );
    }
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let toml = "[limits]\nidle_timeout = \"1m\"\ndrain = \"1m\"\noutbox_bytes = 2048\n";
    let env = [
        ("GATEPOST_LIMITS__DRAIN", "2m"),
        ("GATEPOST_LIMITS__OUTBOX_BYTES", "4KiB"),
        ("GATEPOST_LIMITS__IN_FLIGHT_PER_CONNECTION", "2"),
        ("GATEPOST_EXTENSIONS__PERMESSAGE_DEFLATE", "true"),
        ("GATEPOST_EGRESS__ALLOW", "10.0.0.0/8, example.com"),
        ("GATEPOST_LOG", "no key of the configuration"),
        ("PATH", "/bin"),
    ];
    let flags = [
        ("--drain", "limits.drain", "3m"),
        ("--listen", "server.listen", "[::1]:0,127.0.0.1:0"),
    ];
    let config = load(toml, &env, &flags).unwrap();
    assert_eq!(config.limits.idle_timeout, Duration::from_secs(60));
    assert_eq!(config.limits.drain, Duration::from_secs(180));
    assert_eq!(config.limits.outbox_bytes, 4096);
    assert_eq!(config.limits.in_flight_per_connection, 2);
    assert_eq!(
        config.server.listen,
        ["[::1]:0", "127.0.0.1:0"].map(|a| a.parse().unwrap())
    );
    assert_eq!(config.egress.allow, ["10.0.0.0/8", "example.com"]);
    assert!(config.stages.others.extensions.permessage_deflate);

    let from = |key| setting(&config, key);
    let pair = |value: &str, source: &str| (value.to_owned(), source.to_owned());
    assert_eq!(
        from("limits.idle_timeout"),
        pair("\"1m\"", "gatepost.toml:2")
    );
    assert_eq!(from("limits.drain"), pair("\"3m\"", "--drain"));
    assert_eq!(
        from("limits.outbox_bytes"),
        pair("\"4KiB\"", "GATEPOST_LIMITS__OUTBOX_BYTES")
    );
    assert_eq!(from("limits.max_frame_bytes"), pair("32768", "default"));
    assert_eq!(
        from("limits.integration_timeout"),
        pair("\"29s\"", "default")
    );
    assert_eq!(from("auth.mode"), pair("", "default"));
    assert_eq!(
        from("functions.retry_delays"),
        pair("[\"1m\", \"2m\"]", "default")
    );
}

#[test]
fn rates_are_limited_only_where_they_are_set() {
    let rates = |toml| {
        let limits = load(toml, &EMPTY, &[]).unwrap().limits;
        let ThrottleSettings {
            rate_limit,
            burst_limit,
        } = limits.account_throttle;
        (rate_limit, burst_limit, limits.new_connections_per_second)
    };
    assert_eq!(rates(""), (None, None, None));
    assert_eq!(
        rates("[limits]\naws_quotas = true\n"),
        (Some(10_000.0), Some(5000), Some(500))
    );
    assert_eq!(
        rates("[limits]\naccount_rate_limit = 50\n"),
        (Some(50.0), None, None)
    );
    assert_eq!(
        rates("[limits]\nnew_connections_per_second = 20\naws_quotas = true\n"),
        (Some(10_000.0), Some(5000), Some(20))
    );
    assert_error(
        "[limits]\naccount_rate_limit = 0\n",
        &EMPTY,
        "gatepost.toml:2: limits.account_rate_limit: expected a number above 0, e.g. 10000 or \
         0.5, found 0",
    );
    let variables = [("GATEPOST_LIMITS__ACCOUNT_RATE_LIMIT", "2.5")];
    let limits = load("", &variables, &[]).unwrap().limits;
    assert_eq!(limits.account_throttle.rate_limit, Some(2.5));
}

#[test]
fn a_public_name_may_say_that_clients_speak_tls_with_it() {
    let public_name = |text: &str| {
        let toml = format!("[server]\npublic_name = {text:?}\n");
        load(&toml, &EMPTY, &[]).map(|config| config.server.public_name.unwrap().http_base())
    };
    assert_eq!(
        public_name("ws.example.com:80").unwrap(),
        "http://ws.example.com:80"
    );
    assert_eq!(
        public_name("https://ws.example.com").unwrap(),
        "https://ws.example.com"
    );
    assert_eq!(
        public_name("https://ws.example.com/prod").unwrap_err(),
        "gatepost.toml:2: server.public_name: expected a host such as \"ws.example.com\" or \
         \"https://ws.example.com\", found \"https://ws.example.com/prod\""
    );
}

#[test]
fn trusted_proxies_are_addresses_and_networks() {
    let variables = [("GATEPOST_SERVER__TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8")];
    let proxies = load("", &variables, &[]).unwrap().server.trusted_proxies;
    let proxies: Vec<_> = proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["127.0.0.1/32", "10.0.0.0/8"]);
    assert_error(
        "[server]\ntrusted_proxies = [\"proxy.example.com\"]\n",
        &EMPTY,
        "gatepost.toml:2: server.trusted_proxies: expected addresses and networks such as \
         [\"127.0.0.1\", \"10.0.0.0/8\"], found [\"proxy.example.com\"]",
    );
}

#[test]
fn paths_in_the_file_are_relative_to_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatepost.toml");
    fs::write(&file, "[server]\ntls_certificate = \"tls/cert.pem\"\n").unwrap();
    let env = [(
        "GATEPOST_SERVER__TLS_KEY".to_owned(),
        "tls/key.pem".to_owned(),
    )];
    let tls = Config::load(Some(&file), &env, &[])
        .unwrap()
        .server
        .tls
        .unwrap();
    assert_eq!(tls.certificate, folder.path().join("tls/cert.pem"));
    assert_eq!(tls.key, Path::new("tls/key.pem"));
}

/// The configuration that the README shows.
fn readme() -> &'static str {
    let (_, example) = include_str!("../../../../README.md")
        .split_once("```toml\n")
        .unwrap();
    example.split_once("```").unwrap().0
}

#[test]
fn the_configuration_in_the_readme_is_the_default() {
    let mut shown = load(readme(), &EMPTY, &[]).unwrap();
    let default = load("", &EMPTY, &[]).unwrap();
    shown.settings.clone_from(&default.settings);
    assert_eq!(shown, default);
}

#[test]
fn the_readme_names_every_key() {
    for Setting { key, .. } in load("", &EMPTY, &[]).unwrap().settings {
        let key = key.as_str();
        let (section, name) = key.rsplit_once('.').unwrap();
        let (_, rest) = readme().split_once(&format!("[{section}]\n")).unwrap();
        let mut lines = rest.lines().take_while(|line| !line.starts_with('['));
        let is_key = |line: &str| {
            line.trim_start_matches("# ")
                .starts_with(&format!("{name} = "))
        };
        let is_named = lines.any(is_key) || readme().contains(&format!("[{key}]\n"));
        assert!(is_named, "{key}");
    }
}
