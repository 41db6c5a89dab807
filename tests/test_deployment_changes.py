"""What is served of the APIs that calls made: deployments, stages, their settings and their ends."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from support.aws import plain, refused, status
from support.calls import BARE, Calls
from support.environment import NODE_MODULES, ROOT
from support.talk import say
from support.template import Http, Mock, websocket_app
from test_logs_filter import cli
from websockets.exceptions import ConnectionClosed, InvalidStatus

DEPLOYED = re.compile(r"Successfully deployed stage with deployment ID '([a-z0-9]{6})'")
WHO = Mock('{"connectionId":"$context.connectionId"}')


class Made:
    """An app whose API calls made: `say` is answered `first`."""

    def __init__(self, app, routes=None, **options):
        self.app = app
        self.template = websocket_app(routes or {"say": Mock("first"), "whoami": WHO}, **options)
        Calls(app, self.template).deploy()
        self.ids = {"ApiId": app.api()["apiId"]}

    @property
    def v2(self):
        """A client of the app, which may have another port by now."""
        return self.app.aws("apigatewayv2")

    def url(self, stage="prod"):
        return f"{self.v2.get_api(**self.ids)['ApiEndpoint']}/{stage}"

    def stage(self, name="prod"):
        return plain(self.v2.get_stage(**self.ids, StageName=name))

    def reply(self, text):
        """Lets `say` be answered with another text, once that is deployed."""
        [route] = [r for r in self.v2.get_routes(**self.ids)["Items"] if r["RouteKey"] == "say"]
        integration = {"IntegrationId": route["Target"].removeprefix("integrations/")}
        [response] = self.v2.get_integration_responses(**self.ids, **integration)["Items"]
        self.v2.update_integration_response(
            **self.ids,
            **integration,
            IntegrationResponseId=response["IntegrationResponseId"],
            ResponseTemplates={"$default": text},
        )


@pytest.fixture
def made(dev):
    return Made(dev(BARE))


def heard(client):
    say(client, "say")
    return client.recv(timeout=10)


def refusal(connect, url, **options):
    """The status of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as no:
        connect(url, **options)
    return no.value.response.status_code


def test_a_deployment_is_a_snapshot_that_any_stage_may_go_back_to(made, connect):
    client = connect(made.url())
    first = made.stage()["DeploymentId"]
    made.reply("second")
    second = made.v2.create_deployment(**made.ids, StageName="prod")["DeploymentId"]
    assert heard(client) == "second"
    made.v2.update_stage(**made.ids, StageName="prod", DeploymentId=first)
    assert heard(client) == "first"
    made.v2.create_stage(**made.ids, StageName="test", DeploymentId=second)
    assert heard(connect(made.url("test"))) == "second"
    assert heard(client) == "first"


def test_a_stage_without_a_deployment_serves_nothing(made, connect):
    made.v2.create_stage(**made.ids, StageName="empty")
    assert refusal(connect, made.url("empty")) == 403
    made.v2.create_deployment(**made.ids, StageName="empty")
    assert heard(connect(made.url("empty"))) == "first"


def test_a_deployment_that_a_stage_serves_is_not_deleted(made, connect):
    served = made.stage()["DeploymentId"]
    assert refused(made.v2.delete_deployment, **made.ids, DeploymentId=served) == (
        400,
        "BadRequestException",
        "Active stages pointing to this deployment must be moved or deleted.",
    )
    made.v2.create_deployment(**made.ids, StageName="prod", Description="second")
    assert status(made.v2.delete_deployment(**made.ids, DeploymentId=served)) == 204
    [left] = made.v2.get_deployments(**made.ids)["Items"]
    assert left["Description"] == "second"
    assert heard(connect(made.url())) == "first"
    updated = made.v2.update_deployment(
        **made.ids, DeploymentId=left["DeploymentId"], Description="third"
    )
    assert (status(updated), updated["Description"]) == (200, "third")
    assert refused(made.v2.delete_deployment, **made.ids, DeploymentId=served) == (
        404,
        "NotFoundException",
        f"Invalid Deployment identifier specified {served}",
    )


