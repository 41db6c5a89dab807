"""What functions print, read as on AWS: CloudWatch Logs' own operations."""

import json
import re
import urllib.request
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from support.poll import until
from support.template import Function, python, websocket_app

SPEAKER = """
import os
def handler(event, context):
    for line in event["lines"]:
        print(line)
    return {"stream": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
            "group": os.environ["AWS_LAMBDA_LOG_GROUP_NAME"], "id": context.aws_request_id}
"""
START = re.compile(r"START RequestId: (\S+) Version: \$LATEST\n")
END = re.compile(r"END RequestId: (\S+)\n")
REPORT = re.compile(
    r"REPORT RequestId: (\S+)\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
    r"Memory Size: 128 MB\tMax Memory Used: \d+ MB\t(Init Duration: [\d.]+ ms\t)?\n"
)


def template():
    speaker = python(SPEAKER, MemorySize=128)
    functions = {"Speaker": speaker, "Other": speaker, "Silent": speaker}
    return websocket_app({"$connect": Function("Speaker")}, functions)


def speak(app, *lines, function="Speaker"):
    """Lets a function print lines; what it knows of its log."""
    answer = app.aws("lambda").invoke(
        FunctionName=app.function(function), Payload=json.dumps({"lines": lines})
    )
    return SimpleNamespace(**json.loads(answer["Payload"].read()))


def group(app, function="Speaker"):
    return "/aws/lambda/" + app.function(function)


def kept(app, spoken):
    """The messages of an invocation, once its REPORT can be read: within a second."""

    def found():
        messages = [
            event["message"]
            for event in app.aws("logs").get_log_events(
                logGroupName=spoken.group, logStreamName=spoken.stream, startFromHead=True
            )["events"]
        ]
        first = f"START RequestId: {spoken.id} Version: $LATEST\n"
        from_start = messages[messages.index(first) :] if first in messages else []
        ends = [i for i, m in enumerate(from_start) if m.startswith(f"REPORT RequestId: {spoken.id}")]
        return from_start[: ends[0] + 1] if ends else None

    def once_there():
        try:
            return found()
        except app.aws("logs").exceptions.ResourceNotFoundException:
            return None

    return until(once_there, "REPORT line", timeout=1.0)


def stream_of(spoken):
    return {"logGroupName": spoken.group, "logStreamName": spoken.stream}


def code_and_text(refused):
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(template())


@pytest.fixture(scope="module")
def ten(app):
    """An invocation of a function of its own, with ten lines: its log has 14 events, INIT_START first."""
    spoken = speak(app, *[f"line {n}" for n in range(10)], function="Other")
    assert len(kept(app, spoken)) == 13
    return spoken


@pytest.fixture
def logs(app):
    return app.aws("logs")


def test_an_invocation_is_start_output_end_report_in_the_stream_that_the_function_knows(app):
    spoken = speak(app, "hello", "ünï 😀")
    assert spoken.group == group(app)
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", spoken.stream)
    start, hello, unicode, end, report = kept(app, spoken)
    assert (hello, unicode) == ("hello\n", "ünï 😀\n")
    ids = [START.fullmatch(start)[1], END.fullmatch(end)[1], REPORT.fullmatch(report)[1]]
    assert ids == [spoken.id] * 3


def test_every_function_has_its_group_before_its_first_line(app, logs):
    groups = logs.describe_log_groups()["logGroups"]
    assert [g["logGroupName"] for g in groups] == sorted(
        group(app, name) for name in ("Speaker", "Other", "Silent")
    )
    silent = next(g for g in groups if g["logGroupName"] == group(app, "Silent"))
    created = silent.pop("creationTime")
    assert created > 1_600_000_000_000
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group(app, 'Silent')}"
    assert silent == {
        "logGroupName": group(app, "Silent"),
        "arn": arn + ":*",
        "logGroupArn": arn,
        "metricFilterCount": 0,
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
        "deletionProtectionEnabled": False,
    }
    streams = logs.describe_log_streams(logGroupName=group(app, "Silent"))
    assert streams["logStreams"] == []
    assert logs.filter_log_events(logGroupName=group(app, "Silent"))["events"] == []


