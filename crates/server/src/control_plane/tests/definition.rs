//! What changes routes, integrations, responses, authorizers and models of one API.

use gatepost_model::api::ApiDefinition;
use http::HeaderMap;
use serde_json::{Value, json};

use super::{
    super::{
        change_authorizer, change_integration, change_integration_response, change_model,
        change_route, change_route_response, rescue::error_response,
    },
    chat::chat,
};
use crate::{
    control_plane::{changes::Answer, rescue::ControlPlaneError},
    shapes::{FromInput, Input},
};

/// The definition of `chat`, changed by requests as they come in.
struct Changing(ApiDefinition);

impl Changing {
    fn chat() -> Self {
        Self(ApiDefinition::clone(&chat().definition))
    }

    /// A change of `path`, `integrationId=mock001&…`; one that fails changes nothing.
    #[expect(clippy::needless_pass_by_value, reason = "as `json!` gives it")]
    fn call<R: FromInput>(
        &mut self,
        change: impl FnOnce(&mut ApiDefinition, R) -> Answer,
        path: &str,
        body: Value,
    ) -> Result<Value, ControlPlaneError> {
        const MEMBERS: [&str; 8] = [
            "routeId",
            "routeResponseId",
            "requestParameterKey",
            "integrationId",
            "integrationResponseId",
            "authorizerId",
            "modelId",
            "apiId",
        ];
        let given = path.split('&').filter_map(|pair| pair.split_once('='));
        let given = given.chain([("apiId", "abcdef0123")]);
        let path: Vec<_> = given
            .map(|(name, value)| {
                let name = MEMBERS.into_iter().find(|member| *member == name).unwrap();
                (name, value.to_owned())
            })
            .collect();
        let body = body.to_string();
        let input = Input {
            path: &path,
            query: "",
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
        };
        let request = input.read()?;
        let mut changed = self.0.clone();
        let answer = change(&mut changed, request)?;
        self.0 = changed;
        Ok(answer)
    }

    #[track_caller]
    fn refuses<R: FromInput>(
        &mut self,
        change: impl FnOnce(&mut ApiDefinition, R) -> Answer,
        path: &str,
        body: Value,
        (status, message): (u16, &str),
    ) {
        let error = self.call(change, path, body).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error_response(&error).status(), status, "{message}");
    }
}

fn created(mut body: Value, id: &str, length: usize) -> Value {
    let id = body.as_object_mut().unwrap().remove(id).unwrap();
    let id = id.as_str().unwrap();
    let is_lower = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    assert!(id.len() == length && id.bytes().all(is_lower), "{id}");
    body
}

#[test]
fn a_route_is_created_with_awss_defaults_and_shown_as_it_was_given() {
    let mut chat = Changing::chat();
    let body = chat.call(change_route::create, "", json!({ "routeKey": "$default" }));
    assert_eq!(
        created(body.unwrap(), "routeId", 7),
        json!({ "apiKeyRequired": false, "authorizationType": "NONE", "routeKey": "$default" })
    );
    let all = json!({
        "apiKeyRequired": true,
        "authorizationType": "NONE",
        // As Terraform has it.
        "modelSelectionExpression": "action",
        "operationName": "GET",
        "requestModels": { "test": "Text" },
        "routeKey": "$disconnect",
        "routeResponseSelectionExpression": "$default",
        "target": "integrations/mock001",
    });
    let body = chat.call(change_route::create, "", all.clone());
    assert_eq!(created(body.unwrap(), "routeId", 7), all);
}

