"""G. `AWS` integrations with services: what reaches SQS, SNS, Kinesis, DynamoDB, Step Functions,
EventBridge and any other, signed, and what comes back."""

import json

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.loaders import Loader
from support.moto import ACCOUNT
from support.poll import until
from support.talk import connection_id, error_frame, say
from support.template import Mock, Service, websocket_app

INTERNAL = error_frame("Internal server error")
FORM = "application/x-www-form-urlencoded"
WHOAMI = Mock('{"connectionId":"$context.connectionId"}')
#: Successes as they are, failures under another name.
BY_STATUS = {
    r"/2\d\d/": {},
    r"/4\d\d/": {"ResponseTemplates": {"$default": '{"failed":$input.json(\'$\')}'}},
}


@pytest.fixture(scope="module")
def queue(moto):
    return moto.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]


@pytest.fixture(scope="module")
def topic(moto, queue):
    """A topic that tells the queue."""
    sns = moto.client("sns")
    arn = sns.create_topic(Name="news")["TopicArn"]
    target = f"arn:aws:sqs:us-east-1:{ACCOUNT}:jobs"
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=target)
    return arn


@pytest.fixture(scope="module")
def stream(moto):
    moto.client("kinesis").create_stream(StreamName="clicks", ShardCount=1)
    return "clicks"


@pytest.fixture(scope="module")
def machine(moto):
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
    made = moto.client("stepfunctions").create_state_machine(
        name="orders",
        definition=json.dumps(definition),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/states",
    )
    return made["stateMachineArn"]


@pytest.fixture(scope="module")
def event_log(moto):
    """A log group to which a rule sends the events of the source `chat`."""
    moto.client("logs").create_log_group(logGroupName="/events/chat")
    events = moto.client("events")
    events.put_rule(Name="chat", EventPattern=json.dumps({"source": ["chat"]}))
    log = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/events/chat"
    events.put_targets(Rule="chat", Targets=[{"Id": "log", "Arn": log}])
    return "/events/chat"


@pytest.fixture(scope="module")
def app(module_dev, moto, queue, topic, stream, machine):
    text = "$input.json('$.text')"
    json_of_text = f'{{"StreamName":"{stream}","PartitionKey":"$context.connectionId"'
    entry = f'{{"Source":"chat","DetailType":"said","Detail":"{{\\"n\\":1}}"}}'
    named = {"integration.request.header.X-Amz-Target": "'AWSEvents.PutEvents'"}
    send = "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"
    publish = f"TopicArn={topic}&Message=$util.urlEncode($input.body)"
    routes = {
        "whoami": WHOAMI,
        "sqs": Service(f"sqs:path/{ACCOUNT}/jobs", send, FORM, responses=BY_STATUS),
        "sqs-by-variable": Service(
            f"sqs:path/{ACCOUNT}/${{stageVariables.queue}}", send, FORM, responses=BY_STATUS
        ),
        "no-queue": Service(f"sqs:path/{ACCOUNT}/none", send, FORM, responses=BY_STATUS),
        "sqs-in-json": Service(
            "sqs:path/",
            f'{{"QueueUrl":"{queue}","MessageBody":{text}}}',
            "application/x-amz-json-1.0",
            parameters={"integration.request.header.X-Amz-Target": "'AmazonSQS.SendMessage'"},
        ),
        "sns": Service("sns:action/Publish", f"Action=Publish&{publish}", FORM),
        "sns-without-action": Service("sns:action/Publish", publish, FORM),
        "kinesis": Service(
            "kinesis:action/PutRecord",
            f'{json_of_text},"Data":"$util.base64Encode($input.body)"}}',
            "application/x-amz-json-1.1",
        ),
        "states": Service(
            "states:action/StartExecution",
            f'{{"stateMachineArn":"{machine}",'
            '"input":"$util.escapeJavaScript($input.json(\'$\'))"}',
        ),
        "events": Service(
            "events:action/PutEvents",
            f'{{"Entries":[{entry}]}}',
            "application/x-amz-json-1.1",
            parameters=named,
        ),
        "sts": Service("sts:action/GetCallerIdentity", "", FORM),
        "ssm": Service(
            "ssm:action/PutParameter",
            f'{{"Name":"/chat/motd","Type":"String","Overwrite":true,"Value":{text}}}',
        ),
        "s3": Service(
            "s3:path/files/{key}",
            text,
            "text/plain",
            method="PUT",
            parameters={"integration.request.path.key": "route.request.body.key"},
        ),
    }
    stage = {"StageVariables": {"queue": "jobs"}}
    return module_dev(
        websocket_app(routes, stage_properties=stage), env={"AWS_ENDPOINT_URL": moto.url}
    )


