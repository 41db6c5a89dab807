"""Execution logs: the lines of AWS, in their order, read through CloudWatch Logs
(control-and-observability spec A)."""

import json
import re
import sqlite3
from urllib.parse import urlencode

import pytest
from support.logs import events, group_of, logged, requests
from support.poll import until
from support.talk import (
    REQUEST_ID,
    UUID,
    WHOAMI,
    asking,
    connection_id,
    recording_app,
    say,
    silent_app,
)
from support.template import (
    AUTHORIZER,
    Authorizer,
    Http,
    Mock,
    websocket_app,
)
from support.wire import TEXT, close_frame, frame, request


def traced(level="INFO", **more):
    """A stage that traces data."""
    return {"DefaultRouteSettings": {"LoggingLevel": level, "DataTraceEnabled": True}} | more


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app())


@pytest.fixture(scope="module")
def trace(module_dev):
    return module_dev(recording_app(stage_properties=traced()))


def preamble(app, rid, route):
    """The first six lines of every request that needs no API key (spec A.2)."""
    api_stage = f"{app.api()['apiId']}/prod"
    return [
        f"Extended Request Id: {rid}",
        f"Verifying Usage Plan for request: {rid}. API Key:  API Stage: {api_stage}",
        f"API Key  authorized because route '{route}' does not require API Key. "
        "Request will not contribute to throttle or quota limits",
        f"Usage Plan check succeeded for API Key  and API Stage {api_stage}",
        f"Starting execution for request: {rid}",
        f"WebSocket Request Route: [{route}]",
    ]


def assert_lines(request, expected):
    """Each line is the text, or matches the pattern."""
    problems = [
        (found, wanted)
        for found, wanted in zip(request.lines, expected, strict=False)
        if not (wanted.fullmatch(found) if isinstance(wanted, re.Pattern) else wanted == found)
    ]
    assert problems == []
    assert len(request.lines) == len(expected), request.lines


def lambda_id(request):
    """The request id that the function has in its own log."""
    found = [re.fullmatch(r"AWS Integration Endpoint RequestId : (.*)", x) for x in request.lines]
    [match] = [match for match in found if match]
    return match[1]


def test_a_connect_has_the_lines_of_aws_in_their_order(app, connect):
    own = connection_id(connect(app.url(), user_agent_header="agent/1.0"))
    found = logged(app, f"Client [Connection Id: {own}] connected")
    api = app.api()["apiId"]
    assert re.fullmatch(REQUEST_ID, found.id)
    assert_lines(
        found,
        [
            *preamble(app, found.id, "$connect"),
            f"Client [UserAgent: agent/1.0, SourceIp: 127.0.0.1] is connecting to WebSocket API "
            f"[{api}].",
            re.compile(f"AWS Integration Endpoint RequestId : {UUID}"),
            f"Client [Connection Id: {own}] connected to API [{api}] successfully.",
        ],
    )


def test_who_sends_no_user_agent_is_null(app, raw_socket):
    raw = raw_socket(app)
    assert raw.upgrade("/prod").status == 101
    logged(app, "Client [UserAgent: null, SourceIp: 127.0.0.1] is connecting to WebSocket API")


def test_a_message_and_a_disconnect_have_the_lines_of_aws(app, connect):
    client = connect(app.url())
    own = connection_id(client)
    say(client, "two", answer={"statusCode": 201, "body": "x"})
    assert client.recv(timeout=10) == "x"
    client.close(4321, "enough")
    api = app.api()["apiId"]
    found = logged(app, own, "WebSocket Request Route: [two]")
    assert_lines(
        found,
        [
            *preamble(app, found.id, "two"),
            f"WebSocket API [{api}] received message from client [Connection Id: {own}].",
            re.compile(f"AWS Integration Endpoint RequestId : {UUID}"),
            f"Message from client [Connection Id: {own}] sent to API [{api}] with response status "
            "code [201].",
        ],
    )
    found = logged(app, own, "WebSocket Request Route: [$disconnect]")
    assert_lines(
        found,
        [
            *preamble(app, found.id, "$disconnect"),
            re.compile(f"AWS Integration Endpoint RequestId : {UUID}"),
            f"Client [Connection Id: {own}] disconnected from API [{api}] with integration "
            "response status code [200]. Close reason: [4321: enough]",
        ],
    )


