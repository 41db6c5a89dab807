"""J. Signatures and policies of `@connections` under `[auth] mode = "sigv4"`."""

import time
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError
from support.app import aws_client
from support.clients import javascript_sdk
from support.poll import until
from support.sigv4 import ADMIN, access_key, allow, deny, presigned, signed
from support.talk import connection_id, recording_app
from support.template import Function, websocket_app
from support.wire import request

MANAGE = "execute-api:ManageConnections"
ANY_API = "arn:aws:execute-api:us-east-1:000000000000:*"
#: What each user may do.
POLICIES = {
    "nobody": [],
    "poster": [[allow(MANAGE, f"{ANY_API}/prod/POST/@connections/*")]],
    # No id ever is like this pattern and like the literal text of AWS.
    "real-id": [[allow(MANAGE, f"{ANY_API}/prod/POST/@connections/????*==")]],
    "no-suffix": [[allow(MANAGE, f"{ANY_API}/prod/POST/@connections")]],
    "literal": [[allow(MANAGE, f"{ANY_API}/prod/POST/@connections/{{connectionId}}")]],
    "whole-api": [[allow(MANAGE, f"{ANY_API}/*")]],
    "other-stage": [[allow(MANAGE, f"{ANY_API}/other/*")]],
    "other-account": [[allow(MANAGE, "arn:aws:execute-api:us-east-1:111111111111:*")]],
    "invoker": [[allow("execute-api:Invoke")]],
    "denied": [[allow(), deny(MANAGE, f"{ANY_API}/*/DELETE/*")]],
    "here": [[allow(Condition={"IpAddress": {"aws:SourceIp": ["127.0.0.1", "::1"]}})]],
    "elsewhere": [[allow(Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})]],
    "self": [[allow(Condition={"StringEquals": {"aws:username": "self"}})]],
    "later": [[allow(Condition={"DateGreaterThan": {"aws:CurrentTime": "2999-01-01"}})]],
}
SECRET = "secret-of-everybody"


def key_of(user):
    """The access key of a user: id and secret."""
    return ("AKID" + user.upper().replace("-", ""), SECRET)


CONFIG = (
    '[auth]\nmode = "sigv4"\n'
    + access_key(ADMIN, "team/admin", [allow()])
    + "".join(access_key(key_of(user), user, *policies) for user, policies in POLICIES.items())
    + access_key(
        key_of("night"), "night", [allow()], session=[[allow(MANAGE, f"{ANY_API}/*/GET/*")]]
    )
    + access_key(key_of("banned"), "banned", [allow()], session=[[allow(), deny(MANAGE)]])
)


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app(), config=CONFIG)


@pytest.fixture
def client(app, connect):
    return connect(app.url())


@pytest.fixture
def own(client):
    return connection_id(client)


@pytest.fixture
def call(app):
    """One exchange by hand: `call("POST", path, b"…", key=…)`."""

    def exchange(method, path, body=b"", **how):
        host = f"localhost:{app.port}"
        headers = signed(method, host, path, body=body, **how)
        return request(app.port, method, path, body, headers)

    return exchange


def path_of(own, stage="prod"):
    return f"/{stage}/@connections/{quote(own, safe='')}"


def assert_refused(response, status, error_type, body):
    assert (response.status, response.body.decode()) == (status, body)
    assert response.header("x-amzn-errortype") == error_type
    assert response.header("x-amzn-requestid") and response.header("x-amz-apigw-id")
    assert response.header("x-amzn-trace-id") is None


MISSING = '{"message":"Missing Authentication Token"}'
MISMATCH = (
    '{"message":"The request signature we calculated does not match the signature you provided. '
    'Check your AWS Secret Access Key and signing method. Consult the service documentation for '
    'details."}'
)
INVALID_TOKEN = '{"message":"The security token included in the request is invalid."}'


def test_the_sdks_post_read_and_delete_with_a_right_key(app, client, own):
    boto3 = app.client(key=ADMIN)
    boto3.post_to_connection(ConnectionId=own, Data=b"from boto3")
    assert client.recv(timeout=10) == "from boto3"
    endpoint = app.callback_url()
    assert javascript_sdk(endpoint, own, "post", "from javascript", key=ADMIN) == {}
    assert client.recv(timeout=10) == "from javascript"
    assert boto3.get_connection(ConnectionId=own)["Identity"]["SourceIp"] == "127.0.0.1"
    boto3.delete_connection(ConnectionId=own)
    with pytest.raises(boto3.exceptions.GoneException):
        boto3.post_to_connection(ConnectionId=own, Data=b"x")