@pytest.fixture
def client(app, connect):
    return connect(app.url())


def answer(client, action, **more):
    """What a message is answered, as JSON."""
    say(client, action, **more)
    return json.loads(client.recv(timeout=10))


def taken(moto, queue):
    """The next message of the queue, once there is one."""
    sqs = moto.client("sqs")

    def take():
        for message in sqs.receive_message(QueueUrl=queue).get("Messages", ()):
            handle = message["ReceiptHandle"]
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=handle)
            return message["Body"]

    return until(take, "message in the queue")


@pytest.mark.checklist(118)
@pytest.mark.parametrize("action", ["sqs", "sqs-by-variable"])
def test_a_message_reaches_sqs_and_its_answer_is_json(client, moto, queue, action):
    """Although moto, unlike AWS, answers XML when it is asked for JSON."""
    said = {"action": action, "text": "ünï & <b>+%"}
    client.send(json.dumps(said))
    response = json.loads(client.recv(timeout=10))["SendMessageResponse"]
    assert set(response) == {"SendMessageResult", "ResponseMetadata"}
    assert len(response["SendMessageResult"]["MD5OfMessageBody"]) == 32
    assert len(response["SendMessageResult"]["MessageId"]) == 36
    assert json.loads(taken(moto, queue)) == said


def test_a_failure_of_sqs_selects_the_integration_response_of_its_status(app, client):
    failed = answer(client, "no-queue", text="x")["failed"]
    assert failed["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert failed["Error"]["Type"] == "Sender"
    # Whoever watches the terminal reads which service refused what.
    told = app.wait_event("request", lambda event: "NonExistentQueue" in (event["error"] or ""))
    assert told["error"].startswith("sqs answered 400 ")


def test_sqs_takes_its_json_protocol_too(client, moto, queue):
    assert len(answer(client, "sqs-in-json", text="in JSON")["MessageId"]) == 36
    assert taken(moto, queue) == "in JSON"


@pytest.mark.checklist(120)
@pytest.mark.parametrize("action", ["sns", "sns-without-action"])
def test_a_message_is_published_to_sns(client, moto, queue, action):
    """The action of the URI is sent unless the template does so."""
    response = answer(client, action, text="a & b")["PublishResponse"]
    assert len(response["PublishResult"]["MessageId"]) == 36
    delivered = json.loads(taken(moto, queue))
    assert json.loads(delivered["Message"]) == {"action": action, "text": "a & b"}


@pytest.mark.checklist(119)
def test_a_record_is_put_into_kinesis(client, moto, stream):
    own = connection_id(client)
    response = answer(client, "kinesis", text="clicked")
    assert set(response) >= {"ShardId", "SequenceNumber"}
    kinesis = moto.client("kinesis")
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=response["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    record = kinesis.get_records(ShardIterator=iterator)["Records"][-1]
    assert record["PartitionKey"] == own
    assert json.loads(record["Data"]) == {"action": "kinesis", "text": "clicked"}


def test_a_state_machine_is_started(client, moto):
    arn = answer(client, "states", text='say "hi"')["executionArn"]
    execution = moto.client("stepfunctions").describe_execution(executionArn=arn)
    assert json.loads(execution["input"]) == {"action": "states", "text": 'say "hi"'}


def test_an_event_is_put_on_eventbridge(client, moto, event_log):
    response = answer(client, "events")
    assert response["FailedEntryCount"] == 0
    assert len(response["Entries"]) == 1
    logged = moto.client("logs").filter_log_events(logGroupName=event_log)["events"]
    event = json.loads(logged[-1]["message"])
    assert (event["source"], event["detail-type"], event["detail"]) == ("chat", "said", {"n": 1})


def test_any_other_service_is_called_by_its_protocol(client, moto):
    """A query action, a JSON action, and a path."""
    identity = answer(client, "sts")["GetCallerIdentityResponse"]["GetCallerIdentityResult"]
    assert identity["Account"] == ACCOUNT
    assert answer(client, "ssm", text="hello")["Version"] >= 1
    parameter = moto.client("ssm").get_parameter(Name="/chat/motd")["Parameter"]
    assert parameter["Value"] == "hello"


def test_client_data_stays_within_its_segment_of_a_path(client, moto):
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="files")
    say(client, "s3", text="content", key="../../jobs")
    assert INTERNAL.fullmatch(client.recv(timeout=10))
    key = "a b+ü&=.txt"
    say(client, "s3", text="content", key=key)

    def stored():
        return [item["Key"] for item in s3.list_objects_v2(Bucket="files").get("Contents", ())]

    assert until(stored, "object") == [key]
    assert json.loads(s3.get_object(Bucket="files", Key=key)["Body"].read()) == "content"


class TestDynamoDb:
    """A table of connections without a function, as AWS's own samples have it."""

    TABLE = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "TableName": "connections",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        },
    }

    def service(self, action, rest="", **options):
        key = "Item" if action == "PutItem" else "Key"
        own = '{"id":{"S":"$context.connectionId"}}'
        template = f'{{"TableName":"connections","{key}":{own}{rest}}}'
        return Service(f"dynamodb:action/{action}", template, **options)

    @pytest.fixture
    def app(self, dev, dynamodb):
        once = ',"ConditionExpression":"attribute_not_exists(id)"'
        routes = {
            "$connect": self.service("PutItem", two_way=False, responses={"/200/": {}}),
            "$disconnect": self.service("DeleteItem", two_way=False, responses={"/200/": {}}),
            "get": self.service("GetItem"),
            "again": self.service("PutItem", once, responses=BY_STATUS),
            "unmatched": self.service("PutItem", once, responses={"/200/": {}}),
            "whoami": WHOAMI,
        }
        return dev(
            websocket_app(routes, resources={"Table": self.TABLE}),
            env={"AWS_ENDPOINT_URL_DYNAMODB": dynamodb},
        )

    def stored(self, app):
        client = app.aws("dynamodb", app.env["AWS_ENDPOINT_URL_DYNAMODB"])
        return [item["id"]["S"] for item in client.scan(TableName="connections")["Items"]]

    def test_connect_stores_and_disconnect_deletes(self, app, connect):
        client = connect(app.url())
        own = connection_id(client)
        assert self.stored(app) == [own]
        assert answer(client, "get") == {"Item": {"id": {"S": own}}}
        client.close()
        until(lambda: self.stored(app) == [], "empty table")

    def test_a_failed_condition_selects_the_response_of_its_status(self, app, connect):
        client = connect(app.url())
        failed = answer(client, "again")["failed"]
        assert failed["__type"].endswith("#ConditionalCheckFailedException")
        say(client, "unmatched")
        assert INTERNAL.fullmatch(client.recv(timeout=10))

    def test_a_connect_that_the_service_refuses_is_no_connection(self, dev, dynamodb, raw_socket):
        into_nothing = Service(
            "dynamodb:action/PutItem", '{"TableName":"nowhere"}', responses={"$default": {}}
        )
        app = dev(
            websocket_app({"$connect": into_nothing}), env={"AWS_ENDPOINT_URL_DYNAMODB": dynamodb}
        )
        response = raw_socket(app).upgrade("/prod")
        assert response.status == 400


