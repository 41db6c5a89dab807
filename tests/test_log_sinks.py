"""Sinks: stdout, a rotated file, CloudWatch Logs and OTLP get the lines that the store's readers show."""

import contextlib
import json
import re
import signal
import stat
import subprocess
import threading
import time
import urllib.request
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from scenarios.script import CANARIES, secrets
from support.environment import BINARY
from support.fixtures import dedent, write_app
from support.logs import events, group_of, logged
from support.poll import until
from support.talk import asking, connection_id, recording_app, say
from support.template import Mock, python, websocket_app
from websockets.sync.client import connect as websocket_connect

ROWS = "sink-rows"
ACCESS = {
    "stage_properties": {
        "AccessLogSettings": {
            "DestinationArn": {"Fn::GetAtt": ["Rows", "Arn"]},
            "Format": '{"id":"$context.requestId","type":"$context.eventType"}',
        }
    },
    "resources": {"Rows": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": ROWS}}},
}
#: Prints as much as it is asked to.
PRINTS = python(
    dedent(
        """
        import json

        def handler(event, context):
            asked = json.loads(event["body"])
            for number in range(asked["lines"]):
                print(f"{number} " + "x" * asked["length"])
            return {"statusCode": 200}
        """
    )
)


def printing_app():
    return websocket_app({"print": "Prints", "whoami": Mock('"$context.connectionId"')}, {"Prints": PRINTS})


def busy(app, connect):
    """A connection that comes, says something, fails once, prints and goes; all groups that tell of it."""
    client = connect(app.url())
    own = connection_id(client)
    say(client, "one")
    say(client, "two", **{"raise": "no"})
    client.recv(timeout=10)
    app.client().post_to_connection(ConnectionId=own, Data=b"hello")
    client.close()
    app.recorded("DISCONNECT", connectionId=own)
    logged(app, f"Client [Connection Id: {own}] disconnected")
    functions = f"/aws/lambda/{app.function('Main')}"
    # Four invocations: $connect, one, two, $disconnect.
    until(lambda: len(reports(app, functions)) == 4, "each report")
    return [group_of(app), functions, ROWS]


def stored(app, groups, end="\n"):
    """What the readers of the store show, by group and stream; what functions printed with this end."""
    return by_stream(
        (
            group,
            event["logStreamName"],
            event["timestamp"],
            event["message"].removesuffix("\n") + end if "lambda" in group else event["message"],
        )
        for group in groups
        for event in events(app, group)
    )


def by_stream(lines):
    streams = defaultdict(list)
    for group, stream, timestamp, message in lines:
        streams[group, stream].append((timestamp, message))
    # What happens at the same millisecond in two requests has no order.
    return {stream: sorted(found) for stream, found in streams.items()}


def becomes_as_stored(read, app, groups, end="\n"):
    """Waits until the lines are those that the readers of the store show; the last ones come late."""
    same = lambda: read() == stored(app, groups, end)  # noqa: E731
    until(same, "the lines of the store", timeout=20, interval=0.2)
    assert {group for group, _ in read()} == set(groups)


def json_lines(text):
    lines = [json.loads(line) for line in text.splitlines() if '"logGroup"' in line]
    assert {line["version"] for line in lines} <= {1}
    return lines


def as_stored(lines):
    members = ("logGroup", "logStream", "timestamp", "message")
    return by_stream(tuple(line[name] for name in members) for line in lines)


def metric(app, name, sink):
    url = app.ready["httpUrl"] + "/_gatepost/metrics"
    page = urllib.request.urlopen(url, timeout=10).read().decode()
    [value] = re.findall(rf'^{name}{{sink="{sink}"}} (\d+)$', page, re.MULTILINE)
    return int(value)


def test_stdout_and_the_file_get_the_lines_that_the_readers_show(dev, connect):
    config = """
        [logs.stdout]
        enabled = true
        [logs.file]
        enabled = true
        """
    app = dev(recording_app(**ACCESS), config=config)
    groups = busy(app, connect)
    file = app.folder / ".gatepost" / "gatepost.log"

    becomes_as_stored(lambda: as_stored(json_lines(file.read_text())), app, groups, end="")
    becomes_as_stored(lambda: as_stored(json_lines(app.stdout)), app, groups, end="")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {e["event"] for e in app.events() if "logGroup" in e} == {"log-line"}
    # They have the shape of `gatepost logs --json`.
    said = subprocess.run(
        [BINARY, "logs", "--json", "--since", "1h"], cwd=app.folder, capture_output=True, check=True
    )
    key = lambda line: json.dumps(line, sort_keys=True)  # noqa: E731
    shown = [line for line in map(json.loads, said.stdout.splitlines())]
    assert sorted(json_lines(file.read_text()), key=key) == sorted(shown, key=key)
    assert {line["level"] for line in shown} == {"INFO", "ERROR"}


def test_a_sink_gets_what_the_level_of_the_stage_lets_through_and_the_store_may_be_off(dev, connect):
    config = """
        [logs]
        level = "ERROR"
        [logs.store]
        enabled = false
        [logs.file]
        enabled = true
        path = "own.log"
        """
    app = dev(recording_app(), config=config)
    client = connect(app.url())
    say(client, "two", **{"raise": "no"})
    client.recv(timeout=10)
    file = app.folder / "own.log"
    until(lambda: "REPORT RequestId" in file.read_text(), "the function's lines")
    of_stage = until(
        lambda: [it for it in json_lines(file.read_text()) if it["logGroup"] == group_of(app)],
        "the error",
    )
    assert {line["level"] for line in of_stage} == {"ERROR"}
    assert events(app, group_of(app)) == []
    assert events(app, f"/aws/lambda/{app.function('Main')}") == []


def test_files_are_rotated_and_bounded(dev, connect):
    config = """
        [logs.file]
        enabled = true
        path = "logs/app.log"
        max_bytes = "2MiB"
        max_files = 3
        """
    app = dev(printing_app(), files={"logs/.keep": ""}, config=config)
    client = connect(app.url())
    folder = app.folder / "logs"
    # 12 MB, of which 6 MB are kept.
    for _ in range(6):
        say(client, "print", lines=20, length=100_000)
    until(lambda: (folder / "app.log.2").exists(), "the third file", timeout=30)
    functions = f"/aws/lambda/{app.function('Prints')}"
    until(lambda: len(reports(app, functions)) == 6, "all reports", timeout=30)
    until(lambda: metric(app, "gatepost_log_queue_entries", "file") == 0, "nothing that waits")
    files = sorted(path.name for path in folder.glob("app*"))
    assert files == ["app.log", "app.log.1", "app.log.2"]
    lines = []
    for name in reversed(files):
        path = folder / name
        assert path.stat().st_size <= 2 * 1024 * 1024
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        lines += json_lines(path.read_text())
    # Nothing is missing between the files: in each stream the numbers go on.
    printed = defaultdict(list)
    for line in lines:
        if line["message"].endswith("xxx"):
            printed[line["logStream"]].append(int(line["message"].split()[0]))
    for numbers in printed.values():
        assert all(b == (a + 1) % 20 for a, b in zip(numbers, numbers[1:], strict=False)), numbers
    assert sum(map(len, printed.values())) > 40


def reports(app, group):
    return [event for event in events(app, group) if event["message"].startswith("REPORT")]


def test_a_file_that_cannot_be_written_keeps_gatepost_from_starting(dev):
    config = '[logs.file]\nenabled = true\npath = "/nowhere/gatepost.log"'
    refused = dev.refused(printing_app(), config=config)
    assert "[logs.file] /nowhere/gatepost.log: No such file or directory" in refused.stderr
    assert "correct the path, or its rights" in refused.stderr


class Unread:
    """`gatepost serve` whose stdout nobody reads once it is ready."""

    def __init__(self, folder, template):
        write_app(folder, template, {})
        (folder / "gatepost.toml").write_text(
            dedent(
                """
                [server]
                listen = ["127.0.0.1:0"]
                templates = ["template.json"]
                [admin]
                listen = "127.0.0.1:0"
                token = "let-me-in-0123456789"
                [auth]
                mode = "off"
                [logs]
                sink_queue = "1MiB"
                [logs.stdout]
                enabled = true
                """
            )
        )
        self.stderr = []
        self.process = subprocess.Popen(
            [BINARY, "serve", "--json"],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=lambda: self.stderr.extend(self.process.stderr), daemon=True).start()
        self.ready = next(
            event for event in map(json.loads, self.process.stdout) if event["event"] == "ready"
        )

    def metrics(self):
        request = urllib.request.Request(self.ready["adminUrl"] + "/_gatepost/metrics")
        request.add_header("Authorization", "Bearer let-me-in-0123456789")
        return urllib.request.urlopen(request, timeout=10).read().decode()


def test_while_nobody_reads_stdout_serving_goes_on_and_what_is_dropped_is_counted(tmp_path):
    traced = {"DefaultRouteSettings": {"LoggingLevel": "INFO", "DataTraceEnabled": True}}
    template = websocket_app({"echo": Mock("heard")}, stage_properties=traced)
    server = Unread(tmp_path, template)

    def dropped():
        found = re.findall(r'dropped_log_entries_total{sink="stdout"} (\d+)', server.metrics())
        return int(found[0])

    try:
        [stage] = server.ready["apis"][0]["stages"]
        with websocket_connect(stage["url"], ping_interval=None, proxy=None) as client:
            deadline = time.monotonic() + 60
            while dropped() == 0:
                for _ in range(200):
                    say(client, "echo", padding="x" * 1000)
                for _ in range(200):
                    assert client.recv(timeout=10) == "heard"
                assert time.monotonic() < deadline
        # It ends in time, although stdout still takes nothing.
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(20)
        assert server.process.returncode == 0
    finally:
        server.process.kill()
        server.process.wait()


CLOUDWATCH = """
    [logs.cloudwatch]
    enabled = true
    log_group_prefix = "/from/here"
    region = "eu-central-1"
    """


def sent(client, groups, prefix="/from/here"):
    """What is in CloudWatch Logs, as it is in the store."""

    def of(group):
        pages = client.get_paginator("filter_log_events").paginate(logGroupName=prefix + group)
        return [event for page in pages for event in page["events"]]

    with contextlib.suppress(client.exceptions.ResourceNotFoundException):
        return by_stream(
            (group, event["logStreamName"], event["timestamp"], event["message"])
            for group in groups
            for event in of(group)
        )
    return None


def test_cloudwatch_logs_gets_the_lines_signed_in_the_same_groups_and_streams(dev, connect):
    cloud = dev(
        websocket_app({"x": Mock()}, api="Cloud"),
        config="""
            [auth]
            mode = "sigv4"
            [auth.access_keys.AKIAIOSFODNN7EXAMPLE]
            secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
            user = "ann"
            policies = [{Version = "2012-10-17", Statement = [
                {Effect = "Allow", Action = ["logs:*"], Resource = "*"}]}]
            """,
        env={"AWS_REGION": "eu-central-1"},
    )
    key = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    env = {
        "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": cloud.ready["httpUrl"],
        "AWS_ACCESS_KEY_ID": key[0],
        "AWS_SECRET_ACCESS_KEY": key[1],
    }
    app = dev(recording_app(**ACCESS), config=CLOUDWATCH, env=env)
    groups = busy(app, connect)
    client = cloud.aws("logs", key=key, region="eu-central-1")
    becomes_as_stored(lambda: sent(client, groups), app, groups)
    assert metric(app, "gatepost_dropped_log_entries_total", "cloudwatch") == 0


def test_moto_takes_the_lines_too(dev, connect, moto):
    env = {"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": moto.url}
    app = dev(recording_app(**ACCESS), config=CLOUDWATCH.replace("/from/here", "/moto"), env=env)
    groups = busy(app, connect)
    client = moto.client("logs", region="eu-central-1")
    becomes_as_stored(lambda: sent(client, groups, "/moto"), app, groups)


def test_what_is_logged_at_the_end_is_delivered_before_gatepost_ends(dev, connect, moto):
    env = {"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": moto.url}
    config = CLOUDWATCH.replace("/from/here", "/end") + "\n[logs.file]\nenabled = true\n"
    app = dev(recording_app(), config=config, env=env)
    client = connect(app.url())
    own = connection_id(client)
    app.stop()
    text = f"Client [Connection Id: {own}] disconnected"
    assert text in (app.folder / ".gatepost" / "gatepost.log").read_text()
    found = sent(moto.client("logs", region="eu-central-1"), [group_of(app)], "/end")
    assert any(text in message for lines in found.values() for _, message in lines)


class Collector:
    """A server whose answers to POST are those of a list, and from then on the last one: a status and
    a body, or what gives both for the operation that a call of CloudWatch Logs names and its body."""

    def __init__(self, *answers):
        self.requests = []
        self.answers = list(answers)
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.requests.append((self.path, dict(self.headers.items()), body))
                answers = collector.answers
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                status, answer = answer(operation_of(self.headers), body) if callable(answer) else answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def calls(self):
        """The operations of CloudWatch Logs that were called, with their bodies."""
        return [(operation_of(headers), body) for _, headers, body in self.requests]

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


def operation_of(headers):
    return headers["x-amz-target"].removeprefix("Logs_20140328.")


@pytest.fixture
def collector():
    started = []

    def start(*answers):
        started.append(Collector(*answers))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def error(kind):
    return json.dumps({"__type": kind, "message": "said by the test"}).encode()


def test_throttled_batches_are_sent_again_as_they_were_and_a_missing_stream_is_made(
    dev, connect, collector
):
    answers = [
        (400, error("ThrottlingException")),
        (503, b"busy"),
        (400, error("ResourceNotFoundException")),
        # The stream cannot be made, for there is no group; somebody makes that meanwhile.
        (400, error("ResourceNotFoundException")),
        (400, error("ResourceAlreadyExistsException")),
        (200, b"{}"),
        (200, b"{}"),
    ]
    cloud = collector(*answers)
    config = f'[logs]\nlevel = "OFF"\n[logs.cloudwatch]\nenabled = true\nendpoint = "{cloud.url}"'
    app = dev(printing_app(), config=config)
    client = connect(app.url())
    say(client, "print", lines=3, length=10)
    until(lambda: len(cloud.requests) >= 7, "seven calls")
    calls = cloud.calls()
    assert [target for target, _ in calls[:7]] == [
        *["PutLogEvents"] * 3,
        "CreateLogStream",
        "CreateLogGroup",
        "CreateLogStream",
        "PutLogEvents",
    ]
    puts = [body for target, body in calls if target == "PutLogEvents"]
    assert len(set(puts[:4])) == 1
    put = json.loads(puts[0])
    assert put["logGroupName"] == f"/aws/lambda/{app.function('Prints')}"
    stamps = [event["timestamp"] for event in put["logEvents"]]
    assert stamps == sorted(stamps)
    assert metric(app, "gatepost_dropped_log_entries_total", "cloudwatch") == 0


def test_a_role_that_may_not_make_groups_has_streams_made_in_those_that_are_there(
    dev, connect, collector
):
    """CreateLogStream and PutLogEvents are all that it needs then."""
    streams = set()

    def answer(target, body):
        asked = json.loads(body)
        stream = asked["logGroupName"], asked.get("logStreamName")
        if target == "CreateLogStream":
            is_there = stream in streams
            streams.add(stream)
            return (400, error("ResourceAlreadyExistsException")) if is_there else (200, b"{}")
        if target == "PutLogEvents":
            return (200, b"{}") if stream in streams else (400, error("ResourceNotFoundException"))
        return 400, error("AccessDeniedException")

    cloud = collector(answer)
    config = f'[logs]\nlevel = "OFF"\n[logs.cloudwatch]\nenabled = true\nendpoint = "{cloud.url}"'
    app = dev(printing_app(), config=config)
    say(connect(app.url()), "print", lines=3, length=10)
    until(lambda: len(cloud.requests) >= 3, "three calls")
    app.stop()
    assert [target for target, _ in cloud.calls()[:3]] == [
        "PutLogEvents",
        "CreateLogStream",
        "PutLogEvents",
    ]
    [(group, _)] = streams
    assert group == f"/aws/lambda/{app.function('Prints')}"
    assert [e["text"] for e in app.events("warning") if "log sink" in e["text"]] == []


def test_what_cloudwatch_refuses_is_counted_and_said_with_the_reason(dev, connect, collector):
    cloud = collector((400, error("AccessDeniedException")))
    config = f'[logs.cloudwatch]\nenabled = true\nendpoint = "{cloud.url}"'
    app = dev(recording_app(), config=config)
    connect(app.url())
    warning = app.wait_event("warning", lambda e: "log sink cloudwatch" in e["text"], timeout=20)
    assert re.search(
        r"the log sink cloudwatch lost \d+ log entries: CloudWatch Logs answered 400: said by the "
        r"test \(AccessDeniedException\)",
        warning["text"],
    )
    assert metric(app, "gatepost_dropped_log_entries_total", "cloudwatch") > 0


def test_events_that_cloudwatch_rejects_are_counted(dev, connect, collector):
    rejected = json.dumps({"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 2}}).encode()
    cloud = collector((200, rejected))
    config = f'[logs]\nlevel = "OFF"\n[logs.cloudwatch]\nenabled = true\nendpoint = "{cloud.url}"'
    app = dev(printing_app(), config=config)
    say(connect(app.url()), "print", lines=3, length=10)
    until(lambda: metric(app, "gatepost_dropped_log_entries_total", "cloudwatch") >= 2, "two lost")


def test_a_cloudwatch_that_is_away_holds_up_neither_serving_nor_the_end(dev, connect):
    # Nobody listens there.
    config = '[logs.cloudwatch]\nenabled = true\nendpoint = "http://127.0.0.1:9"'
    app = dev(recording_app(), config=config)
    client = connect(app.url())
    connection_id(client)
    until(lambda: metric(app, "gatepost_log_queue_entries", "cloudwatch") > 0, "waiting entries")
    began = time.monotonic()
    app.stop()
    assert time.monotonic() - began < 9
    lost = [e["text"] for e in app.events("warning") if "log sink cloudwatch" in e["text"]]
    assert lost and "lost" in lost[-1]


def test_an_otlp_collector_gets_records_with_severity_group_stream_and_ids(dev, connect, collector):
    there = collector((503, b""), (200, b""))
    config = f"""
        [logs.otlp]
        enabled = true
        endpoint = "{there.url}"
        headers = {{x-api-key = "canary-of-otlp"}}
        """
    app = dev(recording_app(**ACCESS), config=config)
    groups = busy(app, connect)

    def received():
        lines = []
        # The first one was refused for the moment, and is sent again.
        for path, headers, body in there.requests[1:]:
            assert path == "/v1/logs"
            assert headers["content-type"] == "application/x-protobuf"
            assert headers["x-api-key"] == "canary-of-otlp"
            for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
                about = {
                    a.key: a.value.string_value or a.value.array_value.values[0].string_value
                    for a in resource.resource.attributes
                }
                assert about["service.name"] == "gatepost"
                for record in resource.scope_logs[0].log_records:
                    lines.append((about, record))
        return lines

    def as_lines():
        return by_stream(
            (
                about["aws.log.group.names"],
                about["aws.log.stream.names"],
                record.time_unix_nano // 1_000_000,
                record.body.string_value,
            )
            for about, record in received()
        )

    becomes_as_stored(as_lines, app, groups, end="")
    assert there.requests[0][2] == there.requests[1][2]
    failed = next(r for _, r in received() if r.severity_text == "ERROR")
    assert failed.severity_number == 17
    of_request = {a.key: a.value.string_value for a in failed.attributes}
    assert failed.body.string_value.startswith(f"({of_request['aws.request_id']}) ")
    assert of_request["gatepost.connection_id"].endswith("==")
    assert "canary-of-otlp" not in app.transcript()


def test_records_that_a_collector_refuses_are_counted(dev, connect, collector):
    refusal = ExportLogsServiceResponse()
    refusal.partial_success.rejected_log_records = 1
    refusal.partial_success.error_message = "too\nold"
    there = collector((200, refusal.SerializeToString()))
    app = dev(recording_app(), config=f'[logs.otlp]\nenabled = true\nendpoint = "{there.url}"')
    connect(app.url())
    warning = app.wait_event("warning", lambda e: "log sink otlp" in e["text"], timeout=20)
    assert "lost 1 log entries: the collector refused 1 records: tooold" in warning["text"]
    assert metric(app, "gatepost_dropped_log_entries_total", "otlp") >= 1


#: What would end a line, or look like one, in each place that clients can write to.
INJECTED = 'x"}\r\n{"logGroup":"forged"}\u2028(EP5yqFByIAMElXw=) Unauthorized request'


def test_whatever_clients_write_is_one_line_in_each_sink(dev, raw_socket, collector):
    there = collector((200, b"{}"))
    traced = {"DefaultRouteSettings": {"LoggingLevel": "INFO", "DataTraceEnabled": True}}
    config = f"""
        [logs.stdout]
        enabled = true
        [logs.file]
        enabled = true
        [logs.cloudwatch]
        enabled = true
        endpoint = "{there.url}"
        """
    app = dev(recording_app(stage_properties=traced), config=config)
    with websocket_connect(
        asking(app.url(), said=INJECTED), ping_interval=None, proxy=None, compression=None
    ) as client:
        say(client, "one", said=INJECTED)
        client.send(INJECTED)
        own = connection_id(client)
        client.close(4000, INJECTED.replace("\u2028", "")[:100])
    app.recorded("DISCONNECT", connectionId=own)
    logged(app, f"Client [Connection Id: {own}] disconnected")
    file = app.folder / ".gatepost" / "gatepost.log"
    groups = {group_of(app), f"/aws/lambda/{app.function('Main')}"}
    until(lambda: "disconnected from API" in file.read_text(), "the last line")
    for text in (file.read_text(), app.stdout):
        lines = [json.loads(line) for line in text.splitlines()]
        shown = [line for line in lines if "logGroup" in line]
        assert {line["logGroup"] for line in shown} <= groups
        of_stage = [line for line in shown if line["logGroup"] == group_of(app)]
        assert all("\n" not in line["message"] for line in of_stage)
        assert not any(line["message"].startswith("(EP5yqFByIAMElXw=)") for line in of_stage)
    until(lambda: any(b"disconnected from API" in body for _, _, body in there.requests), "the put")
    puts = [json.loads(body) for _, _, body in there.requests]
    assert {put["logGroupName"] for put in puts} <= groups
    of_stage = [put for put in puts if put["logGroupName"] == group_of(app)]
    messages = [event["message"] for put in of_stage for event in put["logEvents"]]
    assert messages and all("\n" not in message for message in messages)


@pytest.mark.parametrize("level", ["INFO", "ERROR"])
def test_no_secret_that_a_client_presents_is_in_any_sink(dev, raw_socket, collector, level):
    cloud, otlp = collector((200, b"{}")), collector((200, b""))
    config = f"""
        [logs.stdout]
        enabled = true
        [logs.file]
        enabled = true
        [logs.cloudwatch]
        enabled = true
        endpoint = "{cloud.url}"
        [logs.otlp]
        enabled = true
        endpoint = "{otlp.url}"
        """
    rows = {
        "stage_properties": {
            "DefaultRouteSettings": {"LoggingLevel": level, "DataTraceEnabled": True},
            "AccessLogSettings": {
                **ACCESS["stage_properties"]["AccessLogSettings"],
                "Format": "$context.identity.apiKey $context.identity.userAgent $context.requestId",
            },
        },
        "resources": ACCESS["resources"],
    }
    app = dev(recording_app(**rows), config=config)
    for more, status in (({}, 101), ({"raise": "no"}, 502)):
        headers, query = secrets()
        answer = raw_socket(app).upgrade(asking(app.path(), **query, **more), headers=headers)
        assert answer.status == status
    file = app.folder / ".gatepost" / "gatepost.log"

    def sinks():
        bodies = {"cloudwatch": cloud, "otlp": otlp}
        texts = {name: b"".join(it[2] for it in there.requests) for name, there in bodies.items()}
        return texts | {"file": file.read_bytes(), "stdout": app.stdout.encode()}

    last = b"Lambda execution failed with status 200"
    until(lambda: all(last in text for text in sinks().values()), "the failure in each sink")
    app.stop()
    found = sinks() | {"stderr": app.stderr.encode()}
    for name, canary in CANARIES.items():
        assert [place for place, text in found.items() if canary.encode() in text] == [], name


def test_a_sink_that_needs_credentials_says_which(dev, tmp_path):
    refused = dev.refused(
        printing_app(),
        config="[logs.cloudwatch]\nenabled = true",
        env={"HOME": tmp_path, "AWS_EC2_METADATA_DISABLED": "true"},
    )
    assert (
        "[logs.cloudwatch]: there are no credentials for AWS: set AWS_ACCESS_KEY_ID" in refused.stderr
    )
