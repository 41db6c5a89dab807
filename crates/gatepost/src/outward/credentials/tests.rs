use std::fs;

use super::*;
use crate::config::integrations::AccessKey;

const CREDENTIALS: &str = "\
    # of two accounts\n\
    [default]\n\
    aws_access_key_id = DEFAULT\n\
    aws_secret_access_key=a+b/c=\n\
    [ dev ]\n\
    AWS_ACCESS_KEY_ID = DEV\n\
    aws_secret_access_key = d\n\
    aws_session_token = t\n";
const CONFIG: &str = "\
    [default]\nregion = eu-west-1\n\
    [profile sso]\nsso_session = work\n\
    [profile empty]\nregion = eu-west-1\n\
    [profile in-config]\naws_access_key_id = CONFIG\naws_secret_access_key = c\ns3 =\n  \
    aws_access_key_id = nested\n\
    [profile process]\ncredential_process = give --secret hush\n\
    [profile role]\nrole_arn = arn:aws:iam::123456789012:role/app\nsource_profile = dev\n\
    external_id = x\nduration_seconds = 900\nrole_session_name = me\nregion = eu-central-1\n\
    [profile chained]\nrole_arn = arn:aws:iam::123456789012:role/outer\nsource_profile = role\n\
    [profile own]\nrole_arn = arn:aws:iam::123456789012:role/own\nsource_profile = own\n\
    aws_access_key_id = OWN\naws_secret_access_key = o\n\
    [profile a]\nrole_arn = r\nsource_profile = b\n\
    [profile b]\nrole_arn = r\nsource_profile = a\n\
    [profile mfa]\nrole_arn = r\nsource_profile = dev\nmfa_serial = arn:aws:iam::1:mfa/me\n\
    [profile nobody]\nrole_arn = r\n\
    [profile of-environment]\nrole_arn = r\ncredential_source = Environment\n\
    [profile of-instance]\nrole_arn = r\ncredential_source = Ec2InstanceMetadata\n\
    [profile of-container]\nrole_arn = r\ncredential_source = EcsContainer\n\
    [profile of-moon]\nrole_arn = r\ncredential_source = Moon\n\
    [profile pod]\nrole_arn = arn:aws:iam::123456789012:role/pod\nweb_identity_token_file = /token\n";

fn find_with(
    config: &IntegrationsConfig,
    variables: &[(&str, &str)],
    config_file: &str,
) -> Result<Source, String> {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".aws");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("credentials"), CREDENTIALS).unwrap();
    fs::write(folder.join("config"), config_file).unwrap();
    let home = home.path().display().to_string();
    let mut environment = BTreeMap::from([("HOME".to_owned(), home.clone())]);
    environment.extend(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    let endpoints = ServiceEndpoints::of_environment(environment.clone()).unwrap();
    let around = Surroundings {
        variables: &environment,
        endpoints: &endpoints,
    };
    find(config, &around).map_err(|error| error.to_string().replace(&home, "~"))
}

fn of_profile(name: &str) -> Result<Source, String> {
    find_with(&profile(name), &[], CONFIG)
}

fn profile(name: &str) -> IntegrationsConfig {
    IntegrationsConfig {
        profile: Some(name.into()),
        ..IntegrationsConfig::default()
    }
}

/// Id, secret and token of an access key.
fn key(found: &Source) -> (&str, &str, Option<&str>) {
    match found {
        Source::AccessKey(key) => (
            key.access_key_id(),
            key.secret_access_key(),
            key.session_token(),
        ),
        other => panic!("no access key: {other:?}"),
    }
}

#[test]
fn credentials_come_from_the_configuration_the_environment_or_a_profile() {
    let none = IntegrationsConfig::default();
    let configured = IntegrationsConfig {
        access_key: Some(AccessKey {
            id: "OWN".into(),
            secret: Secret::new("o"),
            session_token: None,
        }),
        ..profile("dev")
    };
    let variables = [
        ("AWS_ACCESS_KEY_ID", "ENV"),
        ("AWS_SECRET_ACCESS_KEY", "e"),
        ("AWS_SESSION_TOKEN", "x"),
        ("AWS_PROFILE", "dev"),
    ];
    for (config, variables, expected) in [
        (&none, &variables[..0], ("DEFAULT", "a+b/c=", None)),
        (&none, &variables[3..], ("DEV", "d", Some("t"))),
        (&none, &variables[..], ("ENV", "e", Some("x"))),
        (&profile("in-config"), &variables[..], ("CONFIG", "c", None)),
        (&configured, &variables[..], ("OWN", "o", None)),
    ] {
        let found = find_with(config, variables, CONFIG).unwrap();
        assert_eq!(key(&found), expected);
    }
}

