"""Access logs: rows of AWS's variables in the user's format (control-and-observability spec B)."""

import csv
import json
import re
import xml.etree.ElementTree as ElementTree
from urllib.parse import quote

import pytest
from support.logs import events
from support.poll import until
from support.talk import (
    CONNECTION_ID,
    REQUEST_ID,
    UUID,
    WHOAMI,
    asking,
    connection_id,
    recording_app,
    say,
    silent_app,
)
from support.template import AUTHORIZER, Authorizer, Mock, websocket_app
from support.wire import request

GROUP = "rows"
VARIABLES = """
apiId stage domainName requestId extendedRequestId requestTime requestTimeEpoch routeKey eventType
status messageId connectionId connectedAt
identity.accountId identity.apiKey identity.apiKeyId identity.caller
identity.cognitoAuthenticationProvider identity.cognitoAuthenticationType identity.cognitoIdentityId
identity.cognitoIdentityPoolId identity.principalOrgId identity.sourceIp identity.user
identity.userAgent identity.userArn
authorizer.principalId authorizer.team authorizer.error authorizer.integrationLatency
authorizer.integrationStatus authorizer.latency authorizer.requestId authorizer.status
authorize.error authorize.latency authorize.status
authenticate.error authenticate.latency authenticate.status
integrationLatency integrationStatus awsEndpointRequestId
integration.error integration.integrationStatus integration.latency integration.requestId
integration.status
error.message error.messageString error.responseType error.validationErrorString
waf.error waf.latency waf.status httpMethod resourcePath responseLength responseLatency
""".split()
#: One that shows every variable: `messageString` is JSON by itself.
EVERYTHING = "{%s}" % ",".join(
    f'"{name}":$context.{name}' if name == "error.messageString" else f'"{name}":"$context.{name}"'
    for name in VARIABLES
)


def logged_to(format_, group=GROUP, **more):
    """Properties of a stage that writes its rows into a log group of the template."""
    return {
        "stage_properties": {
            "AccessLogSettings": {
                "DestinationArn": {"Fn::GetAtt": ["Rows", "Arn"]},
                "Format": format_,
            },
            **more,
        },
        "resources": {
            "Rows": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": group}}
        },
    }


def lines(app, group=GROUP):
    return [event["message"] for event in events(app, group)]


def rows(app):
    """The rows that show everything; unset members left out."""
    text = [re.sub(r'"error.messageString":-', '"error.messageString":"-"', row) for row in lines(app)]
    return [{k: v for k, v in json.loads(row).items() if v != "-"} for row in text]


def row(app, **wanted):
    """The one row with these values, once it is there."""

    def found():
        matching = [r for r in rows(app) if wanted.items() <= r.items()]
        assert len(matching) < 2, matching
        return matching[0] if matching else None

    return until(found, f"row with {wanted}")


