//! Whole templates in the manner of AWS's samples.

use super::support::{Project, loaded, route_keys, warnings};
use gatepost_model::{
    function::FunctionCode, integration::IntegrationType, route::RouteAuthorization,
    usage_plan::UsagePlans,
};
use gatepost_server::template::{App, dynamodb::create_tables};

const CHAT: &str = r#"AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Description: >
  A chat, as AWS's samples describe it.

  It keeps its connections in a table.
Parameters:
  TableName:
    Type: String
    Default: simplechat_connections
Globals:
  Function:
    Runtime: python3.13
    Timeout: 10
    Environment:
      Variables:
        LOG_LEVEL: info
Resources:
  ChatWebSocket:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      Name: SimpleChatWebSocket
      ProtocolType: WEBSOCKET
      RouteSelectionExpression: "$request.body.message"
  ConnectRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref ChatWebSocket
      RouteKey: $connect
      AuthorizationType: NONE
      OperationName: ConnectRoute
      Target: !Join
        - '/'
        - - 'integrations'
          - !Ref ConnectInteg
  ConnectInteg:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref ChatWebSocket
      IntegrationType: AWS_PROXY
      IntegrationUri:
        Fn::Sub:
          arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${OnConnect.Arn}/invocations
  SendRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref ChatWebSocket
      RouteKey: sendmessage
      RouteResponseSelectionExpression: $default
      Target: !Sub integrations/${ConnectInteg}
  SendRouteResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties:
      ApiId: !Ref ChatWebSocket
      RouteId: !Ref SendRoute
      RouteResponseKey: $default
  Deployment:
    Type: AWS::ApiGatewayV2::Deployment
    DependsOn: [ConnectRoute, SendRoute]
    Properties:
      ApiId: !Ref ChatWebSocket
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties:
      StageName: Prod
      Description: Prod Stage
      DeploymentId: !Ref Deployment
      ApiId: !Ref ChatWebSocket
      StageVariables:
        color: blue
  ConnectionsTable:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions:
        - AttributeName: connectionId
          AttributeType: S
      KeySchema:
        - AttributeName: connectionId
          KeyType: HASH
      ProvisionedThroughput:
        ReadCapacityUnits: '5'
        WriteCapacityUnits: 5
      TimeToLiveSpecification: {AttributeName: ttl, Enabled: true}
      SSESpecification:
        SSEEnabled: True
      TableName: !Ref TableName
  OnConnect:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: onconnect/
      Handler: app.handler
      MemorySize: 256
      Environment:
        Variables:
          TABLE_NAME: !Ref TableName
          CALLBACK: !Sub https://${ChatWebSocket}.execute-api.${AWS::Region}.amazonaws.com/Prod
          ROLE: !GetAtt Queue.Arn
      Policies:
        - DynamoDBCrudPolicy:
            TableName: !Ref TableName
  OnConnectPermission:
    Type: AWS::Lambda::Permission
    DependsOn: [ChatWebSocket]
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref OnConnect
      Principal: apigateway.amazonaws.com
  Queue:
    Type: AWS::SQS::Queue
    Description: What AWS's own samples write here, too.
Outputs:
  WebSocketURI:
    Value: !Join ['', ['wss://', !Ref ChatWebSocket, '.execute-api.', !Ref 'AWS::Region', '.amazonaws.com/', !Ref Stage]]
  Arn:
    Value: !GetAtt OnConnect.Arn
"#;

