"""K. `AWS_IAM` on `$connect`, and signed calls of the AWS APIs."""

import json
import time
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from support.clients import presigned_by_javascript
from support.sigv4 import ADMIN, access_key, allow, deny, presigned, signed
from support.talk import WHOAMI, connection_id, error_frame, say
from support.template import RECORDER, Mock, websocket_app
from support.wire import request

WHO = Mock('"$context.identity.userArn $context.identity.accessKey $context.identity.accountId"')
MAIN = "arn:aws:lambda:us-east-1:000000000000:function:*-Main"
CONNECT = "arn:aws:execute-api:us-east-1:000000000000:*/prod/$connect"


def guarded():
    """An app whose `$connect` asks for a signature."""
    template = websocket_app(
        {"$connect": "Main", "$disconnect": "Main", "one": "Main", "whoami": WHOAMI, "who": WHO},
        {"Main": RECORDER},
    )
    template["Resources"]["Api0Route"]["Properties"]["AuthorizationType"] = "AWS_IAM"
    return template


KEYS = {
    "invoker": [[allow("execute-api:Invoke", CONNECT)]],
    "other-route": [[allow("execute-api:Invoke", CONNECT.replace("$connect", "one"))]],
    "manager": [[allow("execute-api:ManageConnections")]],
    "denied": [[allow(), deny("execute-api:Invoke", "*")]],
    "elsewhere": [[allow(Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})]],
    "reader": [[allow(["lambda:Get*", "lambda:List*", "logs:Describe*", "apigateway:GET"])]],
    "caller": [[allow("lambda:InvokeFunction", [MAIN, f"{MAIN}:*"])]],
    "all-but-main": [[allow(), deny("lambda:*", f"{MAIN}*")]],
    "nobody": [],
}


def key_of(user):
    return ("AKID" + user.upper().replace("-", ""), "secret-of-everybody")


CONFIG = (
    '[auth]\nmode = "sigv4"\n'
    + access_key(ADMIN, "team/admin", [allow()])
    + "".join(access_key(key_of(user), user, *policies) for user, policies in KEYS.items())
)


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(guarded(), config=CONFIG)


@pytest.fixture(scope="module")
def open_app(module_dev):
    """The same under `off`."""
    keys = access_key(ADMIN, "team/admin", [])
    return module_dev(guarded(), config='[auth]\nmode = "off"\n' + keys)


def host_of(app):
    return f"localhost:{app.port}"


@pytest.fixture
def shake(app, raw_socket):
    """A handshake, signed in its headers by hand."""

    def run(headers=None, query="", app=app, **how):
        host = host_of(app)
        if headers is None:
            headers = signed("GET", host, "/prod", query, **how)
        path = f"/prod?{query}" if query else "/prod"
        return raw_socket(app).upgrade(path, host, headers)

    return run


def assert_refused(response, message):
    assert response.status == 403
    assert error_frame(message).fullmatch(response.body.decode()), response.body
    assert response.header("x-amz-apigw-id") == response.json()["requestId"]
    assert not {"x-amzn-errortype", "x-amzn-requestid"} & response.names()


@pytest.mark.checklist(192)
def test_signed_headers_and_a_presigned_query_let_a_client_in(app, shake):
    assert shake().status == 101
    assert shake(query="a=1&b=%20x").status == 101
    for query in ("", "token=a%2Fb&a=1"):
        asked = presigned("GET", host_of(app), "/prod", query)
        assert shake(headers=[], query=asked).status == 101
    # `X-Amz-Expires` may be left out: then a URL is good for as long as a signature.
    asked = presigned("GET", host_of(app), "/prod", expires=None)
    assert shake(headers=[], query=asked).status == 101


@pytest.mark.checklist(192)
def test_the_signers_of_the_sdks_let_a_client_in(app, connect):
    credentials = Credentials(*ADMIN)
    url = app.url().replace("ws://", "http://")
    ask = AWSRequest("GET", url + "?a=1")
    SigV4QueryAuth(credentials, "execute-api", "us-east-1", expires=60).add_auth(ask)
    connection_id(connect(ask.url.replace("http://", "ws://")))
    ask = AWSRequest("GET", url)
    SigV4Auth(credentials, "execute-api", "us-east-1").add_auth(ask)
    connection_id(connect(app.url(), additional_headers=dict(ask.headers)))
    connection_id(connect(presigned_by_javascript(app.url() + "?room=a%20b", ADMIN)))


