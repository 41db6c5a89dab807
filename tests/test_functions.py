"""Functions: every way to write them, every way they fail, and Lambda's Invoke API."""

import base64
import io
import json
import os
import re
import shutil
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.environment import CLIENTS
from support.fixtures import dedent
from support.poll import until
from support.talk import UUID
from support.template import NODE, PYTHON, Function, code, node, python, websocket_app

EVENT = {"n": 1, "text": "ünï 😀"}


def functions(**made):
    """A template with these functions, and an API only because there must be one."""
    template = websocket_app({"$connect": Function(next(iter(made)))})
    template["Resources"] |= made
    return template


def invoke(app, logical_id, payload=EVENT, **options):
    """An Invoke by boto3: the response, its payload read as JSON."""
    response = app.aws("lambda").invoke(
        FunctionName=app.function(logical_id), Payload=json.dumps(payload), **options
    )
    body = response["Payload"].read()
    response["Payload"] = json.loads(body) if body else None
    return response


def is_alive(pid):
    """Whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def zipped(files):
    """A zip of these files; `bootstrap` is executable."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o755 if name == "bootstrap" else 0o644) << 16
            archive.writestr(entry, content)
    return packed.getvalue()


ECHO = "def handler(event, context):\n    return {'got': event}\n"
GOT = {"got": EVENT}

NODE_STYLES = {
    "async": "exports.handler = async (event) => ({ got: event });",
    "callback": "exports.handler = (event, context, done) => done(null, { got: event });",
    "late callback": "exports.handler = (got, c, done) => { setTimeout(() => done(null, { got }), 9); };",
    "promise": "exports.handler = (event) => Promise.resolve({ got: event });",
}