def test_without_integrations_there_are_no_lines_of_any(dev, connect):
    app = dev(silent_app())
    client = connect(app.url())
    own = connection_id(client)
    client.close()
    api = app.api()["apiId"]
    found = logged(app, own, "connected to API")
    assert_lines(
        found,
        [
            *preamble(app, found.id, "$connect"),
            re.compile(r"Client \[UserAgent: .*\] is connecting to WebSocket API .*"),
            f"Client [Connection Id: {own}] connected to API [{api}] successfully.",
        ],
    )
    found = logged(app, own, "WebSocket Request Route: [whoami]")
    assert_lines(
        found,
        [
            *preamble(app, found.id, "whoami"),
            f"WebSocket API [{api}] received message from client [Connection Id: {own}].",
            f"Message from client [Connection Id: {own}] sent to API [{api}] with response status "
            "code [200].",
        ],
    )
    found = logged(app, own, "disconnected from API")
    assert_lines(
        found,
        [
            *preamble(app, found.id, "$disconnect"),
            f"Client [Connection Id: {own}] disconnected from API [{api}]. Close reason: [1000: ]",
        ],
    )


def function_arn(app):
    return f"arn:aws:lambda:us-east-1:000000000000:function:{app.function('Main')}"


def trace_of_lambda(app, rid, body, response, *, error=False):
    """The lines that data trace adds around the call of a function (spec A.3)."""
    uri = f"https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/{function_arn(app)}/invocations"
    function_error = ", X-Amz-Function-Error=Unhandled" if error else ""
    api = app.api()["apiId"]
    return [
        f"Endpoint request URI: {uri}",
        re.compile(
            r"Endpoint request headers: \{"
            + re.escape(
                f"x-amzn-apigateway-api-id={api}, Accept=application/json, "
                f"User-Agent=AmazonAPIGateway_{api}, Host=lambda.us-east-1.amazonaws.com, "
                f"x-amzn-lambda-integration-tag={rid}, "
                f"X-Amz-Source-Arn=arn:aws:execute-api:us-east-1:000000000000:{api}/prod/"
            )
            + r"\$?[a-z]+\}"
        ),
        re.compile(r"Endpoint request body after transformations: " + body),
        f"Sending request to {uri}",
        re.compile(r"Received response\. Status: 200, Integration latency: \d+ ms"),
        re.compile(
            r"Endpoint response headers: \{Content-Type=application/json, Content-Length=\d+, "
            f"x-amzn-RequestId={UUID}{function_error}" + r"\}"
        ),
        re.compile(r"Endpoint response body before transformations: " + response),
    ]


def test_data_trace_shows_calls_and_answers_of_functions(trace, connect):
    client = connect(trace.url())
    own = connection_id(client)
    say(client, "two", answer={"statusCode": 200, "body": "x"})
    client.recv(timeout=10)
    say(client, "two", **{"raise": "no good"})
    client.recv(timeout=10)
    client.close(1000, "probe-complete")
    api = trace.api()["apiId"]

    found = logged(trace, own, "connected to API")
    assert_lines(
        found,
        [
            *preamble(trace, found.id, "$connect"),
            re.compile(r"Client \[UserAgent: .*\] is connecting to WebSocket API .*"),
            *trace_of_lambda(
                trace, found.id, r'\{"headers":\{.* \[TRUNCATED\]', r'\{"statusCode": 200\}'
            ),
            re.compile(f"AWS Integration Endpoint RequestId : {UUID}"),
            f"Client [Connection Id: {own}] connected to API [{api}] successfully.",
        ],
    )

    found = logged(trace, own, "WebSocket Request Route: [two]", "status code [200]")
    event = r'\{"requestContext":\{"routeKey":"two",.*"apiId":"%s"\},"body":"\{\\"action\\": .*' % api
    assert_lines(
        found,
        [
            *preamble(trace, found.id, "two"),
            f"WebSocket API [{api}] received message from client [Connection Id: {own}].",
            re.compile(
                re.escape(f"WebSocket API [{api}] received message from client [{own}]. Message: [")
                + event
            ),
            *trace_of_lambda(trace, found.id, event, r'\{"statusCode": 200, "body": "x"\}'),
            re.compile(f"AWS Integration Endpoint RequestId : {UUID}"),
            f"Message from client [Connection Id: {own}] sent to API [{api}] with response status "
            "code [200].",
        ],
    )

    found = logged(trace, own, "Lambda execution failed")
    assert_lines(
        found,
        [
            *preamble(trace, found.id, "two"),
            f"WebSocket API [{api}] received message from client [Connection Id: {own}].",
            re.compile(r"WebSocket API \[.*\] received message from client \[.*\]\. Message: .*"),
            *trace_of_lambda(trace, found.id, event, r'\{"errorMessage":.*', error=True),
            "Lambda execution failed with status 200 due to customer function error: no good. "
            f"Lambda request id: {lambda_id(found)}",
            f"AWS Integration Endpoint RequestId : {lambda_id(found)}",
            f"Message from client [Connection Id: {own}] sent to API [{api}] with response status "
            "code [502].",
        ],
    )

    found = logged(trace, own, "disconnected from API")
    assert found.lines[-1] == (
        f"Client [Connection Id: {own}] disconnected from API [{api}] with integration response "
        "status code [200]. Close reason: [1000: probe-complete]"
    )


