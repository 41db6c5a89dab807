//! Broken templates: every fault is told, with its line and its mend, and nothing is loaded.

use super::support::Project;
use proptest::prelude::*;

/// Whatever stands here makes a sound API around the resource under test.
const API: &str = "\
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: a, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.a}
  Mock:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationType: MOCK}
  Default:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: $default, Target: !Sub 'integrations/${Mock}'}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: v1, AutoDeploy: true}
";

fn faults(template: &str) -> Vec<String> {
    let project = Project::new(&[
        ("t.yaml", template),
        ("src/app.py", ""),
        ("src/main.ts", ""),
    ]);
    match project.load("t.yaml") {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .0
            .iter()
            .map(|error| project.relative(&error.to_string()))
            .collect(),
    }
}

/// The faults of a resource that follows [`API`] from line 14 on.
fn faults_beside_api(resource: &str) -> Vec<String> {
    faults(&format!("{API}{resource}"))
}

#[test]
fn a_resource_that_api_gateway_refuses_is_refused_with_its_line() {
    for (resource, expected) in [
        (
            "  R:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {ApiId: !Ref Api, RouteKey: $default}\n",
            "t.yaml:16: Route with key $default already exists for this API; remove one of them",
        ),
        (
            "  R:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {ApiId: !Ref Api, Routekey: x, RouteKey: y}\n",
            "t.yaml:16: AWS::ApiGatewayV2::Route has no property `Routekey`; did you mean `RouteKey`?",
        ),
        (
            "  R:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {ApiId: !Ref Api, RouteKey: $conect}\n",
            "t.yaml:16: route key `$conect` is neither $connect, $disconnect, $default nor a key \
             without leading `$`; rename it",
        ),
        (
            "  R:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {ApiId: !Ref Api, RouteKey: x, Target: integrations/none}\n",
            "t.yaml:16: Invalid Integration identifier specified none; name an integration of the \
             same API",
        ),
        (
            "  R:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {ApiId: !Ref Api, RouteKey: x, Target: !Ref Mock}\n",
            // The id is that of stack `chat` and logical id `Mock`.
            "t.yaml:16: the Target `{Mock}` names no integration; write \
             integrations/{IntegrationId}",
        ),
        (
            "  R:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {ApiId: !Ref Api, RouteKey: x, AuthorizationType: CUSTOM}\n",
            "t.yaml:16: Currently, authorization is restricted to the $connect route only; protect \
             the $connect route",
        ),
        (
            "  R:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {ApiId: !Ref Api, RouteKey: $connect, AuthorizationType: CUSTOM}\n",
            "t.yaml:16: Invalid authorizer ID specified. Setting the authorization type to CUSTOM \
             or COGNITO_USER_POOLS requires a valid authorizer.; name an authorizer of the same API \
             as AuthorizerId",
        ),
        (
            "  R:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {ApiId: !Ref Api, RouteKey: $connect, AuthorizationType: CUSTOM, AuthorizerId: x}\n",
            "t.yaml:16: Invalid authorizer ID specified. Setting the authorization type to CUSTOM \
             or COGNITO_USER_POOLS requires a valid authorizer.; name an authorizer of the same API \
             as AuthorizerId",
        ),
        (
            "  R:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {ApiId: !Ref Api, RouteKey: $connect, AuthorizationType: JWT}\n",
            "t.yaml:16: AuthorizationType JWT is not supported on WEBSOCKET protocol Apis; use \
             CUSTOM with a REQUEST authorizer that checks the token",
        ),
        (
            "  R:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {ApiId: !Ref Other, RouteKey: x}\n",
            "t.yaml:16: Ref names `Other`, which does not exist; no resource, parameter or pseudo \
             parameter has this name",
        ),
        (
            "  R:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {ApiId: abc, RouteKey: x}\n",
            "t.yaml:16: Invalid API identifier specified abc; name an AWS::ApiGatewayV2::Api of \
             this template",
        ),
        (
            "  R:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {RouteKey: x}\n",
            "t.yaml:14: AWS::ApiGatewayV2::Route needs the property ApiId; add it",
        ),
        (
            "  R:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {ApiId: !Ref Api, RouteKey: [x]}\n",
            "t.yaml:16: RouteKey of AWS::ApiGatewayV2::Route must be a string, this is a list",
        ),
        (
            "  R:\n    Type: AWS::ApiGatewayV2::Rout\n    Properties: {ApiId: !Ref Api, RouteKey: x}\n",
            "t.yaml:14: `AWS::ApiGatewayV2::Rout` is not a resource type; did you mean \
             `AWS::ApiGatewayV2::Route`?",
        ),
        (
            "  I:\n    Type: AWS::ApiGatewayV2::Integration\n    Properties: {ApiId: !Ref Api, IntegrationType: MOCK, TimeoutInMillis: 30000}\n",
            "t.yaml:16: TimeoutInMillis is 30000; it must be 50 to 29000",
        ),
        (
            "  I:\n    Type: AWS::ApiGatewayV2::Integration\n    Properties: {ApiId: !Ref Api, IntegrationType: LAMBDA}\n",
            "t.yaml:16: IntegrationType is `LAMBDA`; it must be one of AWS, AWS_PROXY, HTTP, \
             HTTP_PROXY, MOCK",
        ),
        (
            "  I:\n    Type: AWS::ApiGatewayV2::Integration\n    Properties: {ApiId: !Ref Api, IntegrationType: AWS_PROXY}\n",
            "t.yaml:14: an AWS_PROXY integration needs the property IntegrationUri; add it",
        ),
        (
            "  I:\n    Type: AWS::ApiGatewayV2::Integration\n    Properties: {ApiId: !Ref Api, IntegrationType: HTTP_PROXY, IntegrationUri: localhost, IntegrationMethod: POST}\n",
            "t.yaml:16: `localhost` is no HTTP URL; begin it with http:// or https://",
        ),
        (
            "  I:\n    Type: AWS::ApiGatewayV2::Integration\n    Properties:\n      ApiId: !Ref Api\n      IntegrationType: MOCK\n      RequestParameters:\n        integration.request.header.X: route.request.nothing\n",
            "t.yaml:20: Invalid mapping expression specified: route.request.nothing; map from \
             route.request.*, stageVariables.*, context.* or a 'literal'",
        ),
        (
            "  A:\n    Type: AWS::ApiGatewayV2::Authorizer\n    Properties: {ApiId: !Ref Api, Name: n, AuthorizerType: JWT, AuthorizerUri: 'arn:aws:lambda:us-east-1:1:function:f'}\n",
            "t.yaml:16: Invalid authorizer type. Only REQUEST authorizer type is supported on \
             WEBSOCKET protocol Apis.; use `AuthorizerType: REQUEST`",
        ),
        (
            "  A:\n    Type: AWS::ApiGatewayV2::Authorizer\n    Properties: {ApiId: !Ref Api, Name: n, AuthorizerType: REQUEST, AuthorizerResultTtlInSeconds: 0, AuthorizerUri: 'arn:aws:lambda:us-east-1:1:function:f'}\n",
            "t.yaml:16: AuthorizerResultTtlInSeconds cannot be set for WEBSOCKET protocol Apis.; \
             remove it",
        ),
        (
            "  A:\n    Type: AWS::ApiGatewayV2::Authorizer\n    Properties: {ApiId: !Ref Api, Name: n, AuthorizerType: REQUEST, IdentitySource: [$request.header.X], AuthorizerUri: 'arn:aws:lambda:us-east-1:1:function:f'}\n",
            "t.yaml:16: Invalid request identity source expression: $request.header.X. The sources \
             must be separated by comma, and each source must be either a request parameter, \
             matching 'route.request.querystring|header.[a-zA-Z0-9._-]+', or a stage variable, \
             matching 'stageVariables.[a-zA-Z0-9._-]+', or a context parameter, matching \
             'context.[a-zA-Z0-9._-]+'",
        ),
        (
            "  S:\n    Type: AWS::ApiGatewayV2::Stage\n    Properties: {ApiId: !Ref Api, StageName: a.b, AutoDeploy: true}\n",
            "t.yaml:16: the stage name `a.b` is not one; use 1 to 128 letters, digits, - and _",
        ),
        (
            "  S:\n    Type: AWS::ApiGatewayV2::Stage\n    Properties: {ApiId: !Ref Api, StageName: v1}\n",
            "t.yaml:16: Stage with name v1 already exists for this API; rename one of them",
        ),
        (
            "  S:\n    Type: AWS::ApiGatewayV2::Stage\n    Properties: {ApiId: !Ref Api, StageName: v2, DeploymentId: abc}\n",
            "t.yaml:16: Invalid Deployment identifier specified abc; name a deployment of the same \
             API",
        ),
        (
            "  S:\n    Type: AWS::ApiGatewayV2::Stage\n    Properties: {ApiId: !Ref Api, StageName: v2, RouteSettings: {nope: {}}}\n",
            "t.yaml:16: Unable to find Route by key nope within the provided RouteSettings; name a \
             route of the API",
        ),
        (
            "  S:\n    Type: AWS::ApiGatewayV2::Stage\n    DependsOn: Deployment\n    Properties: {ApiId: !Ref Api, StageName: v2}\n",
            "t.yaml:16: DependsOn names `Deployment`, which does not exist; remove it",
        ),
        (
            "  B:\n    Type: AWS::ApiGatewayV2::Api\n    Properties: {Body: {}}\n",
            "t.yaml:16: Body imports an HTTP API; a WebSocket API has no import: write its routes \
             as resources",
        ),
        (
            "  B:\n    Type: AWS::ApiGatewayV2::Api\n    Properties: {Name: b, ProtocolType: WEBSOCKET}\n",
            "t.yaml:14: a WebSocket API needs the property RouteSelectionExpression; add it, e.g. \
             $request.body.action",
        ),
        (
            "  T:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      BillingMode: PAY_PER_REQUEST\n      KeySchema: [{AttributeName: id, KeyType: HASH}]\n",
            "t.yaml:18: the key attribute `id` is not in AttributeDefinitions; define its type there",
        ),
        (
            "  X:\n    Type: AWS::Serverless::Function\n",
            "t.yaml:14: AWS::Serverless::Function needs SAM's transform; add `Transform: \
             AWS::Serverless-2016-10-31` to the template",
        ),
    ] {
        let found = faults_beside_api(resource);
        let first = found.first().map(String::as_str).unwrap_or_default();
        let expected = expected.replace("{Mock}", &mock_id());
        assert_eq!(first, expected, "{resource}");
    }
}