def test_groups_are_found_by_prefix_pattern_and_identifier_and_listed_in_pages(app, logs):
    def names(**wanted):
        return [g["logGroupName"] for g in logs.describe_log_groups(**wanted)["logGroups"]]

    assert names(logGroupNamePrefix=group(app)) == [group(app)]
    assert names(logGroupNamePrefix="Speaker") == []
    assert names(logGroupNamePattern="Speaker") == [group(app)]
    assert names(logGroupNamePattern="speaker") == []
    assert names(logGroupIdentifiers=[group(app, "Other")]) == [group(app, "Other")]
    pages = logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 1})
    listed = [[g["logGroupName"] for g in page["logGroups"]] for page in pages]
    assert listed == [[group(app, name)] for name in ("Other", "Silent", "Speaker")]
    with pytest.raises(logs.exceptions.InvalidParameterException) as refused:
        names(logGroupNamePrefix="a", logGroupNamePattern="b")
    assert code_and_text(refused)[1] == (
        "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
    )


def test_streams_by_name_and_by_time_in_pages(dev):
    """Every process has a stream of its own."""
    app = dev(template())
    spoken = []
    for _ in range(3):
        spoken.append(speak(app, "x"))
        kept(app, spoken[-1])
        app.restart()
    logs = app.aws("logs")
    by_time = [s.stream for s in spoken]
    where = {"logGroupName": spoken[0].group}

    def names(**options):
        pages = logs.get_paginator("describe_log_streams").paginate(
            **where, **options, PaginationConfig={"PageSize": 2}
        )
        listed = [[s["logStreamName"] for s in page["logStreams"]] for page in pages]
        assert [len(page) for page in listed] == [2, 1]
        return sum(listed, [])

    assert names() == sorted(by_time)
    assert names(descending=True) == sorted(by_time, reverse=True)
    assert names(orderBy="LastEventTime") == by_time
    assert names(orderBy="LastEventTime", descending=True) == by_time[::-1]
    [found] = logs.describe_log_streams(**where, logStreamNamePrefix=by_time[1])["logStreams"]
    assert found["logStreamName"] == by_time[1]
    assert found["arn"] == (
        f"arn:aws:logs:us-east-1:000000000000:log-group:{where['logGroupName']}"
        f":log-stream:{by_time[1]}"
    )
    assert found["firstEventTimestamp"] <= found["lastEventTimestamp"]
    assert found["creationTime"] == found["firstEventTimestamp"]
    assert found["storedBytes"] == 0
    with pytest.raises(logs.exceptions.InvalidParameterException) as refused:
        logs.describe_log_streams(**where, orderBy="LastEventTime", logStreamNamePrefix="2")
    assert code_and_text(refused)[1] == "Cannot order by LastEventTime with a logStreamNamePrefix."
    with pytest.raises(logs.exceptions.InvalidParameterException) as refused:
        logs.describe_log_streams(**where, nextToken="!")
    assert code_and_text(refused)[1] == "The specified nextToken is invalid."
    # All lines of the group, of three streams, in their order.
    events = logs.filter_log_events(**where, interleaved=True)["events"]
    assert [e["logStreamName"] for e in events] == [s for s in by_time for _ in range(5)]
    some = logs.filter_log_events(**where, logStreamNames=by_time[:2])["events"]
    assert some == events[:10]
    assert logs.filter_log_events(**where, logStreamNamePrefix=by_time[2])["events"] == events[10:]


def test_forward_pages_end_with_the_token_they_were_asked_with(logs, ten):
    pages, token = [], None
    while True:
        options = {"nextToken": token} if token else {"startFromHead": True}
        page = logs.get_log_events(**stream_of(ten), limit=5, **options)
        assert re.fullmatch(r"f/\d{56}", page["nextForwardToken"])
        assert re.fullmatch(r"b/\d{56}", page["nextBackwardToken"])
        if page["nextForwardToken"] == token:
            break
        pages.append(page["events"])
        token = page["nextForwardToken"]
    assert page["events"] == []
    assert [len(events) for events in pages] == [5, 5, 4]
    whole = logs.get_log_events(**stream_of(ten), startFromHead=True)["events"]
    assert sum(pages, []) == whole
    back = logs.get_log_events(**stream_of(ten), nextToken=page["nextBackwardToken"])
    assert back["events"] == whole