def test_data_trace_shows_calls_and_answers_of_http_backends(dev, connect, http_backend):
    routes = {
        "whoami": WHOAMI,
        "http": Http(
            f"{http_backend.url}/in?token=query0123456789secret",
            {
                "integration.request.header.authorization": "'Bearer 0123456789abcdef'",
                "integration.request.querystring.room": "route.request.body.room",
            },
        ),
    }
    app = dev(websocket_app(routes, stage_properties=traced()))
    http_backend.answer("/in", 202, "taken", [("Set-Cookie", "session=0123456789abcdef")])
    client = connect(app.url())
    own = connection_id(client)
    say(client, "http", room="r1")
    found = logged(app, own, "WebSocket Request Route: [http]")
    uri = f"{http_backend.url}/in?token=****secret&room=r1"
    assert_lines(
        found,
        [
            *preamble(app, found.id, "http"),
            re.compile(r"WebSocket API \[.*\] received message from client \[Connection Id: .*"),
            re.compile(r"WebSocket API \[.*\] received message from client \[.*\]\. Message: .*"),
            f"Endpoint request URI: {uri}",
            re.compile(r"Endpoint request headers: \{.*authorization=\*\*\*\*abcdef.*\}"),
            'Endpoint request body after transformations: {"action": "http", "room": "r1"}',
            f"Sending request to {uri}",
            re.compile(r"Received response\. Status: 202, Integration latency: \d+ ms"),
            re.compile(r"Endpoint response headers: \{.*set-cookie=\*\*\*\*abcdef.*\}"),
            "Endpoint response body before transformations: taken",
            f"Message from client [Connection Id: {own}] sent to API [{app.api()['apiId']}] with "
            "response status code [202].",
        ],
    )


def test_the_endpoint_request_id_joins_to_the_functions_own_log(app, connect):
    client = connect(app.url())
    own = connection_id(client)
    say(client, "one")
    [event] = app.recorded("MESSAGE", connectionId=own)
    found = logged(app, own, "WebSocket Request Route: [one]")
    assert found.id == event["requestContext"]["requestId"]
    group = f"/aws/lambda/{app.function('Main')}"

    def joined():
        return [
            event["message"]
            for event in events(app, group)
            if f"RequestId: {lambda_id(found)}" in event["message"]
        ]

    until(lambda: len(joined()) == 3, "START, END and REPORT")
    start, end, report = joined()
    assert start == f"START RequestId: {lambda_id(found)} Version: $LATEST\n"
    assert end == f"END RequestId: {lambda_id(found)}\n"
    assert report.startswith(f"REPORT RequestId: {lambda_id(found)}\tDuration: ")


# Authorizers.


def guarded(**options):
    routes = {"$connect": Mock(), "whoami": WHOAMI}
    source = ["route.request.querystring.principal", "route.request.header.X-Who"]
    return websocket_app(
        routes,
        {"Authorize": AUTHORIZER},
        authorizer=Authorizer("Authorize", source),
        **options,
    )