class TestLanguages:
    @pytest.fixture(scope="class")
    @classmethod
    def app(cls, module_dev):
        shell = """
            #!/bin/sh
            base="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
            while :; do
              head=$(mktemp)
              body=$(curl -sS -D "$head" "$base/next")
              id=$(grep -i lambda-runtime-aws-request-id "$head" | tr -d '\\r' | cut -d' ' -f2)
              curl -sS -X POST "$base/$id/response" -d "{\\"got\\": $body}" > /dev/null
            done
            """
        layer = {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "layer/"}}
        made = {
            "PythonInline": python(ECHO),
            "PythonFolder": code(PYTHON, "pack/app.handler", "folder/"),
            "PythonDotted": code(PYTHON, "pack.app.handler", "folder/"),
            "PythonZip": code(PYTHON, "app.handler", "code.zip"),
            "NodeModule": code(NODE, "index.handler", "module/"),
            "NodeByType": code(NODE, "src/index.handler", "by-type/"),
            "Provided": code("provided.al2023", "any", "provided/"),
            "ProvidedZip": code("provided.al2023", "any", "provided.zip"),
            "Shell": code("provided.al2", "any", "shell/"),
            "WithLayer": python(
                "import shared\ndef handler(event, context):\n    return shared.wrap(event)\n",
                Layers=[{"Ref": "Layer"}],
            ),
            **{f"Node{i}": node(source) for i, source in enumerate(NODE_STYLES.values())},
        }
        bootstrap = (CLIENTS / "bootstrap").read_bytes()
        return module_dev(
            functions(**made, Layer=layer),
            files={
                "folder/pack/__init__.py": "",
                "folder/pack/app.py": "from .other import handler",
                "folder/pack/other.py": ECHO,
                "code.zip": zipped({"app.py": ECHO}),
                "module/index.mjs": "export const handler = async (event) => ({ got: event });",
                "by-type/package.json": '{"type": "module"}',
                "by-type/src/index.js": "export const handler = async (event) => ({ got: event });",
                "provided/bootstrap": CLIENTS / "bootstrap",
                "provided.zip": zipped({"bootstrap": bootstrap}),
                "shell/bootstrap": shell,
                "layer/python/shared.py": "def wrap(event):\n    return {'got': event}\n",
            },
        )

    @pytest.mark.parametrize(
        "name", ["PythonInline", "PythonFolder", "PythonDotted", "PythonZip", "WithLayer"]
    )
    def test_python(self, app, name):
        """Inline, folder with a package, dotted handler, zip, layer."""
        assert invoke(app, name)["Payload"] == GOT

    @pytest.mark.parametrize("name", ["NodeModule", "NodeByType"])
    def test_node_modules(self, app, name):
        assert invoke(app, name)["Payload"] == GOT

    @pytest.mark.parametrize("number", range(len(NODE_STYLES)), ids=NODE_STYLES)
    def test_node_common_js(self, app, number):
        assert invoke(app, f"Node{number}")["Payload"] == GOT

    @pytest.mark.parametrize("name", ["Provided", "ProvidedZip"])
    def test_a_bootstrap_of_the_rust_runtime(self, app, name):
        answer = invoke(app, name)["Payload"]
        assert answer["event"] == EVENT
        assert answer["handler"] == "any"
        assert re.fullmatch(UUID, answer["requestId"])
        arn = f"arn:aws:lambda:us-east-1:000000000000:function:{app.function(name)}"
        assert answer["functionArn"] == arn

    def test_a_bootstrap_that_fails_and_one_that_exits(self, app):
        failed = invoke(app, "Provided", {"do": "fail"})
        assert failed["FunctionError"] == "Unhandled"
        assert "asked to fail" in failed["Payload"]["errorMessage"]
        exited = invoke(app, "Provided", {"do": "exit"})
        assert exited["FunctionError"] == "Unhandled"
        assert exited["Payload"]["errorType"] == "Runtime.ExitError"
        assert exited["Payload"]["errorMessage"].endswith(
            "Error: Runtime exited with error: exit status 7"
        )
        assert invoke(app, "Provided")["Payload"]["event"] == EVENT

    @pytest.mark.skipif(not shutil.which("curl"), reason="the bootstrap is written with curl")
    def test_awslambdaric_is_what_runs_python_where_it_is_installed(self, dev):
        """As Lambda's images start it: `python3 -m awslambdaric app.handler`."""
        runtime = """
            import os, sys
            from urllib.request import Request, urlopen
            api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
            while True:
                event = urlopen(f"{api}/next")
                request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
                answer = f'["{__name__}", "{sys.argv[1]}"]'.encode()
                urlopen(Request(f"{api}/{request_id}/response", data=answer)).read()
            """
        files = {"main/app.py": "", "main/awslambdaric/__init__.py": "", "main/awslambdaric/__main__.py": runtime}
        app = dev(functions(Main=code(PYTHON, "app.handler", "main/")), files=files)
        assert invoke(app, "Main")["Payload"] == ["__main__", "app.handler"]

    def test_a_bootstrap_of_any_kind(self, app):
        assert invoke(app, "Shell")["Payload"] == GOT