def test_automatic_deployments_move_all_their_stages_and_only_the_latest_are_kept(made, connect):
    for name in ("one", "two"):
        stage = made.v2.create_stage(**made.ids, StageName=name, AutoDeploy=True)
        assert DEPLOYED.fullmatch(stage["LastDeploymentStatusMessage"])[1] == stage["DeploymentId"]
    clients = [connect(made.url(name)) for name in ("one", "two", "prod")]
    for number in range(15):
        made.reply(f"{number}")
    assert [heard(client) for client in clients] == ["14", "14", "first"]
    assert made.stage("one")["DeploymentId"] == made.stage("two")["DeploymentId"]
    deployments = made.v2.get_deployments(**made.ids)["Items"]
    automatic = [d for d in deployments if d["AutoDeployed"]]
    assert (len(deployments), len(automatic)) == (12, 11)
    assert {d["Description"] for d in automatic} == {
        "Automatic deployment triggered by changes to the Api"
    }
    assert {d["DeploymentStatus"] for d in deployments} == {"DEPLOYED"}


def test_a_change_that_cannot_be_deployed_leaves_a_stage_as_it_was_and_says_why(made, connect):
    made.v2.create_stage(**made.ids, StageName="auto", AutoDeploy=True)
    client = connect(made.url("auto"))
    before = made.stage("auto")["DeploymentId"]
    for route in made.v2.get_routes(**made.ids)["Items"]:
        made.v2.delete_route(**made.ids, RouteId=route["RouteId"])
    stage = made.stage("auto")
    assert stage["LastDeploymentStatusMessage"] == (
        "Deployment attempt failed: Unable to deploy API because no routes exist in this API"
    )
    # The route that was deleted first was gone from it before the last one could not be.
    assert stage["DeploymentId"] != before
    say(client, "nothing")
    assert json.loads(client.recv(timeout=10))["message"] == "Forbidden"


def test_what_a_stage_could_not_be_served_with_is_refused_and_changes_nothing(made, connect):
    before = made.stage()
    certificate = {"ClientCertificateId": "abc123", "Description": "changed"}
    code, error, message = refused(
        made.v2.update_stage, **made.ids, StageName="prod", **certificate
    )
    assert (code, error) == (400, "BadRequestException")
    assert "abc123" in message
    assert made.stage() == before
    assert refused(
        made.v2.update_stage, **made.ids, StageName="prod", AutoDeploy=True, DeploymentId="abc123"
    ) == (
        400,
        "BadRequestException",
        "DeploymentId cannot be set for a stage whose AutoDeploy is true.",
    )
    assert heard(connect(made.url())) == "first"


def test_limits_and_variables_of_a_stage_hold_from_their_change_on(made, connect):
    made.reply("$stageVariables.name")
    made.v2.create_deployment(**made.ids, StageName="prod")
    client = connect(made.url())
    made.v2.update_stage(**made.ids, StageName="prod", StageVariables={"name": "rooms"})
    assert heard(client) == "rooms"
    limit = {"ThrottlingBurstLimit": 0, "ThrottlingRateLimit": 0}
    made.v2.update_stage(**made.ids, StageName="prod", RouteSettings={"say": limit})
    assert json.loads(heard(client))["message"] == "Too Many Requests"
    settings = made.stage()["RouteSettings"]
    assert settings == {
        "say": {"DataTraceEnabled": False, "DetailedMetricsEnabled": False, **limit}
    }
    deleted = made.v2.delete_route_settings(**made.ids, StageName="prod", RouteKey="say")
    assert status(deleted) == 204
    assert made.stage()["RouteSettings"] == {}
    assert heard(client) == "rooms"