def test_without_start_from_head_the_newest_page_comes_first(logs, ten):
    whole = [e["message"] for e in logs.get_log_events(**stream_of(ten))["events"]]
    found, token = [], None
    while True:
        options = {"nextToken": token} if token else {}
        page = logs.get_log_events(**stream_of(ten), limit=5, **options)
        if page["nextBackwardToken"] == token:
            break
        found = [e["message"] for e in page["events"]] + found
        token = page["nextBackwardToken"]
    assert found == whole
    assert whole[2:12] == [f"line {n}\n" for n in range(10)]


def test_a_forward_token_finds_what_comes_later(app, logs):
    spoken = speak(app, "before")
    kept(app, spoken)
    token = logs.get_log_events(**stream_of(spoken))["nextForwardToken"]
    later = speak(app, "after")
    assert later.stream == spoken.stream
    expected = kept(app, later)
    page = logs.get_log_events(**stream_of(spoken), nextToken=token)
    assert [e["message"] for e in page["events"]] == expected


def test_a_time_range_takes_its_start_in_and_leaves_the_end_of_get_out_but_not_of_filter(
    logs, ten
):
    whole = logs.get_log_events(**stream_of(ten), startFromHead=True)["events"]
    first, last = whole[0]["timestamp"], whole[-1]["timestamp"]

    def get(**times):
        return logs.get_log_events(**stream_of(ten), **times)["events"]

    def filtered(**times):
        return len(logs.filter_log_events(logGroupName=ten.group, **times)["events"])

    assert get(startTime=first, endTime=last + 1) == whole
    assert get(startTime=first, endTime=last) == [e for e in whole if e["timestamp"] < last]
    assert get(startTime=last + 1) == get(endTime=first) == []
    assert filtered(startTime=first, endTime=last) == len(whole)
    assert filtered(startTime=last) == len([e for e in whole if e["timestamp"] == last])
    assert filtered(startTime=last + 1) == filtered(endTime=first - 1) == 0


def test_filtered_events_have_ids_that_stay_and_come_in_pages(logs, ten):
    where = {"logGroupName": ten.group}
    answer = logs.filter_log_events(**where, interleaved=True)
    whole = answer["events"]
    assert "nextToken" not in answer
    assert answer["searchedLogStreams"] == []
    assert len(whole) == 14
    assert {e["logStreamName"] for e in whole} == {ten.stream}
    ids = [e["eventId"] for e in whole]
    assert all(re.fullmatch(r"\d{56}", event_id) for event_id in ids)
    assert ids == sorted(set(ids))
    pages = logs.get_paginator("filter_log_events").paginate(
        **where, PaginationConfig={"PageSize": 6}
    )
    paged = [page["events"] for page in pages]
    assert [len(page) for page in paged] == [6, 6, 2]
    assert sum(paged, []) == whole
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{ten.group}"
    for identifier in (ten.group, arn, arn + ":*"):
        assert logs.filter_log_events(logGroupIdentifier=identifier)["events"] == whole
    newest = logs.filter_log_events(**where, startFromHead=False, limit=2)
    assert newest["events"] == [whole[13], whole[12]]
    older = logs.filter_log_events(**where, limit=1, nextToken=newest["nextToken"])
    assert older["events"] == [whole[11]]


def test_a_missing_group_or_stream_does_not_exist(logs, ten):
    for call in (
        lambda: logs.describe_log_streams(logGroupName="/aws/lambda/nobody"),
        lambda: logs.get_log_events(logGroupName="nobody", logStreamName="s"),
        lambda: logs.filter_log_events(logGroupName="/aws/lambda/nobody"),
        lambda: logs.filter_log_events(logGroupIdentifier="arn:aws:logs:x:1:log-group:" + ten.group),
    ):
        with pytest.raises(logs.exceptions.ResourceNotFoundException) as refused:
            call()
        assert code_and_text(refused)[1] == "The specified log group does not exist."
    for call in (
        lambda: logs.get_log_events(logGroupName=ten.group, logStreamName="nobody"),
        lambda: logs.filter_log_events(logGroupName=ten.group, logStreamNames=["nobody"]),
    ):
        with pytest.raises(logs.exceptions.ResourceNotFoundException) as refused:
            call()
        assert code_and_text(refused)[1] == "The specified log stream does not exist."