def test_who_signed_is_in_every_event_and_in_templates(app, connect):
    asked = presigned("GET", host_of(app), "/prod")
    client = connect(f"{app.url()}?{asked}", user_agent_header="probe/1.0")
    own = connection_id(client)
    say(client, "who")
    arn = "arn:aws:iam::000000000000:user/team/admin"
    assert client.recv(timeout=10) == f'"{arn} {ADMIN[0]} 000000000000"'
    say(client, "one")
    connected = app.recorded("CONNECT", connectionId=own)[0]
    message = app.recorded("MESSAGE", connectionId=own)[0]
    client.close()
    disconnected = app.recorded("DISCONNECT", connectionId=own)[0]
    for event in (connected, message, disconnected):
        identity = event["requestContext"]["identity"]
        user = identity["user"]
        assert user.startswith("AIDA") and len(user) == 21
        assert list(identity.items()) == [
            ("userArn", arn),
            ("userAgent", "probe/1.0"),
            ("accountId", "000000000000"),
            ("caller", user),
            ("sourceIp", "127.0.0.1"),
            ("accessKey", ADMIN[0]),
            ("user", user),
        ]


def test_an_unsigned_client_lacks_its_token(shake, open_app):
    assert_refused(shake(headers=[]), "Missing Authentication Token")
    assert_refused(shake(headers=[], app=open_app), "Missing Authentication Token")


MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)
INVALID_TOKEN = "The security token included in the request is invalid."


def test_a_signature_of_something_else_is_refused(app, shake):
    host = host_of(app)
    assert_refused(shake(key=(ADMIN[0], "wrong")), MISMATCH)
    assert_refused(shake(key=("AKIDUNKNOWN", "x")), INVALID_TOKEN)
    assert_refused(shake(token="t"), INVALID_TOKEN)
    for headers, query in [
        (signed("POST", host, "/prod"), ""),
        (signed("GET", host, "/other"), ""),
        (signed("GET", "elsewhere", "/prod"), ""),
        (signed("GET", host, "/prod", "a=1"), ""),
        (signed("GET", host, "/prod"), "a=1"),
        (signed("GET", host, "/prod", body=b"x"), ""),
        ([], presigned("GET", host, "/prod") + "&a=1"),
    ]:
        assert_refused(shake(headers=headers, query=query), MISMATCH)
    assert_refused(
        shake(service="apigateway"),
        "Credential should be scoped to correct service: 'execute-api'.",
    )
    assert_refused(shake(region="eu-west-1"), "Credential should be scoped to a valid region.")


def test_a_signature_that_is_too_old_or_too_new_is_refused(app, shake):
    now = time.time()
    assert shake(at=now - 290).status == 101
    for at, words in [(now - 310, "Signature expired: "), (now + 310, "Signature not yet current")]:
        response = shake(at=at)
        assert response.status == 403
        assert response.json()["message"].startswith(words)
    host = host_of(app)
    old = presigned("GET", host, "/prod", expires=120, at=now - 100)
    assert shake(headers=[], query=old).status == 101
    older = presigned("GET", host, "/prod", expires=120, at=now - 130)
    expired = shake(headers=[], query=older)
    assert expired.status == 403
    assert expired.json()["message"].startswith("Signature expired: ")


def test_another_kind_of_authorization_is_incomplete(shake, open_app):
    # `printf 'Bearer abc' | openssl dgst -sha256 -binary | base64`
    message = (
        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 "
        "and encoded with Base64): 'w1Xc6WwWEogNEZQP/dkBTThsJT4MNlKmzQanIm970rY='."
    )
    bearer = [("Authorization", "Bearer abc")]
    assert_refused(shake(headers=bearer), message)
    assert_refused(shake(headers=bearer, app=open_app), message)


def test_two_carriers_are_one_too_many(app, shake):
    headers = signed("GET", host_of(app), "/prod")
    response = shake(headers=headers, query=presigned("GET", host_of(app), "/prod"))
    assert response.status == 403
    assert response.json()["message"].startswith("Only one auth mechanism allowed")


@pytest.mark.checklist(193)
@pytest.mark.parametrize(
    "user, tail",
    [
        ("nobody", "because no identity-based policy allows the execute-api:Invoke action"),
        ("manager", "because no identity-based policy allows the execute-api:Invoke action"),
        ("other-route", "because no identity-based policy allows the execute-api:Invoke action"),
        ("elsewhere", "because no identity-based policy allows the execute-api:Invoke action"),
        ("denied", "with an explicit deny in an identity-based policy"),
    ],
)
def test_a_signer_whose_policies_do_not_allow_it_is_told_so(app, shake, user, tail):
    assert_refused(
        shake(key=key_of(user)),
        f"User: arn:aws:iam::000000000000:user/{user} is not authorized to perform: "
        "execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:********0000:"
        f"{app.api()['apiId']}/prod/$connect {tail}",
    )