#[test]
fn an_updated_route_keeps_what_is_absent_and_loses_what_is_empty() {
    let mut chat = Changing::chat();
    let path = "routeId=route01";
    let all = json!({ "apiKeyRequired": true, "operationName": "GET" });
    let body = chat.call(change_route::update, path, all).unwrap();
    assert_eq!(
        body,
        json!({
            "apiKeyRequired": true,
            "authorizationType": "NONE",
            "modelSelectionExpression": "$request.body.kind",
            "operationName": "GET",
            "requestModels": { "text": "Text" },
            "routeId": "route01",
            "routeKey": "send",
            "routeResponseSelectionExpression": "$default",
            "target": "integrations/mock001",
        })
    );
    let none = json!({
        "apiKeyRequired": false,
        "modelSelectionExpression": "",
        "operationName": "",
        "requestModels": {},
        "routeKey": "other",
        "routeResponseSelectionExpression": "",
        "target": "",
    });
    let body = chat.call(change_route::update, path, none).unwrap();
    assert_eq!(
        body,
        json!({
            "apiKeyRequired": false,
            "authorizationType": "NONE",
            "routeId": "route01",
            "routeKey": "other",
        })
    );
    // Its responses stay.
    assert_eq!(chat.0.routes[1].route_responses.len(), 1);
}

#[test]
fn the_authorization_of_connect_changes_with_its_authorizer() {
    let mut chat = Changing::chat();
    let path = "routeId=route02";
    let mut update = |body: Value| {
        let body = chat.call(change_route::update, path, body).unwrap();
        (
            body["authorizationType"].clone(),
            body["authorizerId"].clone(),
        )
    };
    // Neither given: both stay.
    let custom = (json!("CUSTOM"), json!("auth01"));
    assert_eq!(update(json!({ "apiKeyRequired": false })), custom);
    let iam = json!({ "authorizationType": "AWS_IAM", "authorizerId": "" });
    assert_eq!(update(iam), (json!("AWS_IAM"), Value::Null));
    let back = json!({ "authorizationType": "CUSTOM", "authorizerId": "auth01" });
    assert_eq!(update(back), custom);
    let none = json!({ "authorizationType": "NONE" });
    assert_eq!(update(none), (json!("NONE"), Value::Null));
    // An authorizer without the type is not asked, and not shown.
    assert_eq!(
        update(json!({ "authorizerId": "auth01" })),
        (json!("NONE"), Value::Null)
    );
}

#[test]
fn request_parameters_are_added_by_key_and_deleted_one_by_one() {
    let mut chat = Changing::chat();
    let path = "routeId=route02";
    let header = "route.request.header.authorization";
    let given = json!({ "requestParameters": { header: { "required": false } } });
    let body = chat.call(change_route::update, path, given).unwrap();
    let token = "route.request.querystring.token";
    let both = json!({ header: { "required": false }, token: { "required": true } });
    assert_eq!(body["requestParameters"], both);
    let delete = change_route::delete_request_parameter;
    let one = format!("{path}&requestParameterKey={token}");
    assert_eq!(chat.call(delete, &one, json!({})).unwrap(), Value::Null);
    assert_eq!(
        chat.0.routes[0]
            .request_parameters
            .keys()
            .collect::<Vec<_>>(),
        [header]
    );
    let gone = format!("Invalid RequestParameter identifier specified {token}");
    chat.refuses(delete, &one, json!({}), (404, &gone));
}

