use http::{HeaderMap, Method};
use regex::Regex;
use serde_json::{Value, json};

use super::{
    apigateway, apigatewayv2,
    apigatewayv2::{CreateApiRequest, CreateStageRequest, ProtocolType},
    lambda, *,
};

fn find<O: OperationShape>(method: &str, path: &str) -> Option<Matched<O>> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let segments: Vec<&str> = path[1..].split('/').collect();
    Matched::find(&method.parse::<Method>().unwrap(), &segments, query)
}

fn read<R: FromInput>(path: &[(&'static str, &str)], query: &str, body: &str) -> Result<R, String> {
    let path: Vec<_> = path
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    let input = Input {
        path: &path,
        query,
        headers: &HeaderMap::new(),
        body: body.as_bytes(),
    };
    input.read().map_err(|error| error.to_string())
}

#[test]
fn an_operation_is_found_by_method_and_path_with_its_members() {
    use apigatewayv2::Operation;
    assert_eq!(
        find("PATCH", "/v2/apis/abc/routes/r1"),
        Some(Matched::Operation(
            Operation::UpdateRoute,
            vec![("apiId", "abc".to_owned()), ("routeId", "r1".to_owned())]
        ))
    );
    // The model says 200.
    assert_eq!(Operation::UpdateRoute.status(), 201);
    assert_eq!(Operation::DeleteVpcLink.status(), 202);
    assert_eq!(
        find::<Operation>("POST", "/v2/portals"),
        Some(Matched::Other("CreatePortal"))
    );
    assert_eq!(find::<Operation>("POST", "/v2/apis/abc/nothing"), None);
    assert_eq!(find::<Operation>("GET", "/v2/apis//routes"), None);
}

#[test]
fn a_trailing_slash_changes_nothing_and_a_query_may_make_another_operation() {
    assert_eq!(
        find("GET", "/2015-03-31/functions/"),
        Some(Matched::Operation(lambda::Operation::ListFunctions, vec![]))
    );
    assert_eq!(
        find("POST", "/apikeys"),
        Some(Matched::Operation(
            apigateway::Operation::CreateApiKey,
            vec![]
        ))
    );
    assert_eq!(
        find::<apigateway::Operation>("POST", "/apikeys?mode=import&format=csv"),
        Some(Matched::Other("ImportApiKeys"))
    );
}

#[test]
fn each_operation_is_found_at_its_own_path() {
    fn check<O: OperationShape + PartialEq + std::fmt::Debug>() {
        for operation in O::ALL {
            let found = find::<O>(operation.method(), operation.uri());
            assert!(
                matches!(&found, Some(Matched::Operation(own, _)) if own == operation),
                "{}: {found:?}",
                operation.name()
            );
        }
        for (method, uri, name) in O::OTHERS {
            assert_eq!(find::<O>(method, uri), Some(Matched::Other(name)));
        }
    }
    check::<apigatewayv2::Operation>();
    check::<apigateway::Operation>();
    check::<lambda::Operation>();
}

#[test]
fn a_request_is_read_into_its_members_and_what_the_model_lacks_is_ignored() {
    let body = r#"{"name": "chat", "protocolType": "WEBSOCKET", "description": null,
                   "tags": {"Team": "web"}, "unheardOf": [1]}"#;
    let request: CreateApiRequest = read(&[], "", body).unwrap();
    assert_eq!(request.name, "chat");
    assert_eq!(request.protocol_type, ProtocolType::Websocket);
    assert_eq!(request.description, None);
    assert_eq!(request.tags.unwrap()["Team"], "web");
}

#[test]
fn members_stand_in_path_and_query_too() {
    let request: apigatewayv2::UntagResourceRequest = read(
        &[("resource-arn", "arn:aws:apigateway:us-east-1::/apis/abc")],
        "tagKeys=a%20b&tagKeys=c",
        "",
    )
    .unwrap();
    assert_eq!(
        request.resource_arn,
        "arn:aws:apigateway:us-east-1::/apis/abc"
    );
    assert_eq!(request.tag_keys, ["a b", "c"]);
    let request: apigateway::GetApiKeysRequest =
        read(&[], "limit=7&includeValues=true", "").unwrap();
    assert_eq!(
        (request.limit, request.include_values),
        (Some(7), Some(true))
    );
}

#[track_caller]
fn assert_refused<R: FromInput>(path: &[(&'static str, &str)], body: &str, message: &str) {
    match read::<R>(path, "", body) {
        Ok(_) => panic!("{body} is taken"),
        Err(error) => assert_eq!(error, message),
    }
}

#[test]
fn what_is_missing_is_said_of_all_members_at_once() {
    assert_refused::<CreateApiRequest>(
        &[],
        "",
        "2 validation errors detected: Value null at 'name' failed to satisfy constraint: Member \
         must not be null; Value null at 'protocolType' failed to satisfy constraint: Member must \
         not be null",
    );
}

#[test]
fn constraints_are_those_of_the_model() {
    let path = [("apiId", "abc")];
    for (body, message) in [
        (
            json!({"stageName": ""}),
            "1 validation error detected: Value '' at 'stageName' failed to satisfy constraint: \
             Member must have length greater than or equal to 1",
        ),
        (
            json!({"stageName": "x", "defaultRouteSettings": {"loggingLevel": "LOUD"}}),
            "1 validation error detected: Value 'LOUD' at 'defaultRouteSettings.loggingLevel' \
             failed to satisfy constraint: Member must satisfy enum value set: [ERROR, INFO, OFF]",
        ),
        (
            json!({"stageName": "x", "tags": {"Team": ""}}),
            "1 validation error detected: Value '' at 'tags.Team' failed to satisfy constraint: \
             Member must have length greater than or equal to 1",
        ),
    ] {
        assert_refused::<CreateStageRequest>(&path, &body.to_string(), message);
    }
    let too_long = json!({"integrationType": "MOCK", "timeoutInMillis": 30_001}).to_string();
    assert_refused::<apigatewayv2::CreateIntegrationRequest>(
        &path,
        &too_long,
        "1 validation error detected: Value '30001' at 'timeoutInMillis' failed to satisfy \
         constraint: Member must have value less than or equal to 30000",
    );
    // The text that is known of AWS.
    assert_refused::<CreateApiRequest>(
        &[],
        r#"{"name": "x", "protocolType": "SMTP"}"#,
        "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]",
    );
}

#[test]
fn a_pattern_must_fit_whole_and_exceptions_of_it_hold() {
    let alias = |name: &str| {
        let body = json!({"Name": name, "FunctionVersion": "1"}).to_string();
        read::<lambda::CreateAliasRequest>(&[("FunctionName", "f")], "", &body).map(|_| ())
    };
    assert_eq!(alias("live-1"), Ok(()));
    assert!(
        alias("12")
            .unwrap_err()
            .contains("regular expression pattern: (?!")
    );
    assert!(alias("a b").unwrap_err().contains("at 'name'"));
}

#[test]
fn other_types_are_no_request_at_all() {
    for (body, message) in [
        (
            r#"{"name": 1}"#,
            "NUMBER_VALUE can not be converted to a String",
        ),
        (
            r#"{"name": true}"#,
            "TRUE_VALUE can not be converted to a String",
        ),
        (
            r#"{"name": {}}"#,
            "Start of structure or map found where not expected.",
        ),
        (r#"{"tags": "x"}"#, "Expected map or null"),
        (
            "[]",
            "Could not parse request body into json: an object is expected",
        ),
    ] {
        assert_refused::<CreateApiRequest>(&[], body, message);
    }
}

#[test]
fn secrets_and_long_values_are_not_repeated() {
    let key = json!({"Variables": {"1": "hidden"}});
    let body = json!({"Environment": key}).to_string();
    let error =
        read::<lambda::UpdateFunctionConfigurationRequest>(&[("FunctionName", "f")], "", &body)
            .unwrap_err();
    assert!(error.starts_with("1 validation error detected: Value at 'environment.variables'"));
    let long = json!({"stageName": "x".repeat(4096)}).to_string();
    let error = read::<CreateStageRequest>(&[("apiId", "abc")], "", &long).unwrap_err();
    assert!(error.len() < 600, "{error}");
}

#[test]
fn an_answer_has_the_members_that_are_set_under_their_names() {
    let stage = apigatewayv2::Stage {
        stage_name: Some("prod".to_owned()),
        created_date: Some(IsoTimestamp(1_790_295_749_999)),
        default_route_settings: Some(apigatewayv2::RouteSettings {
            logging_level: Some(apigatewayv2::LoggingLevel::Off),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(
        serde_json::to_value(stage).unwrap(),
        json!({
            "createdDate": "2026-09-25T00:22:29Z",
            "defaultRouteSettings": {"loggingLevel": "OFF"},
            "stageName": "prod",
        })
    );
    let key = apigateway::ApiKey {
        created_date: Some(EpochTimestamp(1_790_295_749_999)),
        ..Default::default()
    };
    assert_eq!(
        serde_json::to_value(key).unwrap(),
        json!({ "createdDate": 1_790_295_749 })
    );
}

#[test]
fn every_pattern_of_the_models_is_one_here() {
    let pattern = Regex::new(r##"Pattern\(r(?:#"(.*?)"#|"(.*?)")\)"##).unwrap();
    let mut count = 0;
    for file in [
        include_str!("apigatewayv2.rs"),
        include_str!("apigateway.rs"),
        include_str!("lambda.rs"),
    ] {
        for found in pattern.captures_iter(file) {
            let text = found.get(1).or(found.get(2)).unwrap().as_str();
            assert!(Regex::new(text).is_ok(), "{text}");
            count += 1;
        }
    }
    assert!(count > 30);
}

#[test]
fn null_is_absent_where_a_member_may_be() {
    let body = json!({"stageName": "x", "autoDeploy": Value::Null}).to_string();
    let stage: CreateStageRequest = read(&[("apiId", "abc")], "", &body).unwrap();
    assert_eq!(stage.auto_deploy, None);
}
