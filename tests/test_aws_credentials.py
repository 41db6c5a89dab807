"""Where the credentials come from that sign calls of AWS, how they are kept, and that nobody reads
them."""

import json
import sys
import time

import pytest
from support.fake_aws import ROLE, FakeAws
from support.talk import say
from support.template import Function, Service, websocket_app

ELSEWHERE = "arn:aws:lambda:us-east-1:000000000000:function:elsewhere"
REMOTE = {
    "IntegrationUri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
    f"{ELSEWHERE}/invocations"
}
LOCAL = {"Local": "def handler(event, context):\n    return {'statusCode': 200}\n"}
AT_AWS = '[functions.endpoints]\nelsewhere = "aws"\n'


@pytest.fixture
def aws():
    """AWS, as far as credentials need it."""
    fake = FakeAws()
    yield fake
    fake.stop()


@pytest.fixture
def start(dev, aws, tmp_path):
    """Starts an app whose one route invokes a function at AWS. It says which key signed."""

    def run(*, config=AT_AWS, aws_config="", routes=None, **env):
        home = tmp_path / ".aws"
        home.mkdir(exist_ok=True)
        (home / "config").write_text(aws_config)
        routes = routes or {"far": Function("Local", two_way=True, integration=REMOTE)}
        env = {
            "HOME": tmp_path,
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": aws.url,
            "AWS_EC2_METADATA_DISABLED": "false",
            **env,
        }
        return dev(websocket_app(routes, LOCAL), config=config, env=env)

    return run


def signer(client):
    """The key that signed the invocation of a message."""
    say(client, "far")
    heard = client.recv(timeout=10)
    assert not heard.startswith("{"), heard
    return heard


def error_of(app, client):
    """Why a message failed, and failed it has."""
    seen = len(app.events("request"))
    say(client, "far")
    assert json.loads(client.recv(timeout=10))["message"] == "Internal server error"
    app.wait_event("request", lambda event: app.events("request").index(event) >= seen)
    return app.events("request")[-1]["error"]


def assert_nothing_secret_is_said(app, aws):
    said = app.transcript()
    logs = app.aws("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
        said += "\n".join(event["message"] for event in events)
    assert aws.secrets
    for secret in aws.secrets:
        assert secret not in said


def test_a_key_of_the_environment_signs(start, connect, aws):
    key, secret, token = aws.new_key("ENVIRONMENT")
    env = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}
    app = start(**env)
    assert signer(connect(app.url())) == key
    [call] = aws.invocations
    assert (call.service, call.region, call.function) == ("lambda", "us-east-1", "elsewhere")
    assert aws.asked == []
    assert_nothing_secret_is_said(app, aws)


def test_a_process_of_the_profile_gives_the_key(start, connect, aws, tmp_path):
    given = aws.document("PROCESS")
    given = {"Version": 1, **given, "SessionToken": given.pop("Token")}
    (tmp_path / "give.py").write_text(f"print('''{json.dumps(given)}''')")
    profile = f"[profile work]\ncredential_process = {sys.executable} {tmp_path}/give.py\n"
    app = start(aws_config=profile, AWS_PROFILE="work")
    assert signer(connect(app.url())) == given["AccessKeyId"]
    assert_nothing_secret_is_said(app, aws)


def test_a_profile_assumes_a_role_with_the_key_of_another(start, connect, aws):
    key, secret, token = aws.new_key("BASE")
    profiles = f"""
[profile base]
aws_access_key_id = {key}
aws_secret_access_key = {secret}
aws_session_token = {token}
[profile work]
role_arn = {ROLE}
source_profile = base
role_session_name = gate
external_id = partner
duration_seconds = 900
"""
    app = start(aws_config=profiles, config='[integrations]\nprofile = "work"\n' + AT_AWS)
    assert signer(connect(app.url())).startswith("ROLE")
    assert aws.asked == ["sts"]
    assert aws.forms == [
        {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": ROLE,
            "RoleSessionName": "gate",
            "ExternalId": "partner",
            "DurationSeconds": "900",
        }
    ]
    assert_nothing_secret_is_said(app, aws)


def test_a_profile_assumes_a_role_with_what_the_container_has(start, connect, aws):
    profile = f"[profile work]\nrole_arn = {ROLE}\ncredential_source = EcsContainer\n"
    variable = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{aws.url}/container"}
    app = start(aws_config=profile, AWS_PROFILE="work", **variable)
    assert signer(connect(app.url())).startswith("ROLE")
    assert aws.asked == ["container", "sts"]


def test_a_web_identity_assumes_a_role_with_the_token_that_is_in_its_file_then(
    start, connect, aws, tmp_path
):
    aws.web_identity_token, aws.life = "first", 2
    file = tmp_path / "token"
    file.write_text("first\n")
    app = start(AWS_WEB_IDENTITY_TOKEN_FILE=file, AWS_ROLE_ARN=ROLE, AWS_ROLE_SESSION_NAME="pod")
    client = connect(app.url())
    assert signer(client) == "WEBIDENTITY0"
    aws.web_identity_token = "second"
    file.write_text("second")
    aws.life = 3600
    key = "WEBIDENTITY0"
    deadline = time.monotonic() + 10
    while key == "WEBIDENTITY0" and time.monotonic() < deadline:
        key = signer(client)
    assert key == "WEBIDENTITY1"
    assert [form["WebIdentityToken"] for form in aws.forms] == ["first", "second"]
    assert aws.forms[0]["RoleSessionName"] == "pod"