@pytest.mark.checklist(193)
def test_a_signer_who_may_invoke_connect_is_let_in(shake):
    assert shake(key=key_of("invoker")).status == 101


def test_a_refused_client_never_reaches_connect(app, shake):
    refused = shake(key=key_of("nobody")).json()["connectionId"]
    assert app.seen("CONNECT", connectionId=refused) == []


def test_under_off_a_signed_client_is_taken_for_who_it_says(open_app, connect):
    """Nothing is verified; the identity is what the access key tells."""
    for key, arn in [
        (ADMIN, "arn:aws:iam::000000000000:user/team/admin"),
        (("AKIDSTRANGER", "anything"), "arn:aws:iam::000000000000:root"),
    ]:
        # The signature is long expired, too.
        asked = presigned("GET", host_of(open_app), "/prod", key=(key[0], "wrong"), at=1e9)
        client = connect(f"{open_app.url()}?{asked}")
        say(client, "who")
        assert client.recv(timeout=10) == f'"{arn} {key[0]} 000000000000"'


def test_a_message_route_cannot_ask_for_signatures(dev):
    template = guarded()
    template["Resources"]["Api2Route"]["Properties"]["AuthorizationType"] = "AWS_IAM"
    words = "Currently, authorization is restricted to the $connect route only"
    assert words in dev.refused(template).stderr


def test_sam_asks_for_signatures_too(dev, raw_socket):
    app = dev(
        """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Chat:
            Type: AWS::Serverless::WebSocketApi
            Properties:
              RouteSelectionExpression: $request.body.action
              Auth: {AuthType: AWS_IAM}
              Routes:
                $connect: {FunctionArn: !GetAtt Ok.Arn}
          Ok:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: python3.11
              Handler: index.handler
              InlineCode: "def handler(event, context): return {'statusCode': 200}"
        """
    )
    assert raw_socket(app).upgrade(app.path()).status == 403
    headers = signed("GET", host_of(app), app.path())
    assert raw_socket(app).upgrade(app.path(), headers=headers).status == 101