#[test]
fn the_simple_chat_app_loads_whole() {
    let project = Project::new(&[("template.yaml", CHAT), ("onconnect/app.py", "")]);
    let app = loaded(&project, "template.yaml");
    assert_eq!(warnings(&project, &app), Vec::<String>::new());

    let [api] = app.apis.as_slice() else {
        panic!("one API")
    };
    assert_eq!(api.api_id.as_str().len(), 10);
    assert_eq!(
        api.definition.route_selection_expression,
        "$request.body.message"
    );
    assert_eq!(route_keys(api), ["$connect", "sendmessage"]);
    let [connect, send] = api.definition.routes.as_slice() else {
        panic!("two routes")
    };
    assert!(!connect.is_two_way());
    assert!(send.is_two_way());
    let integration = api
        .definition
        .integration(connect.target.as_ref().unwrap())
        .unwrap();
    assert_eq!(integration.integration_type, IntegrationType::AwsProxy);
    assert_eq!(integration.integration_method.as_deref(), Some("POST"));
    assert_eq!(
        integration.integration_uri.as_deref(),
        Some(
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\
             arn:aws:lambda:us-east-1:000000000000:function:chat-OnConnect/invocations"
        )
    );
    let [stage] = api.stages.as_slice() else {
        panic!("one stage")
    };
    assert_eq!(stage.stage_name.as_str(), "Prod");
    assert_eq!(stage.stage_variables["color"], "blue");
    assert_eq!(api.deployed_to(stage).unwrap().routes.len(), 2);

    let [function] = app.functions.as_slice() else {
        panic!("one function")
    };
    assert_eq!(function.name.as_str(), "chat-OnConnect");
    assert_eq!(function.timeout.as_secs(), 10);
    assert_eq!(function.memory_mb, 256);
    assert_eq!(function.environment["LOG_LEVEL"], "info");
    assert_eq!(function.environment["TABLE_NAME"], "simplechat_connections");
    assert_eq!(
        function.environment["CALLBACK"],
        "http://localhost:4100/Prod"
    );
    assert_eq!(
        function.environment["ROLE"],
        "arn:aws:sqs:us-east-1:000000000000:chat-Queue"
    );
    let code = project.path("onconnect").canonicalize().unwrap();
    assert_eq!(function.code, FunctionCode::Directory(code.clone()));

    assert_eq!(app.outputs["WebSocketURI"], "ws://localhost:4100/Prod");
    assert_eq!(app.outputs["Arn"], function.arn);
    assert_eq!(app.rewritten_urls.len(), 2);
    let policy = &app.function_policies["chat-OnConnect"];
    assert_eq!(policy.statements[0].principal, "apigateway.amazonaws.com");
    assert_eq!(
        app.not_acted_on,
        [("AWS::SQS::Queue".to_owned(), vec!["Queue".to_owned()])]
    );
    assert!(app.sources.contains(&code));
    assert!(app.sources.contains(&project.path("template.yaml")));

    let [table] = app.tables.as_slice() else {
        panic!("one table")
    };
    assert_eq!(table.time_to_live_attribute.as_deref(), Some("ttl"));
    assert_eq!(
        table.create_table.to_string(),
        r#"{"TableName":"simplechat_connections","BillingMode":"PROVISIONED","KeySchema":[{"AttributeName":"connectionId","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"connectionId","AttributeType":"S"}],"ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":5}}"#
    );
}

#[test]
fn ids_are_the_same_after_a_restart_and_differ_by_stack() {
    let mut project = Project::new(&[("template.yaml", CHAT), ("onconnect/app.py", "")]);
    let ids = |app: &App| {
        let api = &app.apis[0];
        (
            api.api_id.clone(),
            api.definition.routes[0].route_id.clone(),
        )
    };
    let first = ids(&loaded(&project, "template.yaml"));
    assert_eq!(first, ids(&loaded(&project, "template.yaml")));
    project.options.stack_name = Some("other".into());
    assert_ne!(first, ids(&loaded(&project, "template.yaml")));
}

#[test]
fn the_pattern_that_acknowledges_a_connection_with_a_child_function_loads() {
    let template = r"
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Resources:
  WebSocketApi:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: ack, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  ConnectRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref WebSocketApi
      RouteKey: $connect
      Target: !Join [/, [integrations, !Ref ConnectIntegration]]
  ConnectIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref WebSocketApi
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Parent.Arn}/invocations
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref WebSocketApi, StageName: prod, AutoDeploy: true}
  Parent:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: parent.handler
      Runtime: python3.12
      Policies: [{LambdaInvokePolicy: {FunctionName: !Ref Child}}]
  Child:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: WebsocketPostToConnectionId
      CodeUri: src/
      Handler: child.handler
      Runtime: python3.12
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        MaximumEventAgeInSeconds: 60
        DestinationConfig:
          OnFailure: {Type: Lambda, Destination: !GetAtt Parent.Arn}