#[test]
fn what_aws_refuses_of_a_route_is_refused() {
    let mut chat = Changing::chat();
    let authorizer = "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or \
                      COGNITO_USER_POOLS requires a valid authorizer.";
    let connect_only = "Currently, authorization is restricted to the $connect route only";
    for (path, body, refused) in [
        (
            "routeId=route01",
            json!({ "routeKey": "$connect" }),
            (409, "Route with key $connect already exists for this API"),
        ),
        (
            "routeId=none",
            json!({}),
            (404, "Invalid Route identifier specified none"),
        ),
        (
            "routeId=route01",
            json!({ "authorizationType": "AWS_IAM" }),
            (400, connect_only),
        ),
        (
            "routeId=route02",
            json!({ "routeKey": "join" }),
            (400, connect_only),
        ),
        (
            "routeId=route02",
            json!({ "authorizerId": "" }),
            (400, authorizer),
        ),
        (
            "routeId=route02",
            json!({ "authorizerId": "auth02" }),
            (400, authorizer),
        ),
        (
            "routeId=route01",
            json!({ "target": "integrations/none" }),
            (400, "Invalid Integration identifier specified none"),
        ),
        (
            "routeId=route01",
            json!({ "requestModels": { "$default": "None" } }),
            (400, "Invalid Model identifier specified None"),
        ),
        (
            "routeId=route01",
            json!({ "requestParameters": { "route.request.header.x": {} } }),
            (
                400,
                "Request parameters are only supported for the $connect route in WebSocket APIs.",
            ),
        ),
        (
            "routeId=route02",
            json!({ "requestParameters": { "method.request.header.x": {} } }),
            (
                400,
                "Invalid mapping expression specified: method.request.header.x",
            ),
        ),
        (
            "routeId=route02",
            json!({ "authorizationScopes": ["user.id"] }),
            (
                400,
                "Invalid Route authorization type specified. Authorization Scopes are only valid \
                 for COGNITO_USER_POOLS and JWT authorization types",
            ),
        ),
    ] {
        chat.refuses(change_route::update, path, body, refused);
    }
    let exists = (409, "Route with key send already exists for this API");
    chat.refuses(
        change_route::create,
        "",
        json!({ "routeKey": "send" }),
        exists,
    );
    assert_eq!(chat.0, *super::chat::chat().definition);
}

#[test]
fn a_route_response_has_the_default_key_once() {
    let mut chat = Changing::chat();
    let default = json!({ "routeResponseKey": "$default" });
    let body = chat.call(
        change_route_response::create,
        "routeId=route02",
        default.clone(),
    );
    assert_eq!(created(body.unwrap(), "routeResponseId", 6), default);
    let exists = "RouteResponse with key $default already exists for this Route";
    let path = "routeId=route02";
    chat.refuses(change_route_response::create, path, default, (409, exists));
    let other = json!({ "routeResponseKey": "other" });
    let path = "routeId=route01&routeResponseId=resp01";
    let unsupported = "the route response key `other` is not supported: write $default";
    chat.refuses(
        change_route_response::update,
        path,
        other,
        (400, unsupported),
    );
    let body = json!({ "modelSelectionExpression": "action", "responseModels": {} });
    assert_eq!(
        chat.call(change_route_response::update, path, body)
            .unwrap(),
        json!({
            "modelSelectionExpression": "action",
            "responseParameters": { "route.response.header.x": { "required": true } },
            "routeResponseId": "resp01",
            "routeResponseKey": "$default",
        })
    );
    let delete = change_route_response::delete;
    assert_eq!(chat.call(delete, path, json!({})).unwrap(), Value::Null);
    let gone = "Invalid RouteResponse identifier specified resp01";
    chat.refuses(delete, path, json!({}), (404, gone));
}

#[test]
fn an_integration_is_created_with_awss_defaults() {
    let mut chat = Changing::chat();
    let body = chat.call(
        change_integration::create,
        "",
        json!({ "integrationType": "MOCK" }),
    );
    assert_eq!(
        created(body.unwrap(), "integrationId", 7),
        json!({
            "connectionType": "INTERNET",
            "integrationResponseSelectionExpression": "${integration.response.statuscode}",
            "integrationType": "MOCK",
            "passthroughBehavior": "WHEN_NO_MATCH",
            "payloadFormatVersion": "1.0",
            "timeoutInMillis": 29000,
        })
    );
    let uri = "arn:aws:lambda:us-east-1:000000000000:function:chat";
    let function = json!({ "integrationType": "AWS_PROXY", "integrationUri": uri });
    let body = chat.call(change_integration::create, "", function).unwrap();
    assert_eq!(body["integrationMethod"], "POST");
    assert_eq!(body["integrationUri"], uri);
}