#[test]
fn behind_the_profiles_come_web_identity_container_and_instance() {
    let none = IntegrationsConfig::default();
    let all = [
        ("HOME", "/nowhere"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost:1/x"),
    ];
    let found = |variables: &[(&str, &str)]| find_with(&none, variables, CONFIG).unwrap();
    assert!(matches!(found(&all), Source::WebIdentity(_)));
    assert!(matches!(
        found(&[all[0], all[1], all[3]]),
        Source::Container(_)
    ));
    assert!(matches!(found(&all[..1]), Source::InstanceMetadata(_)));
    let disabled = [all[0], ("AWS_EC2_METADATA_DISABLED", "true")];
    assert!(matches!(
        found(&disabled),
        Source::Nowhere(CredentialsError::Nowhere)
    ));
    let error = find_with(
        &none,
        &[
            all[0],
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/x"),
        ],
        CONFIG,
    )
    .unwrap_err();
    assert!(error.starts_with("AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://example.com/x`"));
}

#[test]
fn a_profile_may_have_a_process_or_a_role() {
    let Source::Process(process) = of_profile("process").unwrap() else {
        panic!("no process");
    };
    assert_eq!(process.command.reveal(), "give --secret hush");
    assert!(!format!("{process:?}").contains("hush"));

    let Source::AssumeRole(role) = of_profile("role").unwrap() else {
        panic!("no role");
    };
    assert_eq!(key(&role.source).0, "DEV");
    assert_eq!(role.external_id.as_deref(), Some("x"));
    assert_eq!(role.duration_seconds, Some(900));
    assert_eq!(role.session_name.as_deref(), Some("me"));
    assert_eq!(role.sts.url, "https://sts.eu-central-1.amazonaws.com");

    let Source::AssumeRole(outer) = of_profile("chained").unwrap() else {
        panic!("no role");
    };
    assert!(outer.role_arn.ends_with("role/outer"));
    assert!(matches!(&outer.source, Source::AssumeRole(inner) if inner.role_arn.ends_with("app")));

    let Source::AssumeRole(own) = of_profile("own").unwrap() else {
        panic!("no role");
    };
    assert_eq!(key(&own.source).0, "OWN");

    assert!(matches!(of_profile("pod"), Ok(Source::WebIdentity(_))));
}

#[test]
fn a_role_may_be_assumed_with_what_the_machine_has() {
    let variables = [
        ("AWS_ACCESS_KEY_ID", "ENV"),
        ("AWS_SECRET_ACCESS_KEY", "e"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"),
        ("AWS_REGION", "eu-west-3"),
        ("AWS_ENDPOINT_URL_STS", "http://localhost:9"),
    ];
    for (name, is_source) in [
        (
            "of-environment",
            (|source| matches!(source, Source::AccessKey(_))) as fn(&Source) -> bool,
        ),
        ("of-instance", |source| {
            matches!(source, Source::InstanceMetadata(_))
        }),
        ("of-container", |source| {
            matches!(source, Source::Container(_))
        }),
    ] {
        let found = find_with(&profile(name), &variables, CONFIG);
        let Ok(Source::AssumeRole(role)) = found else {
            panic!("{name}: no role");
        };
        assert!(is_source(&role.source), "{name}");
        assert_eq!(role.sts.url, "http://localhost:9");
        assert_eq!(role.sts.region, "eu-west-3");
    }
}

#[test]
fn a_profile_that_cannot_be_used_says_what_to_do() {
    let none = IntegrationsConfig::default();
    let error = find_with(&none, &[("AWS_PROFILE", "typo")], CONFIG).unwrap_err();
    assert_eq!(
        error,
        "there is no profile typo in ~/.aws/credentials or ~/.aws/config: correct the name, or \
         make it with `aws configure --profile typo`"
    );
    for (name, part) in [
        ("sso", "aws configure export-credentials --profile sso"),
        ("empty", "the profile empty holds no credentials"),
        ("a", "lead round in a circle"),
        ("mfa", "mfa_serial"),
        ("nobody", "nobody assumes it"),
        ("of-environment", "credential_source is Environment, but"),
        ("of-moon", "credential_source is Moon, and must be"),
    ] {
        let error = of_profile(name).unwrap_err();
        assert!(error.contains(part), "{name}: {error}");
    }
}

#[test]
fn a_default_profile_that_cannot_be_used_stops_the_search_but_not_the_start() {
    let none = IntegrationsConfig::default();
    let variables = [
        ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"),
    ];
    let found = find_with(&none, &variables, "[default]\nsso_session = work\n").unwrap();
    let Source::Nowhere(error) = found else {
        panic!("another identity: {found:?}");
    };
    assert!(
        error
            .to_string()
            .contains("the profile default holds no access key itself")
    );
}

#[test]
fn a_default_profile_whose_source_gives_nothing_is_not_passed_over_for_another_identity() {
    let none = IntegrationsConfig::default();
    let variables = [
        ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"),
    ];
    for (others, expected) in [
        (
            "",
            "there is no profile typo, which a source_profile names: correct the name, or make it \
             with `aws configure --profile typo`",
        ),
        (
            "[profile typo]\nregion = eu-west-1\n",
            "the profile typo holds no credentials: write aws_access_key_id and \
             aws_secret_access_key, credential_process, or role_arn into it",
        ),
    ] {
        let config = format!("[default]\nrole_arn = r\nsource_profile = typo\n{others}");
        let found = find_with(&none, &variables, &config).unwrap();
        let Source::Nowhere(error) = found else {
            panic!("another identity: {found:?}");
        };
        assert_eq!(error.to_string(), expected);
    }
    // One that has other settings only is no identity.
    let found = find_with(&none, &variables, "[default]\nregion = eu-west-1\n");
    assert!(matches!(found, Ok(Source::WebIdentity(_))), "{found:?}");
}