class TestOnTheWire:
    """What a service gets, looked at by a plain web server in its place."""

    ROUTES = {
        "$default": Service(
            "dynamodb:action/Query",
            '{"TableName":"rooms"}',
            parameters={"integration.request.querystring.q": "'a b'"},
        ),
        "sns": Service("sns:action/Publish", "Message=x"),
        "path": Service("sqs:path/1/a-queue", "Action=SendMessage", FORM),
    }

    def start(self, dev, http_backend, config=None, **env):
        http_backend.answer("/", body="{}", headers=[("Content-Type", "application/json")])
        return dev(
            websocket_app(self.ROUTES),
            env={"AWS_ENDPOINT_URL": http_backend.url, **env},
            config=config,
        )

    def request(self, app, connect, http_backend, action="$default", path="/"):
        say(connect(app.url()), action)
        return http_backend.received(path)[-1]

    def test_a_json_action_is_a_signed_post_with_its_target(self, dev, connect, http_backend):
        env = {
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
            "AWS_SESSION_TOKEN": "a-token",
        }
        app = self.start(dev, http_backend, **env)
        got = self.request(app, connect, http_backend)
        headers = {name: values[0] for name, values in got.headers.items()}
        assert (got.method, got.body) == ("POST", '{"TableName":"rooms"}')
        assert got.query == {"q": ["a b"]}
        assert headers["x-amz-target"] == "DynamoDB_20120810.Query"
        assert headers["content-type"] == "application/x-amz-json-1.0"
        assert headers["accept"] == "application/json"
        assert headers["x-amz-security-token"] == "a-token"
        api_id = app.api()["apiId"]
        assert headers["user-agent"] == f"AmazonAPIGateway_{api_id}"
        assert headers["x-amzn-apigateway-api-id"] == api_id
        assert headers["authorization"] == self.signature(got, env, "dynamodb")

    def signature(self, got, env, service):
        """The header that botocore signs this request with."""
        headers = {name: values[0] for name, values in got.headers.items()}
        sent = headers["authorization"]
        signed = sent.split("SignedHeaders=")[1].split(",")[0].split(";")
        request = AWSRequest(
            got.method,
            f"http://{headers['host']}{got.target}",
            data=got.raw,
            headers={name: headers[name] for name in signed if name in headers},
        )
        request.context["timestamp"] = headers["x-amz-date"]
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        signer = SigV4Auth(Credentials(*map(env.get, names)), service, "us-east-1")
        to_sign = signer.string_to_sign(request, signer.canonical_request(request))
        scope = f"{env['AWS_ACCESS_KEY_ID']}/{headers['x-amz-date'][:8]}/us-east-1/{service}"
        return (
            f"AWS4-HMAC-SHA256 Credential={scope}/aws4_request, "
            f"SignedHeaders={';'.join(signed)}, Signature={signer.signature(to_sign, request)}"
        )

    def test_a_query_action_names_action_and_version(self, dev, connect, http_backend):
        app = self.start(dev, http_backend)
        got = self.request(app, connect, http_backend, "sns")
        assert got.query == {"Action": ["Publish"], "Version": ["2010-03-31"]}
        assert got.headers["content-type"] == ["application/json"]
        assert "/us-east-1/sns/aws4_request" in got.headers["authorization"][0]

    @pytest.mark.parametrize(
        ("uri", "template", "content_type"),
        [
            ("sqs:action/SendMessage", "Action=SendMessage&MessageBody=$input.path('$.text')", FORM),
            ("sqs:action/SendMessage", "MessageBody=$input.path('$.text')", FORM),
            ("sqs:action/SendMessage", "MessageBody=$input.path('$.text')", None),
            ("sqs:action/SendMessage", None, FORM),
            ("sqs:path/1/jobs", "Action=SendMessage&MessageBody=$input.path('$.text')", FORM),
        ],
    )
    def test_a_client_never_chooses_the_action(
        self, dev, connect, http_backend, uri, template, content_type
    ):
        http_backend.answer("/", body="{}")
        service = Service(uri, template, content_type)
        app = dev(websocket_app({"hi": service}), env={"AWS_ENDPOINT_URL": http_backend.url})
        client = connect(app.url())
        say(client, "hi", text="hi&%41ction=DeleteQueue&QueueUrl=victim")
        assert INTERNAL.fullmatch(client.recv(timeout=10))
        error = app.wait_event("request", lambda event: event["error"])["error"]
        assert "$util.urlEncode" in error and "victim" not in error
        assert http_backend._received == []

    def test_a_path_is_called_as_it_is(self, dev, connect, http_backend):
        app = self.start(dev, http_backend)
        got = self.request(app, connect, http_backend, "path", "/1/a-queue")
        assert (got.method, got.body, got.query) == ("POST", "Action=SendMessage", {})
        assert got.headers["content-type"] == [FORM]
        assert "x-amz-target" not in got.headers

    def test_credentials_come_from_the_configuration_or_a_profile(
        self, dev, connect, http_backend, tmp_path
    ):
        profile = "[work]\naws_access_key_id = FROMPROFILE\naws_secret_access_key = s\n"
        (tmp_path / "credentials").write_text(profile)
        env = {
            "AWS_SHARED_CREDENTIALS_FILE": tmp_path / "credentials",
            "AWS_ACCESS_KEY_ID": "FROMENV",
            "AWS_SECRET_ACCESS_KEY": "s",
        }
        own = '[integrations]\naccess_key_id = "FROMCONFIG"\nsecret_access_key = "s"\n'
        for config, expected in [
            (None, "FROMENV"),
            ('[integrations]\nprofile = "work"\n', "FROMPROFILE"),
            (own, "FROMCONFIG"),
        ]:
            app = self.start(dev, http_backend, config, **env)
            got = self.request(app, connect, http_backend)
            assert f"Credential={expected}/" in got.headers["authorization"][0]
            app.stop()
            http_backend._received.clear()

    def test_a_profile_that_is_not_there_refuses_to_start(self, dev, tmp_path):
        refused = dev.refused(
            websocket_app(self.ROUTES), env={"HOME": tmp_path, "AWS_PROFILE": "typo"}
        )
        assert "there is no profile typo in " in refused.stderr

    def test_an_endpoint_is_no_way_around_the_egress_rules(self, dev, connect):
        app = dev(
            websocket_app(self.ROUTES), env={"AWS_ENDPOINT_URL_DYNAMODB": "http://169.254.169.254"}
        )
        client = connect(app.url())
        client.send("x")
        assert INTERNAL.fullmatch(client.recv(timeout=2))
        error = app.wait_event("request", lambda event: event["error"])["error"]
        assert "[egress] denies 169.254.169.254" in error


