"""Templates that cannot run: everything wrong is said at once, as `file:line: what, and the mend`,
and nothing half starts."""

import json
import re

import pytest
from support.template import Mock, python, websocket_app

HEAD = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: chat, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: prod, AutoDeploy: true}
  Main:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.11, Handler: index.handler, InlineCode: "def handler(e, c): pass"}
"""
#: The line on which what follows `HEAD` begins.
FIRST = HEAD.count("\n") + 1


def route(key="hello", properties="", kind="MOCK", integration=""):
    """A route, its properties on the fourth line, and its integration, with them on the eighth."""
    return f"""\
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ApiId: !Ref Api, RouteKey: {key}, Target: !Sub "integrations/${{Integration}}",
      {properties}}}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {{ApiId: !Ref Api, IntegrationType: {kind},
      {integration}}}
"""


URI = "IntegrationUri: !GetAtt Main.Arn"

#: What is wrong, the template after `HEAD`, the line counted from there, and words of the message.
WRONG = {
    "route key twice": (
        route(key="hello", kind="AWS_PROXY", integration=URI)
        + "  Again:\n    Type: AWS::ApiGatewayV2::Route\n"
        "    Properties: {ApiId: !Ref Api, RouteKey: hello}\n",
        None,
        ["Route with key hello already exists for this API"],
    ),
    "route key of ones own with $": (route(key="$mine"), 3, ["$mine"]),
    "unknown property": (route(properties="RouteKay: x"), 4, ["RouteKay", "RouteKey"]),
    "unknown intrinsic": (
        route(properties="OperationName: !Concat [a, b]"),
        4,
        ["Concat"],
    ),
    "unresolved Ref": (route(properties="AuthorizerId: !Ref Nobody"), 4, ["Nobody"]),
    "misspelt Ref": (route(properties="AuthorizerId: !Ref Maim"), 4, ["Maim", "Main"]),
    "unresolved GetAtt": (
        route(kind="AWS_PROXY", integration="IntegrationUri: !GetAtt Main.Ran"),
        8,
        ["Ran"],
    ),
    "timeout too short": (route(integration="TimeoutInMillis: 49"), 8, ["TimeoutInMillis", "50"]),
    "timeout too long": (route(integration="TimeoutInMillis: 29001"), 8, ["29000"]),
    "timeout no number": (route(integration="TimeoutInMillis: soon"), 8, ["TimeoutInMillis"]),
    "unknown integration type": (route(kind="MOKC"), 7, ["MOKC", "MOCK"]),
    "target without integration": (
        "  Route:\n    Type: AWS::ApiGatewayV2::Route\n"
        "    Properties: {ApiId: !Ref Api, RouteKey: a,\n      Target: integrations/nowhere}\n",
        4,
        ["nowhere"],
    ),
    "missing property": (
        "  Route:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {ApiId: !Ref Api}\n",
        None,
        ["RouteKey"],
    ),
    "stage name": (
        "  Second:\n    Type: AWS::ApiGatewayV2::Stage\n"
        "    Properties: {ApiId: !Ref Api,\n      StageName: not ok, AutoDeploy: true}\n",
        4,
        ["not ok"],
    ),
    "code that is not there": (
        "  Other:\n    Type: AWS::Serverless::Function\n"
        "    Properties: {Runtime: python3.11, Handler: app.handler,\n      CodeUri: nowhere/}\n",
        4,
        ["nowhere"],
    ),
    "handler that is not there": (
        "  Other:\n    Type: AWS::Serverless::Function\n"
        "    Properties: {Runtime: python3.11, CodeUri: .,\n      Handler: nowhere.handler}\n",
        4,
        ["nowhere.py"],
    ),
    "runtime that is not run": (
        "  Other:\n    Type: AWS::Serverless::Function\n"
        "    Properties: {Handler: a.b, InlineCode: x,\n      Runtime: ruby3.3}\n",
        4,
        ["ruby3.3"],
    ),
    "cycle": (
        "  A:\n    Type: AWS::Lambda::Alias\n    DependsOn: B\n"
        "    Properties: {Name: a, FunctionName: !Ref Main, FunctionVersion: !Ref B}\n"
        "  B:\n    Type: AWS::Lambda::Alias\n    DependsOn: A\n"
        "    Properties: {Name: b, FunctionName: !Ref Main, FunctionVersion: !Ref A}\n",
        None,
        ["A", "B"],
    ),
    "authorizer on a message route": (
        route(properties="AuthorizationType: CUSTOM, AuthorizerId: !Ref Guard")
        + "  Guard:\n    Type: AWS::ApiGatewayV2::Authorizer\n"
        "    Properties: {ApiId: !Ref Api, AuthorizerType: REQUEST, Name: guard,"
        " AuthorizerUri: !GetAtt Main.Arn}\n",
        4,
        ["Currently, authorization is restricted to the $connect route only"],
    ),
    "signatures on a message route": (
        route(properties="AuthorizationType: AWS_IAM"),
        4,
        ["Currently, authorization is restricted to the $connect route only"],
    ),
    "parameter without value": (
        route(properties="OperationName: !Ref Name") + "Parameters:\n  Name: {Type: String}\n",
        None,
        ["Name", "--parameter"],
    ),
    "import without value": (
        route(properties="OperationName: !ImportValue other-stack"),
        4,
        ["other-stack"],
    ),
    "macro": (
        route(properties="OperationName: {'Fn::Transform': {Name: Mine}}"),
        4,
        ["macro", "Mine"],
    ),
}


def told(refused):
    """The lines about the template, as (line, text)."""
    lines = re.findall(
        r"^(?:.*/)?template\.yaml:(\d+):(?:\d+:)? (.*)$", refused.stderr, re.MULTILINE
    )
    return [(int(number), text) for number, text in lines]


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_is_told_with_its_line(dev, what):
    text, line, words = WRONG[what]
    refused = dev.refused(HEAD + text)
    assert refused.status == 1
    assert any(
        all(word in message for word in words) and (line is None or number == FIRST + line - 1)
        for number, message in told(refused)
    ), refused.stderr
    assert refused.stdout == "", "nothing half starts"


def test_all_mistakes_are_told_at_once_in_order(dev):
    text = route(key="$mine", properties="RouteKay: x", integration="TimeoutInMillis: 1")
    lines = [number for number, _ in told(dev.refused(HEAD + text))]
    assert lines == sorted(lines)
    assert {FIRST + 2, FIRST + 3, FIRST + 7} <= set(lines)


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "Resources:\n\tApi: {}\n",
        "- a\n- b\n",
        "",
        "just words",
        "Resources: 7",
        "\0",
        "a: &a [*a]",
    ],
)
def test_what_is_no_template_is_told_with_its_file(dev, text):
    refused = dev.refused(text)
    assert refused.status == 1
    assert "template.yaml:" in refused.stderr
    assert "panicked" not in refused.stderr


def test_a_billion_laughs_are_refused_in_no_time(dev):
    levels = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"] + [
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)
    ]
    assert dev.refused("\n".join(levels)).status == 1


def test_deep_nesting_is_refused(dev):
    assert dev.refused("a: " + "[" * 20_000).status == 1


def test_json_templates_are_told_with_their_line_too(dev):
    template = websocket_app({"hello": Mock(integration={"TimeoutInMillis": 1})})
    assert re.search(r"template\.json:\d+:.*TimeoutInMillis", dev.refused(template).stderr)


def test_what_is_not_acted_on_is_named_once_and_does_not_stop_the_app(dev):
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs"}}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    source = "import os\ndef handler(e, c): return {'statusCode': 403, 'body': os.environ['QUEUE']}"
    app = dev(
        websocket_app(
            {"$connect": "Main"},
            {"Main": python(source, Environment={"Variables": {"QUEUE": {"Ref": "Jobs"}}})},
            resources={"Jobs": queue, "More": queue, "Role": role},
        )
    )
    assert app.ready["notActedOn"] == {"AWS::SQS::Queue": ["Jobs", "More"], "AWS::IAM::Role": ["Role"]}
    [warning] = app.events("warning")
    assert "Main would call the real AWS: QUEUE names sqs.us-east-1" in warning["text"]


def test_a_template_without_a_websocket_api_is_warned_of(dev):
    api = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "x", "ProtocolType": "HTTP"}}
    app = dev("Resources:\n  Api: " + json.dumps(api))
    [warning] = app.events("warning")
    assert "the template has no WebSocket API; give it" in warning["text"]


def test_the_same_template_with_parameters_conditions_and_mappings_runs(dev, connect):
    """The intrinsics, each where a route's reply shows what came of it."""
    app = dev(
        r"""
        Parameters:
          Name: {Type: String, Default: nobody}
          Loud: {Type: String, Default: "no"}
        Mappings:
          Greetings: {en: {hello: Hello}, de: {hello: Hallo}}
        Conditions:
          IsLoud: !Equals [!Ref Loud, "yes"]
          IsQuiet: !Not [!Condition IsLoud]
        Resources:
          Api:
            Type: AWS::ApiGatewayV2::Api
            Properties:
              Name: !Join ["-", [chat, !Select [1, !Split [",", "a,b"]]]]
              ProtocolType: WEBSOCKET
              RouteSelectionExpression: ${request.body.action}
          Route:
            Type: AWS::ApiGatewayV2::Route
            Properties:
              ApiId: !Ref Api
              RouteKey: $default
              Target: !Sub "integrations/${Integration}"
              RouteResponseSelectionExpression: $default
          RouteResponse:
            Type: AWS::ApiGatewayV2::RouteResponse
            Properties: {ApiId: !Ref Api, RouteId: !Ref Route, RouteResponseKey: $default}
          Integration:
            Type: AWS::ApiGatewayV2::Integration
            Properties:
              ApiId: !Ref Api
              IntegrationType: MOCK
              RequestTemplates: {application/json: '{"statusCode":200}'}
          Response:
            Type: AWS::ApiGatewayV2::IntegrationResponse
            Properties:
              ApiId: !Ref Api
              IntegrationId: !Ref Integration
              IntegrationResponseKey: $default
              ResponseTemplates:
                $default: !Join
                  - "|"
                  - - !FindInMap [Greetings, de, hello]
                    - !Sub ["${Who}!", {Who: !Ref Name}]
                    - !If [IsLoud, LOUD, quiet]
                    - !Sub "${AWS::Region} ${AWS::AccountId} ${AWS::Partition}"
          Hidden:
            Type: AWS::ApiGatewayV2::Route
            Condition: IsQuiet
            Properties: {ApiId: !Ref Api, RouteKey: hidden, Target: !Ref AWS::NoValue}
          Stage:
            Type: AWS::ApiGatewayV2::Stage
            Properties: {ApiId: !Ref Api, StageName: prod, AutoDeploy: true}
        Outputs:
          Url: {Value: !Sub "wss://${Api}.execute-api.${AWS::Region}.amazonaws.com/${Stage}"}
        """,
        parameter=["Name=Ann", "Loud=yes"],
    )
    client = connect(app.url())
    client.send("hello")
    reply = client.recv(timeout=10)
    assert reply == "Hallo|Ann!|LOUD|us-east-1 000000000000 aws"
    assert app.api()["name"] == "chat-b"
    assert app.ready["outputs"]["Url"] == app.url()
