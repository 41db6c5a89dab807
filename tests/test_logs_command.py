"""`gatepost logs`: all logs in one, of a running app and of a stopped one."""

import json
import re
import subprocess
import threading

import pytest
from support.environment import BINARY
from support.logs import group_of, logged
from support.poll import until
from support.talk import connection_id, recording_app, say

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def command(app, *arguments):
    store = app.folder / ".gatepost" / "store.sqlite"
    return [str(BINARY), "logs", *arguments, "--store", str(store)]


def logs(app, *arguments):
    """What is printed, as lines."""
    done = subprocess.run(command(app, *arguments), text=True, capture_output=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def objects(app, *arguments):
    return [json.loads(line) for line in logs(app, "--json", *arguments)]


@pytest.fixture(scope="module")
def app(module_dev):
    rows = {
        "DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:rows",
        "Format": "$context.requestId $context.connectionId $context.status",
    }
    return module_dev(recording_app(stage_properties={"AccessLogSettings": rows}))


@pytest.fixture(scope="module")
def two(app):
    """Two connections; the second one's last message failed."""
    from websockets.sync.client import connect

    ids = []
    for nth in range(2):
        with connect(app.url(), ping_interval=None, compression=None, proxy=None) as client:
            ids.append(connection_id(client))
            say(client, "one", **({"raise": "no good"} if nth else {}))
            if nth:
                client.recv(timeout=10)
        logged(app, ids[-1], "disconnected from API")
    until(lambda: sum("no good" in line for line in logs(app)) >= 2, "the function's own line")
    return ids


def test_lines_of_all_groups_come_in_the_order_of_time(app, two):
    found = objects(app)
    groups = {line["logGroup"] for line in found}
    assert groups == {group_of(app), f"/aws/lambda/{app.function('Main')}", "rows"}
    times = [line["timestamp"] for line in found]
    assert times == sorted(times)
    assert {line["version"] for line in found} == {1}
    assert all(
        line.keys()
        == {
            "version", "timestamp", "logGroup", "logStream", "level", "requestId",
            "connectionId", "message",
        }  # fmt: skip
        for line in found
    )


def test_people_read_time_group_and_message_on_one_line(app, two):
    name, stage = app.function("Main"), f"{app.api()['apiId']}/prod"
    found = logs(app)
    assert all(re.fullmatch(rf"{TIME} (\S+) .*", line) for line in found)
    assert any(re.fullmatch(rf"{TIME} {name} START RequestId: .*", line) for line in found)
    assert any(re.fullmatch(rf"{TIME} {stage} \(\S+\) Starting execution.*", x) for x in found)
    # The traceback of a function stays on its line.
    [error] = [line for line in found if "[ERROR] Exception: no good" in line]
    assert "\\nTraceback" in error
    assert "\x1b" not in "".join(found), "colour is for screens"


def test_a_group_or_the_beginning_of_several_picks(app, two):
    whole = objects(app)
    of_group = [line for line in whole if line["logGroup"] == group_of(app)]
    assert objects(app, group_of(app)) == of_group
    of_aws = [line for line in whole if line["logGroup"].startswith("/aws/")]
    assert objects(app, "/aws/") == of_aws
    assert objects(app, "/nobody") == []


@pytest.mark.parametrize("by", ["Main", None])
def test_a_function_is_picked_by_its_name_or_logical_id(app, two, by):
    found = objects(app, "--function", by or app.function("Main"))
    assert {line["logGroup"] for line in found} == {f"/aws/lambda/{app.function('Main')}"}
    assert objects(app, "--function", "ain") == []


def test_a_connection_has_its_requests_and_its_rows(app, two):
    found = objects(app, "--connection", two[0])
    assert {line["connectionId"] for line in found if line["requestId"]} == {two[0]}
    routes = [m[1] for line in found if (m := re.search(r"Route: \[(.*)\]", line["message"]))]
    assert routes == ["$connect", "whoami", "one", "$disconnect"]
    assert [line["message"].split()[1] for line in found if line["logGroup"] == "rows"] == [two[0]] * 4
    assert two[1] not in json.dumps(found)


def test_a_level_leaves_out_what_is_less_grave(app, two):
    found = [line["message"] for line in objects(app, "--level", "error")]
    assert len(found) == 2
    assert "Lambda execution failed with status 200 due to customer function error: no good" in "".join(found)
    assert any(message.startswith("[ERROR] Exception: no good") for message in found)


def test_since_bounds_the_time(app, two):
    assert objects(app, "--since", "1h") == objects(app)
    assert objects(app, "--since", "1ms") == []


def test_a_follower_sees_what_is_written_from_then_on(app, two, connect):
    arguments = command(app, "--json", "--follow", group_of(app))
    follower = subprocess.Popen(arguments, text=True, stdout=subprocess.PIPE)
    seen = []
    reader = threading.Thread(
        target=lambda: seen.extend(json.loads(line) for line in follower.stdout), daemon=True
    )
    reader.start()
    try:
        # What was there before: it is reading.
        until(lambda: list(seen), "the follower's first line")
        client = connect(app.url())
        own = connection_id(client)
        client.close(4321, "enough")

        def everything():
            mine = [line for line in list(seen) if line["connectionId"] == own]
            whole = [line for line in objects(app, group_of(app)) if line["connectionId"] == own]
            ended = any("[4321: enough]" in line["message"] for line in whole)
            return ended and mine == whole

        until(everything, "each line of the connection, once and in order")
    finally:
        follower.terminate()
        follower.wait(10)


def test_the_logs_of_a_stopped_app_are_read(dev, connect):
    app = dev(recording_app())
    own = connection_id(connect(app.url()))
    logged(app, own, "WebSocket Request Route: [whoami]")
    app.stop()
    assert any(own in line for line in logs(app))


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["--store", "/nowhere/store.sqlite"], "there is no store /nowhere/store.sqlite"),
        (["--connection", "nope"], "nope is no connection id: it is not the shape"),
        (["--since", "soon"], "--since takes a time such as 10m or 2h, not soon"),
    ],
)
def test_what_cannot_be_read_is_said(arguments, text):
    done = subprocess.run([str(BINARY), "logs", *arguments], text=True, capture_output=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("gatepost: ")
    assert text in done.stderr
