"""A change of the control plane is kept wholly or not at all: Gatepost is killed at each step of
making one, and after its next start the state is as before that change or as after it, with every
change before it that was acknowledged.

`GATEPOST_KILLS=200` kills so often, one step after the other; without, once at each kind of step.
"""

import itertools
import os
import subprocess

import pytest
from botocore.exceptions import BotoCoreError
from support.calls import BARE
from support.environment import BINARY
from support.talk import say
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

#: Debug builds, which the tests use, name the steps; others have none.
POINTS = subprocess.run(
    [BINARY, "__kill-points"], capture_output=True, text=True, check=False
).stdout.split()
KILLS = int(os.environ.get("GATEPOST_KILLS", "0"))


class Script:
    """An app that is made and taken away by calls, one after the other."""

    def __init__(self, v2):
        self.v2 = v2
        self.ids = {}

    def steps(self):
        return [
            self.create_api,
            self.create_integration,
            self.create_integration_response,
            self.create_route,
            self.create_route_response,
            self.create_deployment,
            self.create_stage,
            self.create_stage_that_deploys_itself,
            self.change_the_reply,
            self.deploy_to_the_stage,
            self.delete_the_first_deployment,
            self.set_stage,
            self.tag,
            self.delete_stage,
            self.delete_route,
            self.delete_api,
        ]

    def create_api(self):
        made = self.v2.create_api(
            Name="made",
            ProtocolType="WEBSOCKET",
            RouteSelectionExpression="$request.body.action",
        )
        self.ids["ApiId"] = made["ApiId"]

    def _create(self, kind, **members):
        made = getattr(self.v2, f"create_{kind}")(ApiId=self.ids["ApiId"], **members)
        self.ids |= {name: value for name, value in made.items() if name.endswith("Id")}

    def _ids(self, *names):
        return {name: self.ids[name] for name in ("ApiId", *names)}

    def create_integration(self):
        templates = {"$default": '{"statusCode":200}'}
        self._create("integration", IntegrationType="MOCK", RequestTemplates=templates)

    def create_integration_response(self):
        self._create(
            "integration_response",
            IntegrationId=self.ids["IntegrationId"],
            IntegrationResponseKey="$default",
            ResponseTemplates={"$default": "first"},
        )

    def create_route(self):
        self._create(
            "route",
            RouteKey="say",
            Target=f"integrations/{self.ids['IntegrationId']}",
            RouteResponseSelectionExpression="$default",
        )

    def create_route_response(self):
        self._create(
            "route_response", RouteId=self.ids["RouteId"], RouteResponseKey="$default"
        )

    def create_deployment(self):
        self._create("deployment", Description="first")

    def create_stage(self):
        self._create("stage", StageName="manual", DeploymentId=self.ids["DeploymentId"])

    def create_stage_that_deploys_itself(self):
        first = self.ids["DeploymentId"]
        self._create("stage", StageName="auto", AutoDeploy=True)
        self.ids["DeploymentId"] = first

    def change_the_reply(self):
        self.v2.update_integration_response(
            **self._ids("IntegrationId", "IntegrationResponseId"),
            ResponseTemplates={"$default": "second"},
        )

    def deploy_to_the_stage(self):
        self.v2.create_deployment(**self._ids(), StageName="manual", Description="second")

    def delete_the_first_deployment(self):
        self.v2.delete_deployment(**self._ids("DeploymentId"))

    def set_stage(self):
        self.v2.update_stage(
            **self._ids(), StageName="manual", StageVariables={"a": "1"}, Description="set"
        )

    def tag(self):
        arn = f"arn:aws:apigateway:us-east-1::/apis/{self.ids['ApiId']}"
        self.v2.tag_resource(ResourceArn=arn, Tags={"a": "1"})

    def delete_stage(self):
        self.v2.delete_stage(**self._ids(), StageName="manual")

    def delete_route(self):
        self.v2.delete_route(**self._ids("RouteId"))

    def delete_api(self):
        self.v2.delete_api(**self._ids())


def hears(url):
    """What a client of a stage hears."""
    try:
        with connect(url) as client:
            say(client, "say")
            return client.recv(timeout=10)
    except InvalidStatus as refused:
        return refused.response.status_code


def state(app):
    """All that is kept and served, without ids and times."""
    v2 = app.aws("apigatewayv2")
    return [state_of(v2, api) for api in v2.get_apis()["Items"]]


def state_of(v2, api):
    of_api = {"ApiId": api["ApiId"]}
    deployments = {d["DeploymentId"]: d for d in v2.get_deployments(**of_api)["Items"]}

    def stage(shown):
        deployment = deployments.get(shown.get("DeploymentId"), {})
        return {
            "auto": shown["AutoDeploy"],
            "description": shown.get("Description"),
            "deployment": deployment.get("Description"),
            "hears": hears(f"{api['ApiEndpoint']}/{shown['StageName']}"),
            "variables": shown["StageVariables"],
        }

    def integration(shown):
        responses = v2.get_integration_responses(**of_api, IntegrationId=shown["IntegrationId"])
        return [response["ResponseTemplates"] for response in responses["Items"]]

    def route(shown):
        responses = v2.get_route_responses(**of_api, RouteId=shown["RouteId"])
        return shown["RouteKey"], len(responses["Items"])

    return {
        "name": api["Name"],
        "tags": api.get("Tags", {}),
        "integrations": [integration(shown) for shown in v2.get_integrations(**of_api)["Items"]],
        "routes": [route(shown) for shown in v2.get_routes(**of_api)["Items"]],
        "deployments": sorted(d["Description"] for d in deployments.values()),
        "stages": {s["StageName"]: stage(s) for s in v2.get_stages(**of_api)["Items"]},
    }


@pytest.fixture(scope="module")
def states(module_dev):
    """The state before the script, and after each of its steps."""
    app = module_dev(BARE)
    script = Script(app.aws("apigatewayv2"))
    seen = [state(app)]
    for step in script.steps():
        step()
        seen.append(state(app))
    assert seen[0] == seen[-1] == []
    assert all(before != after for before, after in itertools.pairwise(seen))
    return seen


def kill_at(dev, states, point, number):
    """Runs the script until it is killed, and looks at what is left; whether it was killed."""
    app = dev(BARE, env={"GATEPOST_KILL_AT": f"{point}:{number}"})
    made = 0
    for step in Script(app.aws("apigatewayv2")).steps():
        try:
            step()
        except BotoCoreError:
            break
        made += 1
    else:
        app.stop()
        return False
    del app.env["GATEPOST_KILL_AT"]
    app.restart()
    left = state(app)
    assert left in states[made : made + 2], f"{point}:{number}, after {made} steps: {left}"
    # And it goes on from there.
    v2 = app.aws("apigatewayv2")
    for api in v2.get_apis()["Items"]:
        v2.delete_api(ApiId=api["ApiId"])
    Script(v2).create_api()
    assert state(app) == states[1]
    app.stop()
    return True


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_step_leaves_the_state_before_or_after(dev, states, point):
    killed = any(kill_at(dev, states, point, number) for number in (7, 3, 1))
    assert killed, f"no change passes {point}"


@pytest.mark.timeout(3600)
@pytest.mark.skipif(not KILLS, reason="GATEPOST_KILLS says how often")
def test_many_kills(dev, states):
    done = 0
    while done < KILLS:
        before = done
        for point in POINTS:
            for number in itertools.count(1):
                if done == KILLS or not kill_at(dev, states, point, number):
                    break
                done += 1
        assert done > before
    print(f"killed {done} times")


def test_the_steps_of_a_change_are_known():
    assert len(POINTS) > 10
