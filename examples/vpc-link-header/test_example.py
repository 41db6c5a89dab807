"""A private server is reached through a VPC link, and told who calls by headers."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest
from websockets.exceptions import InvalidStatus

HOST = "private-0123456789abcdef.elb.us-east-1.amazonaws.com"


@pytest.fixture
def notices(dev, example):
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    link = {"GATEPOST_INTEGRATIONS__VPC_LINKS": f"NlbLink=http://localhost:{port}"}
    app = dev(example / "template.yaml", env=link)

    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": app.callback_url(),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    server = subprocess.Popen([sys.executable, example / "server.py", str(port)], env=environment)
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


def test_the_server_knows_connection_and_token_and_posts_back(notices, connect):
    ann = connect(notices.url() + "?token=ann-1")
    ben = connect(notices.url() + "?token=ben-2")
    send(ann, action="notice", token="ann-1", text="the door is open")
    assert receive(ann) == {"sent": "the door is open", "host": HOST}
    assert receive(ben) == {"from": "Ann", "text": "the door is open"}

    send(ann, action="notice", token="forged", text="the door is shut")
    assert receive(ann) == {"error": "Show a token that I know."}


def test_the_server_refuses_a_handshake_without_a_token(notices, connect):
    with pytest.raises(InvalidStatus) as refused:
        connect(notices.url())
    response = refused.value.response
    assert response.status_code == 403
    assert response.body == b'{"error": "Show a token that I know."}'


def test_the_configuration_beside_the_template_says_where_the_link_leads(dev, example):
    assert dev(example / "template.yaml").ready
    (example / "gatepost.toml").unlink()
    refused = dev.refused(example / "template.yaml")
    assert "the VPC link NlbLink leads nowhere here" in refused.stderr
