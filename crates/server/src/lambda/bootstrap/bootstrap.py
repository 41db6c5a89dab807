"""Runs a Python function against the Lambda Runtime API: with AWS's own client where it is
installed, else with the standard library alone."""

import importlib
import importlib.util
import json
import logging
import os
import runpy
import sys
import time
import traceback
from http.client import HTTPConnection
from types import SimpleNamespace

RUNTIME = "/2018-06-01/runtime"
current_request_id = ""


class InitError(Exception):
    def __init__(self, error_type, message, trace=()):
        super().__init__(message)
        self.error_type = error_type
        self.trace = list(trace)


class Context:
    """The second argument of a handler."""

    def __init__(self, headers):
        get = headers.get
        self.aws_request_id = get("Lambda-Runtime-Aws-Request-Id")
        self.invoked_function_arn = get("Lambda-Runtime-Invoked-Function-Arn")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = SimpleNamespace(
            cognito_identity_id=None, cognito_identity_pool_id=None
        )
        self.client_context = client_context(get("Lambda-Runtime-Client-Context"))
        self._deadline_ms = int(get("Lambda-Runtime-Deadline-Ms", "0"))

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))


def client_context(header):
    if not header:
        return None
    known = json.loads(header)
    client = known.get("client")
    return SimpleNamespace(
        custom=known.get("custom"),
        env=known.get("env"),
        client=SimpleNamespace(**client) if isinstance(client, dict) else None,
    )


class RequestIdFilter(logging.Filter):
    def filter(self, record):
        record.aws_request_id = current_request_id
        return True


def set_up_logging():
    logging.Formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s",
            "%Y-%m-%dT%H:%M:%S",
        )
    )
    handler.addFilter(RequestIdFilter())
    logging.getLogger().addHandler(handler)


def load_handler(name):
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise InitError(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)",
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise InitError(
            "Runtime.ImportModuleError",
            f"Unable to import module '{module_name}': {error}",
        ) from error
    except SyntaxError as error:
        line = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        raise InitError(
            "Runtime.UserCodeSyntaxError",
            f"Syntax error in module '{module_name}': {error}",
            [line],
        ) from error
    try:
        return getattr(module, function_name)
    except AttributeError as error:
        raise InitError(
            "Runtime.HandlerNotFound",
            f"Handler '{function_name}' missing on module '{module_name}'",
        ) from error


def describe(error, request_id=""):
    """Lambda's error document. Frames of this file are not the user's."""
    if isinstance(error, InitError):
        error_type, trace = error.error_type, error.trace
    else:
        error_type = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)
        ours = ("<frozen importlib", __file__)
        first = next(
            (i for i, frame in enumerate(frames) if not frame.filename.startswith(ours)),
            len(frames),
        )
        trace = traceback.format_list(frames[first:])
    return {
        "errorMessage": str(error),
        "errorType": error_type,
        "requestId": request_id,
        "stackTrace": trace,
    }


def log_error(document):
    lines = [f"[ERROR] {document['errorType']}: {document['errorMessage']}"]
    lines.append("Traceback (most recent call last):")
    for entry in document["stackTrace"]:
        for line in entry.splitlines():
            text = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(text)) + text)
    # One log event: its line breaks are carriage returns.
    sys.stdout.write("\r".join(lines) + "\n")


def to_json(value):
    def other(item):
        if type(item).__name__ == "Decimal":
            return float(item)
        raise TypeError(
            f"Object of type {type(item).__name__} is not JSON serializable"
        )

    return json.dumps(value, ensure_ascii=False, default=other).encode()


class RuntimeApi:
    def __init__(self, address):
        self.connection = HTTPConnection(address)

    def call(self, method, path, body=None, headers=None):
        self.connection.request(method, RUNTIME + path, body, headers or {})
        response = self.connection.getresponse()
        return response, response.read()

    def post_error(self, path, document):
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Function-Error-Type": document["errorType"],
        }
        self.call("POST", path, to_json(document), headers)


def serve(api, handler):
    global current_request_id
    while True:
        response, body = api.call("GET", "/invocation/next")
        if response.status != 200:
            sys.exit(1)
        current_request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
        trace_id = response.headers.get("Lambda-Runtime-Trace-Id")
        if trace_id:
            os.environ["_X_AMZN_TRACE_ID"] = trace_id
        path = f"/invocation/{current_request_id}"
        try:
            event = json.loads(body)
            result = handler(event, Context(response.headers))
            try:
                payload = to_json(result)
            except Exception as error:
                raise InitError(
                    "Runtime.MarshalError", f"Unable to marshal response: {error}"
                ) from error
        except Exception as error:
            document = describe(error, current_request_id)
            log_error(document)
            api.post_error(f"{path}/error", document)
        else:
            api.call(
                "POST",
                f"{path}/response",
                payload,
                {"Content-Type": "application/json"},
            )


def run(handler_name):
    set_up_logging()
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load_handler(handler_name)
    except Exception as error:
        document = describe(error)
        log_error(document)
        api.post_error("/init/error", document)
        sys.exit(1)
    try:
        serve(api, handler)
    except (ConnectionError, KeyboardInterrupt):
        # The other side is gone; without it there is nothing to do.
        sys.exit(1)


def main():
    # As in Lambda, modules are found from the code's folder and not from this file's.
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    if importlib.util.find_spec("awslambdaric") is not None:
        runpy.run_module("awslambdaric", run_name="__main__")
    else:
        run(sys.argv[1])


if __name__ == "__main__":
    main()