/// The id that `!Ref Mock` gives.
fn mock_id() -> String {
    let project = Project::new(&[("t.yaml", API)]);
    let app = project.load("t.yaml").unwrap();
    app.apis[0].definition.integrations[0]
        .integration_id
        .as_str()
        .to_owned()
}

#[test]
fn a_function_that_cannot_run_here_is_refused() {
    for (properties, expected) in [
        (
            "{CodeUri: src, Handler: app.handler, Runtime: java21}",
            "t.yaml:5: the runtime java21 is not run here; use python3.*, nodejs*.x or provided.*",
        ),
        (
            "{CodeUri: src, Handler: other.handler, Runtime: python3.13}",
            "t.yaml:5: the handler `other.handler` needs other.py, which is not in `src`; correct \
             Handler or CodeUri",
        ),
        (
            "{CodeUri: src, Handler: main.handler, Runtime: nodejs22.x}",
            "t.yaml:5: the handler `main.handler` needs main.js, which is not in `src`; build it \
             first, e.g. with `sam build`",
        ),
        (
            "{CodeUri: src, Runtime: provided.al2023}",
            "t.yaml:5: the handler `bootstrap` needs bootstrap, which is not in `src`; build it \
             first, e.g. with `sam build`",
        ),
        (
            "{CodeUri: nowhere/, Handler: app.handler, Runtime: python3.13}",
            "t.yaml:5: the code folder `nowhere/` does not exist; correct the path, or run `sam \
             build` if it is made by a build",
        ),
        (
            "{CodeUri: 's3://bucket/key.zip', Handler: app.handler, Runtime: python3.13}",
            "t.yaml:5: the code s3://bucket/key.zip is not on this machine; name a folder \
             here, or the template in cdk.out, .serverless or .aws-sam/build, beside what was built",
        ),
        (
            "{PackageType: Image, ImageUri: repo/image}",
            "t.yaml:5: F is an image function; Gatepost runs functions without containers: package \
             it as Zip with a Runtime",
        ),
        (
            "{CodeUri: src, Handler: app, Runtime: python3.13}",
            "t.yaml:5: the Handler `app` is not of the form file.function; write e.g. app.handler \
             for the function `handler` in the file `app`",
        ),
        (
            "{CodeUri: src, Handler: app.handler, Runtime: python3.13, Timeout: 901}",
            "t.yaml:5: Timeout is 901; it must be 1 to 900",
        ),
        (
            "{CodeUri: src, Handler: app.handler, Runtime: python3.13, Environment: {Variables: {AWS_REGION: x}}}",
            "t.yaml:5: the environment variable AWS_REGION is reserved by Lambda; rename it",
        ),
        (
            "{CodeUri: src, Handler: app.handler, Runtime: python3.13, MemorySiz: 128}",
            "t.yaml:5: AWS::Serverless::Function has no property `MemorySiz`; did you mean \
             `MemorySize`?",
        ),
        (
            "{CodeUri: src, Handler: app.handler}",
            "t.yaml:3: a function needs the property Runtime; add e.g. `Runtime: python3.13`",
        ),
    ] {
        let template = format!(
            "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: \
             AWS::Serverless::Function\n    Properties: {properties}\n"
        );
        assert_eq!(faults(&template), [expected], "{properties}");
    }
}

