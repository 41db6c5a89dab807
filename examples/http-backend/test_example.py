"""A plain web server is told of every connection and message, and posts back."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest
from websockets.exceptions import InvalidStatus


@pytest.fixture
def jobs(dev, example):
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    app = dev(example / "template.yaml", parameter=f"BackendUrl=http://localhost:{port}")

    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": app.callback_url(),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    server = subprocess.Popen(
        [sys.executable, example / "server.py", str(port)], env=environment
    )
    try:
        wait_until_it_listens(port)
        yield app
    finally:
        server.terminate()
        server.wait(10)


def wait_until_it_listens(port):
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("localhost", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "server.py does not listen"
            time.sleep(0.05)


def send(client, **message):
    client.send(json.dumps(message))


def receive(client):
    return json.loads(client.recv(timeout=10))


def test_a_two_way_route_answers_and_a_finished_job_is_posted(jobs, connect):
    ann = connect(jobs.url() + "?user=Ann")
    send(ann, action="status")
    assert receive(ann) == {"type": "status", "user": "Ann", "running": []}

    send(ann, action="start", job="report")
    assert receive(ann) == {"type": "done", "job": "report"}

    send(ann, action="status")
    assert receive(ann) == {"type": "status", "user": "Ann", "running": []}


def test_each_client_is_told_of_its_own_jobs_only(jobs, connect):
    ann, ben = connect(jobs.url() + "?user=Ann"), connect(jobs.url() + "?user=Ben")
    send(ann, action="start", job="report")
    send(ben, action="start", job="backup")
    assert receive(ann) == {"type": "done", "job": "report"}
    assert receive(ben) == {"type": "done", "job": "backup"}


def test_the_server_refuses_a_handshake_with_its_own_words(jobs, connect):
    with pytest.raises(InvalidStatus) as refused:
        connect(jobs.url())
    response = refused.value.response
    assert response.status_code == 403
    assert response.body == b"Say who you are: connect with ?user=NAME."