def assert_row(found, **expected):
    """The row has just these members: texts, or patterns of texts."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        matches = value.fullmatch(found[name]) if isinstance(value, re.Pattern) else None
        assert matches or value == found[name], (name, found[name])


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app(**logged_to(EVERYTHING)))


def common(app, own):
    """What every row of a connection has."""
    return {
        "apiId": app.api()["apiId"],
        "stage": "prod",
        "domainName": f"localhost:{app.port}",
        "requestId": re.compile(REQUEST_ID),
        "extendedRequestId": re.compile(REQUEST_ID),
        "requestTime": re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000"),
        "requestTimeEpoch": re.compile(r"\d{13}"),
        "connectionId": own,
        "connectedAt": re.compile(r"\d{13}"),
        "identity.sourceIp": "127.0.0.1",
        "identity.userAgent": "agent/1.0",
    }


def test_connect_message_and_disconnect_have_rows_with_just_these_variables(app, connect):
    client = connect(app.url(), user_agent_header="agent/1.0")
    own = connection_id(client)
    say(client, "one")
    [seen] = app.recorded("MESSAGE", connectionId=own)
    client.close()
    answered = {
        "integrationLatency": re.compile(r"\d+"),
        "awsEndpointRequestId": re.compile(UUID),
    }
    found = row(app, connectionId=own, eventType="CONNECT")
    assert found["requestId"] == found["extendedRequestId"]
    assert_row(
        found,
        **common(app, own),
        **answered,
        routeKey="$connect",
        eventType="CONNECT",
        status="200",
    )
    found = row(app, connectionId=own, routeKey="one")
    here = seen["requestContext"]
    assert_row(
        found,
        **common(app, own)
        | {
            "requestId": here["requestId"],
            "extendedRequestId": here["requestId"],
            "requestTime": here["requestTime"],
            "requestTimeEpoch": str(here["requestTimeEpoch"]),
            "connectedAt": str(here["connectedAt"]),
        },
        **answered,
        routeKey="one",
        eventType="MESSAGE",
        messageId=here["messageId"],
        status="200",
    )
    # A MOCK integration calls nothing.
    assert_row(
        row(app, connectionId=own, routeKey="whoami"),
        **common(app, own),
        routeKey="whoami",
        eventType="MESSAGE",
        messageId=re.compile(CONNECTION_ID),
        status="200",
    )
    assert_row(
        row(app, connectionId=own, eventType="DISCONNECT"),
        **common(app, own),
        **answered,
        routeKey="$disconnect",
        eventType="DISCONNECT",
        status="200",
    )


def test_failures_have_their_status_and_error(app, connect, raw_socket):
    client = connect(app.url())
    own = connection_id(client)
    say(client, "one", **{"raise": "no"})
    client.recv(timeout=10)
    found = row(app, connectionId=own, routeKey="one", status="502")
    assert found["error.message"] == "Internal server error"
    assert found["error.messageString"] == "Internal server error"
    assert '"error.messageString":"Internal server error"' in "".join(lines(app))
    assert found["error.responseType"] == "INTEGRATION_FAILURE"
    say(client, "two", answer={"statusCode": 503, "body": "x"})
    client.recv(timeout=10)
    found = row(app, connectionId=own, routeKey="two", status="503")
    assert not {name for name in found if name.startswith("error.")}
    refused = raw_socket(app).upgrade(asking("/prod", answer={"statusCode": 403}))
    assert refused.status == 403
    found = row(app, eventType="CONNECT", status="403")
    assert not {name for name in found if name.startswith("error.")}


def test_an_authorizer_has_its_variables_and_what_it_says_goes_with_every_later_row(
    dev, connect, raw_socket
):
    routes = {"$connect": Mock(), "whoami": WHOAMI}
    authorizer = Authorizer("Authorize", ["route.request.querystring.principal"])
    options = logged_to(EVERYTHING)
    app = dev(
        websocket_app(routes, {"Authorize": AUTHORIZER}, authorizer=authorizer, **options)
    )
    own = connection_id(connect(asking(app.url(), principal="ann", context={"team": "blue"})))
    found = row(app, connectionId=own, eventType="CONNECT")
    of_authorizer = {k: v for k, v in found.items() if k.startswith("authorizer.")}
    assert_row(
        of_authorizer,
        **{
            "authorizer.principalId": "ann",
            "authorizer.team": "blue",
            "authorizer.status": "200",
            "authorizer.integrationStatus": "200",
            "authorizer.latency": re.compile(r"\d+"),
            "authorizer.integrationLatency": re.compile(r"\d+"),
            "authorizer.requestId": re.compile(UUID),
        },
    )
    found = row(app, connectionId=own, routeKey="whoami")
    of_authorizer = {k: v for k, v in found.items() if k.startswith("authorizer.")}
    assert of_authorizer == {"authorizer.principalId": "ann", "authorizer.team": "blue"}
    assert raw_socket(app).upgrade(asking("/prod", principal="a", effect="Deny")).status == 403
    found = row(app, status="403")
    assert found["authorizer.status"] == "403"
    assert found["error.responseType"] == "ACCESS_DENIED"
    assert found["authorizer.error"] == found["error.message"]
    assert raw_socket(app).upgrade("/prod").status == 401
    found = row(app, status="401")
    assert found["error.responseType"] == "UNAUTHORIZED"
    assert "authorizer.status" not in found, "it was not asked"


def test_calls_of_connections_have_rows_too(app, connect):
    client = connect(app.url())
    own = connection_id(client)
    api = app.client()
    ids = [
        call(ConnectionId=own, **more)["ResponseMetadata"]["HTTPHeaders"]
        for call, more in [
            (api.post_to_connection, {"Data": b"x"}),
            (api.get_connection, {}),
            (api.delete_connection, {}),
        ]
    ]
    for sent, method, status in zip(ids, ("POST", "GET", "DELETE"), ("200", "200", "204")):
        found = row(app, requestId=sent["x-amzn-requestid"])
        assert_row(
            found,
            **{
                "apiId": app.api()["apiId"],
                "stage": "prod",
                "domainName": f"localhost:{app.port}",
                "requestId": re.compile(UUID),
                "extendedRequestId": sent["x-amz-apigw-id"],
                "requestTime": re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000"),
                "requestTimeEpoch": re.compile(r"\d{13}"),
                "routeKey": method + " /@connections/{connectionId}",
                "eventType": "CONNECTION_API",
                "status": status,
                "connectionId": own,
                "identity.sourceIp": "127.0.0.1",
                "identity.userAgent": re.compile(r"Boto3/.*"),
                "identity.accountId": "000000000000",
                "identity.caller": found["identity.user"],
                "identity.user": re.compile(r"\S+"),
                "identity.userArn": re.compile(r"arn:aws:(iam|sts)::000000000000:\S+"),
                "integrationLatency": "0",
            },
        )
    gone = request(app.port, "POST", f"/prod/@connections/{quote(own, safe='')}", b"x")
    assert gone.status == 410
    found = row(app, eventType="CONNECTION_API", status="410")
    assert not {name for name in found if name.startswith("error.")}


FORMATS = {
    "clf": '$context.identity.sourceIp $context.identity.caller $context.identity.user '
    '[$context.requestTime] "$context.eventType $context.routeKey $context.connectionId" '
    "$context.status $context.requestId",
    "json": '{ "requestId":"$context.requestId", '
    '"extendedRequestId":"$context.extendedRequestId","ip": "$context.identity.sourceIp", '
    '"caller":"$context.identity.caller", "user":"$context.identity.user", '
    '"requestTime":"$context.requestTime", "eventType":"$context.eventType", '
    '"routeKey":"$context.routeKey", "status":"$context.status", '
    '"connectionId":"$context.connectionId" }',
    "xml": '<request id="$context.requestId"> <ip>$context.identity.sourceIp</ip> '
    "<caller>$context.identity.caller</caller> <eventType>$context.eventType</eventType> "
    "<routeKey>$context.routeKey</routeKey> <status>$context.status</status> </request>",
    "csv": "$context.identity.sourceIp,$context.identity.caller,$context.identity.user,"
    "$context.requestTime,$context.eventType,$context.routeKey,$context.connectionId,"
    "$context.status,$context.requestId,$context.extendedRequestId",
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_standard_formats_are_written_as_the_console_offers_them(dev, connect, name):
    app = dev(silent_app(**logged_to(FORMATS[name])))
    own = connection_id(connect(app.url()))
    [line] = until(lambda: [x for x in lines(app) if "whoami" in x], "row of the message")
    time = r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000"
    if name == "clf":
        pattern = rf'127\.0\.0\.1 - - \[{time}\] "MESSAGE whoami {own}" 200 {REQUEST_ID}'
        assert re.fullmatch(pattern, line)
    elif name == "json":
        parsed = json.loads(line)
        assert list(parsed) == [
            "requestId", "extendedRequestId", "ip", "caller", "user", "requestTime", "eventType",
            "routeKey", "status", "connectionId",
        ]  # fmt: skip
        assert (parsed["caller"], parsed["connectionId"]) == ("-", own)
    elif name == "xml":
        parsed = ElementTree.fromstring(line)
        assert re.fullmatch(REQUEST_ID, parsed.get("id"))
        texts = {child.tag: child.text for child in parsed}
        assert texts == {
            "ip": "127.0.0.1", "caller": "-", "eventType": "MESSAGE", "routeKey": "whoami",
            "status": "200",
        }  # fmt: skip
    else:
        [cells] = csv.reader([line])
        assert cells[:3] == ["127.0.0.1", "-", "-"]
        assert cells[4:8] == ["MESSAGE", "whoami", own, "200"]


HOSTILE = 'a","b":"c\\ <d> & e, "f"'


@pytest.mark.parametrize("name", ["json", "xml", "csv", "clf"])
def test_what_a_client_writes_stays_in_its_place(dev, raw_socket, name):
    agent = "$context.identity.userAgent"
    formats = {
        "json": '{"id":"$context.requestId","agent":"%s","status":$context.status}' % agent,
        "xml": f'<r id="$context.requestId" a="{agent}"><agent>{agent}</agent></r>',
        "csv": f"$context.requestId,{agent},$context.status",
        "clf": f'$context.requestId "{agent}" $context.status',
    }
    app = dev(silent_app(**logged_to(formats[name])))
    headers = [("User-Agent", HOSTILE + "\x85\u00e4")]
    assert raw_socket(app).upgrade("/prod", headers=headers).status == 101
    [line] = until(lambda: lines(app), "row")
    assert re.fullmatch(r"[^\x00-\x1f\x7f-\x9f]+", line)
    if name == "json":
        parsed = json.loads(line)
        assert parsed["agent"].startswith(HOSTILE)
        assert parsed.keys() == {"id", "agent", "status"}
    elif name == "xml":
        parsed = ElementTree.fromstring(line)
        assert parsed.get("a").startswith(HOSTILE)
        assert [child.tag for child in parsed] == ["agent"]
        assert parsed[0].text.startswith(HOSTILE)
    elif name == "csv":
        [cells] = csv.reader([line])
        assert len(cells) == 3
        assert cells[1].startswith(HOSTILE)
    else:
        assert re.fullmatch(rf'{REQUEST_ID} "(?:[^"\\]|\\.)*" 200', line)


def test_the_group_is_there_before_its_first_row_and_rows_have_streams_of_their_own(dev, connect):
    app = dev(silent_app(**logged_to("$context.requestId", group="/my/rows")))
    logs = app.aws("logs")
    [group] = logs.describe_log_groups(logGroupNamePrefix="/my/")["logGroups"]
    assert group["logGroupName"] == "/my/rows"
    assert logs.filter_log_events(logGroupName="/my/rows")["events"] == []
    connect(app.url())
    [event] = until(lambda: events(app, "/my/rows"), "row")
    assert re.fullmatch(r"[0-9a-f]{32}", event["logStreamName"])
    assert re.fullmatch(REQUEST_ID, event["message"])


def test_a_stage_whose_level_is_off_has_its_access_log_all_the_same(dev, connect):
    off = {"DefaultRouteSettings": {"LoggingLevel": "OFF"}}
    app = dev(silent_app(**logged_to("$context.requestId $context.eventType", **off)))
    connect(app.url())
    [line] = until(lambda: lines(app), "row")
    assert re.fullmatch(rf"{REQUEST_ID} CONNECT", line)
    assert events(app, f"/aws/apigateway/{app.api()['apiId']}/prod") == []


def test_an_api_key_is_masked(dev, raw_socket):
    """AWS masks API keys in logs: the last six characters stay."""
    key = "0123456789abcdefghijKLMNOP"
    options = logged_to("$context.requestId $context.identity.apiKey $context.identity.apiKeyId")
    routes = {"$connect": Mock(route={"ApiKeyRequired": True}), "whoami": WHOAMI}
    resources = options.pop("resources") | {
        "Key": {"Type": "AWS::ApiGateway::ApiKey", "Properties": {"Value": key, "Enabled": True}},
        "Plan": {
            "Type": "AWS::ApiGateway::UsagePlan",
            "Properties": {"ApiStages": [{"ApiId": {"Ref": "Api"}, "Stage": {"Ref": "ApiStage"}}]},
        },
        "PlanKey": {
            "Type": "AWS::ApiGateway::UsagePlanKey",
            "Properties": {
                "KeyId": {"Ref": "Key"}, "KeyType": "API_KEY", "UsagePlanId": {"Ref": "Plan"},
            },
        },
    }  # fmt: skip
    app = dev(websocket_app(routes, resources=resources, **options))
    assert raw_socket(app).upgrade("/prod", headers=[("x-api-key", key)]).status == 101
    [line] = until(lambda: lines(app), "row")
    assert re.fullmatch(rf"{REQUEST_ID} \*{{20}}KLMNOP \w+", line)


@pytest.mark.parametrize(
    "settings, text",
    [
        (
            {"DestinationArn": "arn:aws:logs:us-east-1:0:log-group:x", "Format": "literal-only"},
            "The following errors are found in Access Log Format: Access Log format must include "
            "either $context.requestId or $context.extendedRequestId : 'literal-only'",
        ),
        (
            {"DestinationArn": "arn:aws:logs:us-east-1:0:log-group:x", "Format": "$context.requestId\nx"},
            "The following errors are found in Access Log Format: Access Log format must be single "
            "line: '$context.requestId",
        ),
        (
            {"DestinationArn": "not-an-arn", "Format": "$context.requestId"},
            "Invalid ARN specified in the request. ARNs must start with 'arn:': not-an-arn",
        ),
        (
            {"DestinationArn": "arn:aws:logs:us-east-1:0:log-group:x"},
            "Access Log value missing. Expected destinationArn and format.",
        ),
    ],
)
def test_what_aws_refuses_is_refused_in_its_words(dev, settings, text):
    refused = dev.refused(silent_app(stage_properties={"AccessLogSettings": settings}))
    assert refused.status == 1
    assert text in refused.stderr
    assert re.match(r"\S*template\.json:\d+: ", refused.stderr)


def test_a_variable_that_aws_does_not_have_is_warned_of(dev):
    settings = {
        "DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:x",
        "Format": "$context.requestId $context.conectionId $context.authorizer.role $context.foo",
    }
    app = dev(silent_app(stage_properties={"AccessLogSettings": settings}))
    told = [event["text"] for event in app.events("warning")]
    assert [re.sub(r"^.*\.json:\d+: ", "", text) for text in told] == [
        "there is no $context.conectionId: it is `-` in every row; did you mean `connectionId`?",
        "there is no $context.foo: it is `-` in every row; leave it out",
    ]


def test_a_destination_other_than_a_log_group_is_warned_of(dev, connect):
    firehose = "arn:aws:firehose:us-east-1:000000000000:deliverystream/amazon-apigateway-x"
    settings = {"DestinationArn": firehose, "Format": "$context.requestId"}
    app = dev(silent_app(stage_properties={"AccessLogSettings": settings}))
    app.wait_event("warning", lambda e: f"{firehose} is no log group" in e["text"])
    connection_id(connect(app.url()))