def code_of(call, **arguments):
    """The error code of a call that must fail, and its status."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    response = raised.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_the_aws_apis_answer_a_right_key(app):
    functions = app.aws("lambda", key=ADMIN).list_functions()["Functions"]
    assert [f["FunctionName"] for f in functions] == [app.function("Main")]
    apis = app.aws("apigatewayv2", key=ADMIN).get_apis()["Items"]
    assert [api["ApiId"] for api in apis] == [app.api()["apiId"]]
    assert app.aws("logs", key=ADMIN).describe_log_groups()["logGroups"]


@pytest.mark.parametrize(
    "service, call, codes",
    [
        ("lambda", "list_functions", ("InvalidSignatureException", "UnrecognizedClientException")),
        ("apigatewayv2", "get_apis", ("InvalidSignatureException", "UnrecognizedClientException")),
        (
            "logs",
            "describe_log_groups",
            ("InvalidSignatureException", "UnrecognizedClientException"),
        ),
        ("sts", "get_caller_identity", ("SignatureDoesNotMatch", "InvalidClientTokenId")),
    ],
)
def test_the_aws_apis_refuse_a_wrong_key(app, service, call, codes):
    # The JSON protocol has its status for all faults of a caller.
    status = 400 if service == "logs" else 403
    for key, code in zip([(ADMIN[0], "wrong"), ("AKIDUNKNOWN", "x")], codes, strict=True):
        client = app.aws(service, key=key)
        assert code_of(getattr(client, call)) == (code, status)


@pytest.mark.parametrize(
    "method, path, headers, status, error_type",
    [
        ("GET", "/v2/apis", [], 403, "MissingAuthenticationTokenException"),
        ("GET", "/2015-03-31/functions/", [], 403, "MissingAuthenticationTokenException"),
        (
            "POST",
            "/",
            [("X-Amz-Target", "Logs_20140328.DescribeLogGroups")],
            400,
            "MissingAuthenticationTokenException",
        ),
        ("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", [], 403, None),
    ],
)
def test_the_aws_apis_refuse_a_call_without_signature(
    app, method, path, headers, status, error_type
):
    response = request(app.port, method, path, b"", headers)
    assert response.status == status
    assert response.header("x-amzn-errortype") == error_type
    assert b"Missing Authentication Token" in response.body or b"is missing Auth" in response.body


def test_a_signature_for_one_service_is_none_for_another(app):
    host = host_of(app)
    for service in ("logs", "execute-api", "s3"):
        headers = signed("GET", host, "/v2/apis", service=service)
        assert request(app.port, "GET", "/v2/apis", b"", headers).status != 200
    headers = signed("GET", host, "/v2/apis", service="apigateway")
    assert request(app.port, "GET", "/v2/apis", b"", headers).status == 200


def test_the_operation_must_be_signed(app):
    """Else a signature for one operation would do another."""
    host = host_of(app)
    target = [("X-Amz-Target", "Logs_20140328.DescribeLogGroups")]
    headers = signed("POST", host, "/", body=b"{}", service="logs") + target
    response = request(app.port, "POST", "/", b"{}", headers)
    assert response.status == 400
    assert json.loads(response.body) == {
        "__type": "InvalidSignatureException",
        "message": "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.",
    }


def test_policies_decide_on_the_actions_of_each_service(app):
    def denied(user, service, call, **arguments):
        client = app.aws(service, key=key_of(user))
        return code_of(getattr(client, call), **arguments)[0] == "AccessDeniedException"

    main = {"FunctionName": app.function("Main")}
    group = {"logGroupName": "/aws/lambda/" + app.function("Main")}
    for service, call, arguments, allowed in [
        ("lambda", "invoke", main, ["caller"]),
        ("lambda", "list_functions", {}, ["reader"]),
        ("lambda", "get_function", main, ["reader"]),
        ("lambda", "get_function_configuration", main, ["reader"]),
        ("logs", "describe_log_groups", {}, ["reader"]),
        ("logs", "filter_log_events", group, []),
        ("apigatewayv2", "get_apis", {}, ["reader"]),
        ("apigatewayv2", "get_api", {"ApiId": app.api()["apiId"]}, ["reader"]),
    ]:
        for user in ("reader", "caller", "nobody"):
            if user in allowed:
                getattr(app.aws(service, key=key_of(user)), call)(**arguments)
            else:
                assert denied(user, service, call, **arguments), (user, call)


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "function:{}",
        "000000000000:function:{}",
        "arn:aws:lambda:us-east-1:000000000000:function:{}",
        "arn:aws:lambda:us-east-1:000000000000:function:{}:$LATEST",
        # Functions are found by name, so these are the same one.
        "111111111111:function:{}",
        "arn:aws:lambda:eu-west-1:111111111111:function:{}",
    ],
)
def test_however_a_function_is_named_the_policies_about_it_decide(app, form):
    named = {"FunctionName": form.format(app.function("Main"))}
    client = app.aws("lambda", key=key_of("all-but-main"))
    for call in (client.invoke, client.get_function, client.get_function_configuration):
        assert code_of(call, **named)[0] == "AccessDeniedException"
    app.aws("lambda", key=key_of("caller")).invoke(**named)


@pytest.mark.parametrize(
    "service, call, action, resource",
    [
        ("lambda", "invoke", "lambda:InvokeFunction", "lambda:us-east-1:000000000000:function:F"),
        (
            "logs",
            "get_log_events",
            "logs:GetLogEvents",
            "logs:us-east-1:000000000000:log-group:/aws/lambda/F:log-stream:s",
        ),
        ("apigatewayv2", "get_routes", "apigateway:GET", "apigateway:us-east-1::/apis/A/routes"),
    ],
)
def test_a_refusal_names_action_and_resource(app, service, call, action, resource):
    name, api_id = app.function("Main"), app.api()["apiId"]
    arguments = {
        "invoke": {"FunctionName": name},
        "get_log_events": {"logGroupName": f"/aws/lambda/{name}", "logStreamName": "s"},
        "get_routes": {"ApiId": api_id},
    }[call]
    with pytest.raises(ClientError) as raised:
        getattr(app.aws(service, key=key_of("nobody")), call)(**arguments)
    resource = resource.replace("function:F", f"function:{name}").replace("/A/", f"/{api_id}/")
    resource = resource.replace("lambda/F", f"lambda/{name}")
    error = raised.value.response
    message = error["Error"].get("Message") or error["Message"]
    assert message == (
        f"User: arn:aws:iam::000000000000:user/nobody is not authorized to perform: {action} on "
        f"resource: arn:aws:{resource} because no identity-based policy allows the {action} action"
    )


def test_everybody_is_told_who_they_are(app, open_app):
    identity = app.aws("sts", key=key_of("nobody")).get_caller_identity()
    assert identity["Arn"] == "arn:aws:iam::000000000000:user/nobody"
    assert identity["Account"] == "000000000000"
    assert identity["UserId"].startswith("AIDA")
    assert open_app.aws("sts").get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"


def test_who_has_no_key_need_not_send_a_body(app, raw_socket):
    raw = raw_socket(app)
    raw.send(
        f"POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: {host_of(app)}\r\n"
        "Content-Length: 6000000\r\n\r\n"
    )
    response = raw.read_response()
    assert response.status == 403
    assert response.header("connection") == "close"


REFUSED_CONFIGURATIONS = {
    "a policy that is none": (
        access_key(ADMIN, "admin", [{"Effect": "allow", "Action": "*", "Resource": "*"}]),
        ["policy 1 of auth.access_keys", "`Effect` of a statement must be `Allow` or `Deny`"],
    ),
    "a resource that is no ARN": (
        access_key(ADMIN, "admin", [allow(resource="*/POST/@connections/*")]),
        ['Resource */POST/@connections/* must be in ARN format or "*".'],
    ),
    "a variable that is not known": (
        access_key(ADMIN, "admin", [allow(resource="arn:aws:execute-api:*:*:${aws:Nothing}/*")]),
        ["${aws:Nothing}"],
    ),
    "a value that is none": (
        access_key(
            ADMIN, "admin", [allow(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/99"}})]
        ),
        ["10.0.0.0/99", "IpAddress"],
    ),
    "a policy that is not there": (
        '[auth.access_keys.A]\nsecret = "hush"\nuser = "a"\npolicies = ["nowhere.json"]\n',
        ["gatepost.toml", "nowhere.json"],
    ),
    "a variable that is not set": (
        '[auth.access_keys.A]\nsecret_env = "NOT_SET_ANYWHERE"\nuser = "a"\n',
        ["NOT_SET_ANYWHERE"],
    ),
    "no secret": ('[auth.access_keys.A]\nuser = "a"\n', ["secret"]),
}


@pytest.mark.parametrize("keys, words", REFUSED_CONFIGURATIONS.values(), ids=REFUSED_CONFIGURATIONS)
def test_a_key_that_is_not_understood_lets_nobody_in(dev, keys, words):
    refused = dev.refused(guarded(), config='[auth]\nmode = "sigv4"\n' + keys)
    assert all(word in refused.stderr for word in words), refused.stderr
    assert ADMIN[1] not in refused.stderr and "hush" not in refused.stderr


def test_a_condition_that_is_not_evaluated_is_warned_of_and_never_opens(dev, raw_socket):
    odd = allow(Condition={"StringEquals": {"s3:prefix": "x"}})
    config = '[auth]\nmode = "sigv4"\n' + access_key(ADMIN, "admin", [odd])
    app = dev(guarded(), config=config)
    warning = app.wait_event("warning", lambda event: "s3:prefix" in event["text"])
    assert "gatepost.toml" in warning["text"]
    response = raw_socket(app).upgrade("/prod", headers=signed("GET", host_of(app), "/prod"))
    assert response.status == 403


def test_secrets_and_policies_come_from_files_and_variables(dev, raw_socket, tmp_path):
    (tmp_path / "secret").write_text("from-a-file\n")
    (tmp_path / "policy.json").write_text(
        json.dumps({"Version": "2012-10-17", "Statement": [allow()]})
    )
    config = f"""
        [auth]
        mode = "sigv4"
        [auth.access_keys.AKIDFILE]
        secret_file = "{tmp_path}/secret"
        user = "file"
        policies = "{tmp_path}/policy.json"
        [auth.access_keys.AKIDENV]
        secret_env = "SECRET_OF_ENV"
        user = "env"
        account = "123456789012"
        policies = [{{Statement = [{{Effect = "Allow", Action = "*", Resource = "*"}}]}}]
        """
    app = dev(guarded(), config=config, env={"SECRET_OF_ENV": "from-a-variable"})
    for key in [("AKIDFILE", "from-a-file"), ("AKIDENV", "from-a-variable")]:
        headers = signed("GET", host_of(app), "/prod", key=key)
        assert raw_socket(app).upgrade("/prod", headers=headers).status == 101
    arn = app.aws("sts", key=("AKIDENV", "from-a-variable")).get_caller_identity()["Arn"]
    assert arn == "arn:aws:iam::123456789012:user/env"


def test_with_signatures_other_machines_may_be_served(dev):
    """Without, they may not: test_dev_cli.py proves that."""
    app = dev(guarded(), config=CONFIG, listen="0.0.0.0")
    assert urlsplit(app.ready["httpUrl"]).port == app.port