#[test]
fn sam_refuses_what_its_transform_refuses() {
    for (properties, expected) in [
        (
            "{RouteSelectionExpression: $request.body.a, Routes: {}}",
            "WebSocket API must have at least one route.",
        ),
        (
            "{RouteSelectionExpression: $request.body.a, StageName: $default, Routes: {$connect: {FunctionArn: 'arn:aws:lambda:us-east-1:1:function:f'}}}",
            "Stages cannot be named $default for WebSocket APIs.",
        ),
        (
            "{RouteSelectionExpression: $request.body.a, Auth: {AuthType: CUSTOM}, Routes: {$connect: {FunctionArn: 'arn:aws:lambda:us-east-1:1:function:f'}}}",
            "AuthArn must be specified if AuthType is CUSTOM.",
        ),
        (
            "{RouteSelectionExpression: $request.body.a, Auth: {AuthType: NONE}, Routes: {x: {FunctionArn: 'arn:aws:lambda:us-east-1:1:function:f'}}}",
            "Authorization is only available if there is a $connect route.",
        ),
        (
            "{RouteSelectionExpression: $request.body.a, Routes: {a-b: {FunctionArn: 'arn:aws:lambda:us-east-1:1:function:f'}}}",
            "Route key 'a-b' must be alphanumeric.",
        ),
        (
            "{RouteSelectionExpression: $request.body.a, Routes: {a: {}}}",
            "Route must have associated function.",
        ),
        (
            "{RouteSelectionExpression: $request.body.a, Domain: {DomainName: a.b, CertificateArn: x, MutualTlsAuthentication: {}}, Routes: {a: {FunctionArn: 'arn:aws:lambda:us-east-1:1:function:f'}}}",
            "Mutual TLS domain name association is not supported for Websocket APIs.",
        ),
        (
            "{RouteSelectionExpression: $request.body.a, Auth: {AuthType: AWS_IAM, AuthArn: x}, Routes: {$connect: {FunctionArn: 'arn:aws:lambda:us-east-1:1:function:f'}}}",
            "No additional configurations supported for AuthType AWS_IAM.",
        ),
    ] {
        let template = format!(
            "Transform: AWS::Serverless-2016-10-31\nResources:\n  Chat:\n    Type: \
             AWS::Serverless::WebSocketApi\n    Properties: {properties}\n"
        );
        let found = faults(&template);
        let first = found.first().map(String::as_str).unwrap_or_default();
        assert!(
            first.starts_with(&format!("t.yaml:5: {expected}")),
            "{properties}: {found:?}"
        );
    }
}

