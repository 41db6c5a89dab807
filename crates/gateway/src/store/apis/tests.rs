use std::time::Duration;

use gatepost_model::{
    authorizer::Authorizer,
    integration::{
        ConnectionType, ContentHandlingStrategy, Integration, IntegrationResponse, IntegrationType,
        PassthroughBehavior,
    },
    model::Model,
    route::{Route, RouteAuthorization, RouteKey, RouteResponse},
    stage::{AccessLogSettings, LoggingLevel, RouteSettings},
    throttle::ThrottleSettings,
};
use serde_json::{Value, json};

use super::*;
use crate::store::tests::RETENTION;

fn map(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

/// Something of everything.
fn definition() -> ApiDefinition {
    ApiDefinition {
        route_selection_expression: "$request.body.action".to_owned(),
        api_key_selection_expression: "$request.header.x-api-key".to_owned(),
        disable_execute_api_endpoint: false,
        disable_schema_validation: true,
        routes: vec![Route {
            route_id: "route01".into(),
            route_key: RouteKey::Connect,
            authorization: RouteAuthorization::Custom("auth01".into()),
            api_key_required: true,
            target: Some("integr1".into()),
            model_selection_expression: None,
            request_models: map("a", "Model"),
            request_parameters: BTreeMap::from([("route.request.header.a".to_owned(), true)]),
            route_response_selection_expression: Some("$default".to_owned()),
            route_responses: vec![RouteResponse {
                route_response_id: "reply1".into(),
                route_response_key: "$default".to_owned(),
                model_selection_expression: None,
                response_models: BTreeMap::new(),
                response_parameters: BTreeMap::new(),
            }],
            operation_name: None,
        }],
        integrations: vec![Integration {
            integration_id: "integr1".into(),
            integration_type: IntegrationType::HttpProxy,
            integration_uri: Some("https://example.com".to_owned()),
            integration_method: Some("POST".to_owned()),
            connection_type: ConnectionType::VpcLink("link01".to_owned()),
            credentials_arn: None,
            request_parameters: BTreeMap::new(),
            request_templates: BTreeMap::new(),
            template_selection_expression: None,
            passthrough_behavior: PassthroughBehavior::WhenNoTemplates,
            content_handling_strategy: Some(ContentHandlingStrategy::ConvertToText),
            timeout: Duration::from_millis(1500),
            server_name_to_verify: None,
            description: None,
            integration_responses: vec![IntegrationResponse {
                integration_response_id: "answer".into(),
                integration_response_key: "/4\\d\\d/".to_owned(),
                response_templates: map("$default", "{}"),
                response_parameters: BTreeMap::new(),
                template_selection_expression: None,
                content_handling_strategy: None,
            }],
        }],
        authorizers: vec![Authorizer {
            authorizer_id: "auth01".into(),
            name: "authorizer".to_owned(),
            authorizer_uri: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
            identity_source: vec!["route.request.header.a".to_owned()],
            credentials_arn: None,
            identity_validation_expression: None,
        }],
        models: vec![Model {
            model_id: "model01".into(),
            name: "Model".to_owned(),
            content_type: Some("application/json".to_owned()),
            description: None,
            schema: "{}".to_owned(),
        }],
    }
}

/// The same as version 11 of the store writes it. Files have it: whoever changes it raises the
/// version, and rewrites what they have.
fn kept_definition() -> Value {
    json!({
        "routeSelectionExpression": "$request.body.action",
        "apiKeySelectionExpression": "$request.header.x-api-key",
        "disableExecuteApiEndpoint": false,
        "disableSchemaValidation": true,
        "routes": [{
            "routeId": "route01",
            "routeKey": "$connect",
            "authorization": {"CUSTOM": "auth01"},
            "apiKeyRequired": true,
            "target": "integr1",
            "modelSelectionExpression": null,
            "requestModels": {"a": "Model"},
            "requestParameters": {"route.request.header.a": true},
            "routeResponseSelectionExpression": "$default",
            "routeResponses": [{
                "routeResponseId": "reply1",
                "routeResponseKey": "$default",
                "modelSelectionExpression": null,
                "responseModels": {},
                "responseParameters": {},
            }],
            "operationName": null,
        }],
        "integrations": [{
            "integrationId": "integr1",
            "integrationType": "HTTP_PROXY",
            "integrationUri": "https://example.com",
            "integrationMethod": "POST",
            "connectionType": {"VPC_LINK": "link01"},
            "credentialsArn": null,
            "requestParameters": {},
            "requestTemplates": {},
            "templateSelectionExpression": null,
            "passthroughBehavior": "WHEN_NO_TEMPLATES",
            "contentHandlingStrategy": "CONVERT_TO_TEXT",
            "timeoutInMillis": 1500,
            "serverNameToVerify": null,
            "description": null,
            "integrationResponses": [{
                "integrationResponseId": "answer",
                "integrationResponseKey": "/4\\d\\d/",
                "responseTemplates": {"$default": "{}"},
                "responseParameters": {},
                "templateSelectionExpression": null,
                "contentHandlingStrategy": null,
            }],
        }],
        "authorizers": [{
            "authorizerId": "auth01",
            "name": "authorizer",
            "authorizerUri": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "identitySource": ["route.request.header.a"],
            "credentialsArn": null,
            "identityValidationExpression": null,
        }],
        "models": [{
            "modelId": "model01",
            "name": "Model",
            "contentType": "application/json",
            "description": null,
            "schema": "{}",
        }],
    })
}

fn stage() -> Stage {
    Stage {
        stage_name: "prod".into(),
        deployment_id: Some("deploy".into()),
        auto_deploy: true,
        last_deployment_status_message: Some("Successfully".to_owned()),
        description: None,
        stage_variables: map("a", "1"),
        default_route_settings: RouteSettings::default(),
        route_settings: BTreeMap::from([(
            "$connect".to_owned(),
            RouteSettings {
                logging_level: Some(LoggingLevel::Error),
                data_trace_enabled: true,
                detailed_metrics_enabled: false,
                throttling: ThrottleSettings {
                    rate_limit: Some(0.5),
                    burst_limit: Some(3),
                },
            },
        )]),
        access_log_settings: Some(AccessLogSettings {
            destination_arn: "arn:aws:logs:us-east-1:000000000000:log-group:a".to_owned(),
            format: "$context.requestId".to_owned(),
        }),
        client_certificate_id: None,
        tags: BTreeMap::new(),
        created_at_ms: 1,
        last_updated_at_ms: 2,
    }
}

fn kept_stage() -> Value {
    json!({
        "stageName": "prod",
        "deploymentId": "deploy",
        "autoDeploy": true,
        "lastDeploymentStatusMessage": "Successfully",
        "description": null,
        "stageVariables": {"a": "1"},
        "defaultRouteSettings": {
            "loggingLevel": null,
            "dataTraceEnabled": false,
            "detailedMetricsEnabled": false,
            "throttling": {"rateLimit": null, "burstLimit": null},
        },
        "routeSettings": {
            "$connect": {
                "loggingLevel": "ERROR",
                "dataTraceEnabled": true,
                "detailedMetricsEnabled": false,
                "throttling": {"rateLimit": 0.5, "burstLimit": 3},
            },
        },
        "accessLogSettings": {
            "destinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:a",
            "format": "$context.requestId",
        },
        "clientCertificateId": null,
        "tags": {},
        "createdAtMs": 1,
        "lastUpdatedAtMs": 2,
    })
}

fn api() -> Api {
    let definition = Arc::new(definition());
    Api {
        api_id: "abcdef0123".into(),
        name: "chat".to_owned(),
        description: Some("first".to_owned()),
        version: None,
        ip_address_type: IpAddressType::Dualstack,
        tags: map("team", "web"),
        created_at_ms: 3,
        deployments: vec![Deployment {
            deployment_id: "deploy".into(),
            description: None,
            created_at_ms: 4,
            auto_deployed: true,
            definition: Arc::clone(&definition),
        }],
        definition,
        stages: vec![stage()],
    }
}

/// What a store has once it is opened again.
fn reopened(path: &std::path::Path) -> BTreeMap<ApiId, Arc<Api>> {
    Store::open(path, RETENTION).unwrap().made_apis()
}

fn count(path: &std::path::Path, table: &str) -> i64 {
    let database = Database::open(path).unwrap();
    let query = format!("SELECT COUNT(*) FROM {table}");
    database.query_row(&query, [], |row| row.get(0)).unwrap()
}

#[test]
fn documents_are_as_files_have_them() {
    assert_eq!(
        serde_json::to_value(definition()).unwrap(),
        kept_definition()
    );
    assert_eq!(serde_json::to_value(stage()).unwrap(), kept_stage());
    let read: ApiDefinition = serde_json::from_value(kept_definition()).unwrap();
    assert_eq!(read, definition());
    let read: Stage = serde_json::from_value(kept_stage()).unwrap();
    assert_eq!(read, stage());
}

#[test]
fn an_api_is_kept_from_change_to_change_and_forgotten_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let first = api();
    let kept = |api: &Api| BTreeMap::from([(api.api_id.clone(), Arc::new(api.clone()))]);
    Store::open(&path, RETENTION)
        .unwrap()
        .keep_api(None, &first)
        .unwrap();
    assert_eq!(reopened(&path), kept(&first));
    // What the API is and what is deployed are the same, and so is what stands for them.
    assert_eq!(count(&path, "definitions"), 1);

    let mut second = first.clone();
    Arc::make_mut(&mut second.definition).routes.clear();
    second.tags.clear();
    let store = Store::open(&path, RETENTION).unwrap();
    store.keep_api(Some(&first), &second).unwrap();
    assert_eq!(reopened(&path), kept(&second));
    assert_eq!(count(&path, "definitions"), 2);

    // A stage moves to another deployment, and the first one goes.
    let mut third = second.clone();
    third.deployments = vec![Deployment {
        deployment_id: "later1".into(),
        description: Some("second".to_owned()),
        created_at_ms: 5,
        auto_deployed: false,
        definition: Arc::clone(&second.definition),
    }];
    third.stages[0].deployment_id = Some("later1".into());
    store.keep_api(Some(&second), &third).unwrap();
    assert_eq!(reopened(&path), kept(&third));
    assert_eq!(count(&path, "definitions"), 1);

    store.forget_api(&third).unwrap();
    assert_eq!(reopened(&path), BTreeMap::new());
    for table in ["made_apis", "definitions", "deployments", "stages"] {
        assert_eq!(count(&path, table), 0, "{table}");
    }
}