def test_a_containers_agent_is_shown_the_token_of_its_file(start, connect, aws, tmp_path):
    aws.container_token = "token-of-the-container"
    file = tmp_path / "token"
    file.write_text("token-of-the-container\n")
    app = start(
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{aws.url}/container",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=file,
    )
    assert signer(connect(app.url())) == "CONTAINER0"
    assert_nothing_secret_is_said(app, aws)


def test_an_instances_role_assumes_another(start, connect, aws):
    profile = f"[profile work]\nrole_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n"
    app = start(aws_config=profile, AWS_PROFILE="work")
    assert signer(connect(app.url())).startswith("ROLE")
    assert aws.asked == ["metadata", "sts"]
    assert_nothing_secret_is_said(app, aws)


def test_an_instance_is_asked_for_aws_itself_when_nobody_else_has_a_key(start, connect, aws):
    aws.refuse = 403
    app = start(AWS_ENDPOINT_URL="")
    # Without credentials nothing is sent there.
    error = error_of(app, connect(app.url()))
    assert "as an EC2 instance this machine has none: it answers 403 Forbidden" in error
    assert aws.asked == ["metadata"]
    app = start(AWS_ENDPOINT_URL="", AWS_EC2_METADATA_DISABLED="true")
    assert "there are no credentials for AWS: set AWS_ACCESS_KEY_ID" in error_of(
        app, connect(app.url())
    )
    assert aws.asked == ["metadata"]


@pytest.mark.parametrize("config", [None, AT_AWS], ids=["endpoint", "variable"])
def test_an_emulator_is_called_without_asking_whether_this_is_an_instance(
    start, connect, aws, config
):
    app = start(config=config or f'[functions.endpoints]\nelsewhere = "{aws.url}"\n')
    # It knows no keys, and answers as if its own were another.
    assert "nobody has the key gatepost" in error_of(app, connect(app.url()))
    assert aws.asked == []


def test_services_are_called_with_the_same_credentials(start, connect, aws):
    routes = {"far": Service("sqs:path/1/q", "Action=SendMessage&MessageBody=x")}
    app = start(
        routes=routes, AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{aws.url}/container", config=""
    )
    client = connect(app.url())
    say(client, "far")
    client.recv(timeout=10)
    [call] = aws.requests
    assert (call.error, call.key, call.service) == (None, "CONTAINER0", "sqs")


def test_however_many_messages_wait_for_the_first_key_one_question_is_asked(start, connect, aws):
    aws.delay = 0.5
    app = start(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{aws.url}/container")
    clients = [connect(app.url()) for _ in range(10)]
    for client in clients:
        say(client, "far")
    assert {client.recv(timeout=10) for client in clients} == {"CONTAINER0"}
    assert aws.asked == ["container"]


def test_a_new_key_is_fetched_before_the_old_one_expires_and_no_message_waits_for_it(
    start, connect, aws
):
    aws.life = 4
    app = start(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{aws.url}/container")
    client = connect(app.url())
    assert signer(client) == "CONTAINER0"
    # From now on it takes longer than a message may.
    aws.delay, aws.life = 1.5, 3600
    keys, slowest = [], 0
    deadline = time.monotonic() + 10
    while "CONTAINER1" not in keys and time.monotonic() < deadline:
        began = time.monotonic()
        keys.append(signer(client))
        slowest = max(slowest, time.monotonic() - began)
    assert keys[-1] == "CONTAINER1"
    assert slowest < 1.4
    assert aws.asked == ["container", "container"]


def test_a_refusal_is_not_asked_about_again_at_once_and_ends_by_itself(start, connect, aws):
    aws.refuse = 403
    app = start(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{aws.url}/container")
    client = connect(app.url())
    began = time.monotonic()
    errors = {error_of(app, client) for _ in range(5)}
    assert errors == {
        "Lambda invocation failed with status: 502. ServiceException: the container's credentials "
        'endpoint gives no credentials: it answers 403 Forbidden: {"message": "no"}'
    }
    # The first pause is a second.
    assert len(aws.asked) <= 1 + (time.monotonic() - began)
    aws.refuse = None
    key = None
    deadline = time.monotonic() + 15
    while key is None and time.monotonic() < deadline:
        say(client, "far")
        heard = client.recv(timeout=10)
        key = heard if heard.startswith("CONTAINER") else None
    assert key == "CONTAINER0"


def test_what_cannot_be_used_is_refused_by_its_name(dev, tmp_path):
    home = tmp_path / ".aws"
    home.mkdir()
    (home / "config").write_text("[profile work]\nsso_session = corp\n")
    template = websocket_app({"far": Function("Local")}, LOCAL)
    refused = dev.refused(template, env={"HOME": tmp_path, "AWS_PROFILE": "work"})
    assert "the profile work holds no access key itself but asks IAM Identity Center" in (
        refused.stderr
    )
    env = {"HOME": tmp_path, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/x"}
    refused = dev.refused(template, env=env)
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://example.com/x` cannot be asked" in (
        refused.stderr
    )
