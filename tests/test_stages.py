"""L, 1.1. Stages: several of one API, their deployments, and the domains that lead to them."""

import json
import re

import pytest
from support.talk import connection_id, say
from support.template import Mock, custom_domain, stage, together, websocket_app
from support.wire import TEXT, frame, request

FORBIDDEN = b'{"message":"Forbidden"}'
WHERE = Mock("$context.stage $stageVariables.table $context.domainName")


def served_by(resources=None, **options):
    """An API with a route that tells its stage, and its stage `prod`."""
    return websocket_app(
        {"where": WHERE, "whoami": Mock('{"connectionId":"$context.connectionId"}')},
        stage_properties={"StageVariables": {"table": "rooms"}},
        resources=resources or {},
        **options,
    )


def where(client):
    """Stage, its variable and the domain, as a route sees them."""
    say(client, "where")
    return client.recv(timeout=10).split()


@pytest.fixture(scope="module")
def app(module_dev):
    """`prod` and `test` of one API, `live` of another, and domains for them."""
    second = {
        **stage("Api", "test", StageVariables={"table": "halls"}, DeploymentId={"Ref": "Later"}),
        "Later": {
            "Type": "AWS::ApiGatewayV2::Deployment",
            "DependsOn": ["ApiDeployment"],
            "Properties": {"ApiId": {"Ref": "Api"}},
        },
        **stage("Api", "auto", StageVariables={"table": "auto"}, AutoDeploy=True),
        **stage("Api", "empty"),
        **custom_domain(
            "Keys",
            "ws.example.com",
            prod=("Api", "ApiStage"),
            test=("Api", "ApiTestStage"),
            live=("Other", "OtherStage"),
        ),
        **custom_domain(
            "Root", "root.example.com", root=("Api", "ApiTestStage"), prod=("Api", "ApiStage")
        ),
        **custom_domain("Any", "*.example.org", root=("Api", "ApiStage")),
        **custom_domain("Exact", "test.example.org", root=("Api", "ApiTestStage")),
        **custom_domain("Nothing", "nothing.example.com"),
    }
    for stage_id in ("ApiAutoStage", "ApiEmptyStage"):
        del second[stage_id]["Properties"]["DeploymentId"]
    return module_dev(together(served_by(second), served_by(api="Other", stage="live")))


@pytest.fixture
def at(app, raw_socket):
    """Connects by host and path, and tells what answers there."""

    def connect(host, path):
        raw = raw_socket(app)
        response = raw.upgrade(path, host=host)
        if response.status != 101:
            return response
        raw.send(frame(TEXT, '{"action":"where"}'))
        return raw.read_message()

    return connect


@pytest.mark.parametrize(
    "name, table", [("prod", "rooms"), ("test", "halls"), ("auto", "auto")]
)
def test_each_stage_serves_its_deployment_with_its_own_variables(app, connect, name, table):
    assert where(connect(app.url(name, api="Api")))[:2] == [name, table]


def test_a_stage_without_deployment_serves_nothing(app, raw_socket):
    assert "empty" not in [s["stage"] for s in app.api("Api")["stages"]]
    path = app.path("prod", api="Api").replace("prod", "empty")
    refused = raw_socket(app).upgrade(path)
    assert (refused.status, refused.body) == (403, FORBIDDEN)
    assert refused.header("x-amzn-errortype") == "ForbiddenException"


def test_any_stage_of_the_api_reaches_a_connection_and_no_other_api_does(app, connect):
    client = connect(app.url("prod", api="Api"))
    own = connection_id(client)
    app.client("test", api="Api").post_to_connection(ConnectionId=own, Data=b"by test")
    assert client.recv(timeout=10) == "by test"
    other = app.client("live", api="Other")
    with pytest.raises(other.exceptions.GoneException):
        other.post_to_connection(ConnectionId=own, Data=b"by another")


@pytest.mark.checklist(18, 20)
@pytest.mark.parametrize("key, served", [("prod", "prod"), ("test", "test"), ("live", "live")])
def test_the_keys_of_a_domain_lead_to_several_stages_and_apis(at, key, served):
    assert at("ws.example.com", f"/{key}").split()[0] == served
    assert at("ws.example.com", f"/{key}").split()[2] == "ws.example.com"


@pytest.mark.checklist(19)
def test_without_a_key_the_root_mapping_serves_beside_keys(at):
    assert at("root.example.com", "/").split()[0] == "test"
    assert at("root.example.com", "/prod").split()[0] == "prod"


@pytest.mark.parametrize(
    "host, served",
    [
        ("a.example.org", "prod"),
        ("test.example.org", "test"),
        ("TEST.Example.ORG:4100", "test"),
    ],
)
def test_a_wildcard_domain_serves_unless_an_exact_one_does(at, host, served):
    told = at(host, "/").split()
    assert told[0] == served
    assert told[2] == host, "the host that the client used"


@pytest.mark.parametrize(
    "host, path",
    [
        ("ws.example.com", "/"),
        ("ws.example.com", "/other"),
        ("ws.example.com", "/PROD"),
        ("ws.example.com", "/prod/more"),
        ("ws.example.com", "/prod/prod"),
        ("root.example.com", "/test"),
        # A wildcard is for one label.
        ("a.b.example.org", "/"),
        ("example.org", "/"),
        ("nothing.example.com", "/"),
        ("nothing.example.com", "/prod"),
    ],
)
def test_what_no_mapping_leads_to_is_forbidden(at, host, path):
    refused = at(host, path)
    assert (refused.status, refused.body) == (403, FORBIDDEN)