def test_an_authorizer_has_its_lines_before_the_usage_plan(dev, connect, raw_socket):
    app = dev(guarded(stage_properties=traced()))
    headers = {"X-Who": "header-0123456789"}
    url = asking(app.url(), principal="principal-of-ann")
    own = connection_id(connect(url, additional_headers=headers))
    found = logged(app, own, "connected to API")
    authorizer = re.fullmatch(r"Starting authorizer: (\w+) for request: .*", found.lines[1])[1]
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{app.function('Authorize')}"
    uri = f"https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/{arn}/invocations"
    assert_lines(
        found,
        [
            f"Extended Request Id: {found.id}",
            f"Starting authorizer: {authorizer} for request: {found.id}",
            "Incoming identity: {route.request.querystring.principal=****of-ann, "
            "route.request.header.x-who=****456789}",
            f"Endpoint request URI: {uri}",
            re.compile(
                r"Endpoint request headers: \{.*X-Amz-Source-Arn=arn:aws:execute-api:us-east-1:"
                rf"000000000000:{app.api()['apiId']}/authorizers/{authorizer}" + r"\}"
            ),
            re.compile(r'Endpoint request body after transformations: \{"type":"REQUEST",.*'),
            re.compile(
                r'Authorizer result body before parsing: \{"principalId": "principal-of-ann", '
                r'"policyDocument": .*'
            ),
            "Using valid authorizer policy for principal: ****of-ann",
            "Successfully completed authorizer execution",
            *preamble(app, found.id, "$connect")[1:],
            re.compile(r"Client \[UserAgent: .*\] is connecting to WebSocket API .*"),
            f"Client [Connection Id: {own}] connected to API [{app.api()['apiId']}] successfully.",
        ],
    )
    # Refused: for a missing identity source, by the function, and by the policy.
    for query, status, more in [
        ({"principal": ""}, 401, "route.request.querystring.principal is missing"),
        ({"principal": "a", "raise": "Unauthorized"}, 401, "the authorizer said `Unauthorized`"),
        ({"principal": "a", "effect": "Deny"}, 403, "the authorizer's policy denies"),
    ]:
        path = asking("/prod", **query)
        refusal = raw_socket(app).upgrade(path, headers=[("X-Who", "x")])
        assert refusal.status == status
        found = logged(app, refusal.json()["requestId"], more)
        assert f"Unauthorized request: {found.id}" in found.lines
    broken = asking("/prod", principal="a", answer={"statusCode": 401})
    refusal = raw_socket(app).upgrade(broken, headers=[("X-Who", "x")])
    assert refusal.status == 500
    found = logged(app, refusal.json()["requestId"], "Execution failed due to configuration error")
    assert found.lines[-1].startswith("Execution failed due to configuration error: ")


# Failures.


@pytest.mark.parametrize(
    "answer, line, status",
    [
        (
            {"answer": "5"},
            "Execution failed due to configuration error: Malformed Lambda proxy response",
            502,
        ),
        (
            {"raise": "no good"},
            "Lambda execution failed with status 200 due to customer function error: no good. "
            "Lambda request id: {id}",
            502,
        ),
    ],
)
def test_a_failure_has_the_line_of_aws_and_the_status_of_its_frame(
    app, connect, answer, line, status
):
    client = connect(app.url())
    own = connection_id(client)
    say(client, "one", **answer)
    client.recv(timeout=10)
    found = logged(app, own, "WebSocket Request Route: [one]")
    assert line.format(id=lambda_id(found)) in found.lines
    assert found.lines[-1].endswith(f"with response status code [{status}].")


def test_a_timeout_is_one_line_and_the_request_is_seen_while_it_waits(dev, connect):
    template = recording_app()
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ApiGatewayV2::Integration":
            resource["Properties"]["TimeoutInMillis"] = 4000
    app = dev(template)
    client = connect(app.url())
    own = connection_id(client)
    say(client, "one", sleep=8)
    waiting = logged(app, own, "WebSocket Request Route: [one]")
    assert waiting.lines[-1].startswith("WebSocket API [")
    assert json.loads(client.recv(timeout=20))["message"] == "Endpoint request timed out"
    found = logged(app, own, "WebSocket Request Route: [one]", "status code [504]")
    assert found.lines[: len(waiting.lines)] == waiting.lines
    assert found.lines[-2] == "Execution failed due to a timeout error"
    assert found.times == sorted(found.times)
    assert 3500 <= found.times[-1] - found.times[0] <= 8000
    assert len(found.streams) == 1