@pytest.mark.parametrize("what", ["stage", "api"])
def test_the_connections_of_what_is_deleted_are_closed_with_1001(made, connect, what):
    client = connect(made.url())
    say(client, "whoami")
    id = json.loads(client.recv(timeout=10))["connectionId"]
    made.v2.create_deployment(**made.ids)
    url = made.url()
    if what == "stage":
        made.v2.delete_stage(**made.ids, StageName="prod")
    else:
        made.v2.delete_api(**made.ids)
    with pytest.raises(ConnectionClosed) as ended:
        client.recv(timeout=10)
    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1001, "Going away")
    assert refusal(connect, url) == 403
    told = subprocess.run(
        [made.app.command[0], "why", id, "--json"],
        cwd=made.app.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    why = json.loads(told.stdout)
    assert (why["reason"], why["apiName"]) == ("stage-deleted", "api")


def test_an_api_that_calls_made_stands_beside_that_of_the_template(dev, connect, raw_socket):
    app = dev(websocket_app({"say": Mock("declared")}))
    declared = app.ready["apis"]
    url = app.url()
    made = Made(app, {"say": Mock("made")})
    assert made.url() == f"ws://localhost:{app.port}/_aws/execute-api/{made.ids['ApiId']}/prod"
    assert heard(connect(url)) == "declared"
    assert heard(connect(made.url())) == "made"
    by_host = f"{made.ids['ApiId']}.execute-api.us-east-1.amazonaws.com"
    assert raw_socket(app).upgrade("/prod", host=by_host).status == 101
    v2 = made.v2
    assert v2.get_api(ApiId=declared[0]["apiId"])["ApiEndpoint"] == f"ws://localhost:{app.port}"
    v2.create_domain_name(DomainName="ws.example.com")
    v2.create_api_mapping(DomainName="ws.example.com", Stage="prod", **made.ids)
    assert raw_socket(app).upgrade("/", host="ws.example.com").status == 101
    # The template's is reloaded, what calls made stays.
    app.restart()
    assert heard(connect(app.url())) == "declared"
    assert heard(connect(made.url())) == "made"


def test_a_section_of_the_configuration_holds_for_a_stage_that_calls_make(dev, connect):
    app = dev(
        BARE,
        config="""
            [extensions.stages."api/prod"]
            made_by_calls = true
            allowed_origins = ["https://app.example.com"]
            """,
    )
    made = Made(app)
    assert refusal(connect, made.url(), origin="https://other.example.com") == 403
    assert heard(connect(made.url(), origin="https://app.example.com")) == "first"
    made.v2.create_stage(**made.ids, StageName="test", DeploymentId=made.stage()["DeploymentId"])
    assert heard(connect(made.url("test"), origin="https://other.example.com")) == "first"
    # It goes by the name that the API has now.
    made.v2.update_api(**made.ids, Name="renamed")
    assert heard(connect(made.url(), origin="https://other.example.com")) == "first"


def test_a_stage_that_cannot_be_served_after_a_restart_is_told_of_and_never_open(
    dev, connect
):
    linked = '[integrations.vpc_links]\nlink01 = "http://127.0.0.1:9"\n'
    app = dev(BARE, config=linked)
    file = Path(app.command[app.command.index("--config") + 1])
    through = {"ConnectionType": "VPC_LINK", "ConnectionId": "link01"}
    routes = {
        "$connect": Http("http://backend/", integration=through),
        "say": Mock("first"),
    }
    made = Made(app, routes)
    api_id = made.ids["ApiId"]
    file.write_text("")
    app.restart()
    warnings = [event["text"] for event in app.events("warning")]
    [warning] = [text for text in warnings if "NOT SERVED" in text]
    assert warning.startswith(f"STAGE prod OF THE API api ({api_id}) IS NOT SERVED: route $connect")
    assert refusal(connect, made.url()) == 403
    assert made.stage()["StageName"] == "prod"
    file.write_text(linked)
    app.restart()
    # The link leads nowhere, so that its integration fails: it is served again.
    assert refusal(connect, made.url()) == 502


def test_a_stage_that_cannot_be_served_holds_back_no_change_of_its_api(dev, connect):
    linked = '[integrations.vpc_links]\nlink01 = "http://127.0.0.1:9"\n'
    app = dev(BARE, config=linked)
    through = {"ConnectionType": "VPC_LINK", "ConnectionId": "link01"}
    linking = Http("http://backend/", integration=through)
    made = Made(app, {"say": Mock("first"), "linked": linking})
    made.v2.update_stage(**made.ids, StageName="prod", AutoDeploy=True)
    Path(app.command[app.command.index("--config") + 1]).write_text("")
    app.restart()
    before = made.stage()
    assert refusal(connect, made.url()) == 403
    # What it serves cannot be compiled, nor what it would serve then.
    made.reply("second")
    failed = made.stage()
    assert failed["DeploymentId"] == before["DeploymentId"]
    message = failed["LastDeploymentStatusMessage"]
    assert message.startswith("Deployment attempt failed: route linked")
    assert "link01" in message

    def warnings():
        return [e["text"] for e in app.events("warning") if "IS NOT SERVED: route linked" in e["text"]]

    # Told of at the start; the deployment that failed is told of by the stage.
    assert len(warnings()) == 1
    made.v2.update_stage(**made.ids, StageName="prod", Description="still not served")
    made.v2.tag_resource(
        ResourceArn=f"arn:aws:apigateway:us-east-1::/apis/{made.ids['ApiId']}/stages/prod",
        Tags={"a": "1"},
    )
    assert len(warnings()) == 1
    made.v2.update_stage(**made.ids, StageName="prod", StageVariables={"a": "1"})
    app.wait_event("warning", lambda _: len(warnings()) == 2)
    made.v2.update_api(**made.ids, Name="renamed")
    renamed = app.wait_event("warning", lambda event: "OF THE API renamed" in event["text"])
    assert renamed["text"].startswith(f"STAGE prod OF THE API renamed ({made.ids['ApiId']})")
    assert refusal(connect, made.url()) == 403
    # Once what it would serve can be compiled it is served.
    routes = made.v2.get_routes(**made.ids)["Items"]
    [route] = [route for route in routes if route["RouteKey"] == "linked"]
    made.v2.delete_route(**made.ids, RouteId=route["RouteId"])
    assert heard(connect(made.url())) == "second"
    # A new stage of what cannot be served is refused as ever.
    assert refused(
        made.v2.create_stage, **made.ids, StageName="old", DeploymentId=before["DeploymentId"]
    )[:2] == (400, "BadRequestException")


def test_an_empty_deployment_id_leaves_a_stage_its_deployment(made, connect):
    before = made.stage()
    answer = made.v2.update_stage(
        **made.ids, StageName="prod", DeploymentId="", Description="changed"
    )
    assert (answer["DeploymentId"], answer["Description"]) == (before["DeploymentId"], "changed")
    automatic = made.v2.update_stage(
        **made.ids, StageName="prod", DeploymentId="", AutoDeploy=True
    )
    assert automatic["AutoDeploy"] is True
    assert heard(connect(made.url())) == "first"


@pytest.mark.parametrize(
    "operation, arguments",
    [
        ("import_api", {"Body": "{}"}),
        ("reimport_api", {"ApiId": None, "Body": "{}"}),
        ("export_api", {"ApiId": None, "OutputType": "JSON", "Specification": "OAS30"}),
        ("delete_cors_configuration", {"ApiId": None}),
        ("reset_authorizers_cache", {"ApiId": None, "StageName": "prod"}),
    ],
)
def test_what_aws_has_for_http_apis_only_is_refused_by_its_name(made, operation, arguments):
    arguments = {k: v or made.ids["ApiId"] for k, v in arguments.items()}
    name = "".join(part.capitalize() for part in operation.split("_"))
    assert refused(getattr(made.v2, operation), **arguments) == (
        400,
        "BadRequestException",
        f"{name} is supported for HTTP APIs only, and Gatepost serves WebSocket APIs",
    )


def test_the_sdk_for_javascript_makes_an_api(dev, connect):
    app = dev(BARE)
    script = (ROOT / "tests" / "js" / "deploy.mjs").read_text()
    done = subprocess.run(
        ["node", "--input-type=module", "-", app.ready["httpUrl"]],
        input=script,
        cwd=NODE_MODULES.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["gone"] == {"name": "NotFoundException", "status": 404}
    assert heard(connect(told["url"])) == "from JavaScript"


@pytest.mark.skipif(not cli(), reason="version 2 of the AWS CLI is not installed")
def test_the_cli_makes_an_api(dev, connect):
    app = dev(BARE)

    def aws(operation, *arguments):
        environment = {
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_REGION": "us-east-1",
            "PATH": os.environ["PATH"],
        }
        done = subprocess.run(
            [cli(), "--endpoint-url", app.ready["httpUrl"], "apigatewayv2", operation, *arguments],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "{}")

    expression = "$request.body.action"
    api = aws(
        *("create-api", "--name", "cli", "--protocol-type", "WEBSOCKET"),
        *("--route-selection-expression", expression),
    )
    of_api = ("--api-id", api["ApiId"])
    templates = '{"$default":"{\\"statusCode\\":200}"}'
    integration = aws(
        *("create-integration", *of_api, "--integration-type", "MOCK"),
        *("--request-templates", templates),
    )["IntegrationId"]
    aws(
        *("create-integration-response", *of_api, "--integration-id", integration),
        *("--integration-response-key", "$default"),
        *("--response-templates", '{"$default":"from the CLI"}'),
    )
    route = aws(
        *("create-route", *of_api, "--route-key", "say"),
        *("--target", f"integrations/{integration}"),
        *("--route-response-selection-expression", "$default"),
    )["RouteId"]
    aws(
        *("create-route-response", *of_api, "--route-id", route),
        *("--route-response-key", "$default"),
    )
    aws("create-stage", *of_api, "--stage-name", "prod", "--auto-deploy")
    assert heard(connect(f"{api['ApiEndpoint']}/prod")) == "from the CLI"
    aws("delete-api", *of_api)
    assert aws("get-apis")["Items"] == []