def test_the_sdks_hear_of_a_wrong_secret_and_of_an_unknown_key(app, own):
    for key, code, status in [
        ((ADMIN[0], "wrong"), "InvalidSignatureException", 403),
        (("AKIDUNKNOWN", ADMIN[1]), "UnrecognizedClientException", 403),
        ((*ADMIN, "a token that it has not"), "UnrecognizedClientException", 403),
    ]:
        with pytest.raises(ClientError) as raised:
            app.client(key=key).post_to_connection(ConnectionId=own, Data=b"x")
        assert raised.value.response["Error"]["Code"] == code
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    refused = javascript_sdk(app.callback_url(), own, "post", "x", key=(ADMIN[0], "wrong"))
    assert (refused["code"], refused["status"]) == ("InvalidSignatureException", 403)


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_signature_that_is_none_of_this_request_is_refused(app, own, call, method):
    path = path_of(own)
    assert_refused(
        call(method, path, key=(ADMIN[0], "wrong")), 403, "InvalidSignatureException", MISMATCH
    )
    assert_refused(
        call(method, path, key=("AKIDUNKNOWN", "x")),
        403,
        "UnrecognizedClientException",
        INVALID_TOKEN,
    )
    assert_refused(
        call(method, path, token="none of ours"), 403, "UnrecognizedClientException", INVALID_TOKEN
    )


@pytest.mark.checklist(164)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_an_unsigned_call_lacks_its_token(app, own, method):
    assert_refused(
        request(app.port, method, path_of(own)), 403, "MissingAuthenticationTokenException", MISSING
    )


def test_what_was_signed_is_what_must_come(app, own, client, call):
    host, path = f"localhost:{app.port}", path_of(own)
    headers = signed("POST", host, path, body=b"hello")
    assert request(app.port, "POST", path, b"hello", headers).status == 200
    assert client.recv(timeout=10) == "hello"
    for method, where, body, to in [
        ("POST", path, b"hallo", host),
        ("DELETE", path, b"hello", host),
        ("POST", path + "?a=1", b"hello", host),
        ("POST", path.replace("/prod/", "/prod//"), b"hello!", host),
        ("POST", path, b"hello", f"127.0.0.1:{app.port}"),
    ]:
        response = request(app.port, method, where, body, headers, host=to)
        assert_refused(response, 403, "InvalidSignatureException", MISMATCH)


def test_every_way_to_write_the_path_may_be_signed(own, client, call):
    for at in ("@connections", "%40connections"):
        for written in (own, quote(own, safe="")):
            assert call("POST", f"/prod/{at}/{written}", b"x").status == 200
            assert client.recv(timeout=10) == "x"


def test_a_signature_is_good_for_five_minutes_either_way(own, call):
    now = time.time()
    for skew in (-290, 290):
        assert call("GET", path_of(own), at=now + skew).status == 200
    expired = call("GET", path_of(own), at=now - 310)
    assert expired.status == 403
    assert expired.header("x-amzn-errortype") == "InvalidSignatureException"
    assert expired.json()["message"].startswith("Signature expired: ")
    assert expired.json()["message"].endswith(" - 5 min.)")
    early = call("GET", path_of(own), at=now + 310)
    assert early.status == 403
    assert early.json()["message"].startswith("Signature not yet current: ")


@pytest.mark.parametrize(
    "how, message",
    [
        ({"region": "eu-west-1"}, "Credential should be scoped to a valid region."),
        (
            {"service": "apigateway"},
            "Credential should be scoped to correct service: 'execute-api'.",
        ),
        ({"day": "20200101"}, "Date in Credential scope does not match YYYYMMDD from ISO-8601"),
    ],
)
def test_a_signature_is_for_one_day_region_and_service(own, call, how, message):
    response = call("POST", path_of(own), b"x", **how)
    assert response.status == 403
    assert response.header("x-amzn-errortype") == "InvalidSignatureException"
    assert response.json()["message"].startswith(message)


