"""`gatepost why ID` from logs alone, as a team on AWS has them: read from CloudWatch Logs, or from what
a tool printed. Lines that AWS does not write are taken out, so that only AWS's own tell."""

import gzip
import json
import subprocess
from datetime import UTC, datetime

import pytest
from support.environment import BINARY as GATEPOST
from support.logs import events, group_of
from support.poll import until
from support.talk import asking, connection_id, recording_app, say
from support.wire import BINARY, TEXT, frame
from test_why import ENDS, explained, refused, run

ACCESS = "/chat/access"
FORMAT = json.dumps(
    {
        name: f"$context.{name}"
        for name in (
            "requestId",
            "eventType",
            "routeKey",
            "connectionId",
            "status",
            "error.responseType",
            "identity.sourceIp",
        )
    }
)


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(
        recording_app(
            stage_properties={
                "AccessLogSettings": {
                    "DestinationArn": {"Fn::GetAtt": ["Rows", "Arn"]},
                    "Format": FORMAT,
                }
            },
            resources={
                "Rows": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": ACCESS}}
            },
        )
    )


def groups(app):
    return [group_of(app), ACCESS, f"/aws/lambda/{app.function('Main')}"]


def awss(app, group):
    """The events of a group that AWS would have written too."""
    return [e for e in events(app, group) if "for client [Connection Id: " not in e["message"]]


def why(arguments, folder, env=None, given=None):
    done = subprocess.run(
        [GATEPOST, "why", *map(str, arguments), "--json"],
        cwd=folder,
        env=env,
        input=given,
        stdin=None if given is not None else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode in (0, 1), done
    return json.loads(done.stdout)


def by_files(app, own, tmp_path):
    """What is said from the JSON that `aws logs filter-log-events` prints of each group."""
    files = []
    for number, group in enumerate(groups(app)):
        place = tmp_path / f"{number}.json"
        place.write_text(json.dumps({"events": awss(app, group), "searchedLogStreams": []}))
        files.append(place)
    return why([own, "--log-file", *files], tmp_path)


def by_cloudwatch(app, own, tmp_path):
    env = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}
    endpoint = ["--endpoint-url", f"http://localhost:{app.port}"]
    return why([own, *endpoint, "--cloudwatch", *groups(app)], tmp_path, env)


READERS = {"files": by_files, "CloudWatch": by_cloudwatch}


def is_logged(app, own):
    """Waits until the end of a connection is in the execution log."""
    until(
        lambda: any(
            own in e["message"] and "disconnected from API" in e["message"]
            for e in events(app, group_of(app))
        ),
        f"the end of {own} in the log",
    )


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("reason", ENDS)
def test_the_logs_alone_tell_what_the_store_tells(
    app, raw_socket, connect, tmp_path, reason, reader
):
    own = ENDS[reason](app, raw_socket, connect)
    request_id = refused(app, own)
    explained(app, own, reason)
    is_logged(app, own)
    until(lambda: any(request_id in e["message"] for e in awss(app, ACCESS)), "the row of the call")
    said = READERS[reader](app, own, tmp_path)
    assert (said["found"], said["reason"]) == (True, reason)
    assert said["certainty"] in ("certain", "likely")
    assert said["apiId"] == app.api()["apiId"] and said["stage"] == "prod"
    told = [event["event"] for event in said["timeline"]]
    assert told[:3] == ["handshake", "established", "last-message"]
    assert {"ended", "disconnect", "refused-call"} <= set(told)
    [call] = [e["text"] for e in said["timeline"] if request_id in e["text"]]
    assert call.startswith("PostToConnection by 127.0.0.1 was answered 410")
    # The call's own request id leads there too.
    by_call = READERS[reader](app, request_id, tmp_path)
    assert (by_call["connectionId"], by_call["reason"]) == (own, reason)


@pytest.mark.parametrize("reader", READERS)
def test_a_post_from_connect_is_told_from_the_logs(app, connect, tmp_path, reader):
    own = connection_id(connect(asking(app.url(), post="early")))
    explained(app, own, "not-established")

    def said():
        return READERS[reader](app, own, tmp_path)

    until(lambda: said()["reason"] == "not-established", "the row of the early post")
    assert said()["certainty"] in ("certain", "likely")


@pytest.mark.parametrize("reader", READERS)
def test_a_failed_message_is_told_with_the_functions_own_lines(app, connect, tmp_path, reader):
    client = connect(app.url())
    own = connection_id(client)
    say(client, "one", **{"raise": "no good"})
    error = json.loads(client.recv(timeout=10))

    def said():
        return READERS[reader](app, error["requestId"], tmp_path)

    def is_reported():
        function = said()["request"] and said()["request"]["function"]
        return function and function["lines"][-1]["text"].startswith("REPORT")

    until(is_reported, "the function's report")
    found = said()
    assert (found["connectionId"], found["reason"]) == (own, "integration-failure")
    assert "customer function error: no good" in found["verdict"]
    texts = [line["text"] for line in found["request"]["function"]["lines"]]
    assert any("[ERROR] Exception: no good" in text for text in texts)