def test_a_message_that_no_route_is_for_says_so(dev, connect):
    app = dev(websocket_app({"whoami": WHOAMI}))
    client = connect(app.url())
    own = connection_id(client)
    say(client, "nowhere")
    assert json.loads(client.recv(timeout=10))["message"] == "Forbidden"
    found = logged(app, own, "status code [403]")
    assert found.lines == [
        f"Extended Request Id: {found.id}",
        "no route matches the message and there is no $default route",
        f"Message from client [Connection Id: {own}] sent to API [{app.api()['apiId']}] with "
        "response status code [403].",
    ]


# Levels.


def test_levels_and_data_trace_are_those_of_the_route_else_of_the_stage_else_of_the_server(
    dev, connect
):
    template = recording_app(
        stage_properties={
            "DefaultRouteSettings": {"LoggingLevel": "ERROR"},
            "RouteSettings": {
                "two": {"LoggingLevel": "INFO"},
                "one": {"LoggingLevel": "OFF", "DataTraceEnabled": True},
                "$default": {"LoggingLevel": "ERROR", "DataTraceEnabled": True},
            },
        }
    )
    app = dev(template)
    client = connect(app.url())
    own = connection_id(client)
    for action in ("one", "two", "anything"):
        say(client, action, **{"raise": f"failed {action}"})
        client.recv(timeout=10)
    client.close()
    found = logged(app, "failed two")
    assert len(found.lines) == 10
    by_default = logged(app, "failed anything")
    assert [line.split(":")[0].split(" [")[0] for line in by_default.lines] == [
        "WebSocket API",
        "Endpoint request URI",
        "Endpoint request headers",
        "Endpoint request body after transformations",
        "Sending request to https",
        "Received response. Status",
        "Endpoint response headers",
        "Endpoint response body before transformations",
        "Lambda execution failed with status 200 due to customer function error",
    ]
    app.recorded("DISCONNECT", connectionId=own)
    # Nothing of $connect, `whoami`, `one` and $disconnect: they went well, or log nothing.
    assert len(requests(app)) == 2


@pytest.mark.parametrize("level, expected", [("OFF", 0), ("ERROR", 1), ("INFO", 4)])
def test_the_server_has_a_level_for_stages_that_set_none(dev, connect, level, expected):
    app = dev(recording_app(), config=f'[logs]\nlevel = "{level}"')
    client = connect(app.url())
    own = connection_id(client)
    say(client, "one", **{"raise": "no"})
    client.recv(timeout=10)
    client.close()
    app.recorded("DISCONNECT", connectionId=own)
    # Written behind all others, so that whatever comes has come.
    app.stop()
    rows = sqlite3.connect(app.folder / ".gatepost" / "store.sqlite")
    # A request that waits for long is kept in more than one row.
    count = "SELECT COUNT(DISTINCT request_id) FROM execution_logs"
    assert rows.execute(count).fetchone() == (expected,)


# Form.


def test_a_line_is_cut_behind_1024_characters(trace, connect):
    client = connect(trace.url())
    own = connection_id(client)
    say(client, "one", text="ü" * 3000)
    found = logged(trace, own, "WebSocket Request Route: [one]", "status code [200]")
    [line] = [line for line in found.lines if "Message: [" in line]
    whole = f"({found.id}) {line}"
    assert len(whole) == 1036
    assert whole.endswith(" [TRUNCATED]")
    assert all(len(line) + len(found.id) + 3 <= 1036 for line in found.lines)


def test_groups_and_streams_have_the_shape_of_aws(app, connect):
    own = connection_id(connect(app.url()))
    logs = app.aws("logs")
    found = logged(app, own, "connected to API")
    group = group_of(app)
    [described] = logs.describe_log_groups(logGroupNamePrefix="/aws/apigateway/")["logGroups"]
    assert described["logGroupName"] == group
    assert described["arn"] == f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    names = {stream["logStreamName"] for stream in streams}
    assert all(re.fullmatch(r"[0-9a-f]{32}", name) for name in names)
    # All lines of a request are in one stream, and those are all in the group.
    assert found.streams <= names
    assert all(len(request.streams) == 1 for request in requests(app))
    [stream] = found.streams
    read = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
    filtered = logs.filter_log_events(logGroupName=group, logStreamNames=[stream])
    assert [e["message"] for e in read["events"]] == [e["message"] for e in filtered["events"]]
    assert f"({found.id}) {found.lines[-1]}" in [e["message"] for e in read["events"]]
    ids = [event["eventId"] for event in events(app, group)]
    assert ids == sorted(set(ids))
    assert all(re.fullmatch(r"\d{56}", event_id) for event_id in ids)


