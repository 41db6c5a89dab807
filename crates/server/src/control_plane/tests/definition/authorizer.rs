//! Authorizers.

use serde_json::{Value, json};

use super::{Changing, created};
use crate::control_plane::change_authorizer;

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
    assert_eq!(chat.0, Changing::chat().0);
}