@pytest.mark.parametrize("reader", READERS)
def test_a_messages_request_leads_to_the_end_of_its_connection(
    app, raw_socket, connect, tmp_path, reader
):
    own = ENDS["closed-by-client"](app, raw_socket, connect)
    is_logged(app, own)
    [received] = [
        e["message"]
        for e in events(app, group_of(app))
        if own in e["message"] and "received message from client" in e["message"]
    ]
    said = READERS[reader](app, received[1:].split(")")[0], tmp_path)
    assert (said["connectionId"], said["reason"]) == (own, "closed-by-client")
    assert said["verdict"].startswith("nothing went wrong in this request; ")


@pytest.mark.parametrize("option", ["--since", "--region", "--profile", "--endpoint-url"])
def test_what_only_cloudwatch_heeds_is_refused_without_it(tmp_path, option):
    for more in ([], ["--log-file", "/dev/null"]):
        done = run(tmp_path, "EP5yqFByIAMElXw=", option, "1d", *more)
        assert done.returncode == 2 and "--cloudwatch" in done.stderr


def test_a_refused_handshake_is_told_from_the_logs(app, raw_socket, tmp_path):
    refusal = raw_socket(app).upgrade(asking("/prod", **{"raise": "no"})).json()
    own = refusal["connectionId"]
    explained(app, own, "integration-failure")
    until(lambda: any(own in e["message"] for e in awss(app, ACCESS)), "the row of the handshake")
    said = by_files(app, own, tmp_path)
    assert (said["reason"], said["certainty"]) == ("integration-failure", "certain")
    assert "customer function error: no" in said["verdict"]


def printed_by(tool, found):
    """How a tool prints events."""
    stamp = [datetime.fromtimestamp(e["timestamp"] / 1000, UTC) for e in found]
    if tool == "tail":
        lines = [
            f"{at.isoformat(timespec='microseconds')} {e['logStreamName']} {e['message']}"
            for at, e in zip(stamp, found, strict=True)
        ]
        return "\n".join(lines) + "\n"
    if tool == "text":
        rows = [
            f"EVENTS\t{e['eventId']}\t{e['ingestionTime']}\t{e['logStreamName']}\t{e['message']}"
            f"\t{e['timestamp']}"
            for e in found
        ]
        return "\n".join(rows) + "\n"
    if tool == "export":
        lines = [
            f"{at.strftime('%Y-%m-%dT%H:%M:%S')}.{at.microsecond // 1000:03}Z {e['message']}\n"
            for at, e in zip(stamp, found, strict=True)
        ]
        return "".join(lines)
    results = [
        [
            {"field": "@timestamp", "value": at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]},
            {"field": "@message", "value": e["message"]},
            {"field": "@ptr", "value": "x"},
        ]
        for at, e in zip(stamp, found, strict=True)
    ]
    return json.dumps({"results": results, "status": "Complete"})


@pytest.mark.parametrize("tool", ["tail", "text", "export", "export, packed", "insights"])
def test_whatever_tool_printed_the_logs_they_are_read(app, raw_socket, connect, tmp_path, tool):
    own = ENDS["closed-by-client"](app, raw_socket, connect)
    is_logged(app, own)
    text = printed_by(tool.split(",")[0], awss(app, group_of(app)))
    place = tmp_path / "log"
    if tool.endswith("packed"):
        place.write_bytes(gzip.compress(text.encode()))
    else:
        place.write_text(text)
    said = why([own, "--log-file", place], tmp_path)
    assert (said["reason"], said["certainty"]) == ("closed-by-client", "certain")
    assert said["verdict"] == 'the connection was closed by the client (code 4001, "bye")'
    assert said["timeline"][0]["event"] == "handshake"


def test_where_the_logs_cannot_tell_the_setting_is_named(app, raw_socket, connect, tmp_path):
    own = ENDS["closed-by-client"](app, raw_socket, connect)
    request_id = refused(app, own)
    until(lambda: any(request_id in e["message"] for e in awss(app, ACCESS)), "the row of the call")
    rows = json.dumps({"events": awss(app, ACCESS)})
    said = why([own, "--log-file", "-"], tmp_path, given=rows)
    settings = " ".join(said["toBeSurer"])
    assert "loggingLevel INFO" in settings and "/aws/lambda/" in settings
    text = run(tmp_path, own, "--log-file", "/dev/null").stdout
    assert "Verdict (unknown, unknown): these logs do not name this id." in text
    assert "To be surer:\n- read the execution log" in text


def test_a_group_that_is_not_there_is_named(app, tmp_path):
    env = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    command = [GATEPOST, "why", "EP5yqFByIAMElXw=", "--cloudwatch", "/none", "--endpoint-url"]
    done = subprocess.run(
        [*command, f"http://localhost:{app.port}"],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "/none: CloudWatch Logs answered 400: The specified log group does not exist." in (
        done.stderr
    )
    for missing in ({"AWS_REGION": ""}, {"AWS_ACCESS_KEY_ID": "", "HOME": str(tmp_path)}):
        done = subprocess.run(command[:-1], env=env | missing, capture_output=True, text=True)
        assert done.returncode == 2 and ("--region" in done.stderr or "--profile" in done.stderr)


def test_a_file_of_frames_is_none_of_logs(tmp_path):
    """What is no log says that it names nothing; it is not taken for one."""
    place = tmp_path / "x"
    place.write_bytes(frame(BINARY, b"x") + frame(TEXT, b"y"))
    said = why(["EP5yqFByIAMElXw=", "--log-file", place], tmp_path)
    assert (said["found"], said["reason"]) == (False, "unknown")
