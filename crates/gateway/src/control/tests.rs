//! Stages that cannot be served, and changes of their APIs.

use std::time::Duration;

use gatepost_model::{
    StageName,
    api::{ApiDefinition, DEFAULT_API_KEY_SELECTION_EXPRESSION, IpAddressType},
    deployment::Deployment,
    integration::{ConnectionType, Integration, IntegrationType, PassthroughBehavior},
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

/// A gateway that started anew with the API whose stage `prod` it cannot serve, since the link is not
/// there any more; and what it tells.
fn restarted(folder: &tempfile::TempDir) -> (Arc<Gateway>, Receiver<Event>) {
    let before = for_tests::gateway(folder, Observer::none());
    let links = &before.config.outward.vpc_links;
    links.replace_made(&[link()]);
    let definition = Arc::new(definition());
    let api = Api {
        api_id: api_id(),
        name: "chat".to_owned(),
        description: None,
        version: None,
        ip_address_type: IpAddressType::Ipv4,
        tags: BTreeMap::new(),
        created_at_ms: 0,
        deployments: vec![Deployment {
            deployment_id: "deploy".into(),
            description: None,
            created_at_ms: 0,
            auto_deployed: false,
            definition: Arc::clone(&definition),
        }],
        definition,
        stages: Vec::new(),
    };
    before.create_api(api).unwrap();
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
