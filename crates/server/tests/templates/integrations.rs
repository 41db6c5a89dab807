//! Integrations in templates: what AWS refuses is refused, what cannot work is warned of, and both
//! with their line.

use super::support::{Project, loaded, warnings};

/// An API with a route `hello`, perhaps with more properties, to the integration under test, whose
/// properties begin on line 11.
fn template(route: &str, integration: &str, resources: &str) -> String {
    format!(
        "\
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {{Name: a, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.a}}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {{ApiId: !Ref Api, StageName: v1, AutoDeploy: true}}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {{ApiId: !Ref Api,
      {integration}}}
  Hello:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ApiId: !Ref Api, Target: !Sub 'integrations/${{Integration}}',
      {route}}}
{resources}"
    )
}

/// An integration response with this key, on line 18.
fn response(key: &str) -> String {
    format!(
        "  Response:\n    Type: AWS::ApiGatewayV2::IntegrationResponse\n    Properties: {{ApiId: \
         !Ref Api, IntegrationId: !Ref Integration, IntegrationResponseKey: '{key}'}}\n"
    )
}

const ROUTE: &str = "RouteKey: hello";
const MOCK: &str = "IntegrationType: MOCK";
const HTTP: &str = "IntegrationType: HTTP, IntegrationMethod: GET, IntegrationUri: 'http://b/'";
const LAMBDA: &str = "IntegrationType: AWS, CredentialsArn: arn:aws:iam::1:role/r, \
                      IntegrationUri: 'arn:aws:lambda:us-east-1:1:function:far'";
/// What is warned of for a function that the template does not have.
const FAR: &str = "t.yaml:11: the function far is not in this template; it answers only where an \
                   Invoke endpoint is configured";

fn warned(template: &str) -> Vec<String> {
    let project = Project::new(&[("t.yaml", template)]);
    warnings(&project, &loaded(&project, "t.yaml"))
}

fn refused(template: &str) -> Vec<String> {
    let project = Project::new(&[("t.yaml", template)]);
    let errors = project.load("t.yaml").map(|_| ()).unwrap_err();
    let errors = errors.0.iter().map(ToString::to_string);
    errors.map(|error| project.relative(&error)).collect()
}

#[test]
fn what_aws_refuses_is_refused_with_its_line() {
    let long = format!(
        "IntegrationType: MOCK, RequestParameters: {{integration.request.header.x: \"'{}'\"}}",
        "x".repeat(511)
    );
    for (integration, fault) in [
        (
            "IntegrationType: HTTP",
            "t.yaml:8: an HTTP integration needs the property IntegrationUri; add it",
        ),
        (
            "IntegrationType: AWS, IntegrationUri: 'https://example.com'",
            "t.yaml:11: `https://example.com` names no Lambda function; give a Lambda function's \
             invocation URI, \
             arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations",
        ),
        (
            "IntegrationType: HTTP, IntegrationMethod: GET, IntegrationUri: 'http://u@h/'",
            "t.yaml:11: `http://u@h/` is no HTTP URL: it holds a user name; correct it",
        ),
        (
            "IntegrationType: HTTP, IntegrationMethod: FETCH, IntegrationUri: 'http://h/'",
            "t.yaml:11: IntegrationMethod is `FETCH`; it must be one of ANY, DELETE, GET, HEAD, \
             OPTIONS, PATCH, POST, PUT",
        ),
        (
            "IntegrationType: MOCK, CredentialsArn: my-role",
            "t.yaml:11: Invalid role ARN; write !GetAtt Role.Arn",
        ),
        (
            "IntegrationType: MOCK, ContentHandlingStrategy: CONVERT",
            "t.yaml:11: ContentHandlingStrategy is `CONVERT`; it must be one of \
             CONVERT_TO_BINARY, CONVERT_TO_TEXT",
        ),
        (
            "IntegrationType: MOCK, PassthroughBehavior: ALWAYS",
            "t.yaml:11: PassthroughBehavior is `ALWAYS`; it must be one of WHEN_NO_MATCH, \
             WHEN_NO_TEMPLATES, NEVER",
        ),
        (
            "IntegrationType: MOCK, TemplateSelectionExpression: '${request.body.a'",
            "t.yaml:11: TemplateSelectionExpression: `${request.body.a`: a `${` is not closed by \
             `}` after its path",
        ),
        (
            "IntegrationType: MOCK, RequestParameters: {integration.request.header.Host: \
             route.request.body.host}",
            "t.yaml:11: header `Host` belongs to the connection to the backend and cannot be \
             mapped; choose another name (`Host` may have a static value or a stage variable)",
        ),
        (
            &long,
            "t.yaml:11: the source of integration.request.header.x has 513 characters; at most \
             512 are allowed",
        ),
        (
            "IntegrationType: MOCK, RequestParameters: {integration.request.body.x: \"'x'\"}",
            "t.yaml:11: Invalid mapping expression specified: integration.request.body.x; map to \
             integration.request.header.NAME, .querystring.NAME or .path.NAME",
        ),
    ] {
        assert_eq!(refused(&template(ROUTE, integration, "")), [fault]);
    }
}

