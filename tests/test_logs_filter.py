"""Filter patterns of FilterLogEvents, against what CloudWatch Logs documents of them."""

import json
import shutil
import subprocess

import pytest
from support.cloudwatch import LogGroup, now_ms, refused
from support.template import Mock, websocket_app

TEXTS = [
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[ERROR 420] INVALID ARGUMENTS",
    "[INFO] Exiting with ERRORCODE: -1",
]
TRAIL = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": None,
        "cluster.name": "c",
        "ThisFlag": True,
        "latency": 50.5,
    }
)
USERS = json.dumps(
    {
        "user": {"id": 1, "email": "John.Stiles@example.com"},
        "users": [
            {"id": 2, "email": "John.Doe@example.com"},
            {"id": 3, "email": "Jane.Doe@example.com"},
        ],
        "actions": ["GET", "PUT", "DELETE"],
        "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]],
    }
)
ACCESS = [
    '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 200 1534',
    '127.0.0.1 - frank [10/Oct/2000:13:35:22 -0700] "GET /apache_pb.gif HTTP/1.0" 500 5324',
    '127.0.0.1 - frank [10/Oct/2000:13:50:35 -0700] "GET /index.html HTTP/1.0" 404 4355',
]


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(websocket_app({"echo": Mock("ok")}, {}))


@pytest.fixture(scope="module")
def texts(app):
    group = LogGroup(app)
    group.put(*TEXTS)
    return group


@pytest.fixture(scope="module")
def documents(app):
    group = LogGroup(app)
    group.put(TRAIL, USERS, "no JSON at all")
    return group


@pytest.fixture(scope="module")
def access(app):
    group = LogGroup(app)
    group.put(*ACCESS)
    return group


@pytest.mark.parametrize(
    "pattern, found",
    [
        ("", [0, 1, 2, 3, 4]),
        ('" "', [0, 1, 2, 3, 4]),
        ("ERROR", [0, 1, 2, 3, 4]),
        ("error", []),
        ("ERROR ARGUMENTS", [2, 3]),
        ("?INVALID ?BAD", [0, 3]),
        # Beside other terms AWS ignores those with a question mark.
        ("?INVALID ?BAD Exiting", [4]),
        ('"BAD REQUEST"', [0]),
        ("ERROR -ARGUMENTS", [0, 1, 4]),
        ('"ERROR" - "Exiting"', [0, 1, 2, 3]),
        ("%AUTHORIZED%", [1]),
        (r"%ERROR 4\d9%".replace(" ", r"\s"), [2]),
    ],
)
def test_terms_pick_what_contains_them(texts, pattern, found):
    assert texts.filter(pattern) == [TEXTS[n] for n in found]


@pytest.mark.parametrize(
    "pattern, found",
    [
        ('{ $.eventType = "UpdateTrail" }', [TRAIL]),
        ("{ $.eventType = *Trail }", [TRAIL]),
        ("{ $.eventType = Update*rail }", []),
        ("{ $.sourceIPAddress != 123.123.* }", [TRAIL]),
        ('{ $.arrayKey[0] = "value" }', [TRAIL]),
        ("{ $.objectList[1].id = 2 }", [TRAIL]),
        ("{ $.SomeObject IS NULL }", [TRAIL]),
        ("{ $.eventType NOT EXISTS }", [USERS]),
        ("{ $.ThisFlag IS TRUE }", [TRAIL]),
        ("{ $.ThisFlag IS FALSE }", []),
        ("{ $.['cluster.name'] = \"c\" }", [TRAIL]),
        ("{ $.latency >= 50.5 && $.latency < 10e3 }", [TRAIL]),
        ("{ $.users[*].id = 3 }", [USERS]),
        ("{ $.arrayKey != 1 }", []),
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', [USERS]),
        (
            '{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }',
            [],
        ),
        (
            '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch'
            " && $.actions[2] = nomatch }",
            [USERS],
        ),
        (
            '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch)'
            " && $.actions[2] = nomatch }",
            [],
        ),
        ("{ $.eventType = %^Up[a-z]+T% }", [TRAIL]),
    ],
)
def test_selectors_pick_json_by_its_values(documents, pattern, found):
    assert documents.filter(pattern) == found


