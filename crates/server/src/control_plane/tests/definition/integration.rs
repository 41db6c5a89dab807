//! Integrations and their responses.

use serde_json::{Value, json};

use super::{Changing, created};
use crate::control_plane::{change_integration, change_integration_response};

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
    assert_eq!(chat.0, Changing::chat().0);
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
