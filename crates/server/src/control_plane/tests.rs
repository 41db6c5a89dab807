pub(super) mod chat;
mod definition;

use proptest::prelude::*;
use serde_json::json;

use self::chat::{chat, domain_name, named};
use super::*;

fn call(method: &Method, path_and_query: &str) -> Response<Bytes> {
    let apis = [named("zz00000000"), chat(), named("mm00000000")];
    let endpoint = |api_id: &ApiId| format!("ws://localhost:4100/{api_id}");
    ControlPlane {
        apis: &apis,
        domain_names: &[domain_name()],
        endpoint: &endpoint,
        usage_plans: &ServedPlans::default(),
        vpc_links: &VpcLinks::default(),
        client_certificates: &[],
        cloudwatch_role_arn: None,
        account_throttle: ThrottleSettings::default(),
    }
    .respond(method, path_and_query)
}

fn get(path_and_query: &str) -> Value {
    let response = call(&Method::GET, path_and_query);
    assert_eq!(
        response.status(),
        200,
        "{path_and_query}: {:?}",
        response.body()
    );
    serde_json::from_slice(response.body()).unwrap()
}

#[track_caller]
fn assert_refused(
    method: &Method,
    path_and_query: &str,
    status: u16,
    error_type: &str,
    message: &str,
) {
    let response = call(method, path_and_query);
    assert_eq!(response.status(), status, "{method} {path_and_query}");
    assert_eq!(
        response.headers()["x-amzn-errortype"],
        error_type,
        "{method} {path_and_query}"
    );
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(
        body,
        json!({ "message": message }),
        "{method} {path_and_query}"
    );
}