def test_a_call_may_be_presigned(app, own, client):
    host, path = f"localhost:{app.port}", path_of(own)
    query = presigned("POST", host, path, body=b"presigned")
    assert request(app.port, "POST", f"{path}?{query}", b"presigned").status == 200
    assert client.recv(timeout=10) == "presigned"
    assert request(app.port, "POST", f"{path}?{query}", b"other").status == 403
    week = presigned("GET", host, path, expires=604800, at=time.time() - 604700)
    assert request(app.port, "GET", f"{path}?{week}").status == 200
    longer = presigned("GET", host, path, expires=604801)
    assert request(app.port, "GET", f"{path}?{longer}").status == 403


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_every_combination_of_carriers_but_one_is_refused(app, own, method):
    host, path = f"localhost:{app.port}", path_of(own)
    headers = signed(method, host, path)
    query = presigned(method, host, path)
    bearer = [("Authorization", "Bearer abc")]
    for carried, asked in [
        (headers, query),
        (bearer, query),
        (headers, "X-Amz-Signature=abc"),
        (headers + headers, ""),
        (headers + bearer, ""),
        (bearer, ""),
        ([("Authorization", "")], ""),
        ([h for h in headers if h[0] != "X-Amz-Date"], ""),
        ([], query + "&X-Amz-Signature=abc"),
        ([], query.replace("X-Amz-SignedHeaders=host&", "")),
    ]:
        where = f"{path}?{asked}" if asked else path
        response = request(app.port, method, where, b"", carried)
        assert response.status == 403, (carried, asked)
        assert response.header("x-amzn-errortype") == "IncompleteSignatureException"
    assert request(app.port, "GET", path, b"", signed("GET", host, path)).status == 200


def test_the_checks_come_in_the_order_of_aws(app, own, connect, call):
    """Size, stage, form of the id, signature, policies, existence."""

    def unsigned(path, body=b""):
        return request(app.port, "POST", path, body)

    too_large = unsigned(path_of("nonsense", "nowhere"), b"x" * 131_073)
    assert (too_large.status, too_large.body) == (413, b"")
    assert_refused(
        unsigned(path_of("nonsense", "nowhere")),
        403,
        "ForbiddenException",
        '{"message":"Forbidden"}',
    )
    for bad in ("nonsense", "AAAAAAAAAAAAAAAAAA=="):
        expected = f'{{"message":"Invalid connectionId: {bad}"}}'
        assert_refused(unsigned(path_of(bad)), 400, "BadRequestException", expected)
    with connect(app.url()) as other:
        gone = connection_id(other)
    assert_refused(unsigned(path_of(gone)), 403, "MissingAuthenticationTokenException", MISSING)
    denied = call("POST", path_of(gone), b"x", key=key_of("nobody"))
    assert denied.header("x-amzn-errortype") == "AccessDeniedException"

    def is_gone():
        response = call("POST", path_of(gone), b"x")
        return response.header("x-amzn-errortype") == "GoneException"

    until(is_gone, "the closed connection is gone")


def denial(user, method, tail, stage="prod", account="********0000"):
    """The body of a refusal, with the API's id still to fill in."""
    return (
        '{"Message":"User: arn:aws:iam::000000000000:user/%s is not authorized to perform: '
        "execute-api:ManageConnections on resource: arn:aws:execute-api:us-east-1:%s:"
        'API/%s/%s/@connections/{connectionId} %s"}'
        % (user, account, stage, method, tail)
    )


NO_POLICY = (
    "because no identity-based policy allows the execute-api:ManageConnections action"
)


@pytest.mark.checklist(158, 159)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_caller_whose_policies_do_not_allow_it_is_told_so(app, own, call, method):
    response = call(method, path_of(own), key=key_of("nobody"))
    expected = denial("nobody", method, NO_POLICY).replace("API", app.api()["apiId"])
    assert_refused(response, 403, "AccessDeniedException", expected)


@pytest.mark.checklist(160, 161, 162)
@pytest.mark.parametrize(
    "user, allowed",
    [
        ("poster", ["POST"]),
        ("real-id", []),
        ("no-suffix", []),
        ("literal", ["POST"]),
        ("whole-api", ["POST", "GET", "DELETE"]),
        ("other-stage", []),
        ("other-account", []),
        ("invoker", []),
        ("denied", ["POST", "GET"]),
        ("here", ["POST", "GET", "DELETE"]),
        ("elsewhere", []),
        ("self", ["POST", "GET", "DELETE"]),
        ("later", []),
        ("night", ["GET"]),
        ("banned", []),
    ],
)
def test_a_policy_is_compared_with_the_literal_resource(own, call, user, allowed):
    statuses = {
        method: call(method, path_of(own), b"", key=key_of(user)).status
        for method in ("POST", "GET", "DELETE")
    }
    success = {"POST": 200, "GET": 200, "DELETE": 204}
    assert statuses == {
        method: success[method] if method in allowed else 403 for method in statuses
    }