#[test]
fn an_integration_response_that_aws_refuses_is_refused_with_its_line() {
    for (responses, fault) in [
        (
            response("200"),
            "t.yaml:18: the integration response key `200` is not one; write $default or /regex/",
        ),
        (
            response("$default") + &response("$default").replace("Response:", "Again:"),
            "t.yaml:21: IntegrationResponse with key $default already exists for this \
             Integration; remove one of them",
        ),
        (
            response("/(/"),
            "t.yaml:18: the integration response key `/(/`: the pattern `(` is no regular \
             expression: a `(` is not closed",
        ),
    ] {
        assert_eq!(refused(&template(ROUTE, MOCK, &responses)), [fault]);
    }
}

#[test]
fn every_kind_is_accepted_with_all_that_aws_accepts() {
    for integration in [
        "IntegrationType: MOCK, CredentialsArn: 'arn:aws:iam::*:user/*'",
        "IntegrationType: MOCK, CredentialsArn: '${stageVariables.role}'",
        "IntegrationType: HTTP, IntegrationMethod: ANY, ContentHandlingStrategy: \
         CONVERT_TO_TEXT, IntegrationUri: 'http://${stageVariables.host}:${stageVariables.port}/x'",
        "IntegrationType: HTTP, IntegrationMethod: PUT, IntegrationUri: 'http://h/{room}', \
         RequestParameters: {integration.request.path.room: route.request.body.room}",
        "IntegrationType: AWS, CredentialsArn: arn:aws:iam::1:role/r, IntegrationUri: \
         'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${stageVariables.fn}/invocations'",
    ] {
        let none = Vec::<String>::new();
        assert_eq!(
            warned(&template(ROUTE, integration, "")),
            none,
            "{integration}"
        );
    }
}