fn ids(list: &Value, member: &str) -> Vec<String> {
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item[member].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_answer_is_json_with_amazons_request_ids() {
    let response = call(&Method::GET, "/v2/apis/abcdef0123");
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(
        headers["x-amzn-requestid"].len(),
        "c6af9ac6-7b61-11e6-9a41-93e8deadbeef".len()
    );
    assert_eq!(headers["x-amz-apigw-id"].len(), "EP5yqFByIAMElXw=".len());
}

#[test]
fn an_api_shows_what_aws_shows_and_leaves_out_what_is_unset() {
    assert_eq!(
        get("/v2/apis/abcdef0123"),
        json!({
            "apiEndpoint": "ws://localhost:4100/abcdef0123",
            "apiId": "abcdef0123",
            "apiKeySelectionExpression": "$request.header.x-api-key",
            "createdDate": "2026-09-25T00:01:48Z",
            "disableExecuteApiEndpoint": false,
            "ipAddressType": "ipv4",
            "name": "chat",
            "protocolType": "WEBSOCKET",
            "routeSelectionExpression": "$request.body.action",
            "tags": { "team": "web" },
        })
    );
}

#[test]
fn lists_are_sorted_by_id() {
    assert_eq!(
        ids(&get("/v2/apis"), "apiId"),
        ["abcdef0123", "mm00000000", "zz00000000"]
    );
    assert_eq!(
        ids(&get("/v2/apis/abcdef0123/routes"), "routeId"),
        ["route01", "route02"]
    );
    assert_eq!(
        ids(&get("/v2/apis/abcdef0123/stages"), "stageName"),
        ["$default", "prod"]
    );
    let integrations = get("/v2/apis/abcdef0123/integrations");
    assert_eq!(
        ids(&integrations, "integrationId"),
        ["mock001", "proxy01", "vpc0001"]
    );
    assert_eq!(
        ids(&get("/v2/apis/abcdef0123/authorizers"), "authorizerId"),
        ["auth01"]
    );
    assert_eq!(
        ids(&get("/v2/apis/abcdef0123/models"), "modelId"),
        ["model1"]
    );
    assert_eq!(
        ids(&get("/v2/apis/abcdef0123/deployments"), "deploymentId"),
        ["deploy"]
    );
    let mappings = get("/v2/domainnames/ws.example.com/apimappings");
    assert_eq!(ids(&mappings, "apiMappingId"), ["map001", "map002"]);
}

#[test]
fn pages_follow_one_another_until_no_token_is_left() {
    let first = get("/v2/apis?maxResults=2");
    assert_eq!(ids(&first, "apiId"), ["abcdef0123", "mm00000000"]);
    let token = first["nextToken"].as_str().unwrap();
    let last = get(&format!("/v2/apis?nextToken={token}&maxResults=2"));
    assert_eq!(ids(&last, "apiId"), ["zz00000000"]);
    assert_eq!(last.get("nextToken"), None);
    assert_eq!(get("/v2/apis?maxResults=3").get("nextToken"), None);
}

#[test]
fn pages_that_cannot_be_are_bad_requests() {
    for (query, message) in [
        (
            "maxResults=0",
            "Invalid maxResults 0: must be a whole number, 1 or more",
        ),
        (
            "maxResults=ten",
            "Invalid maxResults ten: must be a whole number, 1 or more",
        ),
        (
            "nextToken=%21",
            "Invalid nextToken: must be the nextToken of the page before",
        ),
    ] {
        let path = format!("/v2/apis?{query}");
        assert_refused(&Method::GET, &path, 400, "BadRequestException", message);
    }
}

#[test]
fn a_route_shows_its_authorizer_its_target_and_its_parameters() {
    assert_eq!(
        get("/v2/apis/abcdef0123/routes/route02"),
        json!({
            "apiKeyRequired": true,
            "authorizationType": "CUSTOM",
            "authorizerId": "auth01",
            "operationName": "Connect",
            "requestParameters": { "route.request.querystring.token": { "required": true } },
            "routeId": "route02",
            "routeKey": "$connect",
            "target": "integrations/proxy01",
        })
    );
    assert_eq!(
        get("/v2/apis/abcdef0123/routes/route01"),
        json!({
            "apiKeyRequired": false,
            "authorizationType": "NONE",
            "modelSelectionExpression": "$request.body.kind",
            "requestModels": { "text": "Text" },
            "routeId": "route01",
            "routeKey": "send",
            "routeResponseSelectionExpression": "$default",
            "target": "integrations/mock001",
        })
    );
}

#[test]
fn a_route_response_is_read_under_its_route() {
    let response = json!({
        "responseModels": { "$default": "Text" },
        "responseParameters": { "route.response.header.x": { "required": true } },
        "routeResponseId": "resp01",
        "routeResponseKey": "$default",
    });
    let list = "/v2/apis/abcdef0123/routes/route01/routeresponses";
    assert_eq!(get(list), json!({ "items": [response] }));
    assert_eq!(get(&format!("{list}/resp01")), response);
}

#[test]
fn an_integration_shows_awss_defaults() {
    assert_eq!(
        get("/v2/apis/abcdef0123/integrations/proxy01"),
        json!({
            "connectionType": "INTERNET",
            "integrationId": "proxy01",
            "integrationMethod": "POST",
            "integrationType": "AWS_PROXY",
            "integrationUri": "arn:aws:lambda:us-east-1:000000000000:function:chat",
            "passthroughBehavior": "WHEN_NO_MATCH",
            "payloadFormatVersion": "1.0",
            "timeoutInMillis": 29000,
        })
    );
    assert_eq!(
        get("/v2/apis/abcdef0123/integrations/mock001"),
        json!({
            "connectionType": "INTERNET",
            "integrationId": "mock001",
            "integrationResponseSelectionExpression": "${integration.response.statuscode}",
            "integrationType": "MOCK",
            "passthroughBehavior": "NEVER",
            "payloadFormatVersion": "1.0",
            "requestTemplates": { "200": "{\"statusCode\":200}" },
            "templateSelectionExpression": "200",
            "timeoutInMillis": 50,
        })
    );
    assert_eq!(
        get("/v2/apis/abcdef0123/integrations/vpc0001"),
        json!({
            "connectionId": "link01",
            "connectionType": "VPC_LINK",
            "integrationId": "vpc0001",
            "integrationType": "HTTP_PROXY",
            "passthroughBehavior": "WHEN_NO_MATCH",
            "payloadFormatVersion": "1.0",
            "timeoutInMillis": 29000,
            "tlsConfig": { "serverNameToVerify": "chat.internal" },
        })
    );
}

#[test]
fn an_integration_response_is_read_under_its_integration() {
    let response = json!({
        "contentHandlingStrategy": "CONVERT_TO_TEXT",
        "integrationResponseId": "iresp1",
        "integrationResponseKey": "/2\\d\\d/",
        "responseTemplates": { "$default": "{}" },
    });
    let list = "/v2/apis/abcdef0123/integrations/mock001/integrationresponses";
    assert_eq!(get(list), json!({ "items": [response] }));
    assert_eq!(get(&format!("{list}/iresp1")), response);
}

#[test]
fn a_stage_is_found_by_its_encoded_name() {
    assert_eq!(
        get("/v2/apis/abcdef0123/stages/%24default"),
        json!({
            "accessLogSettings": {
                "destinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:chat",
                "format": "$context.requestId",
            },
            "autoDeploy": false,
            "createdDate": "2026-09-25T00:01:48Z",
            "defaultRouteSettings": {
                "dataTraceEnabled": false,
                "detailedMetricsEnabled": false,
                "loggingLevel": "OFF",
                "throttlingBurstLimit": 500,
                "throttlingRateLimit": 1000.0,
            },
            "deploymentId": "deploy",
            "lastUpdatedDate": "2026-09-25T00:01:48Z",
            "routeSettings": {
                "send": {
                    "dataTraceEnabled": false,
                    "detailedMetricsEnabled": false,
                    "loggingLevel": "INFO",
                },
            },
            "stageName": "$default",
            "stageVariables": { "table": "rooms" },
            "tags": { "team": "chat" },
        })
    );
}

#[test]
fn an_empty_stage_shows_its_maps_empty() {
    assert_eq!(
        get("/v2/apis/abcdef0123/stages/prod"),
        json!({
            "autoDeploy": false,
            "createdDate": "2026-09-25T00:01:48Z",
            "defaultRouteSettings": {
                "dataTraceEnabled": false,
                "detailedMetricsEnabled": false,
                "loggingLevel": "OFF",
            },
            "lastUpdatedDate": "2026-09-25T00:01:48Z",
            "routeSettings": {},
            "stageName": "prod",
            "stageVariables": {},
            "tags": {},
        })
    );
}

#[test]
fn deployments_authorizers_and_models_are_read_by_id() {
    assert_eq!(
        get("/v2/apis/abcdef0123/deployments/deploy"),
        json!({
            "autoDeployed": false,
            "createdDate": "2026-09-25T00:01:48Z",
            "deploymentId": "deploy",
            "deploymentStatus": "DEPLOYED",
            "description": "first",
        })
    );
    assert_eq!(
        get("/v2/apis/abcdef0123/authorizers/auth01"),
        json!({
            "authorizerId": "auth01",
            "authorizerType": "REQUEST",
            "authorizerUri": "arn:aws:lambda:us-east-1:000000000000:function:auth",
            "identitySource": ["route.request.querystring.token"],
            "name": "token",
        })
    );
    assert_eq!(
        get("/v2/apis/abcdef0123/models/model1"),
        json!({
            "contentType": "application/json",
            "modelId": "model1",
            "name": "Text",
            "schema": "{\"type\":\"object\"}",
        })
    );
}

#[test]
fn a_domain_name_shows_its_mappings() {
    let name = get("/v2/domainnames/WS.example.com");
    assert_eq!(name["domainName"], "ws.example.com");
    assert_eq!(
        name["domainNameConfigurations"][0]["domainNameStatus"],
        "AVAILABLE"
    );
    assert_eq!(get("/v2/domainnames")["items"], json!([name]));
    assert_eq!(
        get("/v2/domainnames/ws.example.com/apimappings/map001"),
        json!({ "apiId": "abcdef0123", "apiMappingId": "map001", "stage": "prod" })
    );
    assert_eq!(
        get("/v2/domainnames/ws.example.com/apimappings/map002")["apiMappingKey"],
        json!("chat")
    );
}

#[test]
fn tags_are_read_by_an_arn_whose_slashes_are_encoded() {
    let arn = "/v2/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A";
    for (resource, tags) in [
        ("%2Fapis%2Fabcdef0123", json!({ "team": "web" })),
        ("%2Fapis%2Fmm00000000", json!({})),
        (
            "%2Fapis%2Fabcdef0123%2Fstages%2F%24default",
            json!({ "team": "chat" }),
        ),
        ("%2Fdomainnames%2Fws.example.com", json!({})),
    ] {
        assert_eq!(get(&format!("{arn}{resource}")), json!({ "tags": tags }));
    }
    let response = call(&Method::GET, &format!("{arn}%2Fvpclinks%2Fx"));
    assert_eq!(response.status(), 404);
}

#[test]
fn what_is_not_found_is_named() {
    for (path, message) in [
        ("apis/nope", "Invalid API identifier specified nope"),
        ("apis/nope/routes", "Invalid API identifier specified nope"),
        (
            "apis/nope/routes/x",
            "Invalid API identifier specified nope",
        ),
        (
            "apis/abcdef0123/routes/x",
            "Invalid Route identifier specified x",
        ),
        (
            "apis/abcdef0123/routes/x/routeresponses",
            "Invalid Route identifier specified x",
        ),
        (
            "apis/abcdef0123/routes/route01/routeresponses/x",
            "Invalid RouteResponse identifier specified x",
        ),
        (
            "apis/abcdef0123/integrations/x",
            "Invalid Integration identifier specified x",
        ),
        (
            "apis/abcdef0123/integrations/mock001/integrationresponses/x",
            "Invalid IntegrationResponse identifier specified x",
        ),
        (
            "apis/abcdef0123/models/x",
            "Invalid Model identifier specified x",
        ),
        (
            "apis/abcdef0123/deployments/x",
            "Invalid Deployment identifier specified x",
        ),
        (
            "apis/abcdef0123/authorizers/x",
            "Invalid Authorizer identifier specified",
        ),
        (
            "apis/abcdef0123/stages/x",
            "Invalid stage identifier specified",
        ),
        (
            "domainnames/x",
            "The domain name resource specified in the request was not found.",
        ),
        (
            "domainnames/ws.example.com/apimappings/x",
            "The api mapping resource specified in the request was not found.",
        ),
    ] {
        assert_refused(
            &Method::GET,
            &format!("/v2/{path}"),
            404,
            "NotFoundException",
            message,
        );
    }
}

#[test]
fn a_models_template_is_made_from_its_schema() {
    assert_eq!(
        get("/v2/apis/abcdef0123/models/model1/template"),
        json!({ "value": "#set($inputRoot = $input.path('$'))\n{ }" })
    );
    assert_refused(
        &Method::GET,
        "/v2/apis/abcdef0123/models/none/template",
        404,
        "NotFoundException",
        "Invalid Model identifier specified none",
    );
}

#[test]
fn what_does_not_exist_yet_is_refused_by_its_name() {
    for (method, path, operation) in [
        (
            Method::PUT,
            "/v2/domainnames/a.example.com/routingrules/rule%2F1",
            "PutRoutingRule",
        ),
        (Method::GET, "/v2/portals", "ListPortals"),
        (Method::GET, "/restapis", "GetRestApis"),
        (Method::POST, "/apikeys?mode=import", "ImportApiKeys"),
    ] {
        let message = format!(
            "{operation} is not there yet in Gatepost: nothing in it depends on that; call it on \
             AWS, or leave it out"
        );
        assert_refused(&method, path, 501, "NotImplementedException", &message);
    }
}

#[test]
fn what_only_http_apis_have_is_a_bad_request() {
    for (method, path, operation) in [
        (Method::PUT, "/v2/apis", "ImportApi"),
        (Method::PUT, "/v2/apis/abcdef0123", "ReimportApi"),
        (
            Method::GET,
            "/v2/apis/abcdef0123/exports/OAS30?outputType=JSON",
            "ExportApi",
        ),
        (
            Method::DELETE,
            "/v2/apis/abcdef0123/cors",
            "DeleteCorsConfiguration",
        ),
        (
            Method::DELETE,
            "/v2/apis/abcdef0123/stages/%24default/cache/authorizers",
            "ResetAuthorizersCache",
        ),
    ] {
        let message = format!(
            "{operation} is supported for HTTP APIs only, and Gatepost serves WebSocket APIs"
        );
        assert_refused(&method, path, 400, "BadRequestException", &message);
    }
}

#[test]
fn a_path_without_an_operation_is_answered_as_aws_does() {
    for (method, path) in [
        (Method::GET, "/v2/nothing"),
        (Method::GET, "/v2/apis/abcdef0123/nothing"),
        (Method::GET, "/v2/apis/"),
        (Method::OPTIONS, "/v2/apis"),
        (Method::GET, "/v3/apis"),
        (Method::GET, "/"),
    ] {
        assert_refused(
            &method,
            path,
            403,
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        );
    }
}

proptest! {
    #[test]
    fn any_path_has_a_defined_answer(path in "(/v2/(apis|tags|domainnames))?[ -~]{0,60}") {
        let response = call(&Method::GET, &path);
        prop_assert!([200, 400, 403, 404, 501].contains(&response.status().as_u16()));
        prop_assert!(serde_json::from_slice::<Value>(response.body()).is_ok());
    }
}