@pytest.mark.checklist(163)
def test_an_explicit_deny_is_told_apart(app, own, call):
    api_id = app.api()["apiId"]
    for user, method, tail in [
        ("banned", "POST", "with an explicit deny in a session policy"),
        ("denied", "DELETE", "with an explicit deny in an identity-based policy"),
        (
            "night",
            "POST",
            "because no session policy allows the execute-api:ManageConnections action",
        ),
    ]:
        response = call(method, path_of(own), b"x", key=key_of(user))
        expected = denial(user, method, tail).replace("API", api_id)
        assert_refused(response, 403, "AccessDeniedException", expected)


def test_a_denied_call_moves_nothing(app, own, client, call):
    before = call("GET", path_of(own)).json()["lastActiveAt"]
    assert call("POST", path_of(own), b"x", key=key_of("nobody")).status == 403
    assert call("DELETE", path_of(own), key=key_of("nobody")).status == 403
    assert call("GET", path_of(own)).json()["lastActiveAt"] == before
    assert call("POST", path_of(own), b"still here").status == 200
    assert client.recv(timeout=10) == "still here"


POSTER = """
import boto3, os

def handler(event, context):
    own = event["requestContext"]["connectionId"]
    endpoint = os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"]
    client = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint)
    try:
        client.post_to_connection(ConnectionId=own, Data=b"from the function")
        identity = boto3.client("sts", endpoint_url=os.environ["AWS_ENDPOINT_URL_LAMBDA"])
        return {"statusCode": 200, "body": identity.get_caller_identity()["Arn"]}
    except client.exceptions.ClientError as error:
        return {"statusCode": 200, "body": error.response.get("Message", str(error))}
"""


def posting_app():
    return websocket_app({"$default": Function("Main", two_way=True)}, {"Main": POSTER})


def test_the_functions_of_the_app_post_with_credentials_of_their_own(dev, connect):
    app = dev(posting_app(), config='[auth]\nmode = "sigv4"\n')
    client = connect(app.url())
    client.send("post")
    assert client.recv(timeout=20) == "from the function"
    name = app.function("Main")
    session = f"arn:aws:sts::000000000000:assumed-role/{name}-role/{name}"
    assert client.recv(timeout=10) == session


def test_what_the_functions_may_do_may_be_less(dev, connect):
    config = (
        '[auth]\nmode = "sigv4"\n'
        "function_policies = ['{\"Version\": \"2012-10-17\", \"Statement\": []}']\n"
    )
    app = dev(posting_app(), config=config)
    client = connect(app.url())
    client.send("post")
    refused = client.recv(timeout=20)
    assert "assumed-role" in refused and "is not authorized to perform" in refused


def test_a_function_of_another_process_cannot_borrow_a_secret(app, own):
    """A key without its session token is worth nothing."""
    for key in [("ASIAAAAAAAAAAAAAAAAA", "x"), ("ASIAAAAAAAAAAAAAAAAA", "x", "y")]:
        with pytest.raises(ClientError) as raised:
            aws_client("apigatewaymanagementapi", app.callback_url(), key=key).get_connection(
                ConnectionId=own
            )
        assert raised.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_the_terminal_says_why_a_call_was_refused(app, own, call):
    call("POST", path_of(own), b"x", key=(ADMIN[0], "wrong"))
    event = app.wait_event(
        "connections",
        lambda event: event["status"] == 403 and event["connectionId"] == own,
    )
    assert event["text"].startswith("The request signature we calculated does not match")


def test_no_secret_and_no_signature_is_ever_printed(app, own, call):
    host, path = f"localhost:{app.port}", path_of(own)
    query = presigned("POST", host, path, body=b"x")
    signature = query.rsplit("=", 1)[1]
    assert request(app.port, "POST", f"{path}?{query}", b"x").status == 200
    assert request(app.port, "POST", f"{path}?{query}", b"y").status == 403
    refused = call("POST", path, b"x", key=(ADMIN[0], "wrong"))
    assert refused.status == 403
    for secret in (ADMIN[1], SECRET, signature):
        assert secret not in app.transcript()