#[test]
fn deployments_stay_in_the_order_in_which_they_were_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = Store::open(&path, RETENTION).unwrap();
    let mut before = api();
    store.keep_api(None, &before).unwrap();
    for id in ["zzzzzz", "aaaaaa", "mmmmmm"] {
        let mut after = before.clone();
        after.deployments.push(Deployment {
            deployment_id: id.into(),
            ..before.deployments[0].clone()
        });
        // A description that changes moves nothing.
        after.deployments[0].description = Some(id.to_owned());
        store.keep_api(Some(&before), &after).unwrap();
        before = after;
    }
    let [kept] = reopened(&path)
        .into_values()
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let ids = kept.deployments.iter().map(|it| it.deployment_id.as_str());
    assert_eq!(
        ids.collect::<Vec<_>>(),
        ["deploy", "zzzzzz", "aaaaaa", "mmmmmm"]
    );
    assert_eq!(*kept, before);
}

#[test]
fn a_document_that_cannot_be_read_leaves_the_file_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    Store::open(&path, RETENTION)
        .unwrap()
        .keep_api(None, &api())
        .unwrap();
    let database = Database::open(&path).unwrap();
    database
        .execute("UPDATE stages SET document = '{}'", [])
        .unwrap();
    let error = Store::open(&path, RETENTION).unwrap_err().to_string();
    assert!(error.contains("missing field `stageName`"), "{error}");
    assert!(error.contains("it was left as it is"), "{error}");
}