def test_pages_of_any_size_are_the_whole(app, connect):
    for _ in range(3):
        connection_id(connect(app.url()))
    own = connection_id(connect(app.url()))
    logged(app, own, "WebSocket Request Route: [whoami]")
    whole = events(app, group_of(app))
    for size in (1, 7, 1000):
        pages = app.aws("logs").get_paginator("filter_log_events").paginate(
            logGroupName=group_of(app), PaginationConfig={"PageSize": size}
        )
        assert [e for page in pages for e in page["events"]][: len(whole)] == whole


class Tail:
    """What `aws logs tail --follow` does: from the last event's time on, without what it had."""

    def __init__(self, app, group):
        self.logs, self.group = app.aws("logs"), group
        self.start, self.had, self.messages = 0, set(), []

    def poll(self):
        pages = self.logs.get_paginator("filter_log_events").paginate(
            logGroupName=self.group, interleaved=True, startTime=self.start
        )
        for event in [event for page in pages for event in page["events"]]:
            if event["eventId"] not in self.had:
                self.messages.append(event["message"])
            if event["timestamp"] > self.start:
                self.start, self.had = event["timestamp"], set()
            if event["timestamp"] == self.start:
                self.had.add(event["eventId"])
        return self.messages


def test_who_follows_a_log_sees_every_line_once(dev, connect):
    app = dev(recording_app())
    own = connection_id(connect(app.url()))
    logged(app, own, "WebSocket Request Route: [whoami]")
    tail = Tail(app, group_of(app))
    for nth in range(3):
        client = connect(app.url())
        tail.poll()
        own = connection_id(client)
        tail.poll()
        client.close(4000 + nth)
        until(
            lambda: any(own in m and "disconnected" in m for m in tail.poll()),
            "the end in the tail",
        )
    written = [event["message"] for event in events(app, group_of(app))]
    assert sorted(tail.messages) == sorted(written)


def test_lines_survive_a_restart(dev, connect):
    app = dev(recording_app())
    own = connection_id(connect(app.url()))
    logged(app, own, "WebSocket Request Route: [whoami]")
    before = events(app, group_of(app))
    app.restart()
    assert events(app, group_of(app))[: len(before)] == before


# Calls of @connections, of which AWS writes nothing.


def test_calls_of_connections_say_who_called_for_which_id_and_why_not(dev, connect):
    app = dev(recording_app())
    client = connect(app.url())
    own = connection_id(client)
    answer = app.client().post_to_connection(ConnectionId=own, Data=b"x")
    ids = answer["ResponseMetadata"]["HTTPHeaders"]
    found = logged(app, "PostToConnection for", "code [200]")
    assert re.fullmatch(UUID, found.id)
    assert found.id == ids["x-amzn-requestid"]
    assert_lines(
        found,
        [
            f"Extended Request Id: {ids['x-amz-apigw-id']}",
            re.compile(
                re.escape(f"PostToConnection for client [Connection Id: {own}] by ")
                + r"Boto3/[\d.]+ at 127\.0\.0\.1 was answered with status code \[200\]\."
            ),
        ],
    )
    app.client().get_connection(ConnectionId=own)
    logged(app, f"GetConnection for client [Connection Id: {own}]", "status code [200]")
    client.close(4001, "bye")
    until(
        lambda: request(app.port, "POST", f"/prod/@connections/{own}", b"x").status == 410,
        "410",
    )
    found = logged(app, f"PostToConnection for client [Connection Id: {own}]", "code [410]")
    assert found.lines[-1].endswith(
        'was answered with status code [410]. Gone (closed-by-client): the connection was closed by '
        'the client (code 4001, "bye"). To mend it: delete the id when $disconnect runs and on '
        "GoneException."
    )
    request(app.port, "DELETE", "/prod/@connections/nope")
    logged(
        app,
        "DeleteConnection for client [Connection Id: nope] by 127.0.0.1 was answered with status "
        "code [400]. Invalid connectionId (malformed): it is not the shape of a connection id. To "
        "mend it: pass requestContext.connectionId unchanged.",
    )


SIGNER = """
import boto3, os
def handler(event, context):
    here = event["requestContext"]
    if here["eventType"] == "MESSAGE":
        url = os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"]
        api = boto3.client("apigatewaymanagementapi", endpoint_url=url)
        api.post_to_connection(ConnectionId=here["connectionId"], Data=b"hello")
    return {"statusCode": 200}
"""


