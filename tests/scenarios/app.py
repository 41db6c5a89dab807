"""The app that the scenarios are played with: short limits, and everything that can be refused."""

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

TRACED = {"DefaultRouteSettings": {"LoggingLevel": "INFO", "DataTraceEnabled": True}}

CONFIG = """
    [limits]
    write_timeout = "2s"

    [extensions.stages."Open/idle"]
    idle_timeout = "1s"

    [extensions.stages."Open/old"]
    max_connection_duration = "1s"
"""


def template():
    """`Open` lets everybody in unless asked otherwise; `Guarded` asks an authorizer and has no
    `$default` route."""
    return together(
        websocket_app(
            {
                "$connect": "Main",
                "$disconnect": "Main",
                "$default": "Main",
                "two": Function("Main", two_way=True),
                "slow": Function("Main", integration={"TimeoutInMillis": 100}),
                "whoami": WHOAMI,
            },
            {"Main": RECORDER},
            api="Open",
            stage_properties=TRACED,
            resources=stage("Open", "idle", **TRACED) | stage("Open", "old", **TRACED),
        ),
        websocket_app(
            {"$connect": Mock(), "whoami": WHOAMI},
            {"Authorize": AUTHORIZER},
            api="Guarded",
            authorizer=Authorizer("Authorize", ["route.request.querystring.principal"]),
            stage_properties=TRACED,
        ),
    )
