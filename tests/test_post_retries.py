"""An SDK whose answer is lost makes its call again; the client hears the post once."""

from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config
from support.clients import javascript_sdk
from support.lossy import LossyProxy
from support.talk import asking, connection_id, recording_app, silent_app
from support.wire import request, upgrade


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(silent_app())


@pytest.fixture
def lossy(app):
    """The endpoint of a proxy that loses the first answer, and the proxy."""
    proxy = LossyProxy(app.port, losses=1)
    yield f"http://127.0.0.1:{proxy.port}/prod", proxy
    proxy.stop()


def boto3_that_retries(endpoint, own, data):
    """boto3 in its standard mode."""
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
    )
    client.post_to_connection(ConnectionId=own, Data=data)
    return {}


def javascript_that_retries(endpoint, own, data):
    """The SDK for JavaScript with as many attempts as it makes by default."""
    return javascript_sdk(endpoint, own, "post", data, attempts=3)


@pytest.mark.parametrize("sdk", [boto3_that_retries, javascript_that_retries])
def test_a_post_whose_answer_was_lost_arrives_once(app, connect, lossy, sdk):
    endpoint, proxy = lossy
    client = connect(app.url())
    own = connection_id(client)
    assert sdk(endpoint, own, "once") == {}
    assert proxy.lost == 1
    app.client().post_to_connection(ConnectionId=own, Data=b"next")
    assert [client.recv(timeout=10), client.recv(timeout=10)] == ["once", "next"]


def attempt(app, own, body, number, invocation="0d6c2b1e-aaaa-4bbb-8ccc-0123456789ab"):
    """The status of one attempt of a call, as SDKs write it."""
    headers = [
        ("amz-sdk-invocation-id", invocation),
        ("amz-sdk-request", f"attempt={number}; max=3"),
    ]
    path = f"/prod/@connections/{own.replace('=', '%3D')}"
    return request(app.port, "POST", path, body, headers).status


def test_only_a_second_attempt_of_the_same_call_is_not_sent(app, connect):
    client, other = connect(app.url()), connect(app.url())
    own, others = connection_id(client), connection_id(other)
    said = [
        attempt(app, own, b"a", 1),
        attempt(app, own, b"a", 2),
        attempt(app, own, b"b", 1, "another"),
        # A caller that repeats its id with a first attempt means another post.
        attempt(app, own, b"a", 1),
        # One that did not get through at first.
        attempt(app, own, b"c", 2, "late"),
        attempt(app, others, b"a", 2),
    ]
    assert said == [200] * 6
    assert [client.recv(timeout=10) for _ in range(4)] == ["a", "b", "a", "c"]
    assert other.recv(timeout=10) == "a"


def test_a_first_attempt_is_overtaken_by_its_retry_once(app, connect):
    client = connect(app.url())
    own = connection_id(client)
    said = [
        attempt(app, own, b"a", 2),
        # The attempt that was overtaken.
        attempt(app, own, b"-", 1),
        attempt(app, own, b"-", 3),
        # A caller that gives all its calls one id.
        attempt(app, own, b"b", 1),
        attempt(app, own, b"c", 1),
    ]
    assert said == [200] * 5
    assert [client.recv(timeout=10) for _ in range(3)] == ["a", "b", "c"]


def test_a_second_attempt_for_a_connection_that_has_gone_is_410(app, connect):
    client = connect(app.url())
    own = connection_id(client)
    assert attempt(app, own, b"a", 1) == 200
    app.client().delete_connection(ConnectionId=own)
    assert attempt(app, own, b"a", 2) == 410


def test_a_second_attempt_of_a_post_that_was_held_is_not_sent(dev, raw_socket):
    app = dev(recording_app(), config='[extensions.stages."Api/prod"]\nhold_posts = "20s"')
    client = raw_socket(app)
    client.send(upgrade(asking("/prod", sleep=1), f"localhost:{app.port}"))
    own = app.recorded("CONNECT")[0]["requestContext"]["connectionId"]
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(attempt, app, own, b"once", 1)
        assert client.read_response().status == 101
        assert held.result() == 200
    assert attempt(app, own, b"once", 2) == 200
    assert attempt(app, own, b"next", 1, "another") == 200
    assert [client.read_message() for _ in range(2)] == ["once", "next"]