";
    let files = [
        ("template.yml", template),
        ("src/parent.py", ""),
        ("src/child.py", ""),
    ];
    let project = Project::new(&files);
    let app = loaded(&project, "template.yml");
    let api = &app.apis[0];
    assert!(api.deployments[0].auto_deployed);
    assert_eq!(api.deployed_to(&api.stages[0]).unwrap().routes.len(), 1);
    let child = &app.functions[1];
    assert_eq!(child.name.as_str(), "WebsocketPostToConnectionId");
    let config = child.event_invoke_config("$LATEST");
    assert_eq!(config.max_retry_attempts, 1);
    assert_eq!(config.max_event_age.as_secs(), 60);
    assert_eq!(
        config.on_failure.as_deref(),
        Some("arn:aws:lambda:us-east-1:000000000000:function:chat-Parent")
    );
}

#[test]
fn an_authorizer_with_conditions_and_mappings_loads() {
    let template = r#"
Transform: [AWS::Serverless-2016-10-31]
Parameters:
  Env: {Type: String, AllowedValues: [dev, prod], Default: dev}
Mappings:
  Sizes: {dev: {Memory: 128}, prod: {Memory: 1024}}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  HasTable: !Or [!Condition IsProd, !Not [!Equals [a, a]]]
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: !Sub '${AWS::StackName}-${Env}', ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Auth:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      Name: token
      AuthorizerType: REQUEST
      AuthorizerUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Fn.Arn}/invocations
      IdentitySource: [route.request.querystring.token, context.connectionId]
  Connect:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: $connect
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref Auth
      RequestParameters: {route.request.querystring.token: {Required: true}}
      Target: !Sub 'integrations/${Mock}'
  Mock:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: MOCK
      TemplateSelectionExpression: \$default
      RequestTemplates: {$default: '{"statusCode": 200}'}
      TimeoutInMillis: !If [IsProd, 1000, !Ref AWS::NoValue]
  MockResponse:
    Type: AWS::ApiGatewayV2::IntegrationResponse
    Properties:
      ApiId: !Ref Api
      IntegrationId: !Ref Mock
      IntegrationResponseKey: /2\d\d/
      ResponseTemplates: {$default: '{"me":"$context.connectionId"}'}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties:
      ApiId: !Ref Api
      StageName: !Ref Env
      AutoDeploy: true
      DefaultRouteSettings: {LoggingLevel: ERROR, ThrottlingRateLimit: 10.5}
  Fn:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      Role: !GetAtt Role.Arn
      MemorySize: !FindInMap [Sizes, !Ref Env, Memory]
      Environment:
        Variables:
          ROLE: !GetAtt Role.Arn
          TABLE: !If [HasTable, !Ref Table, none]
          ENCODED: !Base64 hello
          FIRST: !Select [1, !Split [',', 'a,b']]
          KEPT: !Sub '${!stageVariables.x} ${Local}-${AWS::AccountId}'
      Code:
        ZipFile: |
          exports.handler = async () => ({});
  Table:
    Condition: IsProd
    Type: AWS::Serverless::SimpleTable
  Role:
    Type: AWS::IAM::Role
    Properties: {RoleName: my-role}
  Permission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref Fn
      Principal: apigateway.amazonaws.com
      SourceArn: !Sub arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/authorizers/*
"#;
    let template = template.replace(
        "!Sub '${!stageVariables.x} ${Local}-${AWS::AccountId}'",
        "!Sub ['${!stageVariables.x} ${Local}-${AWS::AccountId}', {Local: here}]",
    );
    let mut project = Project::new(&[("template.yaml", &template)]);
    let app = loaded(&project, "template.yaml");
    let api = &app.apis[0];
    assert_eq!(api.name, "chat-dev");
    let authorizer = &api.definition.authorizers[0];
    assert_eq!(
        authorizer.identity_source,
        ["route.request.querystring.token", "context.connectionId"]
    );
    let route = &api.definition.routes[0];
    assert_eq!(
        route.authorization,
        RouteAuthorization::Custom(authorizer.authorizer_id.clone())
    );
    assert!(route.request_parameters["route.request.querystring.token"]);
    let mock = &api.definition.integrations[0];
    assert_eq!(mock.timeout.as_millis(), 29_000);
    assert_eq!(
        mock.integration_responses[0].integration_response_key,
        r"/2\d\d/"
    );
    assert_eq!(
        mock.template_selection_expression.as_deref(),
        Some(r"\$default")
    );
    let environment = &app.functions[0].environment;
    assert_eq!(
        environment["ROLE"],
        "arn:aws:iam::000000000000:role/my-role"
    );
    assert_eq!(environment["TABLE"], "none");
    assert_eq!(environment["ENCODED"], "aGVsbG8=");
    assert_eq!(environment["FIRST"], "b");
    assert_eq!(environment["KEPT"], "${stageVariables.x} here-000000000000");
    assert_eq!(app.functions[0].memory_mb, 128);
    assert!(app.tables.is_empty());
    assert_eq!(warnings(&project, &app), [""; 0]);
    let throttling = api.stages[0].throttling_of("$connect");
    assert_eq!(throttling.rate_limit, Some(10.5));

    project
        .options
        .parameters
        .insert("Env".into(), "prod".into());
    let app = loaded(&project, "template.yaml");
    assert_eq!(app.functions[0].memory_mb, 1024);
    assert_eq!(app.functions[0].environment["TABLE"], "chat-Table");
    assert_eq!(
        app.apis[0].definition.integrations[0].timeout.as_millis(),
        1000
    );
    assert_eq!(app.apis[0].stages[0].stage_name.as_str(), "prod");
    assert_eq!(
        app.tables[0].create_table.to_string(),
        r#"{"TableName":"chat-Table","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}"#
    );
}

#[test]
fn a_stack_is_named_after_its_folder_and_not_after_a_build_folder() {
    let template = "Resources: {G: {Type: AWS::Logs::LogGroup}}";
    for (file, expected) in [
        ("my_chat/template.yaml", "my-chat"),
        ("my_chat/.aws-sam/build/template.yaml", "my-chat"),
        ("app2/cdk.out/Stack.template.json", "app2"),
        ("2fast/template.yaml", "app-2fast"),
    ] {
        let mut project = Project::new(&[(file, template)]);
        project.options.stack_name = None;
        let app = loaded(&project, file);
        assert_eq!(app.stack_name, expected);
        assert_eq!(app.log_groups[0].name, format!("{expected}-G"));
    }
}

#[test]
fn http_apis_and_unserved_settings_are_told_and_not_served() {
    let template = r"
Resources:
  Http:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: http, ProtocolType: HTTP}
  HttpStage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Http, StageName: $default}
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: a, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.a, DisableExecuteApiEndpoint: true}
  Auth:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties: {ApiId: !Ref Api, Name: n, AuthorizerType: REQUEST, AuthorizerUri: 'arn:aws:lambda:us-east-1:1:function:far'}
  Connect:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: $connect, AuthorizerId: !Ref Auth, RouteResponseSelectionExpression: $default}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: v1}
  Bare:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: b, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.a}
";
    let project = Project::new(&[("t.yaml", template)]);
    let app = loaded(&project, "t.yaml");
    assert_eq!(
        app.not_acted_on,
        [
            (
                "AWS::ApiGatewayV2::Api (HTTP)".to_owned(),
                vec!["Http".to_owned()]
            ),
            (
                "AWS::ApiGatewayV2::Stage (HTTP)".to_owned(),
                vec!["HttpStage".to_owned()]
            ),
        ]
    );
    assert_eq!(
        warnings(&project, &app),
        [
            "t.yaml:9: Api is reached by nothing: its endpoint is disabled; add a custom domain \
             name with an ApiMapping, or remove DisableExecuteApiEndpoint",
            "t.yaml:9: stage v1 of Api serves nothing; give it a DeploymentId or `AutoDeploy: \
             true`",
            "t.yaml:14: the function far is not in this template; it answers only where an Invoke \
             endpoint is configured",
            "t.yaml:15: route $connect sends no reply: it has no RouteResponse; add an \
             AWS::ApiGatewayV2::RouteResponse with `RouteResponseKey: $default`",
            "t.yaml:15: the route has no Target, and so nothing handles it; add `Target: \
             integrations/{IntegrationId}`",
            "t.yaml:17: route $connect is NOT protected: it names an authorizer, but its \
             AuthorizationType is NONE, and so AWS does not ask it; add `AuthorizationType: \
             CUSTOM`",
            "t.yaml:21: Bare has no stage, so nothing serves it; add an \
             AWS::ApiGatewayV2::Stage",
        ]
    );
}

#[test]
fn domain_names_keys_and_links_are_kept() {
    let template = r"
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: a, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.a}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: $default, Target: !Sub 'integrations/${Mock}'}
  Mock:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationType: MOCK}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: v1, AutoDeploy: true}
  Domain:
    Type: AWS::ApiGatewayV2::DomainName
    Properties: {DomainName: ws.Example.com}
  Mapping:
    Type: AWS::ApiGatewayV2::ApiMapping
    Properties: {ApiId: !Ref Api, DomainName: !Ref Domain, Stage: !Ref Stage, ApiMappingKey: chat}
  Link:
    Type: AWS::ApiGatewayV2::VpcLink
    Properties: {Name: link, SubnetIds: [subnet-1]}
  Key:
    Type: AWS::ApiGateway::ApiKey
    Properties: {Enabled: true, Value: 0123456789abcdefghij}
  Plan:
    Type: AWS::ApiGateway::UsagePlan
    Properties: {Throttle: {RateLimit: 5}}
  PlanKey:
    Type: AWS::ApiGateway::UsagePlanKey
    Properties: {KeyId: !Ref Key, KeyType: API_KEY, UsagePlanId: !Ref Plan}
";
    let project = Project::new(&[("t.yaml", template)]);
    let app = loaded(&project, "t.yaml");
    let domain = &app.domain_names[0];
    assert_eq!(domain.domain_name, "ws.example.com");
    assert_eq!(domain.api_mappings[0].api_mapping_key, "chat");
    assert_eq!(domain.api_mappings[0].stage.as_str(), "v1");
    assert_eq!(app.vpc_links[0].subnet_ids, ["subnet-1"]);
    let UsagePlans {
        api_keys,
        usage_plans,
    } = &app.usage_plans;
    assert_eq!(usage_plans[0].api_key_ids[0], api_keys[0].api_key_id);
    assert_eq!(usage_plans[0].throttle.unwrap().rate_limit, Some(5.0));
    assert!(!format!("{:?}", app.usage_plans).contains("0123456789abcdefghij"));
}

#[tokio::test]
#[ignore = "needs a DynamoDB, e.g. dynalite, at AWS_ENDPOINT_URL_DYNAMODB"]
async fn tables_are_made_at_a_local_dynamodb() {
    let endpoint = std::env::var("AWS_ENDPOINT_URL_DYNAMODB").unwrap();
    let project = Project::new(&[("template.yaml", CHAT), ("onconnect/app.py", "")]);
    let app = loaded(&project, "template.yaml");
    for _ in 0..2 {
        let outcomes = create_tables(&endpoint, "us-east-1", &app.tables).await;
        assert!(outcomes[0].result.is_ok(), "{outcomes:?}");
    }
}

#[test]
fn a_template_that_is_not_there_is_named() {
    let project = Project::new(&[]);
    let error = project.load("none.yaml").unwrap_err().to_string();
    assert!(
        project
            .relative(&error)
            .starts_with("none.yaml:1: the template cannot be read: "),
        "{error}"
    );
}
