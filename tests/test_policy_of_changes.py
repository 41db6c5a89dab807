"""Policies about calls that change something: they are asked about what changes, however it is
written."""

import base64
import json

import pytest
from support.sigv4 import ADMIN, access_key, allow, deny, signed
from support.template import Mock, websocket_app
from support.wire import request
from test_lambda_functions import ARN, REPLIES, create, invoke, package

NAME = "ws.example.com"
DOMAIN = f"arn:aws:apigateway:us-east-1::/domainnames/{NAME}"
TAGS = "arn:aws:apigateway:us-east-1::/tags/"
KEYS = {
    "ofalias": [allow("lambda:*", f"{ARN}:live")],
    "notfunction": [allow(), deny("lambda:*", ARN)],
    "ofmappings": [allow("apigateway:*", f"{DOMAIN}/*")],
    "ofroutes": [allow("apigateway:*", "arn:aws:apigateway:us-east-1::/apis/*/routes*")],
    "notroutes": [
        allow(),
        deny("apigateway:*", "arn:aws:apigateway:us-east-1::/apis/*/routes/*"),
    ],
    "notdomain": [allow(), deny("apigateway:*", [DOMAIN, TAGS + DOMAIN])],
}
CODE = json.dumps(
    {"ZipFile": base64.b64encode(package(REPLIES.format("two"))).decode()}
).encode()


def key_of(user):
    return ("AKID" + user.upper(), "secret-of-everybody")


CONFIG = (
    '[auth]\nmode = "sigv4"\n'
    + access_key(ADMIN, "admin", [allow()])
    + "".join(access_key(key_of(user), user, policy) for user, policy in KEYS.items())
)


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(websocket_app({"say": Mock()}), config=CONFIG)


@pytest.fixture
def call(app):
    """The status of a call with this key, and its body."""

    def run(method, path, query="", body=b"", *, key=ADMIN, service="lambda", sent=None):
        host = f"localhost:{app.port}"
        headers = signed(method, host, path, query, body, key=key, service=service)
        query = sent or query
        path = f"{path}?{query}" if query else path
        if body and method != "POST":
            headers = [*headers, ("Content-Length", str(len(body)))]
        answer = request(app.port, method, path, body, headers)
        return answer.status, answer.body.decode()

    return run


@pytest.fixture
def lambdas(app):
    """A client, while there are the function `made`, its version 1 and its alias `live`."""
    client = app.aws("lambda", key=ADMIN)
    create(client, Publish=True)
    client.create_alias(FunctionName="made", Name="live", FunctionVersion="1")
    yield client
    client.delete_function(FunctionName="made")


@pytest.fixture
def domain(app):
    """A client, while there is the domain name."""
    client = app.aws("apigatewayv2", key=ADMIN)
    client.create_domain_name(DomainName=NAME)
    yield client
    client.delete_domain_name(DomainName=NAME)


@pytest.mark.parametrize("user", ["ofalias", "notfunction"])
@pytest.mark.parametrize("function", ["made", "made:live", "made%3Alive", "made/"])
@pytest.mark.parametrize("query", ["", "Qualifier=live", "%51ualifier=live"])
def test_who_may_change_an_alias_may_not_change_the_function(
    lambdas, call, user, function, query
):
    key = key_of(user)
    path = f"/2015-03-31/functions/{function}"
    for method, of_function, body in [
        ("PUT", "/code", CODE),
        ("PUT", "/configuration", b'{"Timeout":9}'),
        ("POST", "/versions", b"{}"),
        ("POST", "/aliases", b'{"Name":"other","FunctionVersion":"1"}'),
        ("DELETE", "/aliases/live", b""),
    ]:
        status, _ = call(method, path + of_function, query, body, key=key)
        assert status in (400, 403, 501), of_function
    assert invoke(lambdas) == "one"
    assert lambdas.get_function_configuration(FunctionName="made")["Timeout"] == 3
    assert len(lambdas.list_aliases(FunctionName="made")["Aliases"]) == 1


