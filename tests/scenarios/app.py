"""The app that the scenarios are played with: short limits, and everything that can be refused."""

from support.keys import REQUIRED, api_key, usage_plan
from support.talk import WHOAMI
from support.template import (
    AUTHORIZER,
    RECORDER,
    Authorizer,
    Function,
    Mock,
    stage,
    together,
    websocket_app,
)

CONFIG = """
    [logs.stdout]
    enabled = true

    [logs.file]
    enabled = true

    [limits]
    write_timeout = "2s"
    drain_spread = "1s"

    [extensions.stages."Open/idle"]
    idle_timeout = "1s"

    [extensions.stages."Open/old"]
    max_connection_duration = "1s"
"""


def template(level="INFO"):
    """At a logging level, with data traces. `Open` lets everybody in unless asked otherwise; `Guarded` asks an authorizer and has no
    `$default` route; `Keyed` asks for an API key."""
    logged = {"LoggingLevel": level, "DataTraceEnabled": True}
    # Lets one request through, and then none while scenarios are played.
    one = {**logged, "ThrottlingRateLimit": 0.0001, "ThrottlingBurstLimit": 1}
    traced = {"DefaultRouteSettings": logged}
    return together(
        websocket_app(
            {
                "$connect": "Main",
                "$disconnect": "Main",
                "$default": "Main",
                "two": Function("Main", two_way=True),
                "slow": Function("Main", integration={"TimeoutInMillis": 100}),
                "limited": Mock("passed"),
                "whoami": WHOAMI,
            },
            {"Main": RECORDER},
            api="Open",
            stage_properties={**traced, "RouteSettings": {"limited": one}},
            resources=stage("Open", "idle", **traced)
            | stage("Open", "old", **traced)
            | stage("Open", "full", **traced, RouteSettings={"$connect": one}),
        ),
        websocket_app(
            {"$connect": Mock(route=REQUIRED), "whoami": WHOAMI},
            api="Keyed",
            stage_properties=traced,
            resources={"Ann": api_key("0123456789abcdefghijANN")}
            | usage_plan("Ann", stages=[("Keyed", "prod")]),
        ),
        websocket_app(
            {"$connect": Mock(), "whoami": WHOAMI},
            {"Authorize": AUTHORIZER},
            api="Guarded",
            authorizer=Authorizer("Authorize", ["route.request.querystring.principal"]),
            stage_properties=traced,
        ),
    )
