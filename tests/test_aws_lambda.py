"""Functions at AWS Lambda: what is sent, what an answer means, what is tried again."""

import base64
import json
import threading

import pytest
from botocore.exceptions import ClientError
from support.fake_aws import FakeAws
from support.talk import say
from support.template import Custom, Function, websocket_app

ACCOUNT = "arn:aws:lambda:us-east-1:000000000000:function"
ELSEWHERE = f"{ACCOUNT}:elsewhere"
IN_EUROPE = "arn:aws:lambda:eu-west-1:123456789012:function:chat:live"
LOCAL = {"Local": "def handler(event, context):\n    return {'statusCode': 200}\n"}


def uri(arn):
    return {
        "IntegrationUri": f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}"
        "/invocations"
    }


@pytest.fixture
def aws():
    """AWS Lambda, which knows one key."""
    fake = FakeAws()
    yield fake
    fake.stop()


@pytest.fixture
def start(dev, aws):
    """Starts an app all of whose functions are at AWS."""

    def run(routes=None, **env):
        routes = routes or {"far": Function("Local", two_way=True, integration=uri(ELSEWHERE))}
        key, secret, token = aws.new_key("ENVIRONMENT")
        env = {
            "AWS_ENDPOINT_URL_LAMBDA": aws.url,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_SESSION_TOKEN": token,
            **env,
        }
        return dev(websocket_app(routes, LOCAL), config='[functions]\nendpoint = "aws"\n', env=env)

    return run


def hear(client, action="far"):
    say(client, action)
    return client.recv(timeout=20)


def message(client, action="far"):
    return json.loads(hear(client, action))["message"]


def last_error(app):
    return app.wait_event("request", lambda event: event["error"])["error"]


def test_a_function_is_invoked_as_the_sdks_do(start, connect, aws):
    client = connect(start().url())
    hear(client)
    [call] = aws.invocations
    assert (call.service, call.region, call.function) == ("lambda", "us-east-1", "elsewhere")
    assert json.loads(call.body)["requestContext"]["routeKey"] == "far"
    assert call.headers["x-amz-invocation-type"] == "RequestResponse"
    assert call.headers["content-type"] == "application/json"


def test_the_region_is_that_of_the_functions_arn_or_else_of_the_environment(start, connect, aws):
    routes = {
        "named": Function("Local", two_way=True, integration=uri(ELSEWHERE)),
        "arn": Function("Local", two_way=True, integration=uri(IN_EUROPE)),
    }
    client = connect(start(routes, AWS_REGION="us-west-2").url())
    hear(client, "named")
    hear(client, "arn")
    named, arn = aws.invocations
    assert (named.region, named.function) == ("us-west-2", "elsewhere")
    assert (arn.region, arn.function) == ("eu-west-1", IN_EUROPE)


def test_connections_serve_many_messages(start, connect, aws):
    client = connect(start().url())
    for _ in range(20):
        hear(client)
    assert len(aws.invocations) == 20
    # A second one is opened when the first is not back in time.
    assert len(aws.peers) <= 2


def test_only_the_header_makes_an_answer_an_error(start, connect, aws):
    app = start()
    client = connect(app.url())
    document = {"errorMessage": "no", "errorType": "ValueError", "statusCode": 200, "body": "mine"}
    aws.answer = lambda _: (200, document, {})
    assert hear(client) == "mine"
    aws.answer = lambda _: (200, document, {"X-Amz-Function-Error": "Unhandled"})
    assert message(client) == "Internal server error"


def test_a_throttled_function_is_invoked_again_and_answers_once(start, connect, aws):
    client = connect(start().url())
    throttled = (429, {"Reason": "CallerRateLimitExceeded", "message": "Rate Exceeded."}, {})
    answers = [throttled, throttled, (200, {"statusCode": 200, "body": "at last"}, {})]
    aws.answer = lambda _: answers.pop(0)
    assert hear(client) == "at last"
    assert len(aws.invocations) == 3


def test_a_function_that_stays_throttled_fails_the_message(start, connect, aws):
    app = start()
    aws.answer = lambda _: (
        429,
        {"Reason": "CallerRateLimitExceeded", "message": "Rate Exceeded."},
        {"x-amzn-ErrorType": "TooManyRequestsException"},
    )
    assert message(connect(app.url())) == "Internal server error"
    assert len(aws.invocations) == 3
    assert last_error(app) == (
        "Lambda invocation failed with status: 429. TooManyRequestsException: Rate Exceeded."
    )


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"message": "internal"}, {"x-amzn-ErrorType": "ServiceException"}),
        (503, {"message": "unavailable"}, {"x-amzn-ErrorType": "ServiceException"}),
        None,
    ],
    ids=["500", "503", "broken connection"],
)
def test_a_function_that_may_have_run_is_not_invoked_again(start, connect, aws, answer):
    client = connect(start().url())
    aws.answer = lambda _: answer
    assert message(client) == "Internal server error"
    aws.answer = lambda _: (200, {"statusCode": 200, "body": "next"}, {})
    assert hear(client) == "next"
    assert len(aws.invocations) == 2


