//! The sections of single stages: `[extensions.stages."API/stage"]` and their like.

use gatepost_model::{
    api::{Api, ApiDefinition, IpAddressType},
    stage::{RouteSettings, Stage},
    stage_settings::SettingsByStage,
};

use super::*;

/// An API with these stages, of which nothing else matters.
fn api(api_id: &str, name: &str, stages: &[&str]) -> Api {
    let definition = ApiDefinition {
        route_selection_expression: "$request.body.action".to_owned(),
        api_key_selection_expression: "$request.header.x-api-key".to_owned(),
        disable_execute_api_endpoint: false,
        disable_schema_validation: false,
        routes: Vec::new(),
        integrations: Vec::new(),
        authorizers: Vec::new(),
        models: Vec::new(),
    };
    let stage = |name: &&str| Stage {
        stage_name: (*name).into(),
        deployment_id: None,
        auto_deploy: false,
        last_deployment_status_message: None,
        description: None,
        stage_variables: BTreeMap::new(),
        default_route_settings: RouteSettings::default(),
        route_settings: BTreeMap::new(),
        access_log_settings: None,
        client_certificate_id: None,
        tags: BTreeMap::new(),
        created_at_ms: 0,
        last_updated_at_ms: 0,
    };
    Api {
        api_id: api_id.into(),
        name: name.to_owned(),
        description: None,
        version: None,
        ip_address_type: IpAddressType::Ipv4,
        tags: BTreeMap::new(),
        created_at_ms: 0,
        definition: definition.into(),
        deployments: Vec::new(),
        stages: stages.iter().map(stage).collect(),
    }
}

/// The settings of the stages of two APIs: `chat` (`ChatApi` in the template) and `v1.news`.
fn resolve(toml: &str) -> Result<SettingsByStage, String> {
    let config = load(toml, &EMPTY, &[])?;
    let apis = [
        api("aaaaaaaaaa", "chat", &["prod", "test"]),
        api("bbbbbbbbbb", "v1.news", &["prod"]),
    ];
    let logical_ids = BTreeMap::from([("aaaaaaaaaa".into(), "ChatApi".to_owned())]);
    let resolved = config.stages.resolve(&apis, &logical_ids);
    resolved.map_err(|errors| ConfigErrors(errors).to_string())
}

#[test]
fn a_stage_has_what_its_section_says_and_inherits_the_rest() {
    let of = |settings: &SettingsByStage, api_id: &str, stage: &str| {
        let name = match api_id {
            "aaaaaaaaaa" => "chat",
            _ => "v1.news",
        };
        let settings = settings.of(&api(api_id, name, &[]), &stage.into());
        (
            settings.limits.idle_timeout.as_secs(),
            settings.limits.max_message_bytes,
            settings.extensions.permessage_deflate,
        )
    };
    for name in ["chat", "ChatApi", "aaaaaaaaaa"] {
        let settings = resolve(&format!(
            "[limits]\nidle_timeout = \"1m\"\n[extensions]\npermessage_deflate = true\n\
             [extensions.stages.\"{name}/prod\"]\nidle_timeout = \"1h\"\n\
             permessage_deflate = false\n\
             [extensions.stages.\"v1.news/prod\"]\nmax_message_bytes = \"1MiB\"\n"
        ))
        .unwrap();
        assert_eq!(of(&settings, "aaaaaaaaaa", "prod"), (3600, 131_072, false));
        assert_eq!(of(&settings, "aaaaaaaaaa", "test"), (60, 131_072, true));
        assert_eq!(of(&settings, "bbbbbbbbbb", "prod"), (60, 1_048_576, true));
    }
}

#[test]
fn a_mistake_in_the_section_of_a_stage_is_reported_with_its_line() {
    for (toml, error) in [
        (
            "[extensions.stages.\"chat/prod\"]\nidle_timeuot = \"1h\"\n",
            "gatepost.toml:2: unknown key extensions.stages.\"chat/prod\".idle_timeuot; did you \
             mean idle_timeout?",
        ),
        (
            "[extensions.stages.\"chat/prod\"]\ndrain = \"1h\"\n",
            "gatepost.toml:2: unknown key extensions.stages.\"chat/prod\".drain; did you mean \
             limits.drain?",
        ),
        (
            "[extensions.stages.\"chat/prod\"]\npermessage_deflate = 1\n",
            "gatepost.toml:2: extensions.stages.\"chat/prod\".permessage_deflate: expected true or \
             false, found 1",
        ),
        (
            "[extensions.stages]\n\"chat/prod\" = 1\n",
            "gatepost.toml:2: extensions.stages.\"chat/prod\": expected a section \
             [extensions.stages.\"chat/prod\"], found 1",
        ),
        (
            "[extensions]\nstages = 1\n",
            "gatepost.toml:2: extensions.stages: expected tables such as \
             [extensions.stages.\"NAME\"], found 1",
        ),
        (
            "[extensions]\nidle_timeout = \"1h\"\n",
            "gatepost.toml:2: unknown key extensions.idle_timeout; did you mean \
             limits.idle_timeout?",
        ),
    ] {
        assert_error(toml, &EMPTY, error);
    }
}

#[test]
fn a_section_of_no_stage_is_an_error_that_names_the_nearest() {
    for (toml, error) in [
        (
            "\n[extensions.stages.\"ChatApi/prdo\"]\n",
            "gatepost.toml:2: extensions.stages: there is no stage ChatApi/prdo; did you mean \
             ChatApi/prod?",
        ),
        (
            "[extensions.stages.\"prod\"]\n",
            "gatepost.toml:1: extensions.stages: there is no stage prod; did you mean chat/prod?",
        ),
        (
            "[extensions.stages.\"chat/prod\"]\n[extensions.stages.\"ChatApi/prod\"]\n",
            "gatepost.toml:1: extensions.stages: another section is for the stage chat/prod too: \
             join them",
        ),
    ] {
        let found = resolve(toml).unwrap_err();
        let (_, found) = found.rsplit_once("gatepost.toml").unwrap();
        assert_eq!(format!("gatepost.toml{found}"), error);
    }
}

#[test]
fn a_section_for_a_stage_that_calls_make_holds_by_the_name_or_id_of_its_api() {
    let settings = resolve(
        "[extensions.stages.\"later/prod\"]\nmade_by_calls = true\nidle_timeout = \"1h\"\n\
         [extensions.stages.\"cccccccccc/prod\"]\nmade_by_calls = true\nidle_timeout = \"30m\"\n",
    )
    .unwrap();
    let of = |api_id: &str, name: &str, stage: &str| {
        let settings = settings.of(&api(api_id, name, &[]), &stage.into());
        settings.limits.idle_timeout.as_secs() / 60
    };
    assert_eq!(of("dddddddddd", "later", "prod"), 60);
    assert_eq!(of("dddddddddd", "later", "test"), 10);
    assert_eq!(of("cccccccccc", "later", "prod"), 30);
    assert_eq!(of("dddddddddd", "sooner", "prod"), 10);
}
