"""What is measured: Gatepost and the floors. Each is a context manager; within it, it serves."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from .machine import BENCH, BIN, GATEPOST, LOAD_CORE, ROOT, SERVER_CORE, start

HANDLERS = BENCH / "handlers"


@dataclass
class Running:
    """A subject that serves."""

    #: Where clients connect.
    ws: str
    #: The processes whose CPU and memory count.
    pids: list
    #: Where a post goes; `{id}` stands for the connection's id.
    post: str | None = None
    #: Processes that work beside it.
    other_pids: list = field(default_factory=list)
    #: `wss`, and the file with the certificate.
    wss: str | None = None
    ca: str | None = None
    #: Ports of other kinds, and files.
    extra: dict = field(default_factory=dict)

    @property
    def pid_flags(self):
        """The processes, for the load generator."""
        flags = [word for pid in self.pids for word in ("--pid", str(pid))]
        return flags + [word for pid in self.other_pids for word in ("--other-pid", str(pid))]


def stop(process):
    """Ends a process that this bench started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()


@contextlib.contextmanager
def floor(*arguments, core=SERVER_CORE):
    """One of the floors."""
    process = start([BIN / "floors", *arguments], core, stdout=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline())
        yield Running(
            ws=f"ws://127.0.0.1:{port}/",
            pids=[process.pid],
            post=f"http://127.0.0.1:{port}/@connections/{{id}}",
            extra={"address": f"127.0.0.1:{port}"},
        )
    finally:
        stop(process)


def backend():
    """The HTTP backend of everybody: beside the load."""
    return floor("hello", core=LOAD_CORE)


@contextlib.contextmanager
def floor_with_backend(name):
    """A floor that calls a backend."""
    with backend() as behind, floor(name, behind.extra["address"]) as running:
        running.other_pids = behind.pids
        yield running


def route(logical_id, key, integration, response=None, two_way=False):
    """The resources of one route."""
    resources = {
        f"{logical_id}Integration": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {"ApiId": {"Ref": "Api"}, **integration},
        },
        f"{logical_id}Route": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "RouteKey": key,
                "Target": {"Fn::Sub": f"integrations/${{{logical_id}Integration}}"},
                **({"RouteResponseSelectionExpression": "$default"} if two_way else {}),
            },
        },
    }
    if two_way:
        resources[f"{logical_id}RouteResponse"] = {
            "Type": "AWS::ApiGatewayV2::RouteResponse",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "RouteId": {"Ref": f"{logical_id}Route"},
                "RouteResponseKey": "$default",
            },
        }
    if response is not None:
        resources[f"{logical_id}Response"] = {
            "Type": "AWS::ApiGatewayV2::IntegrationResponse",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "IntegrationId": {"Ref": f"{logical_id}Integration"},
                "IntegrationResponseKey": "$default",
                **response,
            },
        }
    return resources


def mock(logical_id, key, reply=None):
    """A route that MOCK answers."""
    integration = {
        "IntegrationType": "MOCK",
        "RequestTemplates": {"application/json": '{"statusCode":200}'},
    }
    response = {} if reply is None else {"ResponseTemplates": {"$default": reply}}
    return route(logical_id, key, integration, response, two_way=reply is not None)


def function(logical_id, key, runtime, handler, code):
    """A route that a function answers."""
    uri = (
        "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
        f"${{{logical_id}.Arn}}/invocations"
    )
    integration = {"IntegrationType": "AWS_PROXY", "IntegrationUri": {"Fn::Sub": uri}}
    return {
        logical_id: {
            "Type": "AWS::Serverless::Function",
            "Properties": {"Runtime": runtime, "Handler": handler, "CodeUri": code, "Timeout": 10},
        },
        f"{logical_id}Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": logical_id},
                "Principal": "apigateway.amazonaws.com",
            },
        },
        **route(f"{logical_id}Echo", key, integration, two_way=True),
    }


def template(resources, logging_level="OFF"):
    """The template of an API with one stage; without execution logs unless they are measured."""
    routes = [name for name, resource in resources.items() if resource["Type"].endswith("::Route")]
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "Api": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {
                    "Name": "bench",
                    "ProtocolType": "WEBSOCKET",
                    "RouteSelectionExpression": "$request.body.action",
                },
            },
            "Deployment": {
                "Type": "AWS::ApiGatewayV2::Deployment",
                "DependsOn": routes,
                "Properties": {"ApiId": {"Ref": "Api"}},
            },
            "Stage": {
                "Type": "AWS::ApiGatewayV2::Stage",
                "Properties": {
                    "ApiId": {"Ref": "Api"},
                    "StageName": "prod",
                    "DeploymentId": {"Ref": "Deployment"},
                    "DefaultRouteSettings": {"LoggingLevel": logging_level},
                },
            },
            **resources,
        },
    }


#: What a round trip carries; MOCK's template is the same text, so that it comes back.
MESSAGE = '{"action":"echo","n":1}'
#: The API of most scenarios.
PLAIN = {
    **mock("Connect", "$connect"),
    **mock("Echo", "echo", MESSAGE),
    **mock("Id", "id", "$context.connectionId"),
    **mock("Sink", "sink"),
}


