"""Who lets API Gateway invoke a function: its own policy, or the role of `credentialsArn`
(data-plane spec 5.1, control-and-observability spec A.7)."""

import json

import pytest
from support.logs import logged
from support.poll import until
from support.template import AUTHORIZER, Authorizer, Function, python, websocket_app
from websockets.exceptions import InvalidStatus

REPLIES = """
def handler(event, context):
    return {"statusCode": 200, "body": "ran"}
"""
WARNING = "nothing lets API Gateway invoke"
DENIED = "Execution failed due to configuration error: Invalid permissions on Lambda function"
SOURCE = "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/"
ROLE = "arn:aws:iam::000000000000:role/api"


def talking(route="say", permission=None, **integration):
    """An app whose two-way route calls a function, with this change of its permission."""
    routes = {route: Function("Main", two_way=True, integration=integration)}
    template = websocket_app(routes, {"Main": REPLIES})
    resources = template["Resources"]
    if permission is None:
        del resources["MainApiPermission"]
    else:
        resources["MainApiPermission"]["Properties"] |= permission
    return template


def said(app):
    return app.stdout + app.stderr


def refused(connect, url):
    with pytest.raises(InvalidStatus) as refusal:
        connect(url)
    return refusal.value.response


def answer(client):
    client.send(json.dumps({"action": "say"}))
    text = client.recv(timeout=10)
    return json.loads(text)["message"] if text.startswith("{") else text


@pytest.mark.checklist(129)
def test_a_function_without_permission_is_an_internal_server_error(dev, connect):
    app = dev(talking())
    client = connect(app.url())
    assert answer(client) == "Internal server error"
    assert f"{WARNING} {app.function('Main')} for the route say" in said(app)
    assert DENIED in logged(app, "Invalid permissions").lines
    # The connection stays open.
    assert answer(client) == "Internal server error"


@pytest.mark.checklist(129)
def test_a_connect_route_without_permission_refuses_the_handshake(dev, connect):
    app = dev(talking("$connect"))
    response = refused(connect, app.url())
    assert response.status_code == 500
    assert json.loads(response.body)["message"] == "Internal server error"


@pytest.mark.checklist(129)
def test_an_authorizer_without_permission_refuses_the_handshake(dev, connect):
    template = websocket_app(
        {"$connect": "Main"},
        {"Main": REPLIES, "Auth": python(AUTHORIZER)},
        authorizer=Authorizer("Auth"),
    )
    permission = template["Resources"]["AuthApiPermission"]["Properties"]
    permission["SourceArn"] = {"Fn::Sub": SOURCE + "*/$connect"}
    app = dev(template)
    assert refused(connect, app.url()).status_code == 500
    assert f"{WARNING} {app.function('Auth')} for the authorizer" in said(app)
    assert DENIED in logged(app, "Invalid permissions").lines


@pytest.mark.parametrize(
    ("permission", "works"),
    [
        ({"SourceArn": {"Fn::Sub": SOURCE + "prod/say"}}, True),
        ({"SourceArn": {"Fn::Sub": SOURCE + "*/s*"}}, True),
        ({"SourceArn": {"Fn::Sub": SOURCE + "*/other"}}, False),
        ({"SourceArn": {"Fn::Sub": SOURCE.replace("${Api}", "other") + "*"}}, False),
        ({"SourceAccount": {"Ref": "AWS::AccountId"}}, True),
        ({"SourceAccount": "111111111111"}, False),
        ({"Principal": "s3.amazonaws.com"}, False),
        ({"Action": "lambda:GetFunction"}, False),
        ({"InvokedViaFunctionUrl": True}, False),
        ({"FunctionUrlAuthType": "NONE"}, False),
    ],
)
def test_the_permission_must_be_for_this_call(dev, connect, permission, works):
    app = dev(talking(permission=permission))
    assert answer(connect(app.url())) == ("ran" if works else "Internal server error")
    assert (WARNING in said(app)) is not works


def test_the_role_of_credentials_arn_needs_no_permission(dev, connect):
    app = dev(talking(CredentialsArn=ROLE))
    assert answer(connect(app.url())) == "ran"
    assert WARNING not in said(app)


def test_permissions_are_not_asked_for_where_that_is_configured(dev, connect):
    env = {"GATEPOST_FUNCTIONS__REQUIRE_PERMISSIONS": "false"}
    app = dev(talking(), env=env)
    assert answer(connect(app.url())) == "ran"
    # It is AWS's answer that the warning tells of, here there is another one.
    [warning] = [line for line in said(app).splitlines() if WARNING in line]
    assert "AWS answers `Internal server error`" in warning
    assert "so does Gatepost" not in warning
    assert "[functions] require_permissions decides" in said(app)


def test_a_caller_of_the_invoke_api_needs_no_permission_of_the_function(dev):
    app = dev(talking())
    response = app.aws("lambda").invoke(FunctionName=app.function("Main"))
    assert json.load(response["Payload"]) == {"statusCode": 200, "body": "ran"}


def test_a_permission_that_is_added_holds_for_connections_that_are_open(dev, connect, change):
    app = dev(talking())
    client = connect(app.url())
    assert answer(client) == "Internal server error"
    change(app, talking(permission={}))
    until(lambda: answer(client) == "ran", "the permission")