class TestFailures:
    @pytest.fixture(scope="class")
    @classmethod
    def app(cls, module_dev):
        raises = "class Odd(ValueError): pass\ndef handler(event, context):\n    raise Odd('no')\n"
        made = {
            "Raises": python(raises),
            "Throws": node("exports.handler = async () => { throw new TypeError('no'); };"),
            "Fails": node("exports.handler = (e, c, done) => done(new Error('no'));"),
            "Slow": python("import time\ndef handler(e, c):\n    time.sleep(e)", Timeout=1),
            "Exits": python("import os\ndef handler(e, c):\n    os._exit(e)"),
            "Killed": python("import os\ndef handler(e, c):\n    os.kill(os.getpid(), 9)"),
            "NoModule": python("import nowhere\ndef handler(e, c):\n    pass"),
            "NoHandler": python("def other(e, c):\n    pass"),
            "NoSyntax": python("def handler(:\n"),
            "Big": python("def handler(e, c):\n    return 'x' * e"),
            "NotJson": python("def handler(e, c):\n    return object()"),
            "Null": python("def handler(e, c):\n    pass"),
            "Pid": python("import os\ndef handler(e, c):\n    return os.getpid()"),
            "One": python(
                "import time\ndef handler(e, c):\n    print('in', flush=True)\n    time.sleep(e)",
                ReservedConcurrentExecutions=1,
            ),
            "None": python(ECHO, ReservedConcurrentExecutions=0),
        }
        return module_dev(functions(**made))

    def error(self, app, name, payload=EVENT):
        response = invoke(app, name, payload)
        assert response["StatusCode"] == 200
        assert response["FunctionError"] == "Unhandled"
        return response["Payload"]

    def test_an_exception_of_python(self, app):
        error = self.error(app, "Raises")
        assert (error["errorMessage"], error["errorType"]) == ("no", "Odd")
        assert re.fullmatch(UUID, error["requestId"])
        assert any("handler" in line for line in error["stackTrace"])

    @pytest.mark.parametrize("name, kind", [("Throws", "TypeError"), ("Fails", "Error")])
    def test_an_exception_of_node(self, app, name, kind):
        error = self.error(app, name)
        assert (error["errorMessage"], error["errorType"]) == ("no", kind)
        assert error["trace"][0] == f"{kind}: no"

    def test_a_timeout_kills_the_process_and_says_when(self, app):
        started = time.monotonic()
        error = self.error(app, "Slow", 30)
        assert time.monotonic() - started < 4
        assert error["errorType"] == "Sandbox.Timedout"
        assert re.fullmatch(
            rf"RequestId: {UUID} Error: Task timed out after 1\.00 seconds", error["errorMessage"]
        )
        request_id = re.search(UUID, error["errorMessage"])[0]
        report = app.wait_event(
            "log", lambda event: f"REPORT RequestId: {request_id}" in event["message"]
        )
        assert re.search(r"Max Memory Used: [1-9]\d* MB", report["message"])
        assert invoke(app, "Slow", 0)["Payload"] is None

    @pytest.mark.parametrize(
        "name, payload, ending",
        [
            ("Exits", 127, "Runtime exited with error: exit status 127"),
            ("Exits", 0, "Runtime exited without providing a reason"),
            ("Killed", 0, "Runtime exited with error: signal: killed"),
        ],
    )
    def test_a_process_that_ends_is_an_exit_error(self, app, name, payload, ending):
        error = self.error(app, name, payload)
        assert error["errorType"] == "Runtime.ExitError"
        assert re.fullmatch(rf"RequestId: {UUID} Error: {ending}", error["errorMessage"])

    @pytest.mark.parametrize(
        "name, kind",
        [
            ("NoModule", "Runtime.ImportModuleError"),
            ("NoHandler", "Runtime.HandlerNotFound"),
            ("NoSyntax", "Runtime.UserCodeSyntaxError"),
        ],
    )
    def test_code_that_cannot_be_loaded_is_told_by_its_kind(self, app, name, kind):
        assert self.error(app, name)["errorType"] == kind

    def test_a_result_of_more_than_6_mb_is_too_large(self, app):
        assert len(invoke(app, "Big", 6_000_000)["Payload"]) == 6_000_000
        assert self.error(app, "Big", 6_291_557) == {
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": "Response payload size exceeded maximum allowed payload size "
            "(6291556 bytes).",
        }

    def test_a_result_that_is_not_json_is_a_marshal_error(self, app):
        assert self.error(app, "NotJson")["errorType"] == "Runtime.MarshalError"

    def test_a_result_of_nothing_is_null(self, app):
        response = app.aws("lambda").invoke(FunctionName=app.function("Null"), Payload=b"{}")
        assert response["Payload"].read() == b"null"
        assert "FunctionError" not in response

    def test_a_process_serves_one_event_after_another(self, app):
        assert invoke(app, "Pid")["Payload"] == invoke(app, "Pid")["Payload"]

    def test_reserved_concurrency_throttles(self, app):
        client = app.aws("lambda")
        client.invoke(FunctionName=app.function("One"), InvocationType="Event", Payload=b"3")
        app.wait_event("log", lambda event: event["message"].strip() == "in")
        with pytest.raises(client.exceptions.TooManyRequestsException) as throttled:
            invoke(app, "One", 0)
        answer = throttled.value.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert answer["Error"]["Message"] == "Rate Exceeded."

    def test_no_concurrency_at_all_throttles_always(self, app):
        client = app.aws("lambda")
        with pytest.raises(client.exceptions.TooManyRequestsException):
            invoke(app, "None")


