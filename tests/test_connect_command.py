"""`gatepost connect`: what a browser hides."""

import json
import subprocess

import pytest
from support.environment import BINARY
from support.talk import asking, recording_app


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app())


def connect(*arguments, said=""):
    """Runs the command with `said` as its input, to its end."""
    return subprocess.run(
        [BINARY, "connect", *arguments],
        input=said,
        capture_output=True,
        text=True,
        timeout=30,
    )


def events(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_lines_go_out_and_frames_come_in(app):
    done = connect(app.url(), said='{"action":"two","answer":{"body":"hello"}}\n')
    assert done.returncode == 0, done.stderr
    assert "hello" in done.stdout.splitlines()


def test_a_refused_handshake_is_shown_whole(app):
    refusal = {"statusCode": 403, "body": "not you", "headers": {"X-Why": "because"}}
    done = connect(asking(app.url(), answer=refusal))
    assert done.returncode == 1
    shown = done.stdout + done.stderr
    assert "403" in shown
    assert "x-why: because" in shown.lower()
    assert "not you" in shown


def test_the_close_code_and_reason_are_shown(app):
    done = connect(
        app.url(), "--json", "--wait", "10", said='{"action":"whoami"}\n' + "x" * 40_000 + "\n"
    )
    assert done.returncode == 1
    closed = events(done)[-1]
    assert (closed["event"], closed["code"]) == ("closed", 1009)
    assert closed["reason"] == "Message too big"


def test_headers_and_subprotocols_are_sent_and_the_chosen_one_is_told(app):
    chosen = {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "v2"}}
    done = connect(
        asking(app.url(), answer=chosen), "-H", "X-Mine: 7", "-s", "v1", "-s", "v2", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert "v2" in json.dumps(events(done)[0])
    event = app.recorded("CONNECT")[-1]
    assert event["headers"]["X-Mine"] == "7"
    assert event["headers"]["Sec-WebSocket-Protocol"] == "v1, v2"


def test_tls_is_trusted_by_gateposts_own_ca_only_when_named(app):
    url = app.url().replace("ws:", "wss:")
    assert connect(url).returncode == 1
    assert connect(url, "--ca", app.ready["caBundle"]).returncode == 0
    assert connect(url, "--insecure").returncode == 0


@pytest.mark.parametrize("url", ["ftp://localhost:1/x", "nonsense", "ws://"])
def test_what_is_no_websocket_url_is_a_usage_error(url):
    done = connect(url)
    assert done.returncode == 2
    assert "ws://" in done.stderr


def test_nobody_there_is_said_with_the_address():
    done = connect("ws://127.0.0.1:1/prod")
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr
