"""K. Lambda authorizers on `$connect`."""

import json

import pytest
from support.talk import (
    WHOAMI,
    asking,
    connection_id,
    error_frame,
    recording_app,
    say,
)
from support.template import AUTHORIZER, RECORDER, Authorizer, Mock, together, websocket_app

#: What a template declares and what calls make must not differ.
DEPLOYED_BY = ("template", "calls")

TOKEN = "route.request.querystring.token"


def guarded(*sources, api="Api", **options):
    """An app behind the authorizer that decides as the query says."""
    return websocket_app(
        {
            "$connect": "Main",
            "$disconnect": "Main",
            "one": "Main",
            "whoami": WHOAMI,
            "principal": Mock('"$context.authorizer.principalId $context.authorizer.level"'),
        },
        {"Main": RECORDER, "Authorize": AUTHORIZER},
        api=api,
        authorizer=Authorizer("Authorize", list(sources)),
        **options,
    )


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(guarded(TOKEN))


@pytest.fixture(scope="module")
def variants(module_dev):
    """One API for each form of identity source."""
    sources = {
        "Header": ["route.request.header.X-Token"],
        "Both": ["route.request.header.X-Token", TOKEN],
        "Variable": ["stageVariables.tier"],
        "NoVariable": ["stageVariables.nothing"],
        "ContextId": ["context.connectionId"],
        "ContextEvent": ["context.eventType"],
        "None": [],
    }
    tier = {"StageVariables": {"tier": "gold"}}
    allow = (
        "def handler(event, context):\n"
        "    statement = {'Action': 'execute-api:Invoke', 'Effect': 'Allow', 'Resource': '*'}\n"
        "    return {'principalId': 'ann', 'policyDocument': {'Statement': [statement]}}\n"
    )
    return module_dev(
        together(
            *(
                websocket_app(
                    {"$connect": Mock(), "$default": Mock()},
                    {f"{api}Authorize": allow},
                    api=api,
                    stage_properties=tier,
                    authorizer=Authorizer(f"{api}Authorize", identity),
                )
                for api, identity in sources.items()
            )
        )
    )


@pytest.fixture
def shake(app, raw_socket):
    """The response to a handshake whose query tells the authorizer what to decide."""

    def run(headers=(), **what):
        before = len(app.seen("AUTHORIZE"))
        query = {"token": "t", **what}
        response = raw_socket(app).upgrade(asking("/prod", **query), headers=headers)
        assert len(app.seen("AUTHORIZE")) == before + 1
        return response

    return run


def assert_refused(response, status, message):
    assert response.status == status
    assert error_frame(message).fullmatch(response.body.decode()), response.body
    assert response.header("x-amz-apigw-id") == response.json()["requestId"]
    assert "x-amzn-errortype" not in response.names()


@pytest.mark.checklist(25, 26, 175, 176)
@pytest.mark.parametrize("query", ["", "?other=t", "?token=", "?Token=t"])
def test_a_missing_or_empty_identity_source_is_401_and_calls_nobody(app, raw_socket, query):
    before = len(app.seen("AUTHORIZE"))
    response = raw_socket(app).upgrade("/prod" + query)
    assert_refused(response, 401, "Unauthorized")
    assert len(app.seen("AUTHORIZE")) == before


@pytest.mark.parametrize(
    "api, query, headers, status",
    [
        ("Header", "", [("x-token", "t")], 101),
        ("Header", "?X-Token=t", [], 401),
        ("Header", "", [("X-Token", "")], 401),
        ("Both", "?token=t", [("X-Token", "t")], 101),
        ("Both", "?token=t", [], 401),
        ("Both", "", [("X-Token", "t")], 401),
        ("Variable", "", [], 101),
        ("NoVariable", "", [], 401),
        ("ContextId", "", [], 101),
        ("ContextEvent", "", [], 401),
        ("None", "", [], 101),
    ],
)
@pytest.mark.checklist(175, 176, 190)
def test_identity_sources_of_every_form(variants, raw_socket, api, query, headers, status):
    """All must be there; of `context` only three members ever resolve."""
    response = raw_socket(variants).upgrade(variants.path(api=api) + query, headers=headers)
    assert response.status == status