def test_a_function_that_posts_is_named_with_the_request_it_works_on(dev, connect):
    app = dev(websocket_app({"$default": "Main", "whoami": WHOAMI}, {"Main": SIGNER}))
    client = connect(app.url())
    own = connection_id(client)
    say(client, "one")
    assert client.recv(timeout=20) == "hello"
    message = logged(app, own, "WebSocket Request Route: [$default]", "status code [200]")
    logged(
        app,
        f"PostToConnection for client [Connection Id: {own}] by function {app.function('Main')} "
        f"(request {lambda_id(message)}) was answered with status code [200].",
    )


# What must not be written.

CANARY = "canary-{}-0123456789abcdef"


def test_secrets_of_clients_and_callers_are_in_no_log_at_any_level(dev, raw_socket, connect):
    """Authorization, cookies, tokens, API keys, presigned queries, subprotocols."""
    template = guarded(stage_properties=traced())
    app = dev(template)
    names = ["authorization", "cookie", "key", "security", "protocol", "token", "signature", "auth"]
    canary = {name: CANARY.format(name) for name in names}
    headers = [
        ("Authorization", f"Bearer {canary['authorization']}"),
        ("Cookie", f"session={canary['cookie']}"),
        ("X-Api-Key", canary["key"]),
        ("X-Amz-Security-Token", canary["security"]),
        ("Sec-WebSocket-Protocol", canary["protocol"]),
        ("X-Who", "somebody"),
    ]
    query = {
        "principal": "ann",
        "token": canary["token"],
        "X-Amz-Signature": canary["signature"],
        "Auth": canary["auth"],
    }
    raw = raw_socket(app)
    assert raw.upgrade("/prod?" + urlencode(query), headers=headers).status == 101
    raw.send(frame(TEXT, '{"action":"whoami"}'))
    own = json.loads(raw.read_message())["connectionId"]
    signed = f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/x, Signature={canary['signature']}"
    post = [("Authorization", signed), ("X-Amz-Security-Token", canary["security"])]
    path = f"/prod/@connections/{own}?X-Amz-Signature={canary['signature']}"
    assert request(app.port, "POST", path, b"payload", post).status == 200
    logged(app, own, "connected to API")
    logged(app, "PostToConnection for")
    refused = raw_socket(app).upgrade("/prod?" + urlencode(query), headers=headers[:-1])
    assert refused.status == 401
    logged(app, refused.json()["requestId"])
    app.stop()
    kept = b"".join(path.read_bytes() for path in (app.folder / ".gatepost").glob("store*"))
    said = app.transcript().encode()
    assert [name for name in names if canary[name].encode() in kept + said] == []
    # The masks are there: it is the same request.
    assert b"****abcdef" in kept


INJECTED = "x\r\n(EP5yqFByIAMElXw=) Starting execution\n\x1b[31m\x00\u2028\u0085]"


def test_nothing_that_a_client_writes_makes_a_line_of_its_own(trace, connect, raw_socket):
    """From every field that a client controls: one event, one line."""
    client = connect(trace.url())
    own = connection_id(client)
    say(client, "one", text=INJECTED)
    say(client, INJECTED)
    logged(trace, own, "WebSocket Request Route: [one]", "status code [200]")
    logged(trace, own, "WebSocket Request Route: [$default]", "status code [200]")
    raw = raw_socket(trace)
    agent = ("User-Agent", "agent\x85(x) y")
    assert raw.upgrade(asking("/prod", injected=INJECTED), headers=[agent]).status == 101
    raw.send(frame(TEXT, '{"action":"whoami"}'))
    other = json.loads(raw.read_message())["connectionId"]
    raw.send(close_frame(4000, INJECTED))
    logged(trace, other, "disconnected from API")
    bad = "/prod/@connections/x%0A(y)%1B"
    request(trace.port, "POST", bad, INJECTED.encode(), [("User-Agent", "evil\x85agent x")])
    logged(trace, "PostToConnection for client [Connection Id: x")
    for event in events(trace, group_of(trace)):
        one_line = rf"\(({REQUEST_ID}|{UUID})\) [^\x00-\x1f\x7f-\x9f\u2028\u2029]+"
        assert re.fullmatch(one_line, event["message"])
