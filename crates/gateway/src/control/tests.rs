//! Changes of APIs: what stages that cannot be served have to do with them, and how large deployments
//! may become.

use std::time::Duration;

use gatepost_model::{
    StageName,
    api::{ApiDefinition, DEFAULT_API_KEY_SELECTION_EXPRESSION, IpAddressType},
    deployment::Deployment,
    integration::{ConnectionType, Integration, IntegrationType, PassthroughBehavior},
    model::Model,
    route::{Route, RouteAuthorization, RouteKey},
    stage::{RouteSettings, Stage},
    vpc_link::VpcLinkTarget,
};
use tokio::sync::mpsc::Receiver;

use super::*;
use crate::{
    gateway::for_tests,
    observe::{Event, Observer},
};

fn link() -> VpcLink {
    VpcLink {
        vpc_link_id: "link01".to_owned(),
        name: "mine".to_owned(),
        target: VpcLinkTarget::Subnets {
            subnet_ids: Vec::new(),
            security_group_ids: Vec::new(),
        },
        tags: BTreeMap::new(),
        created_at_ms: 0,
    }
}

/// What `say` calls through the link.
fn definition() -> ApiDefinition {
    ApiDefinition {
        route_selection_expression: "$request.body.action".to_owned(),
        api_key_selection_expression: DEFAULT_API_KEY_SELECTION_EXPRESSION.to_owned(),
        disable_execute_api_endpoint: false,
        disable_schema_validation: false,
        routes: vec![Route {
            route_id: "route01".into(),
            route_key: RouteKey::Custom("say".into()),
            authorization: RouteAuthorization::None,
            api_key_required: false,
            target: Some("integr1".into()),
            model_selection_expression: None,
            request_models: BTreeMap::new(),
            request_parameters: BTreeMap::new(),
            route_response_selection_expression: None,
            route_responses: Vec::new(),
            operation_name: None,
        }],
        integrations: vec![Integration {
            integration_id: "integr1".into(),
            integration_type: IntegrationType::HttpProxy,
            integration_uri: Some("http://backend/".to_owned()),
            integration_method: Some("POST".to_owned()),
            connection_type: ConnectionType::VpcLink("link01".to_owned()),
            credentials_arn: None,
            request_parameters: BTreeMap::new(),
            request_templates: BTreeMap::new(),
            template_selection_expression: None,
            passthrough_behavior: PassthroughBehavior::WhenNoMatch,
            content_handling_strategy: None,
            timeout: Duration::from_secs(29),
            server_name_to_verify: None,
            description: None,
            integration_responses: Vec::new(),
        }],
        authorizers: Vec::new(),
        models: Vec::new(),
    }
}

fn stage(name: &str) -> Stage {
    Stage {
        stage_name: name.into(),
        deployment_id: Some("deploy".into()),
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
    }
}

fn api_id() -> ApiId {
    ApiId::from("abcdef0123")
}

/// An API with one deployment and no stages.
fn api(definition: ApiDefinition) -> Api {
    let definition = Arc::new(definition);
    Api {
        api_id: api_id(),
        name: "chat".to_owned(),
        description: None,
        version: None,
        ip_address_type: IpAddressType::Ipv4,
        tags: BTreeMap::new(),
        created_at_ms: 0,
        deployments: vec![deployment("deploy", &definition, false)],
        definition,
        stages: Vec::new(),
    }
}

fn deployment(id: &str, definition: &Arc<ApiDefinition>, auto_deployed: bool) -> Deployment {
    Deployment {
        deployment_id: id.into(),
        description: None,
        created_at_ms: 0,
        auto_deployed,
        definition: Arc::clone(definition),
    }
}

/// A gateway that started anew with the API whose stage `prod` it cannot serve, since the link is not
/// there any more; and what it tells.
fn restarted(folder: &tempfile::TempDir) -> (Arc<Gateway>, Receiver<Event>) {
    let before = for_tests::gateway(folder, Observer::none());
    let links = &before.config.outward.vpc_links;
    links.replace_made(&[link()]);
    before.create_api(api(definition())).unwrap();
    change(&before, |api| api.stages.push(stage("prod"))).unwrap();
    assert!(is_served(&before));
    drop(before);
    let (observer, events) = Observer::new(8);
    let gateway = for_tests::gateway(folder, observer);
    let not_served = gateway.deploy(Vec::new(), Vec::new(), &SettingsByStage::default());
    assert_eq!(not_served.unwrap().len(), 1);
    assert!(!is_served(&gateway));
    (gateway, events)
}

fn change(gateway: &Gateway, change: impl FnOnce(&mut Api)) -> Result<(), ApiChangeError> {
    let changed = gateway.change_api(api_id().as_str(), |api| {
        change(api);
        Ok::<_, ApiChangeError>(())
    });
    changed.map(drop)
}

fn is_served(gateway: &Gateway) -> bool {
    gateway.apis().serves(&api_id(), &StageName::from("prod"))
}

fn warned(events: &mut Receiver<Event>) -> usize {
    let mut warned = 0;
    while let Ok(Event::Warning(text)) = events.try_recv() {
        assert!(text.starts_with("STAGE prod OF THE API "), "{text}");
        assert!(
            text.contains("the VPC link `link01` leads nowhere"),
            "{text}"
        );
        warned += 1;
    }
    warned
}

#[tokio::test]
async fn a_stage_that_is_not_served_is_tried_again_by_a_change_to_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, mut events) = restarted(&folder);
    change(&gateway, |_| {}).unwrap();
    assert!(!is_served(&gateway));
    assert_eq!(warned(&mut events), 1);
    gateway.config.outward.vpc_links.replace_made(&[link()]);
    change(&gateway, |_| {}).unwrap();
    assert!(is_served(&gateway));
    assert_eq!(warned(&mut events), 0);
}