@pytest.mark.parametrize(
    "pattern, found",
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", [0, 1, 2]),
        ("[ip, user, username]", []),
        ("[..., status_code = 4*, bytes]", [2]),
        ("[ip, user, ..., bytes > 1534]", [1, 2]),
        ("[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes]", [2]),
        ("[..., status_code = 200 || status_code = 500, bytes]", [0, 1]),
        ("[..., status_code != 200 && status_code != 500, bytes]", [2]),
        ("[..., request=*.html*, status_code=4*,]", [2]),
    ],
)
def test_fields_between_blanks_are_picked_by_their_place(access, pattern, found):
    assert access.filter(pattern) == [ACCESS[n] for n in found]


@pytest.mark.parametrize(
    "pattern, text",
    [
        ("?Status: timeout", "Invalid character(s) in term ':'"),
        ("user@example.com", "Invalid character(s) in term '@'"),
        ('""', "Invalid character(s) in term '\"\"'"),
        ('{ $."sc-status" = 5* }', "Invalid character(s) in term '$.\"'"),
        ("{$.a = 1", "If a filter pattern starts with '{' it must end with '}'"),
        ("[a, b", "If a filter pattern starts with '[' it must end with ']'"),
        (
            "{ $.a EXISTS }",
            "Invalid filter pattern: `EXISTS` is not supported; write `= *`",
        ),
        (
            "x" * 1025,
            f"1 validation error detected: Value '{'x' * 1025}' at 'filterPattern' failed to "
            "satisfy constraint: Member must have length less than or equal to 1024",
        ),
    ],
)
def test_what_is_no_pattern_is_refused(texts, pattern, text):
    call = texts.logs.filter_log_events
    assert refused(call, logGroupName=texts.name, filterPattern=pattern) == (
        "InvalidParameterException",
        text,
    )


def test_matches_come_in_pages_of_the_limit_and_from_the_newest_on_when_asked(app):
    group = LogGroup(app)
    group.put(*[f"{'even' if n % 2 == 0 else 'odd'} {n}" for n in range(20)])
    evens = [f"even {n}" for n in range(0, 20, 2)]
    pages = list(
        group.logs.get_paginator("filter_log_events").paginate(
            logGroupName=group.name, filterPattern="even", PaginationConfig={"PageSize": 3}
        )
    )
    assert all(len(page["events"]) <= 3 for page in pages)
    assert [event["message"] for page in pages for event in page["events"]] == evens
    assert group.filter("even", startFromHead=False) == evens[::-1]
    assert group.filter("even", logStreamNames=["s"]) == evens


def test_a_rare_match_among_many_events_is_found(app):
    group = LogGroup(app)
    for batch in range(5):
        group.put(*[f"{batch} nothing {n}" for n in range(5000)], at=now_ms() - 60_000 + batch * 6000)
    group.put("needle")
    assert group.filter("needle") == ["needle"]
    assert group.filter("needle -needle") == []


def cli():
    """Version 2 of the AWS CLI, which alone has `logs tail`, where it is installed."""
    for command in ("/usr/bin/aws", shutil.which("aws")):
        if command and shutil.which(command):
            version = subprocess.run([command, "--version"], capture_output=True, text=True)
            if version.stdout.startswith("aws-cli/2"):
                return command
    return None


@pytest.mark.skipif(not cli(), reason="version 2 of the AWS CLI is not installed")
def test_the_cli_filters_and_follows(app):
    group = LogGroup(app)
    group.put("ERROR one", "INFO two")
    environment = {
        "AWS_ENDPOINT_URL": f"http://localhost:{app.port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
        "PATH": "/usr/bin:/bin",
        # It is Python: into a pipe it would print late.
        "PYTHONUNBUFFERED": "1",
    }
    command = [cli(), "--endpoint-url", environment["AWS_ENDPOINT_URL"], "logs"]
    filtered = subprocess.run(
        [*command, "filter-log-events", "--log-group-name", group.name, "--filter-pattern", "ERROR"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [event["message"] for event in json.loads(filtered.stdout)["events"]] == ["ERROR one"]
    arguments = ["tail", group.name, "--follow", "--filter-pattern", "ERROR", "--format", "short"]
    with subprocess.Popen(
        [*command, *arguments], env=environment, stdout=subprocess.PIPE, text=True
    ) as following:
        try:
            assert following.stdout.readline().endswith(" ERROR one\n")
            group.put("INFO three", "ERROR four")
            assert following.stdout.readline().endswith(" ERROR four\n")
        finally:
            following.terminate()