def test_posts_go_by_the_domain_s_key_and_not_by_its_stage(app, connect):
    client = connect(app.url("test", api="Api"))
    own = connection_id(client).replace("=", "%3D")

    def post(path):
        return request(app.port, "POST", path, b"hello", host="ws.example.com")

    assert post(f"/test/@connections/{own}").status == 200
    assert client.recv(timeout=10) == "hello"
    # Another key of the same API reaches it as well.
    assert post(f"/prod/@connections/{own}").status == 200
    assert client.recv(timeout=10) == "hello"
    assert post(f"/live/@connections/{own}").status == 410
    for path in (f"/@connections/{own}", f"/none/@connections/{own}"):
        refused = post(path)
        assert (refused.status, refused.body) == (403, FORBIDDEN)
    twice = post(f"/test/test/@connections/{own}")
    assert twice.status == 403
    assert b"No method found matching route test/@connections/" in twice.body


@pytest.fixture
def change():
    """Writes another template over that of an app, and waits until it is served."""

    def write(app, template):
        before = len(app.events("reloaded"))
        app.template.write_text(json.dumps(template))
        app.wait_event("reloaded", lambda _: len(app.events("reloaded")) > before)

    return write


@pytest.mark.checklist(28)
def test_the_default_endpoint_is_disabled_by_a_deployment_and_open_connections_stay(
    dev, connect, raw_socket, change
):
    domain = custom_domain("Own", "own.example.com", root=("Api", "ApiStage"))
    app = dev(served_by(domain))
    host = f"{app.api()['apiId']}.execute-api.us-east-1.amazonaws.com"
    client = connect(app.url())
    own = connection_id(client)
    assert raw_socket(app).upgrade("/prod", host=host).status == 101
    change(app, served_by(domain, api_properties={"DisableExecuteApiEndpoint": True}))
    for path, name in [("/prod", host), ("/prod", None)]:
        refused = raw_socket(app).upgrade(path, host=name)
        assert (refused.status, refused.body) == (403, FORBIDDEN)
    assert where(client)[0] == "prod"
    path = "/@connections/" + own.replace("=", "%3D")
    refused = request(app.port, "POST", f"/prod{path}", b"x", host=host)
    assert (refused.status, refused.body) == (403, FORBIDDEN)
    assert request(app.port, "POST", path, b"by domain", host="own.example.com").status == 200
    assert client.recv(timeout=10) == "by domain"
    change(app, served_by(domain))
    assert raw_socket(app).upgrade("/prod", host=host).status == 101


@pytest.mark.checklist(197, 198)
def test_a_connection_of_each_stage_takes_the_new_deployment_without_noticing(
    dev, connect, change
):
    def both(word):
        template = served_by(stage("Api", "test", StageVariables={"table": "halls"}))
        response = template["Resources"]["Api0Response0"]["Properties"]
        response["ResponseTemplates"]["$default"] = f"{word} $stageVariables.table"
        return template

    app = dev(both("old"))
    clients = {name: connect(app.url(name)) for name in ("prod", "test")}
    ids = {name: connection_id(client) for name, client in clients.items()}
    assert [where(client) for client in clients.values()] == [["old", "rooms"], ["old", "halls"]]
    change(app, both("new"))
    assert [where(client) for client in clients.values()] == [["new", "rooms"], ["new", "halls"]]
    assert {name: connection_id(client) for name, client in clients.items()} == ids


def test_a_key_that_no_mapping_may_have_is_refused_with_its_line(dev):
    template = served_by(custom_domain("Own", "own.example.com", root=("Api", "ApiStage")))
    mapping = template["Resources"]["OwnRootMapping"]["Properties"]
    mapping["ApiMappingKey"] = "a b"
    refused = dev.refused(template)
    assert re.search(r"template\.json:\d+: .*`a b`", refused.stderr), refused.stderr


def test_a_deployment_that_may_be_made_before_its_routes_is_warned_of(dev):
    """CloudFormation makes them in any order unless it is told one."""
    template = served_by()
    template["Resources"]["ApiDeployment"]["DependsOn"] = ["Api0Route"]
    told = [warning["text"] for warning in dev(template).events("warning")]
    assert len(told) == 1
    assert (
        "ApiDeployment may be made before Api1Route, which AWS then does not "
        "serve; name all of them in its DependsOn"
    ) in told[0]


@pytest.mark.parametrize(
    "variables, told",
    [
        ({f"v{n}": "x" for n in range(101)}, "the stage has 101 variables; it may have 100"),
        ({"n" * 65: "x"}, "use at most 64 letters, digits and _"),
        ({"a-b": "x"}, "use at most 64 letters, digits and _"),
        ({"a": "v" * 513}, "the value of the stage variable a is not allowed"),
        ({"a": "a b"}, "the value of the stage variable a is not allowed"),
    ],
    ids=["too many", "long name", "bad name", "long value", "bad value"],
)
def test_stage_variables_beyond_the_quotas_are_refused(dev, variables, told):
    template = served_by()
    template["Resources"]["ApiStage"]["Properties"]["StageVariables"] = variables
    assert told in dev.refused(template).stderr


def test_stage_variables_within_the_quotas_are_served(dev, connect):
    template = served_by()
    variables = {f"v{n}": "x" for n in range(98)} | {"table": "v" * 512, "n" * 64: "x"}
    template["Resources"]["ApiStage"]["Properties"]["StageVariables"] = variables
    assert where(connect(dev(template).url()))[1] == "v" * 512
