//! The API that is served: `$connect`, `$disconnect` and `$default` call one function.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use gatepost_model::{
    api::{Api, ApiDefinition, IpAddressType},
    deployment::Deployment,
    integration::{ConnectionType, Integration, IntegrationType, PassthroughBehavior},
    route::{Route, RouteAuthorization, RouteKey, RouteResponse},
    stage::{RouteSettings, Stage},
};

/// The API's id.
pub(crate) const API: &str = "abcdef1234";

const FUNCTION: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\
                        arn:aws:lambda:us-east-1:000000000000:function:backend/invocations";

/// The API, with stage `prod`.
pub(crate) fn app() -> Api {
    let definition = Arc::new(ApiDefinition {
        route_selection_expression: "$request.body.action".into(),
        api_key_selection_expression: "$request.header.x-api-key".into(),
        disable_execute_api_endpoint: false,
        disable_schema_validation: false,
        routes: vec![
            route(RouteKey::Connect, false),
            route(RouteKey::Disconnect, false),
            route(RouteKey::Default, true),
        ],
        integrations: vec![integration()],
        authorizers: Vec::new(),
        models: Vec::new(),
    });
    Api {
        api_id: API.into(),
        name: "simulated".into(),
        description: None,
        version: None,
        ip_address_type: IpAddressType::Ipv4,
        tags: BTreeMap::new(),
        created_at_ms: 0,
        definition: Arc::clone(&definition),
        deployments: vec![Deployment {
            deployment_id: "deploy".into(),
            description: None,
            created_at_ms: 0,
            auto_deployed: false,
            definition,
        }],
        stages: vec![Stage {
            stage_name: "prod".into(),
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
        }],
    }
}

fn route(route_key: RouteKey, two_way: bool) -> Route {
    let response = RouteResponse {
        route_response_id: "response".into(),
        route_response_key: "$default".into(),
        model_selection_expression: None,
        response_models: BTreeMap::new(),
        response_parameters: BTreeMap::new(),
    };
    Route {
        route_id: route_key.as_str().trim_start_matches('$').into(),
        route_key,
        authorization: RouteAuthorization::None,
        api_key_required: false,
        target: Some("backend".into()),
        model_selection_expression: None,
        request_models: BTreeMap::new(),
        request_parameters: BTreeMap::new(),
        route_response_selection_expression: two_way.then(|| "$default".into()),
        route_responses: two_way.then_some(response).into_iter().collect(),
        operation_name: None,
    }
}

fn integration() -> Integration {
    Integration {
        integration_id: "backend".into(),
        integration_type: IntegrationType::AwsProxy,
        integration_uri: Some(FUNCTION.into()),
        integration_method: Some("POST".into()),
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
