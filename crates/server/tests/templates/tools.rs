//! Whole templates of SAM's own API type, and those that Serverless and CDK write.

use super::support::{Project, loaded, route_keys, warnings};
use gatepost_model::{
    function::FunctionCode,
    route::{RouteAuthorization, RouteKey},
};

#[test]
fn a_sam_websocket_api_expands_with_its_logical_ids() {
    let template = r"
Transform: AWS::Serverless-2016-10-31
Globals:
  WebSocketApi:
    Description: shared
Resources:
  Chat:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      StageName: prod
      Auth:
        AuthType: CUSTOM
        AuthArn: !GetAtt Fn.Arn
        IdentitySource: [route.request.header.Authorization]
      Routes:
        $connect: {FunctionArn: !GetAtt Fn.Arn}
        $disconnect: {FunctionArn: !GetAtt Fn.Arn}
        sendMessage: {FunctionArn: !GetAtt Fn.Arn, IntegrationTimeout: 5000}
      StageVariables: {a: b}
  Second:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Routes:
        $default: {FunctionArn: !GetAtt Fn.Arn}
  Fn:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda}
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: rust/
      AutoPublishAlias: live
      Layers: [!Ref Layer, 'arn:aws:lambda:us-east-1:1:layer:other:3']
      Events:
        Timer: {Type: Schedule, Properties: {Schedule: rate(1 day)}}
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layer/}
Outputs:
  Route: {Value: !Ref ChatSendmessageRoute}
  Url: {Value: !Sub 'wss://${Chat}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Chat.Stage}'}
  Alias: {Value: !Ref Fn.Alias}
  Second: {Value: !GetAtt Second.ApiEndpoint}
";
    let project = Project::new(&[
        ("template.yaml", template),
        ("rust/Cargo.toml", ""),
        (".aws-sam/build/Fn/bootstrap", ""),
        ("layer/python/x.py", ""),
    ]);
    let app = loaded(&project, "template.yaml");
    let [chat, second] = app.apis.as_slice() else {
        panic!("two APIs")
    };
    assert_eq!(chat.name, "Chat");
    assert_eq!(chat.description.as_deref(), Some("shared"));
    assert_eq!(chat.tags["websocketapi:createdBy"], "SAM");
    assert_eq!(route_keys(chat), ["$connect", "$disconnect", "sendMessage"]);
    let [connect, disconnect, send] = chat.definition.routes.as_slice() else {
        panic!("three")
    };
    assert!(matches!(
        connect.authorization,
        RouteAuthorization::Custom(_)
    ));
    assert_eq!(disconnect.authorization, RouteAuthorization::None);
    assert_eq!(send.route_key, RouteKey::parse("sendMessage").unwrap());
    let integration = chat
        .definition
        .integration(send.target.as_ref().unwrap())
        .unwrap();
    assert_eq!(integration.timeout.as_millis(), 5000);
    assert_eq!(chat.stages[0].stage_name.as_str(), "prod");
    assert_eq!(second.stages[0].stage_name.as_str(), "default");
    assert!(chat.deployed_to(&chat.stages[0]).is_some());

    assert_eq!(app.outputs["Route"], send.route_id.as_str());
    let chat_id = &chat.api_id;
    assert_eq!(
        app.outputs["Url"],
        format!("ws://localhost:4100/_aws/execute-api/{chat_id}/prod")
    );
    assert_eq!(
        app.endpoint_for("ws://localhost:4100", chat_id.as_str(), "prod"),
        app.outputs["Url"]
    );
    assert_eq!(
        app.outputs["Second"],
        format!("ws://localhost:4100/_aws/execute-api/{}", second.api_id)
    );
    assert_eq!(
        app.outputs["Alias"],
        "arn:aws:lambda:us-east-1:000000000000:function:chat-Fn:live"
    );
    let function = &app.functions[0];
    let built = project.path(".aws-sam/build/Fn").canonicalize().unwrap();
    assert_eq!(function.code, FunctionCode::Directory(built));
    assert_eq!(
        function.layers,
        [project.path("layer").canonicalize().unwrap()]
    );
    assert_eq!(function.versions, ["1"]);
    assert_eq!(function.aliases["live"], "1");
    assert_eq!(
        warnings(&project, &app),
        [
            "template.yaml:35: the layer arn:aws:lambda:us-east-1:1:layer:other:3 is not in this \
             template; the function runs without it: add what it needs to the function's code",
            "template.yaml:37: the event Timer (Schedule) of Fn is not acted on",
        ]
    );
}

