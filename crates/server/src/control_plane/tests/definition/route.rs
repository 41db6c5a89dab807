//! Routes and their responses.

use serde_json::{Value, json};

use super::{Changing, created};
use crate::control_plane::{change_route, change_route_response};

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
    assert_eq!(chat.0, Changing::chat().0);
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