#[test]
fn a_custom_integration_that_is_waited_for_needs_an_integration_response() {
    let two_way = "RouteKey: hello, RouteResponseSelectionExpression: $default";
    let route_response = "  Reply:\n    Type: AWS::ApiGatewayV2::RouteResponse\n    Properties: \
                          {ApiId: !Ref Api, RouteId: !Ref Hello, RouteResponseKey: $default}\n";
    let mend = "add an AWS::ApiGatewayV2::IntegrationResponse with `IntegrationResponseKey: \
                $default`";
    assert_eq!(
        warned(&template(two_way, MOCK, route_response)),
        [format!(
            "t.yaml:12: the MOCK integration of route hello has no integration response, and so \
             each message to it fails; {mend}"
        )]
    );
    assert_eq!(
        warned(&template("RouteKey: $connect", HTTP, "")),
        [format!(
            "t.yaml:12: the HTTP integration of route $connect has no integration response, and \
             so nobody can connect; {mend}"
        )]
    );
    let for_errors = response("/[45].*/") + route_response;
    assert_eq!(
        warned(&template(two_way, MOCK, &for_errors)),
        [format!(
            "t.yaml:12: the MOCK integration of route hello has no integration response for \
             success, and so each message to it fails; {mend}"
        )]
    );
    assert_eq!(
        warned(&template(
            "RouteKey: $connect",
            LAMBDA,
            &response("/Bad.*/")
        )),
        [
            FAR.to_owned(),
            format!(
                "t.yaml:12: the AWS integration of route $connect has no integration response \
                 for success, and so nobody can connect; {mend}"
            )
        ]
    );
    let both = response("$default") + route_response;
    let some = response("/20[01]/") + route_response;
    for (route, integration, resources) in [
        (two_way, MOCK, both.as_str()),
        (two_way, HTTP, some.as_str()),
        (ROUTE, MOCK, ""),
        ("RouteKey: $disconnect", MOCK, ""),
    ] {
        let none = Vec::<String>::new();
        assert_eq!(warned(&template(route, integration, resources)), none);
    }
}

#[test]
fn a_half_of_a_two_way_route_is_warned_of() {
    let expression = "RouteKey: hello, RouteResponseSelectionExpression: $default";
    let route_response = "  Reply:\n    Type: AWS::ApiGatewayV2::RouteResponse\n    Properties: \
                          {ApiId: !Ref Api, RouteId: !Ref Hello, RouteResponseKey: $default}\n";
    assert_eq!(
        warned(&template(expression, MOCK, "")),
        [
            "t.yaml:12: route hello sends no reply: it has no RouteResponse; add an \
             AWS::ApiGatewayV2::RouteResponse with `RouteResponseKey: $default`"
        ]
    );
    assert_eq!(
        warned(&template(ROUTE, MOCK, route_response)),
        [
            "t.yaml:12: route hello sends no reply: it has no RouteResponseSelectionExpression; \
             add `RouteResponseSelectionExpression: $default`"
        ]
    );
}

#[test]
fn an_integration_response_that_nothing_selects_is_warned_of() {
    for (integration, key, warning) in [
        (
            MOCK,
            "/.*no such user.*/",
            Some(
                "t.yaml:18: the key /.*no such user.*/ matches no HTTP status; write $default, \
                 or e.g. /2\\d\\d/",
            ),
        ),
        (
            LAMBDA,
            r"/2\d\d/",
            Some(
                "t.yaml:18: the key /2\\d\\d/ looks like a status, but a Lambda function's \
                 errorMessage is what selects a response; write $default, or a /regex/ of the \
                 errorMessage",
            ),
        ),
        (
            "IntegrationType: HTTP_PROXY, IntegrationMethod: GET, IntegrationUri: 'http://b/'",
            "$default",
            Some(
                "t.yaml:18: HTTP_PROXY selects no integration response; its answer reaches the \
                 client as it is",
            ),
        ),
        (MOCK, "$default", None),
        (HTTP, r"/(?!2)\d+/", None),
        (LAMBDA, "/.*no such user.*/", None),
        (LAMBDA, "/(.|\\n)+/", None),
    ] {
        let mut expected: Vec<&str> = warning.into_iter().collect();
        if integration == LAMBDA {
            expected.insert(0, FAR);
        }
        let mut responses = response(key);
        if key != "$default" {
            responses += &response("$default").replace("Response:", "Otherwise:");
        }
        let warned = warned(&template(ROUTE, integration, &responses));
        assert_eq!(warned, expected, "{key}");
    }
}