#: The same route with a model that validates, and templates that read and branch.
TRANSFORMED = {
    **PLAIN,
    "Model": {
        "Type": "AWS::ApiGatewayV2::Model",
        "Properties": {
            "ApiId": {"Ref": "Api"},
            "Name": "Echo",
            "ContentType": "application/json",
            "Schema": {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "type": "object",
                "properties": {"action": {"type": "string"}, "n": {"type": "integer"}},
                "required": ["action", "n"],
            },
        },
    },
    **mock("Echo", "echo", '#set($a = "echo"){"action":"$a","n":1}'),
}
TRANSFORMED["EchoRoute"]["Properties"] |= {
    "ModelSelectionExpression": "$request.body.action",
    "RequestModels": {"echo": "Echo"},
}
TRANSFORMED["EchoIntegration"]["Properties"]["RequestTemplates"] = {
    "application/json": "#if($input.path('$.n') > 0){\"statusCode\":200}#else{\"statusCode\":400}#end"
}


@contextlib.contextmanager
def gatepost(
    resources=None, *, loud=False, config="", core=SERVER_CORE, files=(), logging_level="OFF"
):
    """`gatepost dev`; quiet, unless its lines are what is measured."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "template.json").write_text(json.dumps(template(resources or PLAIN, logging_level)))
        (folder / "gatepost.toml").write_text(config)
        for source in files:
            place = folder / source.parent.name / source.name
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(source.read_bytes())
            place.chmod(0o755)
        said = open(folder / "out", "w+") if loud else subprocess.PIPE
        command = [GATEPOST, "dev", "template.json", "--port", "0", "--json", "--fresh", "--warm"]
        process = start(
            command if loud else [*command, "--quiet"],
            core,
            cwd=folder,
            stdout=said,
            text=True,
            env=_environment(),
        )
        try:
            ready = _ready(process, said)
            port = ready["port"]
            yield Running(
                ws=f"ws://127.0.0.1:{port}/prod",
                pids=[process.pid],
                post=f"http://127.0.0.1:{port}/prod/@connections/{{id}}",
                wss=f"wss://localhost:{port}/prod",
                ca=ready["caBundle"],
            )
        finally:
            stop(process)
            if loud:
                said.close()


def _environment():
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GATEPOST_")}
    return {**kept, "AWS_REGION": "us-east-1"}


def _ready(process, said):
    """The event of a started app; with a file, once it is whole."""
    while process.poll() is None:
        if said is subprocess.PIPE:
            line = process.stdout.readline()
        else:
            said.seek(0)
            line = said.readline()
        if line.endswith("\n"):
            event = json.loads(line)
            if event["event"] == "ready":
                return event
    raise RuntimeError("gatepost did not start")


@contextlib.contextmanager
def gatepost_with_backend():
    """Gatepost with an HTTP_PROXY route to the backend of everybody."""
    with backend() as behind:
        integration = {
            "IntegrationType": "HTTP_PROXY",
            "IntegrationMethod": "POST",
            "IntegrationUri": f"http://{behind.extra['address']}/",
        }
        resources = {**PLAIN, **route("Proxy", "proxy", integration, two_way=True)}
        with gatepost(resources) as running:
            running.other_pids = behind.pids
            yield running


def runtime(name):
    """The nearest name of a runtime that this machine has."""
    if name == "python":
        return f"python3.{sys.version_info.minor}"
    version = subprocess.check_output(["node", "--version"], text=True)
    return "nodejs{}.x".format(re.match(r"v(\d+)", version)[1])


#: How each kind of function is run by Gatepost: runtime, handler, file.
FUNCTIONS = {
    "python": ("python", "echo.handler", HANDLERS / "echo.py"),
    "node": ("node", "echo.handler", HANDLERS / "echo.js"),
    "provided": (None, "bootstrap", BIN / "bootstrap"),
}


def gatepost_with_function(kind):
    """Gatepost with a local function."""
    family, handler, file = FUNCTIONS[kind]
    name = runtime(family) if family else "provided.al2023"
    resources = {**PLAIN, **function("Function", "function", name, handler, file.parent.name)}
    return gatepost(resources, files=[file])


def bare_loop(kind, processes, seconds, event):
    """The command that feeds the same handler's processes from a bare Runtime API."""
    family, _, file = FUNCTIONS[kind]
    bootstrap = ROOT / "crates/server/src/lambda/bootstrap"
    handler = {
        "python": ["python3", bootstrap / "bootstrap.py", "echo.handler"],
        "node": ["node", bootstrap / "index.mjs"],
        "provided": [file],
    }[kind]
    arguments = ["--processes", processes, "--seconds", seconds, "--event", event]
    return [BIN / "floors", "runtime-loop", *arguments, *handler], {
        "LAMBDA_TASK_ROOT": str(HANDLERS),
        "_HANDLER": "echo.handler",
        "AWS_LAMBDA_FUNCTION_NAME": "Function",
    }
