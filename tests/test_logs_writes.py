"""What writes into CloudWatch Logs: groups, streams, events, retention, tags."""

import json
import urllib.request

import pytest
from botocore.exceptions import ClientError
from support.cloudwatch import LogGroup, now_ms, refused
from support.poll import until
from support.template import Function, Mock, python, websocket_app

HOUR = 3600 * 1000
DAY = 24 * HOUR
NAME_CONSTRAINT = (
    "1 validation error detected: Value {!r} at 'logGroupName' failed to satisfy constraint: {}"
)
NO_GROUP = ("ResourceNotFoundException", "The specified log group does not exist.")
NO_STREAM = ("ResourceNotFoundException", "The specified log stream does not exist.")
SPEAKER = """
def handler(event, context):
    print(event.get("say"))
    return {"statusCode": 200}
"""


@pytest.fixture(scope="module")
def app(module_dev):
    template = websocket_app(
        {"$connect": Function("Speaker"), "echo": Mock("ok")}, {"Speaker": python(SPEAKER)}
    )
    template["Resources"]["Kept"] = {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {"LogGroupName": "/kept/by/template", "RetentionInDays": 14},
    }
    return module_dev(template)


@pytest.fixture
def logs(app):
    return app.aws("logs")


def test_a_group_that_is_made_is_described_as_on_aws_until_it_is_deleted(logs):
    logs.create_log_group(logGroupName="/a/group", kmsKeyId="arn:aws:kms:us-east-1:0:key/k")
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/a/group")["logGroups"]
    assert abs(group.pop("creationTime") - now_ms()) < 60_000
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:/a/group"
    assert group == {
        "logGroupName": "/a/group",
        "arn": arn + ":*",
        "logGroupArn": arn,
        "metricFilterCount": 0,
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
        "deletionProtectionEnabled": False,
        "kmsKeyId": "arn:aws:kms:us-east-1:0:key/k",
    }
    by_pattern = logs.describe_log_groups(logGroupNamePattern="a/gr")["logGroups"][0]
    assert set(by_pattern) == {
        "logGroupName",
        "arn",
        "logGroupArn",
        "creationTime",
        "metricFilterCount",
        "logGroupClass",
    }
    assert refused(logs.create_log_group, logGroupName="/a/group") == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    logs.delete_log_group(logGroupName="/a/group")
    assert logs.describe_log_groups(logGroupNamePrefix="/a/group")["logGroups"] == []
    assert refused(logs.delete_log_group, logGroupName="/a/group") == NO_GROUP
    assert refused(logs.filter_log_events, logGroupName="/a/group") == NO_GROUP


@pytest.mark.parametrize(
    "name, text",
    [
        (
            "a" * 513,
            "Invalid LogGroup or LogStream, both must have length less than or equal to 512.",
        ),
        (
            "a b",
            NAME_CONSTRAINT.format(
                "a b", r"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+"
            ),
        ),
        ("aws/mine", "Log groups starting with AWS/ are reserved for AWS."),
    ],
)
def test_a_name_that_no_group_can_have_is_refused(logs, name, text):
    assert refused(logs.create_log_group, logGroupName=name) == ("InvalidParameterException", text)


def test_a_protected_group_stays_until_it_is_unprotected(logs):
    logs.create_log_group(
        logGroupName="/protected", deletionProtectionEnabled=True, logGroupClass="INFREQUENT_ACCESS"
    )
    code, _ = refused(logs.delete_log_group, logGroupName="/protected")
    assert code == "ValidationException"
    assert described(logs, "/protected").get("deletionProtectionEnabled") is True
    (found,) = logs.describe_log_groups(logGroupClass="INFREQUENT_ACCESS")["logGroups"]
    assert found["logGroupName"] == "/protected"
    logs.put_log_group_deletion_protection(
        logGroupIdentifier="/protected", deletionProtectionEnabled=False
    )
    logs.delete_log_group(logGroupName="/protected")


def described(logs, name):
    return logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]


def test_a_stream_is_made_before_its_events_and_deleted_with_them(app, logs):
    group = LogGroup(app)
    streams = logs.describe_log_streams(logGroupName=group.name)["logStreams"]
    created = streams[0].pop("creationTime")
    assert abs(created - now_ms()) < 60_000
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group.name}:log-stream:s"
    assert streams == [{"logStreamName": "s", "arn": arn, "storedBytes": 0}]
    names = {"logGroupName": group.name, "logStreamName": "s"}
    assert refused(logs.create_log_stream, **names) == (
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
    )
    assert logs.get_log_events(**names)["events"] == []
    group.put("one", "two")
    (stream,) = logs.describe_log_streams(logGroupName=group.name)["logStreams"]
    assert stream["lastEventTimestamp"] - stream["firstEventTimestamp"] == 1
    logs.delete_log_stream(**names)
    assert logs.describe_log_streams(logGroupName=group.name)["logStreams"] == []
    assert group.filter() == []
    assert refused(logs.delete_log_stream, **names) == NO_STREAM
    assert refused(logs.get_log_events, **names) == NO_STREAM
    assert refused(logs.create_log_stream, logGroupName="/no", logStreamName="s") == NO_GROUP
    code, text = refused(logs.create_log_stream, logGroupName=group.name, logStreamName="a:b")
    assert (code, text.split(": ", 1)[1]) == (
        "InvalidParameterException",
        "Value 'a:b' at 'logStreamName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [^:*]*",
    )


