//! An API with something of everything.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use gatepost_model::{
    api::{Api, ApiDefinition, IpAddressType},
    authorizer::Authorizer,
    deployment::Deployment,
    domain_name::{ApiMapping, DomainName},
    integration::{
        ConnectionType, ContentHandlingStrategy, Integration, IntegrationResponse, IntegrationType,
        PassthroughBehavior,
    },
    model::Model,
    route::{Route, RouteAuthorization, RouteKey, RouteResponse},
    stage::{AccessLogSettings, LoggingLevel, RouteSettings, Stage},
    throttle::ThrottleSettings,
};

/// `date -u -d @1790294508` is Fri Sep 25 00:01:48 UTC 2026.
const CREATED_AT_MS: u64 = 1_790_294_508_123;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn route(id: &str, key: &str) -> Route {
    Route {
        route_id: id.into(),
        route_key: RouteKey::parse(key).unwrap(),
        authorization: RouteAuthorization::None,
        api_key_required: false,
        target: None,
        model_selection_expression: None,
        request_models: BTreeMap::new(),
        request_parameters: BTreeMap::new(),
        route_response_selection_expression: None,
        route_responses: Vec::new(),
        operation_name: None,
    }
}

fn integration(id: &str, integration_type: IntegrationType) -> Integration {
    Integration {
        integration_id: id.into(),
        integration_type,
        integration_uri: None,
        integration_method: None,
        connection_type: ConnectionType::Internet,
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
    }
}

fn stage(name: &str) -> Stage {
    Stage {
        stage_name: name.into(),
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
        created_at_ms: CREATED_AT_MS,
        last_updated_at_ms: CREATED_AT_MS,
    }
}

pub(in crate::control_plane) fn chat() -> Arc<Api> {
    let connect = Route {
        authorization: RouteAuthorization::Custom("auth01".into()),
        api_key_required: true,
        target: Some("proxy01".into()),
        request_parameters: [("route.request.querystring.token".to_owned(), true)].into(),
        operation_name: Some("Connect".to_owned()),
        ..route("route02", "$connect")
    };
    let send = Route {
        target: Some("mock001".into()),
        model_selection_expression: Some("$request.body.kind".to_owned()),
        request_models: map(&[("text", "Text")]),
        route_response_selection_expression: Some("$default".to_owned()),
        route_responses: vec![RouteResponse {
            route_response_id: "resp01".into(),
            route_response_key: "$default".to_owned(),
            model_selection_expression: None,
            response_models: map(&[("$default", "Text")]),
            response_parameters: [("route.response.header.x".to_owned(), true)].into(),
        }],
        ..route("route01", "send")
    };
    let proxy = Integration {
        integration_uri: Some("arn:aws:lambda:us-east-1:000000000000:function:chat".to_owned()),
        integration_method: Some("POST".to_owned()),
        ..integration("proxy01", IntegrationType::AwsProxy)
    };
    let mock = Integration {
        request_templates: map(&[("200", r#"{"statusCode":200}"#)]),
        template_selection_expression: Some("200".to_owned()),
        passthrough_behavior: PassthroughBehavior::Never,
        timeout: Duration::from_millis(50),
        integration_responses: vec![IntegrationResponse {
            integration_response_id: "iresp1".into(),
            integration_response_key: "/2\\d\\d/".to_owned(),
            response_templates: map(&[("$default", "{}")]),
            response_parameters: BTreeMap::new(),
            template_selection_expression: None,
            content_handling_strategy: Some(ContentHandlingStrategy::ConvertToText),
        }],
        ..integration("mock001", IntegrationType::Mock)
    };
    let private = Integration {
        connection_type: ConnectionType::VpcLink("link01".to_owned()),
        server_name_to_verify: Some("chat.internal".to_owned()),
        ..integration("vpc0001", IntegrationType::HttpProxy)
    };
    let definition = Arc::new(ApiDefinition {
        route_selection_expression: "$request.body.action".to_owned(),
        api_key_selection_expression: "$request.header.x-api-key".to_owned(),
        disable_execute_api_endpoint: false,
        disable_schema_validation: false,
        routes: vec![connect, send],
        integrations: vec![proxy, mock, private],
        authorizers: vec![Authorizer {
            authorizer_id: "auth01".into(),
            name: "token".to_owned(),
            authorizer_uri: "arn:aws:lambda:us-east-1:000000000000:function:auth".to_owned(),
            identity_source: vec!["route.request.querystring.token".to_owned()],
            credentials_arn: None,
            identity_validation_expression: None,
        }],
        models: vec![Model {
            model_id: "model1".into(),
            name: "Text".to_owned(),
            content_type: Some("application/json".to_owned()),
            description: None,
            schema: r#"{"type":"object"}"#.to_owned(),
        }],
    });
    let default_stage = Stage {
        deployment_id: Some("deploy".into()),
        stage_variables: map(&[("table", "rooms")]),
        default_route_settings: RouteSettings {
            throttling: ThrottleSettings {
                burst_limit: Some(500),
                rate_limit: Some(1000.0),
            },
            ..RouteSettings::default()
        },
        route_settings: [(
            "send".to_owned(),
            RouteSettings {
                logging_level: Some(LoggingLevel::Info),
                ..RouteSettings::default()
            },
        )]
        .into(),
        access_log_settings: Some(AccessLogSettings {
            destination_arn: "arn:aws:logs:us-east-1:000000000000:log-group:chat".to_owned(),
            format: "$context.requestId".to_owned(),
        }),
        tags: map(&[("team", "chat")]),
        ..stage("$default")
    };
    Arc::new(Api {
        api_id: "abcdef0123".into(),
        name: "chat".to_owned(),
        description: None,
        version: None,
        ip_address_type: IpAddressType::Ipv4,
        tags: map(&[("team", "web")]),
        created_at_ms: CREATED_AT_MS,
        definition: Arc::clone(&definition),
        deployments: vec![Deployment {
            deployment_id: "deploy".into(),
            description: Some("first".to_owned()),
            created_at_ms: CREATED_AT_MS,
            auto_deployed: false,
            definition,
        }],
        stages: vec![stage("prod"), default_stage],
    })
}

pub(super) fn named(api_id: &str) -> Arc<Api> {
    let mut api = Api::clone(&chat());
    api.api_id = api_id.into();
    api.tags.clear();
    Arc::new(api)
}

pub(super) fn domain_name() -> DomainName {
    DomainName {
        certificate_arn: None,
        tags: BTreeMap::new(),
        domain_name: "ws.example.com".to_owned(),
        api_mappings: vec![
            ApiMapping {
                api_mapping_id: "map002".to_owned(),
                api_mapping_key: "chat".to_owned(),
                api_id: "abcdef0123".into(),
                stage: "prod".into(),
            },
            ApiMapping {
                api_mapping_id: "map001".to_owned(),
                api_mapping_key: String::new(),
                api_id: "abcdef0123".into(),
                stage: "prod".into(),
            },
        ],
    }
}