#[test]
fn what_serverless_package_writes_loads() {
    let template = r#"{
  "AWSTemplateFormatVersion": "2010-09-09",
  "Description": "The AWS CloudFormation template for this Serverless application",
  "Resources": {
    "ServerlessDeploymentBucket": {"Type": "AWS::S3::Bucket", "Properties": {}},
    "HelloLogGroup": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/aws/lambda/ws-dev-hello", "RetentionInDays": 14}},
    "IamRoleLambdaExecution": {"Type": "AWS::IAM::Role", "Properties": {}},
    "HelloLambdaFunction": {
      "Type": "AWS::Lambda::Function",
      "Properties": {
        "Code": {"S3Bucket": {"Ref": "ServerlessDeploymentBucket"}, "S3Key": "serverless/ws/dev/1700000000000-2023-11-14T22:13:20.000Z/ws.zip"},
        "Handler": "handler.hello",
        "Runtime": "nodejs20.x",
        "FunctionName": "ws-dev-hello",
        "MemorySize": 1024,
        "Timeout": 6,
        "Role": {"Fn::GetAtt": ["IamRoleLambdaExecution", "Arn"]},
        "Environment": {"Variables": {"ENDPOINT": {"Fn::Join": ["", ["https://", {"Ref": "WebsocketsApi"}, ".execute-api.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}, "/dev"]]}}}
      },
      "DependsOn": ["HelloLogGroup"]
    },
    "HelloLambdaVersionAbc": {
      "Type": "AWS::Lambda::Version",
      "DeletionPolicy": "Retain",
      "Properties": {"FunctionName": {"Ref": "HelloLambdaFunction"}, "CodeSha256": "x"}
    },
    "WebsocketsApi": {
      "Type": "AWS::ApiGatewayV2::Api",
      "Properties": {"Name": "dev-ws-websockets", "RouteSelectionExpression": "$request.body.action", "Description": "Serverless Websockets", "ProtocolType": "WEBSOCKET"}
    },
    "HelloWebsocketsIntegration": {
      "Type": "AWS::ApiGatewayV2::Integration",
      "Properties": {
        "ApiId": {"Ref": "WebsocketsApi"},
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":apigateway:", {"Ref": "AWS::Region"}, ":lambda:path/2015-03-31/functions/", {"Fn::GetAtt": ["HelloLambdaFunction", "Arn"]}, "/invocations"]]}
      }
    },
    "HelloLambdaPermissionWebsockets": {
      "Type": "AWS::Lambda::Permission",
      "DependsOn": ["WebsocketsApi", "HelloLambdaFunction"],
      "Properties": {"FunctionName": {"Fn::GetAtt": ["HelloLambdaFunction", "Arn"]}, "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
    },
    "SconnectWebsocketsRoute": {
      "Type": "AWS::ApiGatewayV2::Route",
      "Properties": {
        "ApiId": {"Ref": "WebsocketsApi"},
        "RouteKey": "$connect",
        "AuthorizationType": "NONE",
        "Target": {"Fn::Join": ["/", ["integrations", {"Ref": "HelloWebsocketsIntegration"}]]}
      },
      "DependsOn": "HelloWebsocketsIntegration"
    },
    "WebsocketsDeploymentStage": {
      "Type": "AWS::ApiGatewayV2::Stage",
      "Properties": {"ApiId": {"Ref": "WebsocketsApi"}, "DeploymentId": {"Ref": "WebsocketsDeploymentXyz"}, "StageName": "dev", "Description": "Serverless Websockets"}
    },
    "WebsocketsDeploymentXyz": {
      "Type": "AWS::ApiGatewayV2::Deployment",
      "DependsOn": ["SconnectWebsocketsRoute"],
      "Properties": {"ApiId": {"Ref": "WebsocketsApi"}, "Description": "Serverless Websockets"}
    }
  },
  "Outputs": {
    "ServerlessDeploymentBucketName": {"Value": {"Ref": "ServerlessDeploymentBucket"}, "Export": {"Name": "sls-ws-dev"}},
    "HelloLambdaFunctionQualifiedArn": {"Value": {"Ref": "HelloLambdaVersionAbc"}},
    "ServiceEndpointWebsocket": {"Value": {"Fn::Join": ["", ["wss://", {"Ref": "WebsocketsApi"}, ".execute-api.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}, "/dev"]]}}
  }
}"#;
    let name = ".serverless/cloudformation-template-update-stack.json";
    let project = Project::new(&[(name, template)]);
    let archive = std::fs::File::create(project.path(".serverless/ws.zip")).unwrap();
    let mut archive = zip::ZipWriter::new(archive);
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file("handler.js", options).unwrap();
    archive.finish().unwrap();

    let app = loaded(&project, name);
    assert_eq!(warnings(&project, &app), Vec::<String>::new());
    let function = &app.functions[0];
    assert_eq!(function.name.as_str(), "ws-dev-hello");
    let zip = project.path(".serverless/ws.zip").canonicalize().unwrap();
    assert_eq!(function.code, FunctionCode::Zip(zip));
    assert_eq!(
        function.environment["ENDPOINT"],
        "http://localhost:4100/dev"
    );
    assert_eq!(
        app.outputs["ServiceEndpointWebsocket"],
        "ws://localhost:4100/dev"
    );
    assert_eq!(
        app.outputs["HelloLambdaFunctionQualifiedArn"],
        "arn:aws:lambda:us-east-1:000000000000:function:ws-dev-hello:1"
    );
    assert_eq!(app.log_groups[0].name, "/aws/lambda/ws-dev-hello");
    assert_eq!(app.log_groups[0].retention_in_days, Some(14));
    let api = &app.apis[0];
    assert_eq!(api.deployed_to(&api.stages[0]).unwrap().routes.len(), 1);
}

/// What Serverless adds for `logs`, `provisionedConcurrency` and `destinations`.
#[test]
fn what_serverless_writes_around_functions_loads() {
    let template = r#"{
  "Resources": {
    "WorkLambdaFunction": {
      "Type": "AWS::Lambda::Function",
      "Properties": {
        "Code": {"ZipFile": "exports.handler = async () => ({});"},
        "Handler": "index.handler", "Runtime": "nodejs20.x", "FunctionName": "ws-dev-work"
      }
    },
    "WorkLambdaVersionAbc": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "WorkLambdaFunction"}}},
    "WorkProvConcLambdaAlias": {
      "Type": "AWS::Lambda::Alias",
      "Properties": {
        "FunctionName": {"Ref": "WorkLambdaFunction"}, "Name": "provisioned",
        "FunctionVersion": {"Fn::GetAtt": ["WorkLambdaVersionAbc", "Version"]},
        "ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 1}
      },
      "DependsOn": ["WorkLambdaFunction"]
    },
    "WorkLambdaEvConf": {
      "Type": "AWS::Lambda::EventInvokeConfig",
      "Properties": {
        "FunctionName": {"Ref": "WorkLambdaFunction"}, "Qualifier": "provisioned",
        "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["WorkLambdaFunction", "Arn"]}}},
        "MaximumEventAgeInSeconds": 120, "MaximumRetryAttempts": 1
      },
      "DependsOn": ["WorkProvConcLambdaAlias"]
    },
    "AccountRole": {
      "Type": "Custom::AccountRole",
      "Version": 1,
      "Properties": {"ServiceToken": {"Fn::GetAtt": ["WorkLambdaFunction", "Arn"]}}
    }
  }
}"#;
    let project = Project::new(&[("stack.json", template)]);
    let app = loaded(&project, "stack.json");
    assert_eq!(warnings(&project, &app), Vec::<String>::new());
    let function = &app.functions[0];
    assert_eq!(function.aliases["provisioned"], "1");
    let config = function.event_invoke_config("provisioned");
    assert_eq!(config.max_retry_attempts, 1);
    assert_eq!(config.max_event_age.as_secs(), 120);
    assert_eq!(config.on_failure.as_deref(), Some(function.arn.as_str()));
    assert_eq!(
        function.event_invoke_config("$LATEST").max_retry_attempts,
        2
    );
    assert_eq!(app.not_acted_on[0].0, "Custom::AccountRole");
}

/// What CDK writes for `TableV2`, and for an alias with settings of its own.
#[test]
fn a_global_table_of_cdk_is_a_table() {
    let template = r#"{
 "Resources": {
  "Ids1A2B": {
   "Type": "AWS::DynamoDB::GlobalTable",
   "Properties": {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "Replicas": [{"Region": {"Ref": "AWS::Region"}}],
    "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": true}
   },
   "UpdateReplacePolicy": "Retain", "DeletionPolicy": "Retain"
  }
 },
 "Outputs": {
  "Name": {"Value": {"Ref": "Ids1A2B"}},
  "Arn": {"Value": {"Fn::GetAtt": ["Ids1A2B", "Arn"]}}
 }
}"#;
    let project = Project::new(&[("Stack.template.json", template)]);
    let app = loaded(&project, "Stack.template.json");
    assert!(app.not_acted_on.is_empty());
    let table = &app.tables[0];
    assert_eq!(
        table.create_table.to_string(),
        r#"{"TableName":"chat-Ids1A2B","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}"#
    );
    assert_eq!(table.time_to_live_attribute.as_deref(), Some("expires"));
    assert_eq!(app.outputs["Name"], "chat-Ids1A2B");
    assert_eq!(
        app.outputs["Arn"],
        "arn:aws:dynamodb:us-east-1:000000000000:table/chat-Ids1A2B"
    );
}