def test_events_that_are_put_are_read_back_as_they_are(app, logs):
    group = LogGroup(app)
    at = now_ms() - HOUR
    messages = ["hello", "🙀 - 参よ - 日本語", "two\nlines\n", '{"a": 1}']
    answer = group.put(*messages, at=at)
    assert answer["nextSequenceToken"].isdigit() and "rejectedLogEventsInfo" not in answer
    events = logs.get_log_events(
        logGroupName=group.name, logStreamName="s", startFromHead=True
    )["events"]
    assert [event["message"] for event in events] == messages
    assert [event["timestamp"] for event in events] == [at, at + 1, at + 2, at + 3]
    assert all(abs(event["ingestionTime"] - now_ms()) < 60_000 for event in events)
    # What comes later may be older.
    group.put("earlier", at=at - 10)
    assert group.filter() == ["earlier", *messages]


@pytest.mark.parametrize(
    "events, text",
    [
        (
            [(0, "later"), (-2 * DAY, "earlier")],
            "Log events in a single PutLogEvents request must be in chronological order.",
        ),
        (
            [(-DAY - 1, "a"), (0, "b")],
            "The batch of log events in a single PutLogEvents request cannot span more than 24 "
            "hours.",
        ),
        (
            [(0, "x" * (1024 * 1024 - 25))],
            "Log event too large: 1048577 bytes exceeds limit of 1048576",
        ),
        (
            [(0, "x" * 600_000), (0, "x" * 600_000)],
            "Upload too large: 1200052 bytes exceeds limit of 1048576",
        ),
    ],
)
def test_a_batch_that_aws_would_not_take_is_refused_whole(app, events, text):
    group = LogGroup(app)
    now = now_ms()
    batch = [{"timestamp": now + offset, "message": message} for offset, message in events]
    named = {"logGroupName": group.name, "logStreamName": "s"}
    assert refused(group.logs.put_log_events, **named, logEvents=batch) == (
        "InvalidParameterException",
        text,
    )
    assert group.filter() == []


def test_a_batch_of_the_greatest_size_is_taken(app):
    group = LogGroup(app)
    group.put("x" * (1024 * 1024 - 26))
    assert [len(message) for message in group.filter()] == [1024 * 1024 - 26]


def test_events_need_a_group_and_a_stream(app, logs):
    group = LogGroup(app)
    event = [{"timestamp": now_ms(), "message": "x"}]
    for name, stream, expected in (("/no", "s", NO_GROUP), (group.name, "no", NO_STREAM)):
        named = {"logGroupName": name, "logStreamName": stream}
        assert refused(logs.put_log_events, **named, logEvents=event) == expected


def test_events_that_are_too_old_or_too_new_are_left_out_and_named(app):
    group = LogGroup(app)
    answer = group.put("old", at=now_ms() - 15 * DAY)
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    # AWS would keep this one; `[logs] retention` keeps a week.
    answer = group.put("expired", at=now_ms() - 8 * DAY)
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    now = now_ms()
    answer = group.logs.put_log_events(
        logGroupName=group.name,
        logStreamName="s",
        logEvents=[
            {"timestamp": now, "message": "now"},
            {"timestamp": now + HOUR, "message": "soon"},
            {"timestamp": now + 3 * HOUR, "message": "too new"},
        ],
    )
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 2}
    assert group.filter() == ["now", "soon"]
    group.logs.put_retention_policy(logGroupName=group.name, retentionInDays=3)
    answer = group.logs.put_log_events(
        logGroupName=group.name,
        logStreamName="s",
        logEvents=[
            {"timestamp": now - 3 * DAY - 1000, "message": "expired"},
            {"timestamp": now - 3 * DAY + HOUR, "message": "just kept"},
        ],
    )
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    assert group.filter() == ["just kept", "now", "soon"]