@pytest.fixture(scope="module")
def app(module_dev):
    context = """
        import json, os, sys, time
        def handler(event, context):
            print("a line", flush=True)
            print("another", file=sys.stderr, flush=True)
            return {
                "event": event,
                "environment": dict(os.environ),
                "context": {
                    "name": context.function_name,
                    "version": context.function_version,
                    "arn": context.invoked_function_arn,
                    "memory": context.memory_limit_in_mb,
                    "request": context.aws_request_id,
                    "group": context.log_group_name,
                    "stream": context.log_stream_name,
                    "left": context.get_remaining_time_in_millis(),
                },
            }
        """
    alias = {
        "Type": "AWS::Lambda::Alias",
        "Properties": {
            "Name": "live",
            "FunctionName": {"Ref": "Main"},
            "FunctionVersion": {"Fn::GetAtt": ["One", "Version"]},
        },
    }
    version = {
        "Type": "AWS::Lambda::Version",
        "Properties": {"FunctionName": {"Ref": "Main"}},
    }
    main = python(
        dedent(context),
        MemorySize=256,
        Environment={"Variables": {"MINE": "mine", "EMPTY": ""}},
    )
    return module_dev(
        functions(Main=main, One=version, Live=alias),
        env={
            "SECRET_OF_THE_SHELL": "must not leak",
            "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1",
            "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:2",
        },
    )


class TestInvoke:
    def test_request_response(self, app):
        response = invoke(app, "Main")
        headers = response["ResponseMetadata"]["HTTPHeaders"]
        assert response["StatusCode"] == 200
        assert response["ExecutedVersion"] == "$LATEST"
        assert "FunctionError" not in response
        assert response["Payload"]["event"] == EVENT
        assert headers["x-amzn-requestid"] == response["Payload"]["context"]["request"]
        assert re.fullmatch(UUID, headers["x-amzn-requestid"])

    def test_event(self, app):
        response = invoke(app, "Main", InvocationType="Event")
        assert (response["StatusCode"], response["Payload"]) == (202, None)

    def test_dry_run(self, app):
        response = invoke(app, "Main", InvocationType="DryRun")
        assert (response["StatusCode"], response["Payload"]) == (204, None)

    def test_tail(self, app):
        response = invoke(app, "Main", LogType="Tail")
        request = response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
        log = base64.b64decode(response["LogResult"]).decode()
        start, end = f"START RequestId: {request} Version: $LATEST\n", f"END RequestId: {request}\n"
        assert start in log
        assert log.index(start) < log.index("a line\n") < log.index(end)
        assert log.index(start) < log.index("another\n") < log.index(end)
        assert re.search(
            rf"REPORT RequestId: {request}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
            r"Memory Size: 256 MB\tMax Memory Used: \d+ MB\t",
            log,
        )
        assert "LogResult" not in invoke(app, "Main")

    @pytest.mark.parametrize(
        "form", ["{name}", "function:{name}", "000000000000:function:{name}", "{arn}", "{arn}:live"]
    )
    def test_every_form_of_name(self, app, form):
        name = app.function("Main")
        arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
        response = app.aws("lambda").invoke(FunctionName=form.format(name=name, arn=arn))
        assert response["StatusCode"] == 200

    @pytest.mark.parametrize(
        "qualifier, version", [("$LATEST", "$LATEST"), ("1", "1"), ("live", "1")]
    )
    def test_qualifiers(self, app, qualifier, version):
        response = invoke(app, "Main", Qualifier=qualifier)
        assert response["ExecutedVersion"] == version
        assert response["Payload"]["context"]["arn"].endswith(f":{qualifier}")

    @pytest.mark.parametrize("qualifier", ["7", "dead"])
    def test_an_unknown_qualifier(self, app, qualifier):
        client = app.aws("lambda")
        with pytest.raises(client.exceptions.ResourceNotFoundException) as missing:
            invoke(app, "Main", Qualifier=qualifier)
        name = app.function("Main")
        arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}:{qualifier}"
        assert missing.value.response["Error"]["Message"] == f"Function not found: {arn}"

    def test_an_unknown_function(self, app):
        client = app.aws("lambda")
        with pytest.raises(client.exceptions.ResourceNotFoundException) as missing:
            client.invoke(FunctionName="nobody")
        arn = "arn:aws:lambda:us-east-1:000000000000:function:nobody"
        assert missing.value.response["Error"]["Message"] == f"Function not found: {arn}"
        assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404

    def test_a_payload_that_is_not_json(self, app):
        client = app.aws("lambda")
        with pytest.raises(client.exceptions.InvalidRequestContentException) as bad:
            client.invoke(FunctionName=app.function("Main"), Payload=b"{")
        assert bad.value.response["Error"]["Message"].startswith(
            "Could not parse request body into json"
        )

    @pytest.mark.parametrize("kind, size", [("RequestResponse", 6_291_557), ("Event", 1_048_577)])
    def test_a_payload_that_is_too_large(self, app, kind, size):
        client = app.aws("lambda")
        with pytest.raises(client.exceptions.RequestTooLargeException) as large:
            client.invoke(
                FunctionName=app.function("Main"),
                InvocationType=kind,
                Payload=b'"' + b"x" * (size - 2) + b'"',
            )
        assert large.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