def test_the_qualifier_that_a_policy_is_asked_about_is_the_one_that_is_read(lambdas, call):
    path, key = "/2015-03-31/functions/made/configuration", key_of("ofalias")
    assert call("GET", path, "Qualifier=live", key=key)[0] == 200
    # Which comes first counts, however its name is written.
    first = "Qualifier=1&Qualifier=live"
    assert call("GET", path, first, key=key, sent=first.replace("Q", "%51", 1))[0] == 403
    first = "Qualifier=live&Qualifier=1"
    status, body = call("GET", path, first, key=key, sent=first.replace("Q", "%51", 1))
    assert (status, json.loads(body)["FunctionArn"]) == (200, f"{ARN}:live")


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("PUT", "functions/made:nonesuch/code", CODE),
        ("PUT", "functions/made:live/configuration", b'{"Timeout":9}'),
        ("POST", "functions/made:live/versions", b"{}"),
        ("GET", "functions/made:live/aliases", b""),
    ],
)
def test_an_operation_on_a_whole_function_refuses_a_qualifier(lambdas, call, method, path, body):
    status, text = call(method, f"/2015-03-31/{path}", body=body)
    assert (status, json.loads(text)["Type"]) == (400, "User")
    assert "is a version or an alias" in text
    assert invoke(lambdas) == "one"


def test_a_function_is_not_made_under_a_qualified_name(app, lambdas):
    for call, members in [
        (create, {"lambdas": lambdas, "name": "other:live"}),
        (lambdas.list_tags, {"Resource": f"{ARN}:live"}),
    ]:
        with pytest.raises(lambdas.exceptions.InvalidParameterValueException):
            call(**members)
    functions = lambdas.list_functions()["Functions"]
    assert [each["FunctionName"] for each in functions] == ["made"]


def test_the_body_of_a_list_does_not_say_what_a_policy_is_asked_about(lambdas, call):
    """`ListFunctions` is about all functions."""
    body = b'{"FunctionName":"made:live"}'
    status, _ = call("GET", "/2015-03-31/functions/", body=body, key=key_of("ofalias"))
    assert status == 403


@pytest.mark.parametrize("user", ["ofmappings", "notdomain"])
@pytest.mark.parametrize("name", [NAME, NAME + "/", "WS.example.com", "%57S.example.com"])
def test_a_policy_on_a_domain_name_holds_however_it_is_written(domain, call, user, name):
    key = key_of(user)
    path = f"/v2/domainnames/{name}"
    assert call("DELETE", path, key=key, service="apigateway")[0] == 403
    assert [each["DomainName"] for each in domain.get_domain_names()["Items"]] == [NAME]


@pytest.mark.parametrize(
    "arn", [DOMAIN, DOMAIN.replace("ws.", "WS."), DOMAIN.replace("aws:api", "x:api").replace("::", ":e:")]
)
def test_a_policy_on_the_tags_of_a_domain_name_holds_however_it_is_written(domain, call, arn):
    path, key = "/v2/tags/" + arn.replace("/", "%2F"), key_of("notdomain")
    status, _ = call("POST", path, body=b'{"tags":{"a":"b"}}', key=key, service="apigateway")
    assert status == 403
    assert not domain.get_domain_name(DomainName=NAME).get("Tags")


def test_a_path_with_an_empty_step_changes_nothing(domain, call):
    for path in (f"/v2/domainnames/{NAME}/", f"/v2//domainnames/{NAME}", f"/v2/domainnames//{NAME}"):
        assert call("DELETE", path, service="apigateway")[0] == 403
    assert domain.get_domain_names()["Items"]


def test_a_policy_on_routes_holds_for_routes_however_they_are_written(app, call):
    v2 = app.aws("apigatewayv2", key=ADMIN)
    made = v2.create_api(
        Name="made", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )
    api = made["ApiId"]
    route = v2.create_route(ApiId=api, RouteKey="$connect")["RouteId"]
    parameter = "route.request.header.x"
    v2.update_route(ApiId=api, RouteId=route, RequestParameters={parameter: {"Required": True}})

    def status(user, method, path, body=b""):
        return call(method, path, body=body, key=key_of(user), service="apigateway")[0]

    mock = b'{"integrationType":"MOCK"}'
    assert status("ofroutes", "POST", f"/v2/apis/{api}/integrations", mock) == 403
    assert status("notroutes", "POST", f"/v2/apis/{api}/integrations", mock) == 201
    assert status("ofroutes", "POST", f"/v2/apis/{api}/routes", b'{"routeKey":"a"}') == 201
    for written in (f"{api}/routes/{route}", f"{api}/%72outes/{route}", f"%{ord(api[0]):x}{api[1:]}/routes/{route}"):
        path = f"/v2/apis/{written}"
        assert status("notroutes", "PATCH", path, b'{"operationName":"b"}') == 403
        assert status("notroutes", "DELETE", f"{path}/requestparameters/{parameter}") == 403
        assert status("ofroutes", "PATCH", path, b'{"operationName":"c"}') == 201
    assert status("ofroutes", "DELETE", f"/v2/apis/{api}/routes/{route}/requestparameters/{parameter}") == 204
    assert "RequestParameters" not in v2.get_route(ApiId=api, RouteId=route)
    v2.delete_api(ApiId=api)
