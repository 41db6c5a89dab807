"""The AWS SDKs for Python, JavaScript and Rust, each calling `@connections` in its own way."""

import json
import os
import subprocess

from support.app import aws_client
from support.environment import CLIENTS, NODE_MODULES, ROOT


def boto3_sdk(endpoint, connection_id, operation, data=""):
    """boto3."""
    client = aws_client("apigatewaymanagementapi", endpoint)
    calls = {
        "post": lambda: client.post_to_connection(ConnectionId=connection_id, Data=data.encode()),
        "get": lambda: client.get_connection(ConnectionId=connection_id),
        "delete": lambda: client.delete_connection(ConnectionId=connection_id),
    }
    try:
        result = calls[operation]()
    except client.exceptions.ClientError as error:
        metadata = error.response["ResponseMetadata"]
        is_gone = isinstance(error, client.exceptions.GoneException)
        return {
            "error": "GoneException" if is_gone else None,
            "code": error.response["Error"]["Code"],
            "status": metadata["HTTPStatusCode"],
            "reason": metadata["HTTPHeaders"].get("x-gatepost-gone-reason"),
        }
    return {"sourceIp": result["Identity"]["SourceIp"]} if operation == "get" else {}


def javascript_sdk(
    endpoint, connection_id, operation, data="", key=("test", "test"), attempts=1
):
    """The AWS SDK for JavaScript v3."""
    # A module on stdin finds its packages from the working directory.
    script = (ROOT / "tests" / "js" / "connections.mjs").read_text()
    arguments = ["node", "--input-type=module", "-", endpoint, connection_id, operation, data]
    variables = {
        "AWS_ACCESS_KEY_ID": key[0],
        "AWS_SECRET_ACCESS_KEY": key[1],
        "MAX_ATTEMPTS": str(attempts),
    }
    return _result(
        arguments, input=script, cwd=NODE_MODULES.parent, env={**os.environ, **variables}
    )


def presigned_by_javascript(url, key, seconds=60):
    """A WebSocket URL, presigned by the signer of that SDK."""
    script = (ROOT / "tests" / "js" / "presign.mjs").read_text()
    arguments = ["node", "--input-type=module", "-", url, *key, str(seconds)]
    done = subprocess.run(
        arguments,
        input=script,
        cwd=NODE_MODULES.parent,
        text=True,
        capture_output=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def rust_sdk(endpoint, connection_id, operation, data=""):
    """The AWS SDK for Rust."""
    arguments = [CLIENTS / "rust-sdk-client", endpoint, connection_id, operation, data]
    return _result(arguments)


def _result(arguments, **options):
    done = subprocess.run(arguments, text=True, capture_output=True, timeout=30, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


SDKS = {"boto3": boto3_sdk, "javascript": javascript_sdk, "rust": rust_sdk}