#[test]
fn request_parameters_of_an_integration_are_merged_and_the_rest_is_replaced() {
    let mut chat = Changing::chat();
    let body = json!({
        "connectionType": "INTERNET",
        "contentHandlingStrategy": "CONVERT_TO_TEXT",
        "description": "Test HTTP",
        "integrationMethod": "GET",
        "integrationType": "HTTP",
        "integrationUri": "http://www.example.com",
        "passthroughBehavior": "WHEN_NO_MATCH",
        "requestParameters": { "integration.request.querystring.stage": "'value1'" },
        "requestTemplates": { "application/json": "" },
        "templateSelectionExpression": "$request.body.name",
        "timeoutInMillis": 28999,
    });
    let made = chat.call(change_integration::create, "", body).unwrap();
    let path = format!("integrationId={}", made["integrationId"].as_str().unwrap());
    let body = json!({
        "integrationMethod": "POST",
        "requestParameters": {
            "integration.request.querystring.stage": "",
            "integration.request.header.x-userid": "'value2'",
            "integration.request.path.op": "'value3'",
        },
        "requestTemplates": { "application/xml": "#set($percent=$number/100)" },
        "description": "",
        "templateSelectionExpression": "",
        "timeoutInMillis": 51,
    });
    let mut updated = chat.call(change_integration::update, &path, body).unwrap();
    updated.as_object_mut().unwrap().remove("integrationId");
    assert_eq!(
        updated,
        json!({
            "connectionType": "INTERNET",
            "contentHandlingStrategy": "CONVERT_TO_TEXT",
            "integrationMethod": "POST",
            "integrationResponseSelectionExpression": "${integration.response.statuscode}",
            "integrationType": "HTTP",
            "integrationUri": "http://www.example.com",
            "passthroughBehavior": "WHEN_NO_MATCH",
            "payloadFormatVersion": "1.0",
            "requestParameters": {
                "integration.request.header.x-userid": "'value2'",
                "integration.request.path.op": "'value3'",
            },
            "requestTemplates": { "application/xml": "#set($percent=$number/100)" },
            "timeoutInMillis": 51,
        })
    );
}

#[test]
fn an_integration_goes_to_a_vpc_link_and_back() {
    let mut chat = Changing::chat();
    let path = "integrationId=vpc0001";
    let uri = json!({ "integrationUri": "http://b/", "tlsConfig": {} });
    let body = chat.call(change_integration::update, path, uri).unwrap();
    assert_eq!(
        (&body["connectionType"], &body["connectionId"]),
        (&json!("VPC_LINK"), &json!("link01"))
    );
    assert_eq!(body["tlsConfig"], Value::Null);
    let missing = "a VPC_LINK integration needs the property ConnectionId: add it";
    let no_id = json!({ "connectionId": "" });
    chat.refuses(change_integration::update, path, no_id, (400, missing));
    let internet = json!({ "connectionType": "INTERNET", "connectionId": "" });
    let body = chat
        .call(change_integration::update, path, internet)
        .unwrap();
    assert_eq!(
        (&body["connectionType"], &body["connectionId"]),
        (&json!("INTERNET"), &Value::Null)
    );
}

