"""Routes, integrations, their responses, authorizers and models, made and changed by calls to
`apigatewayv2`: statuses, ids, what is served when, and what is kept."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.aws import plain, refused, status
from support.calls import BARE, Calls
from support.fixtures import with_variables
from support.talk import say
from support.template import AUTHORIZER, RECORDER, Authorizer, Function, Mock, websocket_app
from support.wire import request
from websockets.exceptions import ConnectionClosed, InvalidStatus

URI = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:us-east-1:000000000000:function:f/invocations"
)


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(websocket_app({"declared": Mock("declared")}))


@pytest.fixture(scope="module")
def v2(app):
    return app.aws("apigatewayv2")


@pytest.fixture
def api(v2):
    """The path of an API that calls made."""
    made = v2.create_api(
        Name="made", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )
    yield {"ApiId": made["ApiId"]}
    v2.delete_api(ApiId=made["ApiId"])


def replying(v2, api, key, reply):
    """A two-way route with a MOCK integration; the ids of the integration and of its response."""
    integration = v2.create_integration(
        **api, IntegrationType="MOCK", RequestTemplates={"$default": '{"statusCode":200}'}
    )["IntegrationId"]
    response = v2.create_integration_response(
        **api,
        IntegrationId=integration,
        IntegrationResponseKey="$default",
        ResponseTemplates={"$default": reply},
    )["IntegrationResponseId"]
    route = v2.create_route(
        **api,
        RouteKey=key,
        RouteResponseSelectionExpression="$default",
        Target=f"integrations/{integration}",
    )["RouteId"]
    v2.create_route_response(**api, RouteId=route, RouteResponseKey="$default")
    return {"IntegrationId": integration, "IntegrationResponseId": response}


def test_statuses_and_ids_are_awss(v2, api):
    integration = v2.create_integration(**api, IntegrationType="MOCK")
    of_integration = {**api, "IntegrationId": integration["IntegrationId"]}
    route = v2.create_route(**api, RouteKey="$connect")
    of_route = {**api, "RouteId": route["RouteId"]}
    made = {
        "integration": (integration, "IntegrationId", 7, api),
        "route": (route, "RouteId", 7, api),
        "integration_response": (
            v2.create_integration_response(**of_integration, IntegrationResponseKey="/200/"),
            "IntegrationResponseId",
            6,
            of_integration,
        ),
        "route_response": (
            v2.create_route_response(**of_route, RouteResponseKey="$default"),
            "RouteResponseId",
            6,
            of_route,
        ),
        "authorizer": (
            v2.create_authorizer(
                **api, AuthorizerType="REQUEST", AuthorizerUri=URI, IdentitySource=[], Name="a"
            ),
            "AuthorizerId",
            6,
            api,
        ),
        "model": (v2.create_model(**api, Name="M", Schema="{}"), "ModelId", 6, api),
    }
    # Those within others go first.
    for kind, (answer, member, length, path) in reversed(made.items()):
        assert status(answer) == 201, kind
        assert re.fullmatch(f"[a-z0-9]{{{length}}}", answer[member]), kind
        path = {**path, member: answer[member]}
        assert plain(getattr(v2, f"get_{kind}")(**path)) == plain(answer)
        updated = getattr(v2, f"update_{kind}")(**path)
        # AWS answers this one as if it were new.
        assert status(updated) == (201 if kind == "route" else 200)
        assert plain(updated) == plain(answer)
        [listed] = getattr(v2, f"get_{kind}s")(**{k: v for k, v in path.items() if k != member})["Items"]
        assert listed == plain(answer)
        assert status(getattr(v2, f"delete_{kind}")(**path)) == 204
        assert refused(getattr(v2, f"update_{kind}"), **path)[:2] == (404, "NotFoundException")
        assert refused(getattr(v2, f"delete_{kind}"), **path)[:2] == (404, "NotFoundException")


def test_the_names_and_texts_of_what_is_not_there_are_awss(v2, api):
    missing = {"ApiId": "zzzzzzzzzz"}
    for call, arguments, message in [
        (v2.create_route, {**missing, "RouteKey": "a"}, "Invalid API identifier specified zzzzzzzzzz"),
        (v2.create_model, {**missing, "Name": "M", "Schema": "{}"}, "Invalid API identifier specified zzzzzzzzzz"),
        (v2.delete_integration, {**api, "IntegrationId": "none"}, "Invalid Integration identifier specified none"),
        (
            v2.create_integration_response,
            {**api, "IntegrationId": "none", "IntegrationResponseKey": "$default"},
            "Invalid Integration identifier specified none",
        ),
        (v2.update_route, {**api, "RouteId": "none"}, "Invalid Route identifier specified none"),
        (
            v2.create_route_response,
            {**api, "RouteId": "none", "RouteResponseKey": "$default"},
            "Invalid Route identifier specified none",
        ),
        (v2.delete_model, {**api, "ModelId": "none"}, "Invalid Model identifier specified none"),
        (v2.delete_authorizer, {**api, "AuthorizerId": "none"}, "Invalid Authorizer identifier specified"),
    ]:
        assert refused(call, **arguments) == (404, "NotFoundException", message)


def test_what_the_template_declares_is_changed_there_alone(app, v2):
    api = {"ApiId": app.api()["apiId"]}
    [route] = v2.get_routes(**api)["Items"]
    for call, arguments in [
        (v2.create_route, {"RouteKey": "more"}),
        (v2.update_route, {"RouteId": route["RouteId"], "RouteKey": "more"}),
        (v2.delete_route, {"RouteId": route["RouteId"]}),
        (v2.create_model, {"Name": "M", "Schema": "{}"}),
    ]:
        code, error, message = refused(call, **api, **arguments)
        assert (code, error) == (409, "ConflictException")
        assert "is the template's: change it there" in message
    assert plain(v2.get_routes(**api))["Items"] == [route]


def test_an_update_that_is_refused_changes_nothing(v2, api):
    made = v2.create_integration(**api, IntegrationType="MOCK", Description="before")
    path = {**api, "IntegrationId": made["IntegrationId"]}
    code, error, message = refused(
        v2.update_integration, **path, Description="after", CredentialsArn="no-role"
    )
    assert (code, error, message) == (400, "BadRequestException", "Invalid role ARN")
    assert plain(v2.get_integration(**path)) == plain(made)


def test_a_raw_call_without_what_is_required_is_told_all(app, api):
    answer = request(app.port, "POST", f"/v2/apis/{api['ApiId']}/models", b"{}")
    assert answer.status == 400
    assert answer.header("x-amzn-errortype") == "BadRequestException"
    assert answer.json()["message"].startswith("2 validation errors detected: ")
    # AWS takes an authorizer without identity sources, which its model does not say.
    body = {"authorizerType": "REQUEST", "authorizerUri": URI, "name": "a"}
    path = f"/v2/apis/{api['ApiId']}/authorizers"
    answer = request(app.port, "POST", path, json.dumps(body).encode())
    assert answer.status == 201
    assert "identitySource" not in answer.json()


def test_calls_at_once_all_hold_and_a_key_is_given_once(app, v2, api):
    """Terraform makes ten resources at once."""

    def create(key):
        # A client of its own each, so that none waits for another's connection.
        body = json.dumps({"routeKey": key}).encode()
        return request(app.port, "POST", f"/v2/apis/{api['ApiId']}/routes", body).status

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(create, [f"key{number}" for number in range(30)])) == {201}
        assert sorted(pool.map(create, ["same"] * 10)) == [201] + [409] * 9
    keys = [route["RouteKey"] for route in v2.get_routes(**api)["Items"]]
    assert sorted(keys) == sorted([f"key{number}" for number in range(30)] + ["same"])


def test_lists_come_in_pages(v2, api):
    made = {v2.create_route(**api, RouteKey=f"key{number}")["RouteId"] for number in range(5)}
    pages = v2.get_paginator("get_routes").paginate(**api, PaginationConfig={"PageSize": 2})
    pages = [[route["RouteId"] for route in page["Items"]] for page in pages]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {route for page in pages for route in page} == made


def test_what_is_not_deployed_is_not_served_and_what_is_changes_under_live_connections(
    v2, api, connect
):
    ids = replying(v2, api, "say", "one")
    first = v2.create_deployment(**api)["DeploymentId"]
    v2.create_stage(**api, StageName="prod", DeploymentId=first)
    url = f"{v2.get_api(**api)['ApiEndpoint']}/prod"
    client = connect(url)

    def hear():
        say(client, "say")
        return client.recv(timeout=10)

    assert hear() == "one"
    v2.update_integration_response(**api, **ids, ResponseTemplates={"$default": "two"})
    assert hear() == "one"
    second = v2.create_deployment(**api, StageName="prod")["DeploymentId"]
    assert hear() == "two"
    # Back: a deployment keeps what it froze.
    v2.update_stage(**api, StageName="prod", DeploymentId=first)
    assert hear() == "one"
    v2.update_stage(**api, StageName="prod", DeploymentId=second)
    assert hear() == "two"


def test_a_stage_with_auto_deploy_serves_each_change_at_once(v2, api, connect):
    v2.create_route(**api, RouteKey="$default")
    v2.create_stage(**api, StageName="prod", AutoDeploy=True)
    client = connect(f"{v2.get_api(**api)['ApiEndpoint']}/prod")
    for action in ("first", "second"):
        replying(v2, api, action, action.upper())
        say(client, action)
        assert client.recv(timeout=10) == action.upper()


def test_a_change_that_no_stage_could_serve_is_refused_where_it_is_deployed(v2, api):
    """A VPC link that is not configured: its integration is taken, as on AWS."""
    integration = v2.create_integration(
        **api,
        IntegrationType="HTTP_PROXY",
        IntegrationUri="http://backend/",
        IntegrationMethod="GET",
        ConnectionType="VPC_LINK",
        ConnectionId="nowhere",
    )["IntegrationId"]
    v2.create_route(**api, RouteKey="$default", Target=f"integrations/{integration}")
    deployment = v2.create_deployment(**api)["DeploymentId"]
    code, error, message = refused(
        v2.create_stage, **api, StageName="prod", DeploymentId=deployment
    )
    assert (code, error) == (400, "BadRequestException")
    assert "nowhere" in message
    assert plain(v2.get_stages(**api))["Items"] == []


def test_what_calls_made_survives_a_restart_to_the_last_member(dev, connect):
    app = dev(BARE)
    routes = {
        "$connect": Function("Main"),
        "echo": Function("Main", two_way=True),
        "say": Mock("said"),
    }
    template = websocket_app(
        routes,
        {"Main": RECORDER, "Authorize": AUTHORIZER},
        authorizer=Authorizer("Authorize", ["route.request.querystring.token"]),
        stage_properties={"StageVariables": {"a": "b"}},
        resources={
            "Message": {
                "Type": "AWS::ApiGatewayV2::Model",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "Name": "Message",
                    "Schema": {"type": "object"},
                },
            }
        },
    )
    Calls(app, with_variables(template, {"EVENTS": str(app.events_file)})).deploy()
    api_id = app.api()["apiId"]

    def everything():
        v2 = app.aws("apigatewayv2")
        read = plain(v2.get_api(ApiId=api_id))
        # The port is another one.
        del read["ApiEndpoint"]
        for kind in ("routes", "integrations", "authorizers", "models", "stages", "deployments"):
            read[kind] = plain(getattr(v2, f"get_{kind}")(ApiId=api_id))
        for route in read["routes"]["Items"]:
            route["responses"] = plain(
                v2.get_route_responses(ApiId=api_id, RouteId=route["RouteId"])
            )
        return read

    before = everything()
    assert len(before["routes"]["Items"]) == 3
    app.restart()
    assert everything() == before
    endpoint = app.aws("apigatewayv2").get_api(ApiId=api_id)["ApiEndpoint"]
    client = connect(f"{endpoint}/prod?token=t")
    say(client, "say")
    assert client.recv(timeout=10) == "said"
    say(client, "echo", answer={"body": "echoed"})
    assert client.recv(timeout=10) == "echoed"


def test_an_app_goes_away_in_the_reverse_order_of_its_making(dev, connect):
    """As CloudFormation deletes a stack, while a client is there."""
    app = dev(BARE)
    routes = {"$connect": Function("Main"), "$disconnect": Function("Main"), "say": Mock("said")}
    template = websocket_app(
        routes,
        {"Main": RECORDER, "Authorize": AUTHORIZER},
        authorizer=Authorizer("Authorize", ["route.request.querystring.token"]),
    )
    calls = Calls(app, with_variables(template, {"EVENTS": str(app.events_file)}))
    calls.deploy()
    client = connect(f"{app.url()}?token=t")
    say(client, "say")
    assert client.recv(timeout=10) == "said"
    calls.undeploy()
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=10)
    assert closed.value.rcvd.code == 1001
    assert plain(calls.v2.get_apis())["Items"] == []
    assert calls.lambdas.list_functions()["Functions"] == []
    with pytest.raises(InvalidStatus) as refused_handshake:
        connect(f"{app.url()}?token=t")
    assert refused_handshake.value.response.status_code == 403
