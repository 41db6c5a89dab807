use http::{HeaderMap, Method};
use regex::Regex;
use serde_json::{Value, json};

use super::{
    apigateway, apigatewayv2,
    apigatewayv2::{
        CreateApiMappingRequest, CreateDomainNameRequest, DomainNameConfiguration, RoutingMode,
        SecurityPolicy,
    },
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
        find("PATCH", "/v2/domainnames/example.com/apimappings/m1"),
        Some(Matched::Operation(
            Operation::UpdateApiMapping,
            vec![
                ("domainName", "example.com".to_owned()),
                ("apiMappingId", "m1".to_owned())
            ]
        ))
    );
    assert_eq!(Operation::UpdateApiMapping.status(), 200);
    assert_eq!(Operation::CreateDomainName.status(), 201);
    assert_eq!(Operation::DeleteDomainName.status(), 204);
    // Where AWS answers otherwise than its model says.
    assert_eq!(Operation::UpdateRoute.status(), 201);
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
    let body = r#"{"domainName": "ws.example.com", "routingMode": "API_MAPPING_ONLY",
                   "mutualTlsAuthentication": null, "tags": {"Team": "web"}, "unheardOf": [1]}"#;
    let request: CreateDomainNameRequest = read(&[], "", body).unwrap();
    assert_eq!(request.domain_name, "ws.example.com");
    assert_eq!(request.routing_mode, Some(RoutingMode::ApiMappingOnly));
    assert_eq!(request.mutual_tls_authentication, None);
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
    let request: lambda::ListFunctionsRequest =
        read(&[], "MaxItems=7&FunctionVersion=ALL", "").unwrap();
    assert_eq!(
        (request.max_items, request.function_version),
        (Some(7), Some(lambda::FunctionVersion::All))
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
    assert_refused::<CreateApiMappingRequest>(
        &[("domainName", "example.com")],
        "",
        "2 validation errors detected: Value null at 'apiId' failed to satisfy constraint: Member \
         must not be null; Value null at 'stage' failed to satisfy constraint: Member must not be \
         null",
    );
}

#[test]
fn constraints_are_those_of_the_model() {
    for (body, message) in [
        (
            json!({"domainName": ""}),
            "1 validation error detected: Value '' at 'domainName' failed to satisfy constraint: \
             Member must have length greater than or equal to 1",
        ),
        (
            json!({"domainName": "x", "mutualTlsAuthentication": {"truststoreUri": 1}}),
            "NUMBER_VALUE can not be converted to a String",
        ),
        (
            json!({"domainName": "x", "domainNameConfigurations": [{"securityPolicy": "SSL"}]}),
            "1 validation error detected: Value 'SSL' at \
             'domainNameConfigurations.1.member.securityPolicy' failed to satisfy constraint: \
             Member must satisfy enum value set: [TLS_1_0, TLS_1_2]",
        ),
        (
            json!({"domainName": "x", "tags": {"Team": ""}}),
            "1 validation error detected: Value '' at 'tags.Team' failed to satisfy constraint: \
             Member must have length greater than or equal to 1",
        ),
    ] {
        assert_refused::<CreateDomainNameRequest>(&[], &body.to_string(), message);
    }
    assert_refused::<lambda::PutFunctionEventInvokeConfigRequest>(
        &[("FunctionName", "f")],
        &json!({"MaximumRetryAttempts": 3}).to_string(),
        "1 validation error detected: Value '3' at 'maximumRetryAttempts' failed to satisfy \
         constraint: Member must have value less than or equal to 2",
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
            r#"{"domainName": 1}"#,
            "NUMBER_VALUE can not be converted to a String",
        ),
        (
            r#"{"domainName": true}"#,
            "TRUE_VALUE can not be converted to a String",
        ),
        (
            r#"{"domainName": {}}"#,
            "Start of structure or map found where not expected.",
        ),
        (r#"{"tags": "x"}"#, "Expected map or null"),
        (
            "[]",
            "Could not parse request body into json: an object is expected",
        ),
    ] {
        assert_refused::<CreateDomainNameRequest>(&[], body, message);
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
    let long = json!({"domainName": "x".repeat(4096)}).to_string();
    let error = read::<CreateDomainNameRequest>(&[], "", &long).unwrap_err();
    assert!(error.len() < 600, "{error}");
}

#[test]
fn a_structure_as_json_has_the_members_that_are_set_under_their_names() {
    let configuration = DomainNameConfiguration {
        certificate_name: Some("ws".to_owned()),
        certificate_upload_date: Some(Timestamp(1_790_295_749_999)),
        security_policy: Some(SecurityPolicy::Tls12),
        ..Default::default()
    };
    assert_eq!(
        serde_json::to_value(configuration).unwrap(),
        json!({
            "certificateName": "ws",
            "certificateUploadDate": "2026-09-25T00:22:29Z",
            "securityPolicy": "TLS_1_2",
        })
    );
}

#[test]
fn of_endless_violations_the_first_hundred_are_told_at_once() {
    let layers = vec!["a"; 200_000];
    let request = json!({
        "Code": {}, "FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r",
        "Layers": layers,
    });
    let error = read::<lambda::CreateFunctionRequest>(&[], "", &request.to_string()).unwrap_err();
    assert!(
        error.starts_with("100 validation errors detected: "),
        "{}",
        &error[..100]
    );
    assert!(error.contains("at 'layers.100.member'") && !error.contains("layers.101"));
    assert!(error.len() < 50_000, "{}", error.len());
}

#[test]
fn the_elements_of_a_list_that_is_too_long_are_not_looked_at() {
    let config = json!({"VpcConfig": {"SubnetIds": vec!["a"; 17]}});
    assert_refused::<lambda::UpdateFunctionConfigurationRequest>(
        &[("FunctionName", "f")],
        &config.to_string(),
        "1 validation error detected: Value '[…]' at 'vpcConfig.subnetIds' failed to satisfy \
         constraint: Member must have length less than or equal to 16",
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
    let body = json!({"domainName": "x", "tags": Value::Null}).to_string();
    let request: CreateDomainNameRequest = read(&[], "", &body).unwrap();
    assert_eq!(request.tags, None);
}