class TestEnvironment:
    def test_the_context_is_that_of_lambda(self, app):
        name = app.function("Main")
        context = invoke(app, "Main")["Payload"]["context"]
        assert 0 < context.pop("left") <= 10_000
        assert re.fullmatch(UUID, context.pop("request"))
        stream = context.pop("stream")
        assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
        assert int(context.pop("memory")) == 256
        assert context == {
            "name": name,
            "version": "$LATEST",
            "arn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
            "group": f"/aws/lambda/{name}",
        }

    def test_the_environment_is_cleared_and_then_lambdas(self, app):
        name = app.function("Main")
        environment = invoke(app, "Main")["Payload"]["environment"]
        assert "SECRET_OF_THE_SHELL" not in environment
        expected = {
            "MINE": "mine",
            "EMPTY": "",
            "_HANDLER": "index.handler",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}",
            "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1",
            "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:2",
        }
        assert {k: environment.get(k) for k in expected} == expected
        for service in ("LAMBDA", "APIGATEWAYMANAGEMENTAPI", "CLOUDWATCH_LOGS"):
            assert f":{app.port}" in environment[f"AWS_ENDPOINT_URL_{service}"]
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "LAMBDA_TASK_ROOT", "PATH"):
            assert environment[name]

    def test_an_env_file_adds_to_it(self, dev):
        source = (
            "import os\ndef handler(e, c):\n    return [os.environ.get('A'), os.environ.get('B')]"
        )
        app = dev(functions(Main=python(source)), files={"my.env": "A=from the file\n# no\nB=\n"},
                  env_file="my.env")  # fmt: skip
        assert invoke(app, "Main")["Payload"] == ["from the file", ""]

    def test_a_url_of_this_api_on_aws_becomes_ours_and_is_named(self, dev):
        source = "import os\ndef handler(e, c):\n    return os.environ['URL']"
        url = {"Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.amazonaws.com/prod"}
        main = python(source, Environment={"Variables": {"URL": url}})
        app = dev(functions(Main=main))
        assert invoke(app, "Main")["Payload"] == app.callback_url()
        said = app.stderr + json.dumps(app.events())
        assert "URL" in said and "amazonaws.com" in said

    def test_a_function_that_would_call_the_real_aws_is_warned_of(self, dev):
        variables = {"QUEUE_URL": {"Ref": "Queue"}, "PRINCIPAL": "sns.amazonaws.com"}
        main = python("def handler(e, c): pass", Environment={"Variables": variables})
        template = functions(Main=main)
        template["Resources"]["Queue"] = {"Type": "AWS::SQS::Queue"}
        warnings = [event["text"] for event in dev(template).events("warning")]
        [warning] = [text for text in warnings if "real AWS" in text]
        assert "QUEUE_URL names sqs.us-east-1.amazonaws.com" in warning

    def test_logs_of_a_function_are_events(self, app):
        invoke(app, "Main")
        event = app.wait_event("log", lambda event: event["message"].strip() == "a line")
        assert event["function"] == app.function("Main")

    def test_an_invocation_that_a_client_left_does_no_harm(self, app):
        client = app.aws("lambda", read_timeout=0.001)
        with pytest.raises(Exception, match="[Tt]imeout"):
            for _ in range(20):
                client.invoke(FunctionName=app.function("Main"), Payload=b"{}")
        assert invoke(app, "Main")["StatusCode"] == 200