#: Services by botocore's name, whose models say what must be sent.
IN_JSON = (
    "athena codebuild codepipeline cognito-identity cognito-idp comprehend dynamodb dynamodbstreams "
    "ecs events firehose glue kinesis kms logs rekognition secretsmanager ssm stepfunctions swf "
    "textract timestream-write transcribe translate"
).split()
IN_QUERY = "autoscaling cloudformation cloudwatch ec2 iam ses sns sqs sts".split()
MODELS = IN_JSON + IN_QUERY


def test_every_known_service_is_called_as_botocore_calls_it(dev, connect, http_backend):
    """Endpoint variable, signing name, target or version."""
    models = {name: Loader().load_service_model(name, "service-2")["metadata"] for name in MODELS}
    env, routes = {}, {}
    for name, model in models.items():
        variable = model["serviceId"].upper().replace(" ", "_")
        env[f"AWS_ENDPOINT_URL_{variable}"] = f"{http_backend.url}/{name}"
        routes[name] = Service(f"{model['endpointPrefix']}:action/DoIt", "{}")
    app = dev(websocket_app(routes), env=env)
    client = connect(app.url())
    for name, model in models.items():
        say(client, name)
        got = http_backend.received(f"/{name}/")[0]
        signed_for = model.get("signingName", model["endpointPrefix"])
        assert f"/us-east-1/{signed_for}/aws4_request" in got.headers["authorization"][0], name
        if name in IN_JSON:
            assert got.headers["x-amz-target"] == [f"{model['targetPrefix']}.DoIt"]
            content_type = f"application/x-amz-json-{model['jsonVersion']}"
            assert got.headers["content-type"] == [content_type]
        else:
            assert got.query == {"Action": ["DoIt"], "Version": [model["apiVersion"]]}


