"""8.6. Posts for a connection that is being established: 410 as on AWS, or, where a stage has the
switch, held until it is."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.talk import asking, recording_app
from support.template import stage
from support.wire import TEXT, request, upgrade

HOLD = """
    [extensions.stages."Api/test"]
    hold_posts = "20s"
    [extensions.stages."Api/brief"]
    hold_posts = "500ms"
    """


@pytest.fixture(scope="module")
def app(module_dev):
    """`prod` is as on AWS, `test` and `brief` hold posts. `$connect` takes as long as it is asked."""
    resources = {**stage("Api", "test"), **stage("Api", "brief")}
    return module_dev(recording_app(resources=resources), config=HOLD)


class Handshake:
    """A handshake whose `$connect` route runs."""

    def __init__(self, app, raw, name, **asked):
        self.app, self.raw, self.name = app, raw, name
        before = len(app.seen("CONNECT"))
        raw.send(upgrade(asking(f"/{name}", **asked), f"localhost:{app.port}"))
        event = app.recorded("CONNECT", count=before + 1)[before]
        self.connection_id = event["requestContext"]["connectionId"]

    def call(self, method="POST", body=b"", name=None):
        path = f"/{name or self.name}/@connections/{self.connection_id.replace('=', '%3D')}"
        return request(self.app.port, method, path, body)


@pytest.fixture
def handshake(app, raw_socket):
    return lambda name, **asked: Handshake(app, raw_socket(app), name, **asked)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(16) as threads:
        yield threads


def test_a_post_during_connect_is_delivered_once_the_client_has_its_101(handshake, pool):
    shaking = handshake("test", sleep=1)
    posts = [pool.submit(shaking.call, body=b"held %d" % number) for number in range(3)]
    assert shaking.raw.read_response().status == 101
    arrived = [shaking.raw.read_message() for _ in posts]
    assert sorted(arrived) == ["held 0", "held 1", "held 2"]
    for post in posts:
        answer = post.result()
        assert (answer.status, answer.body) == (200, b"")
        assert answer.header("x-amzn-errortype") is None


def test_a_post_after_the_101_comes_behind_those_that_were_held(handshake, pool):
    shaking = handshake("test", sleep=1)
    held = pool.submit(shaking.call, body=b"held")
    assert shaking.raw.read_response().status == 101
    assert shaking.call(body=b"later").status == 200
    assert [shaking.raw.read_message() for _ in range(2)] == ["held", "later"]
    assert held.result().status == 200


def test_any_stage_of_the_api_may_post(handshake, pool):
    """The stage that the client connects to decides whether a post is held."""
    shaking = handshake("test", sleep=0.5)
    post = pool.submit(shaking.call, body=b"by prod", name="prod")
    assert shaking.raw.read_response().status == 101
    assert shaking.raw.read_message() == "by prod"
    assert post.result().status == 200


def test_a_post_for_a_refused_handshake_is_410_when_it_is_refused(handshake, pool):
    shaking = handshake("test", sleep=0.5, answer={"statusCode": 403})
    post = pool.submit(shaking.call, body=b"held")
    assert shaking.raw.read_response().status == 403
    answer = post.result()
    assert (answer.status, answer.body) == (410, b"")
    assert answer.header("x-amzn-errortype") == "GoneException"
    assert answer.header("x-gatepost-gone-reason") == "not-established"


def test_a_post_for_a_client_that_leaves_meanwhile_is_410(handshake, pool):
    shaking = handshake("test", sleep=0.5)
    post = pool.submit(shaking.call, body=b"held")
    shaking.raw.close()
    assert post.result().status == 410


def test_a_post_waits_no_longer_than_the_stage_says(handshake):
    shaking = handshake("brief", sleep=2)
    began = time.monotonic()
    answer = shaking.call(body=b"held")
    assert 0.4 <= time.monotonic() - began <= 1.5
    assert answer.status == 410
    assert answer.header("x-gatepost-gone-reason") == "not-established"
    # What was answered 410 is not delivered later.
    assert shaking.raw.read_response().status == 101
    assert shaking.call(body=b"later").status == 200
    assert shaking.raw.read_message() == "later"


@pytest.mark.checklist(168)
def test_connect_that_posts_to_itself_is_410_with_the_switch_too(app, handshake):
    """It waits for a `101` that waits for it: until the time is over."""
    shaking = handshake("brief", post="hello")
    assert shaking.raw.read_response().status == 101
    event = app.recorded("CONNECT", connectionId=shaking.connection_id)[0]
    assert event["posted"] == [410, "not-established"]


def test_only_posts_are_held(handshake):
    shaking = handshake("test", sleep=1)
    began = time.monotonic()
    assert shaking.call("GET").status == 410
    assert shaking.call("DELETE").status == 410
    assert time.monotonic() - began < 0.8
    assert shaking.raw.read_response().status == 101


def test_without_the_switch_a_post_is_410_at_once(handshake):
    shaking = handshake("prod", sleep=1)
    began = time.monotonic()
    answer = shaking.call(body=b"x")
    assert (answer.status, answer.header("x-gatepost-gone-reason")) == (410, "not-established")
    assert time.monotonic() - began < 0.8
    assert shaking.raw.read_response().status == 101


def test_no_more_posts_wait_than_there_is_room_for(dev, raw_socket, pool):
    app = dev(
        recording_app(),
        config='[limits]\nmax_held_posts = 3\n[extensions]\nhold_posts = "20s"',
    )
    shaking = Handshake(app, raw_socket(app), "prod", sleep=1.5)
    ready = threading.Barrier(8)

    def post(number):
        ready.wait()
        return shaking.call(body=b"%d" % number).status

    posts = [pool.submit(post, number) for number in range(8)]
    assert shaking.raw.read_response().status == 101
    statuses = sorted(post.result() for post in posts)
    assert statuses == [200] * 3 + [410] * 5
    frames = [shaking.raw.read_frame() for _ in range(3)]
    assert {frame.opcode for frame in frames} == {TEXT}
