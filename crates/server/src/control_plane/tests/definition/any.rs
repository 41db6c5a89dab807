//! Whatever requests ask for, what is admitted holds together and can be kept.

use std::collections::BTreeSet;

use gatepost_model::{api::ApiDefinition, route::RouteAuthorization};
use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::Changing;
use crate::{
    admission,
    control_plane::{
        change_authorizer, change_integration, change_integration_response, change_model,
        change_route, change_route_response,
    },
};

/// Texts that fit somewhere, and some that fit nowhere.
fn text() -> impl Strategy<Value = String> {
    let known = select(vec![
        "",
        "$connect",
        "$default",
        "send",
        "CUSTOM",
        "AWS_IAM",
        "NONE",
        "auth01",
        "integrations/mock001",
        "integrations/proxy01",
        "Text",
        "MOCK",
        "HTTP",
        "AWS_PROXY",
        "VPC_LINK",
        "INTERNET",
        "link01",
        "POST",
        "http://backend/{room}",
        "arn:aws:lambda:us-east-1:000000000000:function:f",
        "arn:aws:iam::000000000000:role/r",
        "$request.body.action",
        "${request.body",
        "route.request.header.x",
        "/2\\d\\d/",
        "REQUEST",
        "{}",
        r#"{"$ref":"https://apigateway.amazonaws.com/restapis/abcdef0123/models/Text"}"#,
    ]);
    prop_oneof![5 => known.prop_map(str::to_owned), 1 => "\\PC{0,8}"]
}

/// The value of a member.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => text().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => (0..40_000).prop_map(Value::from),
        1 => proptest::collection::vec(text(), 0..3).prop_map(Value::from),
        2 => (text(), text()).prop_map(|(key, text)| json!({ key: text })),
        1 => text().prop_map(|key| json!({ key: { "required": true } })),
    ]
}

/// A body with some of the members that these operations have.
fn body() -> impl Strategy<Value = Value> {
    let member = select(vec![
        "routeKey",
        "authorizationType",
        "authorizerId",
        "target",
        "requestModels",
        "requestParameters",
        "modelSelectionExpression",
        "routeResponseKey",
        "integrationType",
        "integrationUri",
        "integrationMethod",
        "connectionType",
        "connectionId",
        "credentialsArn",
        "requestTemplates",
        "timeoutInMillis",
        "integrationResponseKey",
        "responseTemplates",
        "templateSelectionExpression",
        "authorizerType",
        "authorizerUri",
        "identitySource",
        "name",
        "schema",
    ]);
    let members = proptest::collection::vec((member, value()), 0..6);
    members.prop_map(|members| {
        let members = members.into_iter();
        Value::Object(
            members
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Map<_, _>>(),
        )
    })
}

/// A body of what makes or changes models that refer to each other.
fn model() -> impl Strategy<Value = Value> {
    let name = select(vec!["Text", "Note", "Message"]);
    let schema = prop_oneof![
        Just(json!({ "type": "object" })),
        name.clone().prop_map(|name| json!({
            "$ref": format!("https://apigateway.amazonaws.com/restapis/abcdef0123/models/{name}")
        })),
    ];
    let given = proptest::bool::weighted(0.75);
    ((given, name), (given, schema)).prop_map(|((has_name, name), (has_schema, schema))| {
        let members = [
            ("name", has_name.then(|| name.to_owned())),
            ("schema", has_schema.then(|| schema.to_string())),
        ];
        let members = members.into_iter();
        let members = members.filter_map(|(key, value)| Some((key.to_owned(), value?.into())));
        Value::Object(members.collect::<Map<_, _>>())
    })
}

/// Carries out one of the operations; most requests are refused.
fn carry_out(chat: &mut Changing, operation: u8, body: Value) {
    let path = "routeId=route01&routeResponseId=resp01&integrationId=mock001&\
                integrationResponseId=iresp1&authorizerId=auth01&modelId=model1&\
                requestParameterKey=route.request.querystring.token";
    let connect = "routeId=route02";
    let _answer = match operation {
        0 => chat.call(change_route::create, path, body),
        1 => chat.call(change_route::update, path, body),
        2 => chat.call(change_route::update, connect, body),
        3 => chat.call(change_route::delete, path, body),
        4 => chat.call(change_route_response::create, connect, body),
        5 => chat.call(change_route_response::update, path, body),
        6 => chat.call(change_integration::create, path, body),
        7 => chat.call(change_integration::update, path, body),
        8 => chat.call(change_integration::delete, path, body),
        9 => chat.call(change_integration_response::create, path, body),
        10 => chat.call(change_integration_response::update, path, body),
        11 => chat.call(change_authorizer::create, path, body),
        12 => chat.call(change_authorizer::update, path, body),
        13 => chat.call(change_authorizer::delete, path, body),
        14 => chat.call(change_model::create, path, body),
        15 => chat.call(change_model::update, path, body),
        _ => chat.call(change_model::delete, path, body),
    };
}

fn holds_together(definition: &ApiDefinition) -> Result<(), TestCaseError> {
    let mut keys = BTreeSet::new();
    for route in &definition.routes {
        prop_assert!(
            keys.insert(&route.route_key),
            "{} is there twice",
            route.route_key
        );
        if let Some(target) = &route.target {
            prop_assert!(
                definition.integration(target).is_some(),
                "{target} is not there"
            );
        }
        if let RouteAuthorization::Custom(authorizer) = &route.authorization {
            prop_assert!(definition.authorizer(authorizer).is_some());
            prop_assert_eq!(route.route_key.as_str(), "$connect");
        }
        for name in route.request_models.values() {
            prop_assert!(definition.models.iter().any(|model| model.name == *name));
        }
    }
    let invalid = admission::model::invalid_schemas("abcdef0123", &definition.models);
    prop_assert!(invalid.is_empty(), "{invalid:?}");
    Ok(())
}

proptest! {
    #[test]
    fn what_is_admitted_holds_together_and_can_be_kept(
        requests in proptest::collection::vec((0..17_u8, body()), 0..12),
    ) {
        let mut chat = Changing::chat();
        for (operation, body) in requests {
            carry_out(&mut chat, operation, body);
            holds_together(&chat.0)?;
        }
        let kept = serde_json::to_string(&chat.0).unwrap();
        prop_assert_eq!(serde_json::from_str::<ApiDefinition>(&kept).unwrap(), chat.0);
    }
    #[test]
    fn models_refer_to_what_is_there(
        requests in proptest::collection::vec((14..17_u8, model()), 0..12),
    ) {
        let mut chat = Changing::chat();
        // No route uses the first one, so that it may be deleted.
        carry_out(&mut chat, 3, json!({}));
        for (operation, body) in requests {
            carry_out(&mut chat, operation, body);
            holds_together(&chat.0)?;
        }
    }
}
