"""What AWS does not have: switches in `[extensions]`, for all stages or for single ones."""

import pytest
from support.talk import connection_id, silent_app
from support.template import Mock, together, websocket_app
from support.wire import CLOSE, TEXT, frame


def two_stages(**properties):
    """The silent app, served by the stages `prod` and `test`."""
    second = {
        "TestStage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {
                "ApiId": {"Ref": "Api"},
                "StageName": "test",
                "DeploymentId": {"Ref": "ApiDeployment"},
            },
        }
    }
    return silent_app(resources=second, **properties)


@pytest.mark.parametrize("name", ["Api", "api"], ids=["logical id", "name"])
def test_a_section_for_a_stage_changes_that_stage_only(dev, connect, name):
    config = f'[extensions.stages."{name}/test"]\npermessage_deflate = true'
    app = dev(two_stages(), config=config)
    plain = connect(app.url("prod"), compression="deflate")
    assert "sec-websocket-extensions" not in plain.response.headers
    compressed = connect(app.url("test"), compression="deflate")
    assert "permessage-deflate" in compressed.response.headers["sec-websocket-extensions"]
    assert connection_id(compressed)


def test_a_stage_may_switch_off_what_all_others_have(dev, connect):
    config = """
        [extensions]
        permessage_deflate = true
        [extensions.stages."Api/test"]
        permessage_deflate = false
        """
    app = dev(two_stages(), config=config)
    assert "sec-websocket-extensions" in connect(
        app.url("prod"), compression="deflate"
    ).response.headers
    assert "sec-websocket-extensions" not in connect(
        app.url("test"), compression="deflate"
    ).response.headers


def test_a_section_of_no_stage_is_refused_at_start(dev):
    config = '[limits]\n[extensions.stages."Api/tset"]\npermessage_deflate = true'
    refused = dev.refused(two_stages(), config=config)
    assert refused.status == 1
    assert refused.stderr.endswith(
        "gatepost.toml:2: extensions.stages: there is no stage Api/tset; did you mean Api/test?"
    )


LONGER = """
    [limits]
    idle_timeout = "1500ms"
    [extensions.stages."Api/test"]
    idle_timeout = "1h"
    max_message_bytes = "1MiB"
    max_frame_bytes = "1MiB"
    """


@pytest.fixture(scope="module")
def larger(module_dev):
    """`prod` has a short idle timeout and AWS's sizes, `test` a long one and greater sizes."""
    app = two_stages()
    echo = websocket_app({"$default": Mock("$input.body")}, api="Echo", stage="other")
    return module_dev(together(app, echo), config=LONGER)


def test_a_stage_closes_idle_connections_at_its_own_time(larger, raw_socket):
    long = raw_socket(larger)
    assert long.upgrade(larger.path("test", api="Api")).status == 101
    short = raw_socket(larger)
    assert short.upgrade(larger.path("prod", api="Api")).status == 101
    closing = short.read_frame()
    assert (closing.opcode, closing.payload) == (CLOSE, b"\x03\xe9Going away")
    long.send(frame(0x9, b"still there?"))
    assert long.read_frame().payload == b"still there?"


@pytest.mark.parametrize("size, is_refused", [(300_000, False), (1_048_577, True)])
def test_a_stage_takes_messages_of_its_own_size(larger, raw_socket, size, is_refused):
    raw = raw_socket(larger)
    assert raw.upgrade(larger.path("test", api="Api")).status == 101
    raw.send(frame(TEXT, b"x" * size) + frame(0x9, b"here"))
    answer = raw.read_frame()
    if is_refused:
        assert answer.close() == (1009, "Message too big")
    else:
        assert answer.payload == b"here"


def test_a_post_may_be_as_long_as_the_stage_takes_that_it_goes_through(larger, connect):
    own = connection_id(client := connect(larger.url("test", api="Api")))
    large = b"x" * 300_000
    larger.client("test", api="Api").post_to_connection(ConnectionId=own, Data=large)
    assert client.recv(timeout=10) == large.decode()
    small = larger.client("prod", api="Api")
    with pytest.raises(small.exceptions.ClientError) as refused:
        small.post_to_connection(ConnectionId=own, Data=large)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_the_other_stages_keep_aws_s_sizes(larger, raw_socket):
    raw = raw_socket(larger)
    assert raw.upgrade(larger.path("prod", api="Api")).status == 101
    raw.send(frame(TEXT, b"x" * 32_769))
    assert raw.read_frame().close() == (1009, "Message too big")