#[test]
fn expressions_that_cannot_be_evaluated_are_refused() {
    for (value, expected) in [
        (
            "!Reff Api",
            "t.yaml:2: `Fn::Reff` is not an intrinsic function; did you mean `Ref`?",
        ),
        (
            "!GetAtt Api.Endpoint",
            "t.yaml:2: Api (AWS::ApiGatewayV2::Api) has no attribute `Endpoint`; it has \
             ApiEndpoint, ApiId, ExecuteApiArn",
        ),
        (
            "!GetAtt Api",
            "t.yaml:2: Fn::GetAtt needs a resource and an attribute; write `!GetAtt LogicalId.Attribute`",
        ),
        (
            "!Sub '${Apy}'",
            "t.yaml:2: Fn::Sub names `Apy`, which does not exist; did you mean `Api`?",
        ),
        (
            "!Sub '${stageVariables.fn}'",
            "t.yaml:2: Fn::Sub names `stageVariables.fn`, which does not exist; write \
             `${!stageVariables.fn}` to leave it to API Gateway",
        ),
        (
            "!If [Nope, a, b]",
            "t.yaml:2: there is no condition `Nope`; add it to Conditions",
        ),
        (
            "!FindInMap [M, a, b]",
            "t.yaml:2: there is no mapping `M`; add it to Mappings",
        ),
        (
            "!ImportValue net-id",
            "t.yaml:2: Fn::ImportValue asks for `net-id`, an export of another stack; give its \
             value with --parameter net-id=…",
        ),
        (
            "!Select [2, [a, b]]",
            "t.yaml:2: Fn::Select cannot select value 2 of a list of 2",
        ),
        (
            "!Join [a]",
            "t.yaml:2: Fn::Join needs a separator and a list",
        ),
        (
            "!Transform {Name: AWS::Include}",
            "t.yaml:2: the macro `AWS::Include` runs on AWS only; write its result into the template",
        ),
        (
            "!Equals [a, b]",
            "t.yaml:2: `Fn::Equals` stands outside of Conditions; name the condition and use it with Fn::If",
        ),
        (
            "{Ref: Api, b: c}",
            "t.yaml:2: `Ref` must stand alone in its mapping",
        ),
        (
            "[a]",
            "t.yaml:2: the Value of an output must be a string, this is a list",
        ),
    ] {
        let template = format!("Outputs:\n  X: {{Value: {value}}}\n{API}");
        assert_eq!(faults(&template), [expected], "{value}");
    }
}

