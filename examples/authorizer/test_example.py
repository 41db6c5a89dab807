"""The authorizer decides who connects, and what it says reaches every message."""

import hashlib
import hmac
import json

import pytest
from websockets.exceptions import InvalidStatus

SECRET = "only-for-trying-it-out"


def token(name, secret=SECRET):
    signature = hmac.new(secret.encode(), name.encode(), hashlib.sha256)
    return f"{name}.{signature.hexdigest()}"


@pytest.fixture
def members(dev, example):
    return dev(example / "template.yaml")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("ann", {"principalId": "ann", "fullName": "Ann Adams", "admin": True}),
        ("ben", {"principalId": "ben", "fullName": "Ben Brown", "admin": False}),
    ],
)
def test_what_the_authorizer_says_reaches_every_message(members, connect, name, answer):
    client = connect(f"{members.url()}?token={token(name)}")
    for _ in range(2):
        client.send('{"action": "whoami"}')
        assert json.loads(client.recv(timeout=10)) == answer


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("", 401, "Unauthorized"),
        ("?token=", 401, "Unauthorized"),
        ("?token=ann.wrong", 401, "Unauthorized"),
        (f"?token={token('ann', 'stolen')}", 401, "Unauthorized"),
        (
            f"?token={token('eve')}",
            403,
            "User is not authorized to access this resource with an explicit deny"
            " in an identity-based policy",
        ),
    ],
    ids=["no token", "empty", "not signed", "wrong secret", "denied"],
)
def test_everyone_else_is_refused(members, connect, query, status, message):
    with pytest.raises(InvalidStatus) as refused:
        connect(members.url() + query)
    response = refused.value.response
    assert response.status_code == status
    assert json.loads(response.body)["message"] == message


def test_the_secret_is_a_parameter(dev, example, connect):
    members = dev(example / "template.yaml", parameter="TokenSecret=another")
    client = connect(f"{members.url()}?token={token('ann', 'another')}")
    client.send('{"action": "whoami"}')
    assert json.loads(client.recv(timeout=10))["principalId"] == "ann"