def test_what_is_older_than_the_retention_goes(app):
    group = LogGroup(app)
    group.put("two days old", at=now_ms() - 2 * DAY)
    group.put("new")
    assert "retentionInDays" not in group.described()
    group.logs.put_retention_policy(logGroupName=group.name, retentionInDays=1)
    assert group.described()["retentionInDays"] == 1
    until(lambda: group.filter() == ["new"], "old event gone", timeout=10)
    group.logs.delete_retention_policy(logGroupName=group.name)
    assert "retentionInDays" not in group.described()
    code, text = refused(
        group.logs.put_retention_policy, logGroupName=group.name, retentionInDays=2
    )
    assert code == "InvalidParameterException"
    assert text.startswith(
        "1 validation error detected: Value '2' at 'retentionInDays' failed to satisfy constraint: "
        "Member must satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, "
    )
    assert refused(group.logs.put_retention_policy, logGroupName="/no", retentionInDays=1) == NO_GROUP


def test_the_template_sets_the_retention_of_its_groups(app, logs):
    kept = described(logs, "/kept/by/template")
    assert kept["retentionInDays"] == 14


def test_tags_by_name_and_by_arn_are_the_same(app, logs):
    group = LogGroup(app, tags={"env": "testing1"})
    arn = group.described()["logGroupArn"]

    def tags():
        by_name = logs.list_tags_log_group(logGroupName=group.name)["tags"]
        assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == by_name
        return by_name

    assert tags() == {"env": "testing1"}
    logs.tag_resource(resourceArn=arn, tags={"test1": "val1", "test2": "val2"})
    logs.tag_log_group(logGroupName=group.name, tags={"test3": "val3", "test2": "new"})
    assert tags() == {"env": "testing1", "test1": "val1", "test2": "new", "test3": "val3"}
    logs.untag_log_group(logGroupName=group.name, tags=["test3"])
    logs.untag_resource(resourceArn=arn, tagKeys=["env", "test1"])
    assert tags() == {"test2": "new"}
    code, _ = refused(
        logs.tag_resource, resourceArn=arn, tags={f"k{n}": "v" for n in range(50)}
    )
    assert code == "TooManyTagsException"
    assert tags() == {"test2": "new"}
    assert refused(logs.list_tags_for_resource, resourceArn=arn + "x") == NO_GROUP
    group.logs.delete_log_group(logGroupName=group.name)
    assert refused(logs.list_tags_log_group, logGroupName=group.name) == NO_GROUP


def speak(app, text):
    app.aws("lambda").invoke(
        FunctionName=app.function("Speaker"), Payload=json.dumps({"say": text})
    )


def test_the_group_of_a_function_comes_again_with_its_next_line(app, logs):
    name = "/aws/lambda/" + app.function("Speaker")

    def lines():
        try:
            events = logs.filter_log_events(logGroupName=name)["events"]
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ResourceNotFoundException"
            return []
        return [event["message"] for event in events]

    speak(app, "before")
    until(lambda: any(line.startswith("REPORT ") for line in lines()), "REPORT line")
    logs.delete_log_group(logGroupName=name)
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []
    speak(app, "behind")
    until(lambda: "behind\n" in lines(), "line of the new group")
    assert "before\n" not in lines()


def test_the_group_of_a_stages_execution_log_comes_again_with_the_next_request(app, logs, connect):
    name = f"/aws/apigateway/{app.api()['apiId']}/{app.stage()['stage']}"

    def group():
        return logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]

    def talk():
        client = connect(app.url())
        client.send('{"action": "echo"}')
        assert client.recv() == "ok"

    talk()
    until(group, "group of the execution log")
    logs.delete_log_group(logGroupName=name)
    assert group() == []
    talk()
    until(group, "group that is made anew")


def test_live_tail_is_not_there_and_says_so(app):
    # By hand, since the SDKs put `stream-` before the host of this operation.
    request = urllib.request.Request(
        f"http://localhost:{app.port}/",
        data=b'{"logGroupIdentifiers": ["arn:aws:logs:us-east-1:000000000000:log-group:g"]}',
        headers={"X-Amz-Target": "Logs_20140328.StartLiveTail"},
    )
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(request)
    assert answer.value.code == 501
    assert json.loads(answer.value.read()) == {
        "__type": "NotImplementedException",
        "message": "StartLiveTail of the service logs is not there yet in Gatepost",
    }


def test_groups_streams_tags_and_retention_survive_a_restart(dev):
    app = dev(websocket_app({"echo": Mock("ok")}, {}))
    group = LogGroup(app, tags={"a": "b"})
    group.put("kept")
    group.logs.put_retention_policy(logGroupName=group.name, retentionInDays=5)
    app.restart()
    group.logs = app.aws("logs")
    assert group.filter() == ["kept"]
    assert group.described()["retentionInDays"] == 5
    assert group.logs.list_tags_log_group(logGroupName=group.name)["tags"] == {"a": "b"}