#[test]
fn what_aws_refuses_of_an_integration_is_refused() {
    let mut chat = Changing::chat();
    for (body, message) in [
        (
            json!({ "integrationType": "HTTP" }),
            "an HTTP integration needs the property IntegrationUri: add it",
        ),
        (
            json!({ "integrationType": "HTTP", "integrationUri": "ftp://x" }),
            "`ftp://x` is no HTTP URL: begin it with http:// or https://",
        ),
        (
            json!({
                "integrationType": "AWS_PROXY",
                "integrationUri": "arn:aws:lambda:us-east-1:000000000000:function:chat",
                "integrationMethod": "GET",
            }),
            "HttpMethod must be POST for AWS_PROXY IntegrationType",
        ),
        (
            json!({ "integrationType": "MOCK", "credentialsArn": "role" }),
            "Invalid role ARN",
        ),
        (
            json!({ "integrationType": "MOCK", "timeoutInMillis": 29001 }),
            "Timeout should be between 50 ms and 29000 ms",
        ),
        (
            json!({ "integrationType": "MOCK", "timeoutInMillis": 49 }),
            "1 validation error detected: Value '49' at 'timeoutInMillis' failed to satisfy \
             constraint: Member must have value greater than or equal to 50",
        ),
        (
            json!({ "integrationType": "MOCK", "integrationSubtype": "SQS-SendMessage" }),
            "IntegrationSubtype is for HTTP APIs only: remove it",
        ),
        (
            json!({ "integrationType": "MOCK", "connectionType": "VPC_LINK", "connectionId": "a" }),
            "a VPC link reaches HTTP backends, not MOCK: use HTTP or HTTP_PROXY",
        ),
        (
            json!({ "integrationType": "MOCK", "requestParameters": { "append:header.x": "'a'" } }),
            "Invalid mapping expression specified: append:header.x",
        ),
        (
            json!({ "integrationType": "LAMBDA" }),
            "1 validation error detected: Value 'LAMBDA' at 'integrationType' failed to satisfy \
             constraint: Member must satisfy enum value set: [AWS, HTTP, MOCK, HTTP_PROXY, \
             AWS_PROXY]",
        ),
    ] {
        chat.refuses(change_integration::create, "", body, (400, message));
    }
    let delete = change_integration::delete;
    let used = "Cannot delete Integration because it is referenced by the following Routes with Ids: \
                [route01]";
    chat.refuses(delete, "integrationId=mock001", json!({}), (409, used));
    assert_eq!(chat.0, *super::chat::chat().definition);
    assert_eq!(
        chat.call(delete, "integrationId=vpc0001", json!({}))
            .unwrap(),
        Value::Null
    );
    let gone = "Invalid Integration identifier specified vpc0001";
    chat.refuses(delete, "integrationId=vpc0001", json!({}), (404, gone));
}

#[test]
fn an_integration_response_is_found_by_its_key() {
    let mut chat = Changing::chat();
    let body = json!({
        "contentHandlingStrategy": "CONVERT_TO_TEXT",
        "integrationResponseKey": "$default",
        "responseTemplates": { "application/json": "" },
        "templateSelectionExpression": "$request.body.name",
    });
    let path = "integrationId=mock001";
    let made = chat
        .call(change_integration_response::create, path, body.clone())
        .unwrap();
    let id = made["integrationResponseId"].as_str().unwrap().to_owned();
    assert_eq!(created(made, "integrationResponseId", 6), body);
    let exists = "IntegrationResponse with key $default already exists for this Integration";
    chat.refuses(
        change_integration_response::create,
        path,
        body,
        (409, exists),
    );
    let path = format!("{path}&integrationResponseId={id}");
    let key = json!({ "integrationResponseKey": "404" });
    let no_key = "the integration response key `404` is not one; write $default or /regex/";
    chat.refuses(
        change_integration_response::update,
        &path,
        key,
        (400, no_key),
    );
    let body = json!({
        "contentHandlingStrategy": "CONVERT_TO_BINARY",
        "integrationResponseKey": "/404/",
        "responseTemplates": { "application/xml": "#set($number=42)" },
        "templateSelectionExpression": "",
    });
    assert_eq!(
        chat.call(change_integration_response::update, &path, body)
            .unwrap(),
        json!({
            "contentHandlingStrategy": "CONVERT_TO_BINARY",
            "integrationResponseId": id,
            "integrationResponseKey": "/404/",
            "responseTemplates": { "application/xml": "#set($number=42)" },
        })
    );
    let delete = change_integration_response::delete;
    assert_eq!(chat.call(delete, &path, json!({})).unwrap(), Value::Null);
    let gone = format!("Invalid IntegrationResponse identifier specified {id}");
    chat.refuses(delete, &path, json!({}), (404, &gone));
}