class TestEventQueue:
    """Asynchronous invocations: retries, ages, destinations."""

    SOURCE = """
import json, os

def handler(event, context):
    line = {"event": event, "request": context.aws_request_id, "requestContext": {"eventType": "X"}}
    log = os.open(os.environ["EVENTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, (json.dumps(line) + "\\n").encode())
    os.close(log)
    if event.get("fail", 0):
        raise Exception("asked to fail")
    return {"done": event}
"""

    def queue(self, dev, **config):
        after = {"Destination": {"Fn::GetAtt": ["After", "Arn"]}}
        made = {
            "Main": python(self.SOURCE),
            "After": python(self.SOURCE),
            "Config": {
                "Type": "AWS::Lambda::EventInvokeConfig",
                "Properties": {
                    "FunctionName": {"Ref": "Main"},
                    "Qualifier": "$LATEST",
                    "DestinationConfig": {"OnSuccess": after, "OnFailure": after},
                    **config,
                },
            },
        }
        delays = '[functions]\nretry_delays = ["200ms", "400ms"]\n'
        return dev(functions(**made), config=delays)

    def test_a_failure_is_tried_twice_again_with_the_same_request_id(self, dev):
        app = self.queue(dev)
        response = invoke(app, "Main", {"fail": 1}, InvocationType="Event")
        request = response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
        tries = app.recorded("X", count=4)
        assert [e["request"] for e in tries[:3]] == [request] * 3
        record = tries[3]["event"]
        name = app.function("Main")
        assert record["version"] == "1.0"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["timestamp"])
        assert record["requestContext"] == {
            "requestId": request,
            "functionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        }
        assert record["requestPayload"] == {"fail": 1}
        assert record["responseContext"] == {
            "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
        }  # fmt: skip
        assert record["responsePayload"]["errorMessage"] == "asked to fail"

    def test_retries_may_be_fewer(self, dev):
        app = self.queue(dev, MaximumRetryAttempts=0)
        invoke(app, "Main", {"fail": 1}, InvocationType="Event")
        record = app.recorded("X", count=2)[1]["event"]
        assert record["requestContext"]["approximateInvokeCount"] == 1

    def test_a_success_reaches_its_destination(self, dev):
        app = self.queue(dev)
        invoke(app, "Main", {"a": 1}, InvocationType="Event")
        record = app.recorded("X", count=2)[1]["event"]
        assert record["requestContext"]["condition"] == "Success"
        assert record["requestPayload"] == {"a": 1}
        assert record["responsePayload"] == {"done": {"a": 1}}

    def test_an_event_starts_no_sooner_than_the_delay(self, dev):
        source = "import time\ndef handler(event, c):\n    print(f'after {time.time() - event}')"
        app = dev(functions(Main=python(source)), config='[functions]\nasync_delay = "700ms"')
        invoke(app, "Main", 0)
        invoke(app, "Main", time.time(), InvocationType="Event")

        def late(event):
            after = re.match(r"after (\d+\.\d+)", event["message"])
            return after and float(after[1]) < 1_000_000 and float(after[1])

        said = app.wait_event("log", late)
        assert 0.7 <= float(said["message"].split()[1]) < 5

    def test_a_throttled_event_is_tried_again_until_there_is_room(self, dev):
        source = (
            "import time\ndef handler(event, c):\n    print(f'ran {event}')\n    time.sleep(0.5)"
        )
        app = dev(functions(Main=python(source, ReservedConcurrentExecutions=1)))
        for number in range(3):
            invoke(app, "Main", number, InvocationType="Event")
        for number in range(3):
            app.wait_event("log", lambda e, n=number: e["message"].strip() == f"ran {n}", 30)


class TestProcesses:
    """No function outlives Gatepost."""

    SOURCE = """
import os, subprocess

CHILD = subprocess.Popen(["sleep", "300"])

def handler(event, context):
    return [os.getpid(), CHILD.pid]
"""

    def running(self, dev):
        app = dev(functions(Main=python(self.SOURCE), Other=python(self.SOURCE)))
        pids = invoke(app, "Main")["Payload"] + invoke(app, "Other")["Payload"]
        assert all(is_alive(pid) for pid in pids)
        return app, pids

    @pytest.mark.parametrize("kill", [False, True], ids=["SIGTERM", "SIGKILL"])
    def test_two_seconds_after_its_end_no_process_is_left(self, dev, kill):
        """Not even what a function started itself."""
        app, pids = self.running(dev)
        app.stop(kill=kill)
        until(lambda: not any(map(is_alive, pids)), f"end of {pids}", timeout=2)

    def test_a_function_that_ignores_sigterm_ends_too(self, dev):
        source = "import os, signal\nsignal.signal(15, signal.SIG_IGN)\n" + self.SOURCE.lstrip()
        app = dev(functions(Main=python(source)))
        pids = invoke(app, "Main")["Payload"]
        app.stop()
        until(lambda: not any(map(is_alive, pids)), f"end of {pids}", timeout=2)

    def test_functions_start_on_first_use_and_with_warm_at_once(self, dev):
        source = "print('started', flush=True)\ndef handler(e, c):\n    pass"
        cold = dev(functions(Main=python(source)))
        warm = dev(functions(Main=python(source)), warm=True)
        assert warm.wait_event("log", lambda event: "started" in event["message"])
        assert cold.events("log") == []

    def test_a_runtime_that_is_not_here_is_named(self, dev):
        refused = dev.refused(functions(Main=python(ECHO, Runtime="ruby3.3")))
        assert "ruby3.3" in refused.stderr

    def test_a_container_image_is_refused_by_name(self, dev):
        image = {
            "Type": "AWS::Serverless::Function",
            "Properties": {"PackageType": "Image", "ImageUri": "example:latest"},
        }
        refused = dev.refused(functions(Main=python(ECHO), Picture=image))
        assert "Picture" in refused.stderr and "mage" in refused.stderr

    def test_a_python_that_is_only_near_is_used_with_a_warning(self, dev):
        app = dev(functions(Main=python(ECHO, Runtime="python3.99")))
        assert invoke(app, "Main")["Payload"] == GOT
        assert app.wait_event("warning", lambda event: "python3.99" in event["text"])

    def test_a_missing_sdk_says_how_to_install_it(self, dev):
        bare = os.path.dirname(shutil.which("true"))
        source = "import boto3\ndef handler(e, c):\n    pass"
        # The interpreter of the system, which has no boto3.
        if not os.path.exists(f"{bare}/python3"):
            pytest.skip("there is no python3 of the system")
        app = dev(functions(Main=python(source)), env={"PATH": bare})
        error = invoke(app, "Main")["Payload"]
        assert error["errorType"] == "Runtime.ImportModuleError"
        assert "pip install boto3" in error["errorMessage"] + app.stdout + app.stderr


def test_processes_that_are_not_needed_after_all_keep_no_place(dev, connect):
    """A process that answered takes a moment until it asks for its next event. A message that comes
    in that moment begins another start, whose place is free again once the first takes the message."""
    app = dev(
        websocket_app(
            {"$default": Function("Main", two_way=True)},
            functions={"Main": node("exports.handler = async () => ({ body: 'done' });")},
        ),
        env={"GATEPOST_FUNCTIONS__MAX_PROCESSES": "11"},
    )

    def talk(client):
        for _ in range(40):
            client.send("go")
            if (reply := client.recv(timeout=15)) != "done":
                return reply
        return "done"

    clients = [connect(app.url()) for _ in range(10)]
    with ThreadPoolExecutor(10) as threads:
        assert set(threads.map(talk, clients)) == {"done"}