#[test]
fn two_layers_of_one_name_are_its_versions() {
    let template = r"
Transform: AWS::Serverless-2016-10-31
Resources:
  Old: {Type: AWS::Serverless::LayerVersion, Properties: {LayerName: words, ContentUri: old/}}
  New: {Type: AWS::Serverless::LayerVersion, Properties: {LayerName: words, ContentUri: new/}}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: ''
      Layers: [!Ref Old]
Outputs:
  New: {Value: !Ref New}
";
    let project = Project::new(&[
        ("template.yaml", template),
        ("old/python/a.py", ""),
        ("new/python/a.py", ""),
    ]);
    let app = loaded(&project, "template.yaml");
    let old = project.path("old").canonicalize().unwrap();
    assert_eq!(app.functions[0].layers, [old]);
    assert_eq!(
        app.outputs["New"],
        "arn:aws:lambda:us-east-1:000000000000:layer:words:2"
    );
}

/// SAM makes a queue for a destination that names none: nothing here.
#[test]
fn a_destination_that_sam_would_make_is_warned_of() {
    let template = r"
Transform: AWS::Serverless-2016-10-31
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: ''
      EventInvokeConfig:
        MaximumRetryAttempts: 0
        DestinationConfig:
          OnFailure: {Type: SQS}
";
    let project = Project::new(&[("template.yaml", template)]);
    let app = loaded(&project, "template.yaml");
    let config = app.functions[0].event_invoke_config("$LATEST");
    assert_eq!((config.max_retry_attempts, config.on_failure), (0, None));
    assert_eq!(
        warnings(&project, &app),
        [
            "template.yaml:13: OnFailure of Fn gets no records: a destination of the Type SQS is \
             not acted on; name a function with `Destination: !GetAtt Function.Arn`"
        ]
    );
}