def test_a_service_without_a_local_endpoint_is_the_real_one_and_start_says_so(
    dev, connect, tmp_path
):
    """Without credentials nothing is sent."""
    app = dev(
        websocket_app({"$default": Service("sqs:path/1/q", "Action=SendMessage", FORM)}),
        env={"HOME": tmp_path},
    )
    assert [event["text"] for event in app.events("warning")] == [
        "integrations would call the real AWS (sqs in us-east-1) and fail: there are no "
        "credentials. To call something local, set AWS_ENDPOINT_URL_SQS, e.g. to "
        "http://localhost:5000"
    ]
    client = connect(app.url())
    client.send("x")
    assert INTERNAL.fullmatch(client.recv(timeout=10))
    error = app.wait_event("request", lambda event: event["error"])["error"]
    assert error == (
        "there are no credentials for AWS: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
        "AWS_PROFILE, or [integrations] profile"
    )


def test_start_names_the_real_endpoints_that_will_be_called(dev, tmp_path):
    env = {"HOME": tmp_path, "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s"}
    app = dev(
        websocket_app({"$default": Service("states:action/StartExecution", "{}")}), env=env
    )
    assert [event["text"] for event in app.events("warning")] == [
        "integrations call the real AWS: states in us-east-1, at "
        "https://states.us-east-1.amazonaws.com, as the access key AKID. To call something local, set "
        "AWS_ENDPOINT_URL_SFN, e.g. to http://localhost:5000"
    ]