def test_an_allowed_client_is_connected(shake):
    assert shake(effect="Allow").status == 101


@pytest.mark.checklist(177)
def test_an_authorizer_that_raises_unauthorized_is_401(shake):
    assert_refused(shake(**{"raise": "Unauthorized"}), 401, "Unauthorized")


@pytest.mark.checklist(178)
def test_an_explicit_deny_is_403_in_these_words(shake):
    assert_refused(
        shake(effect="Deny"),
        403,
        "User is not authorized to access this resource with an explicit deny in an identity-based"
        " policy",
    )


@pytest.mark.checklist(179)
@pytest.mark.parametrize(
    "what",
    [
        {"resource": "arn:aws:execute-api:us-east-1:000000000000:zzzzzzzzzz/prod/$connect"},
        {"resource": "arn:aws:execute-api:us-east-1:000000000000:*/other/*"},
        {"policyAction": "execute-api:ManageConnections"},
    ],
    ids=["another API", "another stage", "another action"],
)
def test_an_implicit_deny_is_403_in_these_words(shake, what):
    assert_refused(
        shake(**what),
        403,
        "User is not authorized to access this resource because no identity-based policy allows"
        " the execute-api:Invoke action",
    )


@pytest.mark.parametrize(
    "resource",
    [
        "*",
        "arn:aws:execute-api:*:*:*",
        "arn:aws:execute-api:us-east-1:000000000000:*/prod/$connect",
        "arn:aws:execute-api:us-east-1:000000000000:*/*/$conn?ct",
    ],
)
def test_a_policy_may_use_the_wildcards_of_iam(shake, resource):
    assert shake(resource=resource).status == 101


@pytest.mark.parametrize("action", ["*", "execute-api:*", "Execute-API:invoke", "execute-api:In*"])
def test_an_action_may_use_wildcards_and_any_case(shake, action):
    assert shake(policyAction=action).status == 101


def with_policy(document):
    """What the authorizer answers; `$connect`, which answers the same, takes the status of it."""
    return {"principalId": "ann", "policyDocument": document, "statusCode": 200}


@pytest.mark.parametrize(
    "condition, status",
    [
        ({"IpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1"]}}, 101),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, 403),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, 101),
        ({"Bool": {"aws:SecureTransport": "false"}}, 101),
        ({"Bool": {"aws:SecureTransport": "true"}}, 403),
        ({"StringLike": {"aws:UserAgent": "probe/*"}}, 101),
        ({"DateLessThan": {"aws:CurrentTime": "2001-01-01T00:00:00Z"}}, 403),
        ({"DateGreaterThan": {"aws:CurrentTime": "2001-01-01T00:00:00Z"}}, 101),
        # What is not known of a client, or not evaluated at all, never opens.
        ({"StringNotEquals": {"aws:username": "bob"}}, 403),
        ({"StringNotEquals": {"s3:prefix": "x"}}, 403),
        ({"StringSounds": {"aws:UserAgent": "probe/1.0"}}, 403),
    ],
)
def test_a_statement_holds_under_its_conditions(shake, condition, status):
    statement = {"Action": "*", "Effect": "Allow", "Resource": "*", "Condition": condition}
    answer = with_policy({"Statement": [statement]})
    response = shake(headers=[("User-Agent", "probe/1.0")], answer=answer)
    assert response.status == status