def ask(app, operation, body):
    """A call by hand, unsigned: status, headers and body."""
    request = urllib.request.Request(
        f"http://localhost:{app.port}/",
        data=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={"X-Amz-Target": f"Logs_20140328.{operation}"},
    )
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as refused:
        answer = refused
    return answer.status, answer.headers, json.loads(answer.read())


@pytest.mark.parametrize(
    "operation, wrong, error, text",
    [
        (
            "GetLogEvents",
            {"logStreamName": "s", "limit": 10001},
            "InvalidParameterException",
            "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: "
            "Member must have value less than or equal to 10000",
        ),
        (
            "DescribeLogStreams",
            {"limit": 0},
            "InvalidParameterException",
            "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        ),
        (
            "GetLogEvents",
            {},
            "InvalidParameterException",
            "1 validation error detected: Value null at 'logStreamName' failed to satisfy "
            "constraint: Member must not be null",
        ),
        (
            "FilterLogEvents",
            {"endTime": -1},
            "InvalidParameterException",
            "1 validation error detected: Value '-1' at 'endTime' failed to satisfy constraint: "
            "Member must have value greater than or equal to 0",
        ),
        (
            "FilterLogEvents",
            {"nextToken": "f/1"},
            "InvalidParameterException",
            "The specified nextToken is invalid.",
        ),
        (
            "FilterLogEvents",
            {"logGroupIdentifier": "g"},
            "ValidationException",
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
        ),
    ],
)
def test_what_is_wrong_is_said_in_awss_words(app, operation, wrong, error, text):
    status, headers, body = ask(app, operation, {"logGroupName": group(app)} | wrong)
    assert (status, body) == (400, {"__type": error, "message": text})
    assert headers["x-amzn-errortype"] == error
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert headers["x-amzn-requestid"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"limit":"x"}', b"\xff", b'{"limit":1e400}'])
def test_a_body_of_nonsense_is_refused(app, body):
    for operation in ("DescribeLogGroups", "GetLogEvents", "FilterLogEvents"):
        status, _, answer = ask(app, operation, body)
        assert status == 400
        assert answer["__type"] in ("SerializationException", "InvalidParameterException")


def test_an_unsigned_call_is_known_by_its_target(app):
    status, headers, body = ask(app, "DescribeLogGroups", b"")
    assert (status, headers["content-type"]) == (200, "application/x-amz-json-1.1")
    assert len(body["logGroups"]) == 3


def test_an_operation_that_is_not_there_yet_says_its_name(logs):
    with pytest.raises(ClientError) as refused:
        logs.put_subscription_filter(
            logGroupName="mine", filterName="f", filterPattern="", destinationArn="arn:aws:lambda:x"
        )
    code, text = code_and_text(refused)
    assert code == "NotImplementedException"
    assert text == "PutSubscriptionFilter of the service logs is not there yet in Gatepost"


def test_lines_ids_and_groups_survive_a_restart(dev):
    app = dev(template())
    spoken = speak(app, "remember me")
    assert "remember me\n" in kept(app, spoken)

    def read():
        logs = app.aws("logs")
        groups = logs.describe_log_groups()["logGroups"]
        streams = logs.describe_log_streams(logGroupName=spoken.group)["logStreams"]
        events = logs.filter_log_events(
            logGroupName=spoken.group, logStreamNames=[spoken.stream]
        )["events"]
        created = {g["logGroupName"]: g["creationTime"] for g in groups}
        return created, [s for s in streams if s["logStreamName"] == spoken.stream], events

    before = read()
    app.restart()
    after = read()
    assert after[0] == before[0]
    assert after[2][: len(before[2])] == before[2]
    assert after[1][0]["creationTime"] == before[1][0]["creationTime"]