#[test]
fn a_parameter_that_never_has_a_value_is_warned_of() {
    let mapping = |source: &str| {
        format!("{HTTP}, RequestParameters: {{integration.request.header.x: {source}}}")
    };
    let begin = "t.yaml:12: integration.request.header.x has no value on the route";
    let connect = "RouteKey: $connect, RequestParameters: {route.request.header.x: {Required: \
                   false}}";
    for (route, source, warning) in [
        (
            ROUTE,
            "route.request.header.x",
            Some("hello: only $connect has headers and a query"),
        ),
        (
            ROUTE,
            "route.request.multivaluequerystring.x",
            Some("hello: only $connect has headers and a query"),
        ),
        (
            "RouteKey: $disconnect",
            "route.request.body.x",
            Some("$disconnect: $disconnect has no body"),
        ),
        (
            connect,
            "route.request.querystring.x",
            Some(
                "$connect: AWS passes on what the route's RequestParameters declare: \
                 route.request.querystring.x",
            ),
        ),
        (connect, "route.request.header.X", None),
        (connect, "context.connectionId", None),
        (ROUTE, "route.request.body.x", None),
    ] {
        let warned = warned(&template(route, &mapping(source), &response("$default")));
        let expected: Vec<_> = warning.iter().map(|end| format!("{begin} {end}")).collect();
        assert_eq!(warned, expected, "{route} {source}");
    }
}

#[test]
fn a_template_that_breaks_velocitys_grammar_is_warned_of() {
    let integration = "IntegrationType: MOCK, RequestTemplates: {fine: '{}',\n      $default: '{ \
                       ${context'}";
    let responses = response("$default").replace(
        "Key: '$default'",
        "Key: $default, ResponseTemplates: {$default: '${context.stage'}",
    );
    let warned = warned(&template(ROUTE, integration, &responses));
    let [request, response] = &warned[..] else {
        panic!("{warned:?}");
    };
    assert!(request.starts_with("t.yaml:12: the mapping template $default fails: 1:3: "));
    assert!(response.starts_with("t.yaml:19: the mapping template $default fails: 1:1: "));
}

#[test]
fn a_path_variable_and_its_parameter_belong_together() {
    let integration = "IntegrationType: HTTP, IntegrationMethod: GET, IntegrationUri: \
                       'http://h/{room}', RequestParameters: {integration.request.path.rom: \
                       route.request.body.room}";
    assert_eq!(
        warned(&template(ROUTE, integration, "")),
        [
            "t.yaml:11: nothing fills in {room}, and so every call fails; map \
             integration.request.path.room in RequestParameters",
            "t.yaml:11: the URL has no {rom} that this could fill in",
        ]
    );
}

#[test]
fn a_parameter_that_lambda_does_not_know_is_warned_of() {
    let function = format!(
        "{LAMBDA}, RequestParameters: {{integration.request.header.connectionId: \
         context.connectionId, integration.request.header.X-Amz-Invocation-Type: \"'Event'\", \
         integration.request.querystring.Qualifier: stageVariables.alias}}"
    );
    assert_eq!(
        warned(&template(ROUTE, &function, "")),
        [
            FAR,
            "t.yaml:11: integration.request.header.connectionId reaches no Lambda function; take \
             it from the proxy event, or put it into the request template",
        ]
    );
}

#[test]
fn what_a_kind_has_no_use_for_is_warned_of() {
    let integration = "IntegrationType: HTTP_PROXY, IntegrationMethod: GET, IntegrationUri: \
                       'http://b/', RequestTemplates: {$default: x}";
    assert_eq!(
        warned(&template(ROUTE, integration, "")),
        ["t.yaml:11: RequestTemplates changes nothing: HTTP_PROXY does not use it; remove it"]
    );
    let parameters = response("$default").replace(
        "Key: '$default'",
        "Key: $default, ResponseParameters: {method.response.header.x: \"'x'\"}",
    );
    assert_eq!(
        warned(&template(ROUTE, MOCK, &parameters)),
        [
            "t.yaml:18: ResponseParameters change nothing: what a client gets has no headers; \
             remove it"
        ]
    );
}