const AUTHORIZER: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\
                          arn:aws:lambda:us-east-1:000000000000:function:auth/invocations";

#[test]
fn an_authorizer_needs_no_identity_source_and_loses_what_is_empty() {
    let mut chat = Changing::chat();
    for sources in [Value::Null, json!([]), json!([""])] {
        let name = format!("a{sources}");
        let body = json!({
            "authorizerType": "REQUEST",
            "authorizerUri": AUTHORIZER,
            "identitySource": sources,
            "name": name,
        });
        assert_eq!(
            created(
                chat.call(change_authorizer::create, "", body).unwrap(),
                "authorizerId",
                6
            ),
            json!({ "authorizerType": "REQUEST", "authorizerUri": AUTHORIZER, "name": name })
        );
    }
    let path = "authorizerId=auth01";
    let body = json!({
        "authorizerCredentialsArn": "arn:aws:iam::000000000000:role/a",
        "authorizerPayloadFormatVersion": "",
        "identitySource": ["route.request.header.Auth", "route.request.querystring.Name"],
        "name": "updated",
    });
    let updated = chat
        .call(change_authorizer::update, path, body.clone())
        .unwrap();
    for member in ["authorizerCredentialsArn", "identitySource", "name"] {
        assert_eq!(updated[member], body[member]);
    }
    let body = json!({ "authorizerCredentialsArn": "", "identitySource": [] });
    let updated = chat.call(change_authorizer::update, path, body).unwrap();
    assert_eq!(
        updated,
        json!({
            "authorizerId": "auth01",
            "authorizerType": "REQUEST",
            "authorizerUri": "arn:aws:lambda:us-east-1:000000000000:function:auth",
            "name": "updated",
        })
    );
}

#[test]
fn what_aws_refuses_of_an_authorizer_is_refused() {
    let mut chat = Changing::chat();
    let not_here = |member: &str| format!("{member} cannot be set for WEBSOCKET protocol Apis.");
    let source = "$request.header.X";
    for (body, message) in [
        (
            json!({ "authorizerType": "JWT" }),
            "Invalid authorizer type. Only REQUEST authorizer type is supported on WEBSOCKET \
             protocol Apis."
                .to_owned(),
        ),
        (
            json!({ "authorizerPayloadFormatVersion": "2.0" }),
            not_here("AuthorizerPayloadFormatVersion"),
        ),
        (
            json!({ "authorizerResultTtlInSeconds": 0 }),
            not_here("AuthorizerResultTtlInSeconds"),
        ),
        (
            json!({ "enableSimpleResponses": false }),
            not_here("EnableSimpleResponses"),
        ),
        (
            json!({ "jwtConfiguration": {} }),
            not_here("JwtConfiguration"),
        ),
        (
            json!({ "name": "" }),
            "the authorizer has no name: give it one".to_owned(),
        ),
        (
            json!({ "identityValidationExpression": "" }),
            "IdentityValidationExpression must not be empty.".to_owned(),
        ),
        (
            json!({ "identityValidationExpression": "[" }),
            "Invalid validation expression: [".to_owned(),
        ),
        (
            json!({ "authorizerCredentialsArn": "arn:aws:s3:::a" }),
            "Invalid role ARN".to_owned(),
        ),
        (
            json!({ "identitySource": [source] }),
            format!(
                "Invalid request identity source expression: {source}. The sources must be \
                 separated by comma, and each source must be either a request parameter, matching \
                 'route.request.querystring|header.[a-zA-Z0-9._-]+', or a stage variable, matching \
                 'stageVariables.[a-zA-Z0-9._-]+', or a context parameter, matching \
                 'context.[a-zA-Z0-9._-]+'"
            ),
        ),
    ] {
        let path = "authorizerId=auth01";
        chat.refuses(change_authorizer::update, path, body, (400, &message));
    }
    let mut of_http = json!({
        "authorizerType": "REQUEST",
        "authorizerUri": AUTHORIZER,
        "authorizerPayloadFormatVersion": "",
        "name": "a",
    });
    let version = not_here("AuthorizerPayloadFormatVersion");
    chat.refuses(
        change_authorizer::create,
        "",
        of_http.clone(),
        (400, &version),
    );
    of_http
        .as_object_mut()
        .unwrap()
        .remove("authorizerPayloadFormatVersion");
    of_http["name"] = json!("token");
    let unique = "Authorizer name must be unique. Authorizer token already exists in this RestApi.";
    chat.refuses(change_authorizer::create, "", of_http, (400, unique));
    let delete = change_authorizer::delete;
    let used = "Cannot delete authorizer 'token', is referenced in route: $connect";
    chat.refuses(delete, "authorizerId=auth01", json!({}), (409, used));
    let gone = "Invalid Authorizer identifier specified";
    chat.refuses(delete, "authorizerId=auth02", json!({}), (404, gone));
    assert_eq!(chat.0, *super::chat::chat().definition);
}