def test_an_event_is_sent_until_lambda_takes_it(start, aws):
    answers = [(500, {"message": "internal"}, {}), None, (202, b"", {})]
    aws.answer = lambda _: answers.pop(0)
    client = start().aws("lambda")
    taken = client.invoke(FunctionName="elsewhere", InvocationType="Event", Payload=b'{"n": 1}')
    assert taken["StatusCode"] == 202
    assert [call.body for call in aws.invocations] == ['{"n": 1}'] * 3
    assert {call.headers["x-amz-invocation-type"] for call in aws.invocations} == {"Event"}


def test_a_route_may_invoke_asynchronously(start, connect, aws):
    route = Custom(
        "Local",
        two_way=True,
        integration={
            **uri(ELSEWHERE),
            "RequestParameters": {"integration.request.header.X-Amz-Invocation-Type": "'Event'"},
        },
    )
    aws.answer = lambda _: (202, b"", {})
    app = start({"far": route})
    say(connect(app.url()), "far")
    assert app.wait_event("request")["status"] == 202
    [call] = aws.invocations
    assert call.headers["x-amz-invocation-type"] == "Event"


def test_the_invoke_api_passes_on_all_that_lambda_says(start, aws):
    aws.answer = lambda _: (
        200,
        {"errorMessage": "no"},
        {
            "X-Amz-Function-Error": "Unhandled",
            "X-Amz-Executed-Version": "7",
            "X-Amz-Log-Result": "U1RBUlQ=",
            "x-amzn-RequestId": "8f2d3a5e-0000-4000-8000-000000000000",
        },
    )
    answer = start().aws("lambda").invoke(
        FunctionName="elsewhere",
        Qualifier="live",
        LogType="Tail",
        ClientContext="eyJhIjogMX0=",
        Payload=b"{}",
    )
    assert answer["FunctionError"] == "Unhandled"
    assert answer["ExecutedVersion"] == "7"
    assert answer["LogResult"] == "U1RBUlQ="
    assert answer["ResponseMetadata"]["RequestId"] == "8f2d3a5e-0000-4000-8000-000000000000"
    assert json.loads(answer["Payload"].read()) == {"errorMessage": "no"}
    [call] = aws.invocations
    assert call.query == {"Qualifier": ["live"]}
    assert call.headers["x-amz-log-type"] == "Tail"
    assert json.loads(base64.b64decode(call.headers["x-amz-client-context"])) == {"a": 1}


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (404, "ResourceNotFoundException", f"Function not found: {ELSEWHERE}"),
        (413, "RequestTooLargeException", "6291557 byte payload is too large"),
        (403, "AccessDeniedException", "User: me is not authorized to perform: lambda:Invoke"),
    ],
)
def test_lambdas_refusals_keep_their_status_and_type(start, connect, aws, status, kind, text):
    app = start()
    aws.answer = lambda _: (status, {"Type": "User", "Message": text}, {"x-amzn-ErrorType": kind})
    with pytest.raises(ClientError) as refused:
        app.aws("lambda").invoke(FunctionName="elsewhere", Payload=b"{}")
    error = refused.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == status
    assert (error["Error"]["Code"], error["Error"]["Message"]) == (kind, text)
    assert message(connect(app.url())) == "Internal server error"
    assert text in last_error(app)
    assert len(aws.invocations) == 2


def test_a_function_is_waited_for_until_the_timeout_of_the_integration(start, connect, aws):
    held = threading.Event()

    def answer(_call):
        held.wait(20)
        return 200, {}, {}

    aws.answer = answer
    route = Function(
        "Local", two_way=True, integration={**uri(ELSEWHERE), "TimeoutInMillis": 300}
    )
    client = connect(start({"far": route}).url())
    assert message(client) == "Endpoint request timed out"
    held.set()
    assert len(aws.invocations) == 1


def test_no_name_of_a_caller_leads_elsewhere(start, aws):
    """Neither to another host, nor to another path of Lambda's API."""
    app = start()
    for name in (
        "arn:aws:lambda:evil.example.com%2fx:123456789012:function:f",
        "..%2f..%2f2014-11-13%2ffunctions%2ff",
    ):
        path = f"{app.ready['httpUrl']}/2015-03-31/functions/{name}/invocations"
        client = app.aws("lambda")
        with pytest.raises(ClientError) as refused:
            raw(client, path)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404)
    assert aws.invocations == []


def raw(client, url):
    """Invokes at this very URL."""

    def rewrite(request, **_):
        request.url = url

    client.meta.events.register("before-sign.lambda.Invoke", rewrite)
    try:
        client.invoke(FunctionName="f", Payload=b"{}")
    finally:
        client.meta.events.unregister("before-sign.lambda.Invoke", rewrite)


def test_gatepost_itself_is_not_aws(dev, aws):
    template = websocket_app({"far": Function("Local", integration=uri(ELSEWHERE))}, LOCAL)
    port = int(aws.url.rpartition(":")[2])
    aws.stop()
    refused = dev.refused(
        template,
        config='[functions]\nendpoint = "aws"\n',
        env={"AWS_ENDPOINT_URL": f"http://localhost:{port}"},
        port=port,
    )
    assert refused.status == 2
    assert f"the endpoint http://localhost:{port} is Gatepost itself" in refused.stderr