#[tokio::test]
async fn a_stage_that_is_not_served_refuses_no_change_and_is_compiled_only_for_what_it_serves() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, mut events) = restarted(&folder);
    change(&gateway, |api| {
        let stage = &mut api.stages[0];
        stage.description = Some("not served".to_owned());
        stage.last_deployment_status_message = Some("failed".to_owned());
        stage.tags.insert("a".to_owned(), "1".to_owned());
        stage.last_updated_at_ms = 1;
    })
    .unwrap();
    assert_eq!(warned(&mut events), 0);
    let variable = ("a".to_owned(), "1".to_owned());
    change(&gateway, |api| {
        api.stages[0].stage_variables.extend([variable]);
    })
    .unwrap();
    assert_eq!(warned(&mut events), 1);
    change(&gateway, |api| api.name = "renamed".to_owned()).unwrap();
    assert_eq!(warned(&mut events), 1);
    assert!(!is_served(&gateway));
    assert_eq!(gateway.apis().apis[&api_id()].api.name, "renamed");
    // Of another stage of the same it is a reason, as ever.
    let refused = change(&gateway, |api| api.stages.push(stage("new")));
    assert!(matches!(refused, Err(ApiChangeError::NotServable(_))));
    let empty = Stage {
        deployment_id: None,
        ..stage("empty")
    };
    change(&gateway, |api| api.stages.push(empty)).unwrap();
    let refused = change(&gateway, |api| {
        api.stages[1].deployment_id = Some("deploy".into());
    });
    assert!(matches!(refused, Err(ApiChangeError::NotServable(_))));
    assert_eq!(warned(&mut events), 0);
}

/// A definition of about so many bytes.
fn of_bytes(bytes: usize) -> Arc<ApiDefinition> {
    let model = Model {
        model_id: "model1".into(),
        name: "Text".to_owned(),
        content_type: None,
        description: None,
        schema: "a".repeat(bytes),
    };
    Arc::new(ApiDefinition {
        models: vec![model],
        ..definition()
    })
}

fn ids(api: &Api) -> Vec<&str> {
    let deployments = api.deployments.iter();
    deployments.map(|it| it.deployment_id.as_str()).collect()
}

#[test]
fn a_new_deployment_needs_room_which_old_automatic_ones_give() {
    const MOST: usize = 45_000;
    let mut before = api(ApiDefinition::clone(&of_bytes(10_000)));
    let first = Arc::clone(&before.definition);
    before.deployments.extend([
        deployment("auto01", &of_bytes(10_000), true),
        deployment("auto02", &of_bytes(10_000), true),
        // Once more what is there, which needs no more room.
        deployment("again1", &first, false),
    ]);
    before.stages.push(Stage {
        deployment_id: Some("auto01".into()),
        ..stage("prod")
    });
    let with = |new: &[usize]| {
        let mut after = before.clone();
        for (number, bytes) in new.iter().enumerate() {
            let id = format!("new{number}");
            after
                .deployments
                .push(deployment(&id, &of_bytes(*bytes), false));
        }
        let made_room = deployments::make_room(&mut after, &before, MOST);
        made_room.map(|()| after)
    };
    let all = with(&[10_000]).unwrap();
    assert_eq!(ids(&all), ["deploy", "auto01", "auto02", "again1", "new0"]);
    let without_spare = with(&[10_000, 10_000]).unwrap();
    assert_eq!(
        ids(&without_spare),
        ["deploy", "auto01", "again1", "new0", "new1"]
    );
    let refused = with(&[10_000, 10_000, 10_000]);
    assert!(matches!(refused, Err(ApiChangeError::DeploymentsTooLarge)));
    // What is there already may stay, and become less.
    let mut less = before.clone();
    less.deployments.remove(0);
    deployments::make_room(&mut less, &before, 0).unwrap();
    assert_eq!(ids(&less), ["auto01", "auto02", "again1"]);
    let mut again = before.clone();
    again.deployments.push(deployment("again2", &first, false));
    deployments::make_room(&mut again, &before, 0).unwrap();
    assert_eq!(again.deployments.len(), 5);
}

#[tokio::test]
async fn the_deployments_of_an_api_have_64_mb_together() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = for_tests::gateway(&folder, Observer::none());
    let half = ApiDefinition::clone(&of_bytes(33_554_432));
    gateway.create_api(api(half)).unwrap();
    let deploy = |schema: &str| {
        change(&gateway, |api| {
            let definition = Arc::make_mut(&mut api.definition);
            schema.clone_into(&mut definition.models[0].schema);
            api.deployments
                .push(deployment("second", &api.definition, false));
        })
    };
    let refused = deploy(&"b".repeat(33_554_432)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "The deployments of the API would be larger than 67108864 bytes together: delete some that no \
         stage serves"
    );
    assert_eq!(ids(&gateway.apis().apis[&api_id()].api), ["deploy"]);
    deploy("b").unwrap();
    let table = gateway.apis();
    let served = &table.apis[&api_id()].api;
    assert_eq!(ids(served), ["deploy", "second"]);
    // What calls wrote anew and is as it was is not held twice.
    change(&gateway, |api| {
        Arc::make_mut(&mut api.definition);
        api.name = "renamed".to_owned();
    })
    .unwrap();
    let renamed = Arc::clone(&gateway.apis().apis[&api_id()].api);
    assert!(Arc::ptr_eq(&renamed.definition, &served.definition));
}
