"""Reads of the control plane, which programs need for the ids."""

import re
from datetime import datetime

import pytest
from botocore.exceptions import ClientError
from support.talk import silent_app
from support.template import Custom, Function, HttpCustom, Mock, python, together, websocket_app

ECHO = "def handler(event, context):\n    return {'statusCode': 200}\n"


@pytest.fixture(scope="module")
def app(module_dev):
    chat = websocket_app(
        {
            "$connect": Function("Main"),
            "hello": Mock("hi"),
            "$default": Mock(integration={"TimeoutInMillis": 1000}),
        },
        {"Main": python(ECHO, MemorySize=256, Timeout=7, Description="Says hello")},
        api="Chat",
        stage_properties={"StageVariables": {"table": "rooms"}, "Description": "the real one"},
    )
    return module_dev(together(chat, silent_app(api="Other")))


@pytest.fixture
def apis(app):
    return app.aws("apigatewayv2")


@pytest.fixture
def api_id(app):
    return app.api("Chat")["apiId"]


def test_get_apis(app, apis):
    items = apis.get_apis()["Items"]
    assert {item["ApiId"] for item in items} == {api["apiId"] for api in app.ready["apis"]}
    assert [item["ApiId"] for item in items] == sorted(item["ApiId"] for item in items)


def test_get_apis_in_pages(app, apis):
    first = apis.get_apis(MaxResults="1")
    second = apis.get_apis(MaxResults="1", NextToken=first["NextToken"])
    assert [len(first["Items"]), len(second["Items"])] == [1, 1]
    assert first["Items"][0]["ApiId"] != second["Items"][0]["ApiId"]
    assert "NextToken" not in second
    assert len(list(apis.get_paginator("get_apis").paginate())) >= 1


def test_get_api(apis, api_id):
    api = apis.get_api(ApiId=api_id)
    assert api.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    assert isinstance(api.pop("CreatedDate"), datetime)
    assert re.match("wss?://", api.pop("ApiEndpoint"))
    assert api == {
        "ApiId": api_id,
        "ApiKeySelectionExpression": "$request.header.x-api-key",
        "DisableExecuteApiEndpoint": False,
        "IpAddressType": "ipv4",
        "Name": "chat",
        "ProtocolType": "WEBSOCKET",
        "RouteSelectionExpression": "$request.body.action",
    }


def test_get_stages(apis, api_id):
    [stage] = apis.get_stages(ApiId=api_id)["Items"]
    assert stage["StageName"] == "prod"
    assert stage["StageVariables"] == {"table": "rooms"}
    assert stage["Description"] == "the real one"
    assert stage["AutoDeploy"] is False
    assert re.fullmatch(r"[a-z0-9]{6}", stage["DeploymentId"])
    assert isinstance(stage["CreatedDate"], datetime)


def test_get_routes_and_integrations(apis, api_id):
    routes = {route["RouteKey"]: route for route in apis.get_routes(ApiId=api_id)["Items"]}
    assert set(routes) == {"$connect", "hello", "$default"}
    integrations = {
        integration["IntegrationId"]: integration
        for integration in apis.get_integrations(ApiId=api_id)["Items"]
    }
    assert len(integrations) == 3
    for route in routes.values():
        assert re.fullmatch(r"[a-z0-9]{7}", route["RouteId"])
        assert route["ApiKeyRequired"] is False
        assert route["AuthorizationType"] == "NONE"
    assert routes["hello"]["RouteResponseSelectionExpression"] == "$default"

    def target(key):
        kind, integration_id = routes[key]["Target"].split("/")
        assert kind == "integrations"
        return integrations[integration_id]

    assert target("$connect")["IntegrationType"] == "AWS_PROXY"
    assert target("$connect")["TimeoutInMillis"] == 29_000
    assert target("$connect")["ConnectionType"] == "INTERNET"
    assert target("$connect")["PayloadFormatVersion"] == "1.0"
    assert target("$connect")["PassthroughBehavior"] == "WHEN_NO_MATCH"
    assert target("hello")["IntegrationType"] == "MOCK"
    assert target("$default")["TimeoutInMillis"] == 1000