#[test]
fn a_model_is_renamed_with_the_routes_that_use_it() {
    let mut chat = Changing::chat();
    let body = json!({
        "contentType": "text/x-json",
        "description": "test",
        "name": "Note",
        "schema": r#"{"$ref":"https://apigateway.amazonaws.com/restapis/abcdef0123/models/Text"}"#,
    });
    let made = chat.call(change_model::create, "", body.clone()).unwrap();
    assert_eq!(created(made, "modelId", 6), body);
    let delete = change_model::delete;
    let used = "Cannot delete model 'Text', is referenced in route: send";
    chat.refuses(delete, "modelId=model1", json!({}), (409, used));
    let update = json!({ "name": "Message", "description": "", "contentType": "application/json" });
    assert_eq!(
        chat.call(change_model::update, "modelId=model1", update)
            .unwrap(),
        json!({
            "contentType": "application/json",
            "modelId": "model1",
            "name": "Message",
            "schema": r#"{"type":"object"}"#,
        })
    );
    assert_eq!(chat.0.routes[1].request_models["text"], "Message");
    assert_eq!(
        chat.0.routes[1].route_responses[0].response_models["$default"],
        "Message"
    );
}

#[test]
fn a_model_that_another_refers_to_stays() {
    let mut chat = Changing::chat();
    let reference = |api: &str, model: &str| {
        let url = format!("https://apigateway.amazonaws.com/restapis/{api}/models/{model}");
        json!({ "name": "Note", "schema": json!({ "$ref": url }).to_string() })
    };
    let unknown = "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model \
                   schema specified, Model reference must be in canonical form]";
    for body in [reference("abcdef0123", "None"), reference("other", "Text")] {
        chat.refuses(change_model::create, "", body, (400, unknown));
    }
    chat.call(change_model::create, "", reference("abcdef0123", "Text"))
        .unwrap();
    let unused = json!({ "requestModels": {} });
    chat.call(change_route::update, "routeId=route01", unused)
        .unwrap();
    let delete = change_model::delete;
    let used = "Cannot delete model 'Text', is referenced in model: Note";
    chat.refuses(delete, "modelId=model1", json!({}), (409, used));
    let exists = (409, "Model with name Note already exists for this API");
    let name = json!({ "name": "Note" });
    chat.refuses(change_model::update, "modelId=model1", name, exists);
    let name = json!({ "name": "a-b", "schema": "{}" });
    let alphanumeric = (400, "Model name must be alphanumeric: a-b");
    chat.refuses(change_model::create, "", name, alphanumeric);
    let gone = (404, "Invalid Model identifier specified none");
    chat.refuses(delete, "modelId=none", json!({}), gone);
    // With `disableSchemaValidation` AWS takes what is wrong.
    chat.0.disable_schema_validation = true;
    let broken = json!({ "name": "Broken", "schema": "{" });
    assert!(chat.call(change_model::create, "", broken).is_ok());
}