#[test]
fn a_template_that_is_none_is_refused() {
    for (template, expected) in [
        (
            "",
            "t.yaml:1: a template is a mapping, this is nothing; begin with `Resources:`",
        ),
        (
            "- a",
            "t.yaml:1: a template is a mapping, this is a list; begin with `Resources:`",
        ),
        (
            "Resources: {}",
            "t.yaml:1: the template has no Resources; add the section",
        ),
        (
            "Resources:\n  G: {Type: AWS::Logs::LogGroup}\nResorces: {}",
            "t.yaml:3: `Resorces` is not a section of a template; did you mean `Resources`?",
        ),
        (
            "Resources:\n  G: {Typ: AWS::Logs::LogGroup, Type: AWS::Logs::LogGroup}",
            "t.yaml:2: `Typ` is not an attribute of a resource; did you mean `Type`?",
        ),
        (
            "Resources:\n  G: {}",
            "t.yaml:2: G has no Type; add one, e.g. AWS::ApiGatewayV2::Api",
        ),
        (
            "Resources:\n  a-b: {Type: AWS::Logs::LogGroup}",
            "t.yaml:2: Resource name a-b is non alphanumeric.; use letters and digits only",
        ),
        (
            "Resources:\n  Fn::ForEach::Loop: []\n  G: {Type: AWS::Logs::LogGroup}",
            "t.yaml:2: `Fn::ForEach` (AWS::LanguageExtensions) is not there yet in Gatepost; write its entries out",
        ),
        (
            "Transform: MyMacro\nResources:\n  G: {Type: AWS::Logs::LogGroup}",
            "t.yaml:1: the transform `MyMacro` runs on AWS only; name the template that it makes (`aws cloudformation get-template --template-stage Processed`)",
        ),
        (
            "Resources:\n  G: {Type: AWS::Logs::LogGroup, DependsOn: [!Ref G]}",
            "t.yaml:2: DependsOn takes names only, this is a mapping; write the name itself",
        ),
        (
            "Resources:\n  G: {Type: AWS::Logs::LogGroup, Condition: [Never]}",
            "t.yaml:2: Condition takes names only, this is a list; write the name itself",
        ),
        (
            "Resources:\n  G: {Type: AWS::Logs::LogGroup}\nOutputs:\n  O: {Value: x, Exprt: {}}",
            "t.yaml:4: `Exprt` is not an attribute of an output; did you mean `Export`?",
        ),
        (
            "Resources:\n\tG: {Type: AWS::Logs::LogGroup}",
            "t.yaml:2: not YAML: tabs disallowed within this context (block indentation); indent with spaces",
        ),
        (
            "Resources:\n  G: {Type: AWS::Logs::LogGroup}\n  G: {Type: AWS::Logs::LogGroup}",
            "t.yaml:3: the key `G` stands twice in this mapping, first in line 2",
        ),
        (
            "a: [",
            "t.yaml:2: not YAML: while parsing a node, did not find expected node content",
        ),
        (
            "{\"Resources\": {\"G\": {\"Type\": \"AWS::Logs::LogGroup\"},}}",
            "",
        ),
    ] {
        let found = faults(template);
        let first = found.first().map(String::as_str).unwrap_or_default();
        assert_eq!(first, expected, "{template}");
    }
}