def test_an_integration_shows_all_that_its_template_says(dev):
    """Custom kinds, with what AWS adds: its defaults, and what selects the integration response."""
    responses = {
        r"/2\d\d/": {
            "ResponseTemplates": {r"\$default": "$input.body"},
            "TemplateSelectionExpression": r"\$default",
            "ContentHandlingStrategy": "CONVERT_TO_TEXT",
        }
    }
    http = HttpCustom(
        "http://localhost/{room}",
        {"integration.request.path.room": "route.request.body.room"},
        method="PUT",
        responses=responses,
        integration={
            "RequestTemplates": {"long": "$input.body"},
            "TemplateSelectionExpression": "${request.body.kind}",
            "PassthroughBehavior": "NEVER",
            "ContentHandlingStrategy": "CONVERT_TO_BINARY",
            "CredentialsArn": "arn:aws:iam::*:user/*",
            "Description": "puts",
            "TimeoutInMillis": 50,
        },
    )
    app = dev(websocket_app({"put": http, "call": Custom("Main")}, {"Main": ECHO}))
    apis, api_id = app.aws("apigatewayv2"), app.api()["apiId"]
    integrations = {
        integration["IntegrationType"]: integration
        for integration in apis.get_integrations(ApiId=api_id)["Items"]
    }
    put = integrations["HTTP"]
    integration_id = put.pop("IntegrationId")
    assert put == {
        "ConnectionType": "INTERNET",
        "ContentHandlingStrategy": "CONVERT_TO_BINARY",
        "CredentialsArn": "arn:aws:iam::*:user/*",
        "Description": "puts",
        "IntegrationMethod": "PUT",
        "IntegrationResponseSelectionExpression": "${integration.response.statuscode}",
        "IntegrationType": "HTTP",
        "IntegrationUri": "http://localhost/{room}",
        "PassthroughBehavior": "NEVER",
        "PayloadFormatVersion": "1.0",
        "RequestParameters": {"integration.request.path.room": "route.request.body.room"},
        "RequestTemplates": {"long": "$input.body"},
        "TemplateSelectionExpression": "${request.body.kind}",
        "TimeoutInMillis": 50,
    }
    call = integrations["AWS"]
    assert call["IntegrationResponseSelectionExpression"] == (
        "${integration.response.body.errorMessage}"
    )
    assert call["IntegrationMethod"] == "POST"
    read = apis.get_integration_responses(ApiId=api_id, IntegrationId=integration_id)
    [response] = read["Items"]
    assert len(response.pop("IntegrationResponseId")) > 0
    assert response == {
        "ContentHandlingStrategy": "CONVERT_TO_TEXT",
        "IntegrationResponseKey": r"/2\d\d/",
        "ResponseTemplates": {r"\$default": "$input.body"},
        "TemplateSelectionExpression": r"\$default",
    }


def test_an_unknown_api_is_not_found(apis):
    for read in (apis.get_api, apis.get_stages, apis.get_routes, apis.get_integrations):
        with pytest.raises(apis.exceptions.NotFoundException) as missing:
            read(ApiId="zzzzzzzzzz")
        assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
        assert "zzzzzzzzzz" in missing.value.response["Error"]["Message"]


def test_list_functions(app):
    listed = app.aws("lambda").list_functions()["Functions"]
    assert [function["FunctionName"] for function in listed] == [app.function("Main")]


def test_get_function(app):
    name = app.function("Main")
    configuration = app.aws("lambda").get_function(FunctionName=name)["Configuration"]
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    expected = {
        "FunctionName": name,
        "FunctionArn": arn,
        "Handler": "index.handler",
        "MemorySize": 256,
        "Timeout": 7,
        "Description": "Says hello",
        "Version": "$LATEST",
    }
    assert {k: configuration[k] for k in expected} == expected
    again = app.aws("lambda").get_function_configuration(FunctionName=arn)
    assert again["FunctionArn"] == arn


def test_an_unknown_function_is_not_found(app):
    client = app.aws("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException) as missing:
        client.get_function(FunctionName="nobody")
    assert missing.value.response["Error"]["Message"] == (
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody"
    )


def test_get_caller_identity(app):
    identity = app.aws("sts").get_caller_identity()
    assert identity["Account"] == "000000000000"
    assert identity["Arn"].startswith("arn:aws:")
    assert identity["UserId"]


@pytest.mark.parametrize(
    "service, operation, arguments",
    [
        ("apigateway", "get_rest_apis", {}),
        ("lambda", "list_layers", {}),
        ("sts", "get_session_token", {}),
        ("logs", "create_export_task", {"logGroupName": "a", "from": 0, "to": 1, "destination": "b"}),
        ("cloudwatch", "describe_alarms", {}),
    ],
)
def test_an_operation_that_is_not_there_yet_says_its_name(app, service, operation, arguments):
    """Never a made-up success."""
    with pytest.raises(ClientError) as refused:
        getattr(app.aws(service), operation)(**arguments)
    error = refused.value.response["Error"]
    name = "".join(part.capitalize() for part in operation.split("_"))
    assert "NotImplemented" in error["Code"]
    assert name in error["Message"]


def test_ids_are_the_same_after_a_restart(dev):
    app = dev(silent_app())
    before, url = app.api()["apiId"], app.path()
    app.restart()
    assert (app.api()["apiId"], app.path()) == (before, url)