#[test]
fn what_cdk_synth_writes_loads() {
    let template = r#"{
 "Resources": {
  "HandlerServiceRoleFCDC14AE": {"Type": "AWS::IAM::Role", "Properties": {}},
  "Handler886CB40B": {
   "Type": "AWS::Lambda::Function",
   "Properties": {
    "Code": {"S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"}, "S3Key": "0a1b2c.zip"},
    "Handler": "index.handler",
    "Role": {"Fn::GetAtt": ["HandlerServiceRoleFCDC14AE", "Arn"]},
    "Runtime": "nodejs22.x"
   },
   "DependsOn": ["HandlerServiceRoleFCDC14AE"],
   "Metadata": {"aws:cdk:path": "Stack/Handler/Resource", "aws:asset:path": "asset.0a1b2c", "aws:asset:property": "Code"}
  },
  "Api7C3F3E8B": {
   "Type": "AWS::ApiGatewayV2::Api",
   "Properties": {"Name": "Api", "ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action"}
  },
  "ApiconnectRoute846149DD": {
   "Type": "AWS::ApiGatewayV2::Route",
   "Properties": {
    "ApiId": {"Ref": "Api7C3F3E8B"}, "AuthorizationType": "NONE", "RouteKey": "$connect",
    "Target": {"Fn::Join": ["", ["integrations/", {"Ref": "ApiconnectIntegrationB9F6CB2B"}]]}
   }
  },
  "ApiconnectIntegrationB9F6CB2B": {
   "Type": "AWS::ApiGatewayV2::Integration",
   "Properties": {
    "ApiId": {"Ref": "Api7C3F3E8B"}, "IntegrationType": "AWS_PROXY",
    "IntegrationUri": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":apigateway:", {"Ref": "AWS::Region"}, ":lambda:path/2015-03-31/functions/", {"Fn::GetAtt": ["Handler886CB40B", "Arn"]}, "/invocations"]]}
   }
  },
  "ApiconnectRouteIntegrationPermission0A1B": {
   "Type": "AWS::Lambda::Permission",
   "Properties": {
    "Action": "lambda:InvokeFunction",
    "FunctionName": {"Fn::GetAtt": ["Handler886CB40B", "Arn"]},
    "Principal": "apigateway.amazonaws.com",
    "SourceArn": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":execute-api:", {"Ref": "AWS::Region"}, ":", {"Ref": "AWS::AccountId"}, ":", {"Ref": "Api7C3F3E8B"}, "/*$connect"]]}
   }
  },
  "StageFBD2F20D": {
   "Type": "AWS::ApiGatewayV2::Stage",
   "Properties": {"ApiId": {"Ref": "Api7C3F3E8B"}, "AutoDeploy": true, "StageName": "prod"}
  },
  "CDKMetadata": {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2"}, "Condition": "CDKMetadataAvailable"}
 },
 "Conditions": {
  "CDKMetadataAvailable": {"Fn::Or": [{"Fn::Equals": [{"Ref": "AWS::Region"}, "af-south-1"]}, {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}]}
 },
 "Outputs": {"Callback": {"Value": {"Fn::Join": ["", ["https://", {"Ref": "Api7C3F3E8B"}, ".execute-api.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}, "/", {"Ref": "StageFBD2F20D"}]]}}},
 "Parameters": {
  "BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version", "Description": "Version of the CDK Bootstrap resources"}
 },
 "Rules": {
  "CheckBootstrapVersion": {"Assertions": [{"Assert": {"Fn::Not": [{"Fn::Contains": [["1", "2"], {"Ref": "BootstrapVersion"}]}]}, "AssertDescription": "x"}]}
 }
}"#;
    let project = Project::new(&[
        ("cdk.out/Stack.template.json", template),
        ("cdk.out/asset.0a1b2c/index.mjs", ""),
    ]);
    let app = loaded(&project, "cdk.out/Stack.template.json");
    assert_eq!(warnings(&project, &app), Vec::<String>::new());
    let asset = project.path("cdk.out/asset.0a1b2c").canonicalize().unwrap();
    assert_eq!(app.functions[0].code, FunctionCode::Directory(asset));
    assert_eq!(app.functions[0].name.as_str(), "chat-Handler886CB40B");
    assert_eq!(app.outputs["Callback"], "http://localhost:4100/prod");
    assert_eq!(app.apis[0].definition.routes.len(), 1);
}