@pytest.mark.parametrize(
    "statements, status",
    [
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], 101),
        ([{"Effect": "Allow", "NotAction": "execute-api:*", "Resource": "*"}], 403),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "*/other/*"}], 101),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "*/prod/*"}], 403),
        ([{"Effect": "Allow", "Action": ["s3:*", "execute-api:Invoke"],
           "Resource": ["arn:aws:s3:::x", "arn:aws:execute-api:*:*:*/prod/$connect"]}], 101),
        ([{"Effect": "Allow", "Action": "*", "Resource": "*/other/*"},
          {"Effect": "Allow", "Action": "*", "Resource": "*/prod/*"}], 101),
        ({"Effect": "Allow", "Action": "*", "Resource": "*"}, 101),
        ([], 403),
        ([{"Effect": "Allow", "Action": "*", "Resource": ["*", "a" * 513]}], 500),
        ([{"Effect": "allow", "Action": "*", "Resource": "*"}], 500),
        ([{"Effect": "Allow", "Action": "*"}], 500),
        ([{"Effect": "Allow", "Resource": "*"}], 500),
        ([{"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}], 500),
    ],
)
@pytest.mark.parametrize("version", [{}, {"Version": "2012-10-17"}], ids=["no version", "version"])
def test_every_form_of_a_statement(shake, version, statements, status):
    answer = with_policy({**version, "Statement": statements})
    assert shake(answer=answer).status == status


@pytest.mark.checklist(178)
def test_a_deny_wins_over_an_allow(shake):
    statements = [
        {"Action": "*", "Effect": effect, "Resource": "*"} for effect in ("Allow", "Deny", "Allow")
    ]
    answer = {"principalId": "ann", "policyDocument": {"Statement": statements}}
    assert shake(answer=answer).status == 403


@pytest.mark.checklist(180)
@pytest.mark.parametrize("text", ["unauthorized", "Unauthorized!", "no"])
def test_any_other_failure_of_the_authorizer_is_500(shake, text):
    assert_refused(shake(**{"raise": text}), 500, "Internal server error")


POLICY = {"Statement": [{"Action": "*", "Effect": "Allow", "Resource": "*"}]}


@pytest.mark.checklist(181, 182, 191)
@pytest.mark.parametrize(
    "answer",
    [
        "null",
        "[]",
        '"yes"',
        {"statusCode": 401},
        {"isAuthorized": True},
        {"policyDocument": POLICY},
        {"principalId": "ann"},
        {"principalId": "ann", "policyDocument": "all"},
        {"principalId": 7, "policyDocument": POLICY},
        {"principalId": "ann", "policyDocument": POLICY, "context": {"a": {"b": 1}}},
        {"principalId": "ann", "policyDocument": POLICY, "context": {"a": ["b"]}},
        {"principalId": "ann", "policyDocument": POLICY, "context": {"a": "9000 characters"}},
    ],
    ids=lambda answer: json.dumps(answer)[:60],
)
def test_a_malformed_answer_of_the_authorizer_is_500_without_message(shake, answer):
    response = shake(answer=answer)
    assert response.status == 500
    body = response.json()
    assert list(body) == ["message", "connectionId", "requestId"]
    assert body["message"] in (None, "")


def test_an_authorizer_that_is_killed_at_its_timeout_is_500(dev, raw_socket):
    template = guarded(TOKEN)
    template["Resources"]["Authorize"]["Properties"]["Timeout"] = 1
    response = raw_socket(dev(template)).upgrade(asking("/prod", token="t", sleep=5))
    assert_refused(response, 500, "Internal server error")


@pytest.mark.checklist(183, 184)
def test_the_event_of_the_authorizer(app, raw_socket):
    headers = [("User-Agent", "probe/1.0"), ("X-Custom", "one")]
    response = raw_socket(app).upgrade("/prod?token=a&token=b&n=1", headers=headers)
    assert response.status == 101
    event = app.seen("AUTHORIZE")[-1]
    assert list(event) == [
        "type", "methodArn", "headers", "multiValueHeaders", "queryStringParameters",
        "multiValueQueryStringParameters", "stageVariables", "requestContext",
    ]  # fmt: skip
    assert event["type"] == "REQUEST"
    api_id = app.api()["apiId"]
    assert (
        event["methodArn"] == f"arn:aws:execute-api:us-east-1:000000000000:{api_id}/prod/$connect"
    )
    headers = dict(event["headers"])
    assert headers.pop("X-Amzn-Trace-Id").startswith("Root=1-")
    assert headers.pop("Connection").lower() == "upgrade"
    assert headers == {
        "content-length": "0",
        "Host": f"localhost:{app.port}",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Upgrade": "websocket",
        "User-Agent": "probe/1.0",
        "X-Custom": "one",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": str(app.port),
        "X-Forwarded-Proto": "http",
    }
    assert event["multiValueHeaders"]["X-Custom"] == ["one"]
    assert event["queryStringParameters"] == {"token": "b", "n": "1"}
    assert event["multiValueQueryStringParameters"] == {"token": ["a", "b"], "n": ["1"]}
    assert event["stageVariables"] == {}
    context = event["requestContext"]
    assert context["eventType"] == "CONNECT"
    assert context["routeKey"] == "$connect"
    assert "authorizer" not in context
    connected = app.recorded("CONNECT", connectionId=context["connectionId"])[0]
    assert connected["requestContext"]["connectedAt"] == context["connectedAt"]


@pytest.mark.checklist(183)
def test_without_query_the_maps_of_its_event_are_empty(dev, connect):
    app = dev(guarded())
    connect(app.url())
    event = app.recorded("AUTHORIZE")[0]
    assert event["queryStringParameters"] == {}
    assert event["multiValueQueryStringParameters"] == {}


@pytest.mark.checklist(185)
def test_its_answer_is_never_cached(app, shake):
    before = len(app.seen("AUTHORIZE"))
    assert shake(token="same").status == shake(token="same").status == 101
    assert len(app.seen("AUTHORIZE")) == before + 2


@pytest.fixture
def ann(app, connect):
    """A client that was let in as Ann with a context, and its connection id."""
    context = {"level": 3, "admin": True, "name": "Ann", "ratio": 1.5}
    client = connect(asking(app.url(), token="t", principal="Ann", context=context))
    return client, connection_id(client)


@pytest.mark.checklist(186, 187)
def test_its_context_reaches_connect_as_text_with_the_latency(app, ann):
    [event] = app.recorded("CONNECT", connectionId=ann[1])
    authorizer = event["requestContext"]["authorizer"]
    assert type(authorizer.pop("integrationLatency")) is int
    assert authorizer == {
        "level": "3", "admin": "true", "name": "Ann", "ratio": "1.5", "principalId": "Ann",
    }  # fmt: skip


@pytest.mark.checklist(57, 58, 188, 196)
def test_its_context_stays_for_messages_and_disconnect_without_another_call(app, ann):
    client, own = ann
    calls = len(app.seen("AUTHORIZE"))
    say(client, "one")
    message = app.recorded("MESSAGE", connectionId=own)[0]
    client.close()
    disconnect = app.recorded("DISCONNECT", connectionId=own)[0]
    for event in (message, disconnect):
        assert event["requestContext"]["authorizer"] == {
            "level": "3", "admin": "true", "name": "Ann", "ratio": "1.5", "principalId": "Ann",
        }  # fmt: skip
    assert len(app.seen("AUTHORIZE")) == calls


def test_its_context_reaches_mapping_templates(ann):
    say(ann[0], "principal")
    assert ann[0].recv(timeout=10) == '"Ann 3"'


def test_a_refused_client_never_reaches_connect(app, shake):
    response = shake(effect="Deny")
    refused = response.json()["connectionId"]
    assert app.seen("CONNECT", connectionId=refused) == []


@pytest.mark.checklist(189)
@pytest.mark.parametrize(
    "properties, words",
    [
        (
            {"IdentitySource": ["$request.header.X"]},
            "Invalid request identity source expression: $request.header.X",
        ),
        (
            {"AuthorizerPayloadFormatVersion": "2.0"},
            "AuthorizerPayloadFormatVersion cannot be set for WEBSOCKET protocol Apis.",
        ),
        (
            {"EnableSimpleResponses": True},
            "EnableSimpleResponses cannot be set for WEBSOCKET protocol Apis.",
        ),
        (
            {"AuthorizerResultTtlInSeconds": 300},
            "AuthorizerResultTtlInSeconds cannot be set for WEBSOCKET protocol Apis.",
        ),
        (
            {"AuthorizerType": "JWT"},
            "Only REQUEST authorizer type is supported on WEBSOCKET protocol Apis.",
        ),
    ],
)
def test_what_only_other_apis_have_is_refused_in_the_words_of_aws(dev, properties, words):
    template = guarded(TOKEN)
    template["Resources"]["ApiAuthorizer"]["Properties"] |= properties
    assert words in dev.refused(template).stderr


def test_an_authorizer_on_another_route_is_refused_in_the_words_of_aws(dev):
    template = guarded(TOKEN)
    template["Resources"]["Api2Route"]["Properties"] |= {
        "AuthorizationType": "CUSTOM",
        "AuthorizerId": {"Ref": "ApiAuthorizer"},
    }
    words = "Currently, authorization is restricted to the $connect route only"
    assert words in dev.refused(template).stderr


def test_a_custom_authorization_without_authorizer_is_refused(dev):
    template = recording_app()
    template["Resources"]["Api0Route"]["Properties"]["AuthorizationType"] = "CUSTOM"
    assert "AuthorizerId" in dev.refused(template).stderr


def test_an_authorizer_that_is_named_but_not_used_is_warned_of(dev):
    """On AWS such a route is open; nobody means that."""
    template = guarded(TOKEN)
    template["Resources"]["Api0Route"]["Properties"]["AuthorizationType"] = "NONE"
    app = dev(template)
    assert app.wait_event("warning", lambda event: "AuthorizationType" in event["text"])


@pytest.mark.parametrize(
    "source, words",
    [
        ("context.eventType", ["context.eventType", "before the authorizer runs", "401"]),
        ("context.identity.sourceIp", ["context.identity.sourceIp", "401"]),
        ("stageVariables.nothing", ["stageVariables.nothing", "stage prod", "401"]),
    ],
)
def test_an_identity_source_that_never_resolves_is_accepted_and_warned_of(
    dev, raw_socket, source, words
):
    app = dev(guarded(source))
    warning = app.wait_event("warning", lambda event: source in event["text"])
    assert all(word in warning["text"] for word in words), warning
    lines = app.template.read_text().splitlines()
    number = int(warning["text"].split("template.json:")[1].split(":")[0])
    assert "IdentitySource" in lines[number - 1] or source in lines[number - 1]
    assert_refused(raw_socket(app).upgrade("/prod"), 401, "Unauthorized")


@pytest.mark.template_only
def test_identity_sources_that_may_resolve_are_not_warned_of(variants):
    warned = [event["text"] for event in variants.events("warning")]
    named = {text.split("identity source ")[1].split(":")[0] for text in warned if "source" in text}
    assert named == {"stageVariables.nothing", "context.eventType"}


@pytest.mark.parametrize(
    "query, headers, status",
    [
        ("?token=&token=t", [], 101),
        ("?token=t&token=", [], 101),
        ("?TOKEN=t", [], 401),
        ("?token=%20", [], 101),
        ("", [("X-TOKEN", "t")], 401),
    ],
)
def test_one_value_of_a_query_parameter_is_enough(app, raw_socket, query, headers, status):
    response = raw_socket(app).upgrade("/prod" + query, headers=headers)
    assert response.status == status


def test_the_authorizer_of_a_sam_websocket_api(dev, raw_socket):
    app = dev(
        f"""
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Chat:
            Type: AWS::Serverless::WebSocketApi
            Properties:
              RouteSelectionExpression: $request.body.action
              Auth:
                AuthType: CUSTOM
                AuthArn: !GetAtt Guard.Arn
                IdentitySource: [{TOKEN}]
              Routes:
                $connect: {{FunctionArn: !GetAtt Ok.Arn}}
          Ok:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: python3.11
              Handler: index.handler
              InlineCode: "def handler(event, context): return {{'statusCode': 200}}"
          Guard:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: python3.11
              Handler: index.handler
              InlineCode: "def handler(event, context): raise Exception('Unauthorized')"
        """
    )
    path = app.path()
    assert raw_socket(app).upgrade(path).status == 401
    assert raw_socket(app).upgrade(path + "?token=t").status == 401
    assert path == "/default"