#[test]
fn circles_are_refused() {
    let template = format!(
        "{API}  A:\n    Type: AWS::Logs::LogGroup\n    Properties: {{LogGroupName: !Ref B}}\n  \
         B:\n    Type: AWS::Logs::LogGroup\n    Properties: {{LogGroupName: !Ref A}}\n  C:\n    \
         Type: AWS::Logs::LogGroup\n    DependsOn: C\nConditions:\n  X: !Not [!Condition X]\n\
         Outputs:\n  O: {{Condition: X, Value: a}}\n"
    );
    assert_eq!(
        faults(&template),
        [
            "t.yaml:14: Circular dependency between resources: [A, B]; remove one of the references",
            "t.yaml:20: Circular dependency for resource C; remove one of the references",
            "t.yaml:24: the condition `X` depends on itself; break the circle",
        ]
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once_in_the_order_of_the_lines() {
    let template = r"
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: a, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.a}
  Connect:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: $connect
      Target: !Sub integrations/${ConnectIntegration}
  ConnectIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXXY
      IntegrationUri: !GetAtt Fn.Arn
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src
      Runtime: python3.13
      Handler: missing.handler
      Timeout: soon
";
    assert_eq!(
        faults(template),
        [
            "t.yaml:17: IntegrationType is `AWS_PROXXY`; it must be one of AWS, AWS_PROXY, HTTP, \
             HTTP_PROXY, MOCK",
            "t.yaml:24: the handler `missing.handler` needs missing.py, which is not in `src`; \
             correct Handler or CodeUri",
            "t.yaml:25: Timeout of AWS::Lambda::Function must be a whole number, this is a string",
        ]
    );
}

#[test]
fn doubling_names_end_soon_and_in_an_error() {
    let groups = (0..40).map(|level| {
        let next = level + 1;
        format!(
            "  G{level}: {{Type: AWS::Logs::LogGroup, Properties: {{LogGroupName: !Sub \
             '${{G{next}}}${{G{next}}}'}}}}\n"
        )
    });
    let groups: Vec<String> = groups.collect();
    let last = "  G40: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: xxxxxxxx}}\n";
    let template = format!("Resources:\n{}{last}", groups.concat());
    let found = faults(&template);
    assert!(
        found[0].contains("the text is longer than 1048576 bytes"),
        "{}",
        found[0]
    );
}

#[test]
fn long_chains_end_in_an_error_and_not_in_the_stack() {
    let conditions: Vec<String> = (0..20_000)
        .map(|level| format!("  C{level}: !Not [!Condition C{}]\n", level + 1))
        .collect();
    let found = faults(&format!(
        "{API}Conditions:\n{}Outputs:\n  O: {{Condition: C0, Value: a}}\n",
        conditions.concat()
    ));
    let first = "t.yaml:78: conditions depend on each other over 64 levels; shorten the chain";
    assert_eq!(found[0], first);
    let names: Vec<String> = (0..499)
        .map(|level| {
            let next = level + 1;
            format!("  G{level}: {{Type: AWS::Logs::LogGroup, Properties: {{LogGroupName: !Ref G{next}}}}}\n")
        })
        .collect();
    let found = faults(&format!(
        "Resources:\n{}  G499: {{Type: AWS::Logs::LogGroup}}\n",
        names.concat()
    ));
    assert!(
        found[0].contains("names depend on each other over 64 levels"),
        "{}",
        found[0]
    );
}

#[test]
fn more_resources_than_aws_takes_are_refused() {
    let groups: Vec<String> = (0..501)
        .map(|number| format!("  G{number}: {{Type: AWS::Logs::LogGroup}}\n"))
        .collect();
    assert_eq!(
        faults(&format!("Resources:\n{}", groups.concat())),
        [
            "t.yaml:502: Number of resources, 501, is greater than maximum allowed, 500; split the template"
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_text_is_loaded_or_refused(text in "\\PC{0,200}") {
        faults(&text);
    }

    #[test]
    fn arbitrary_words_in_a_template_are_loaded_or_refused(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "!Ref ", "!Sub ", "!GetAtt ", "!Join ", "!If ", "[", "]", "{", "}", "- ", ": ", ", ",
                "\n", "\n  ", "\n    ", "Api", "$connect", "${Api}", "${", "'", "\"", "&a ", "*a",
                "<<", "Resources", "Properties", "Type", "AWS::Serverless::Function",
                "AWS::ApiGatewayV2::Route", "AWS::Serverless::WebSocketApi", "Routes", "é", "|", "0",
            ]),
            0..80,
        ),
    ) {
        faults(&format!("Transform: AWS::Serverless-2016-10-31\n{API}  X:\n    {}", words.concat()));
    }

    #[test]
    fn any_value_of_a_property_is_loaded_or_refused(
        property in prop::sample::select(vec![
            "RouteKey", "Target", "AuthorizationType", "RequestParameters", "RequestModels",
        ]),
        value in prop::sample::select(vec![
            "", "[]", "{}", "1", "true", "!Ref Api", "!Sub '${Api.X}'", "[[[]]]", "{a: {b: c}}",
            "!If [a, b]", "!Select [0, []]", "!Split ['', '']", "{Ref: {Ref: x}}", "!GetAtt [a]",
        ]),
    ) {
        faults_beside_api(&format!(
            "  R:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {{ApiId: !Ref Api, {property}: {value}}}\n"
        ));
    }
}
