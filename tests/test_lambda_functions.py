"""Functions that are made by calls of Lambda's API: code, versions, aliases, policies, settings;
what is kept over a restart (control-and-observability spec F)."""

import base64
import hashlib
import io
import json
import re
import zipfile

import pytest
from botocore.exceptions import ClientError
from support.template import PYTHON, Function, Mock, websocket_app

ROLE = "arn:aws:iam::000000000000:role/lambda"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:made"
REPLIES = "def handler(event, context):\n    return {!r}\n"
VERSION = """
import os
def handler(event, context):
    return {"is": os.environ["WHAT"], "version": context.function_version,
            "environment": os.environ["AWS_LAMBDA_FUNCTION_VERSION"]}
"""
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def package(source, name="app.py"):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zip_file:
        zip_file.writestr(name, source)
    return archive.getvalue()


def create(lambdas, source=REPLIES.format("one"), name="made", **more):
    return lambdas.create_function(
        FunctionName=name,
        Runtime=PYTHON,
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": package(source)},
        **more,
    )


def invoke(lambdas, name="made", **more):
    response = lambdas.invoke(FunctionName=name, **more)
    return json.load(response["Payload"])


def refusal(call, *arguments, **members):
    with pytest.raises(ClientError) as refused:
        call(*arguments, **members)
    response = refused.value.response
    error = response["Error"]
    return response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(websocket_app({"say": Function("Main")}, {"Main": REPLIES.format("own")}))


@pytest.fixture
def lambdas(app):
    """A client whose function `made` is gone after the test."""
    client = app.aws("lambda")
    yield client
    for function in client.list_functions()["Functions"]:
        if not function["FunctionName"].startswith("app"):
            client.delete_function(FunctionName=function["FunctionName"])


class TestFunction:
    def test_a_function_is_made_and_runs(self, lambdas):
        zipped = package(REPLIES.format("one"))
        made = create(lambdas, Description="d", Environment={"Variables": {"AA": "b"}}, Timeout=7)
        assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
        assert made["FunctionName"] == "made"
        assert made["FunctionArn"] == ARN
        assert made["Runtime"] == PYTHON
        assert made["Role"] == ROLE
        assert made["Handler"] == "app.handler"
        assert made["CodeSize"] == len(zipped)
        assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(zipped).digest()).decode()
        assert (made["Timeout"], made["MemorySize"], made["Version"]) == (7, 128, "$LATEST")
        assert (made["State"], made["LastUpdateStatus"]) == ("Active", "Successful")
        assert made["Environment"] == {"Variables": {"AA": "b"}}
        assert UUID.fullmatch(made["RevisionId"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", made["LastModified"])
        assert invoke(lambdas) == "one"
        read = lambdas.get_function_configuration(FunctionName="made")
        del made["ResponseMetadata"], read["ResponseMetadata"]
        assert read == made
        whole = lambdas.get_function(FunctionName=ARN)
        assert whole["Configuration"] == made

    def test_waiters_of_the_sdk_find_it_active(self, lambdas):
        create(lambdas)
        lambdas.get_waiter("function_active_v2").wait(FunctionName="made")
        lambdas.get_waiter("function_updated_v2").wait(FunctionName="made")
        lambdas.delete_function(FunctionName="made")
        assert refusal(lambdas.get_function, FunctionName="made") == (
            404,
            "ResourceNotFoundException",
            f"Function not found: {ARN}",
        )

    def test_a_name_is_given_once(self, lambdas, app):
        create(lambdas)
        conflict = (409, "ResourceConflictException", "Function already exist: made")
        assert refusal(create, lambdas) == conflict
        assert refusal(create, lambdas, name=app.function("Main"))[:2] == conflict[:2]

    def test_code_and_configuration_are_changed(self, lambdas):
        made = create(lambdas)
        code = {"FunctionName": "made", "ZipFile": package(REPLIES.format("two"))}
        changed = lambdas.update_function_code(**code)
        assert changed["CodeSha256"] != made["CodeSha256"]
        assert changed["RevisionId"] != made["RevisionId"]
        assert invoke(lambdas) == "two"
        changed = lambdas.update_function_configuration(
            FunctionName="made", MemorySize=256, Environment={"Variables": {"CC": "d"}}
        )
        assert (changed["MemorySize"], changed["Timeout"]) == (256, 3)
        assert changed["Environment"] == {"Variables": {"CC": "d"}}
        stale = refusal(lambdas.update_function_code, **code, RevisionId=made["RevisionId"])
        assert stale[:2] == (412, "PreconditionFailedException")
        dry = lambdas.update_function_code(**code | {"ZipFile": package("x = 1")}, DryRun=True)
        assert dry["CodeSha256"] != changed["CodeSha256"]
        assert invoke(lambdas) == "two"

    def test_a_path_of_this_machine_is_code_too(self, lambdas, tmp_path):
        (tmp_path / "app.py").write_text(REPLIES.format("here"))
        place = {"S3Bucket": "local", "S3Key": str(tmp_path)}
        made = {"Runtime": PYTHON, "Role": ROLE, "Handler": "app.handler"}
        lambdas.create_function(FunctionName="made", Code=place, **made)
        assert invoke(lambdas) == "here"
        place["S3Key"] += "/nothing"
        status, code, _ = refusal(lambdas.create_function, FunctionName="x", Code=place, **made)
        assert (status, code) == (400, "InvalidParameterValueException")

    def test_functions_are_listed_in_pages(self, lambdas, app):
        for name in ("b", "a", "c"):
            create(lambdas, name=name)
        pages = lambdas.get_paginator("list_functions").paginate(
            PaginationConfig={"PageSize": 2}
        )
        names = [[f["FunctionName"] for f in page["Functions"]] for page in pages]
        assert names == [["a", app.function("Main")], ["b", "c"]]

    def test_no_function_is_lost_between_pages(self, lambdas, app):
        """Names that begin alike, and more versions than digits order."""
        names = ["chat", "chat-two", "chat2"]
        for name in names:
            create(lambdas, name=name)
        for timeout in range(10, 20):
            lambdas.update_function_configuration(FunctionName="chat", Timeout=timeout)
            lambdas.publish_version(FunctionName="chat")

        def listed(size, **more):
            pages = lambdas.get_paginator("list_functions").paginate(
                PaginationConfig={"PageSize": size}, **more
            )
            return [
                (function["FunctionName"], function["Version"])
                for page in pages
                for function in page["Functions"]
                if function["FunctionName"] != app.function("Main")
            ]

        for size in (1, 2, 3):
            assert listed(size) == [(name, "$LATEST") for name in names]
            versions = [("chat", str(number)) for number in range(1, 11)]
            latest = [(name, "$LATEST") for name in names]
            assert listed(size, FunctionVersion="ALL") == [latest[0], *versions, *latest[1:]]

    def test_new_code_at_a_path_is_served_once_the_code_is_updated(self, lambdas, tmp_path):
        (tmp_path / "app.py").write_text(REPLIES.format("one"))
        place = {"S3Bucket": "local", "S3Key": str(tmp_path)}
        made = {"Runtime": PYTHON, "Role": ROLE, "Handler": "app.handler"}
        lambdas.create_function(FunctionName="made", Code=place, **made)
        assert invoke(lambdas) == "one"
        # As long as before, and within the second: the bytecode must go as well.
        (tmp_path / "app.py").write_text(REPLIES.format("two"))
        lambdas.update_function_code(FunctionName="made", **place)
        assert invoke(lambdas) == "two"

    def test_how_it_logs_and_starts_is_kept_and_shown(self, lambdas):
        logging = {"LogFormat": "JSON", "LogGroup": "/my/own"}
        made = create(lambdas, LoggingConfig=logging, SnapStart={"ApplyOn": "PublishedVersions"})
        assert made["LoggingConfig"] == logging
        assert made["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
        changed = lambdas.update_function_configuration(
            FunctionName="made", LoggingConfig={"LogFormat": "Text"}
        )
        assert changed["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/made"}
        assert changed["SnapStart"]["ApplyOn"] == "PublishedVersions"

    def test_code_that_is_for_nothing_leaves_nothing(self, dev):
        app = dev(websocket_app({"say": Mock()}))
        lambdas = app.aws("lambda")

        def kept():
            folder = app.folder / ".gatepost/lambda"
            return [len(list((folder / each).iterdir())) for each in ("packages", "code")]

        create(lambdas)
        assert kept() == [1, 1]
        other = {"FunctionName": "made", "ZipFile": package("x = 1")}
        lambdas.update_function_code(**other, DryRun=True)
        assert refusal(create, lambdas, "x = 2")[0] == 409
        broken = {"FunctionName": "b", "Code": {"ZipFile": package("x", "n" * 300)}}
        members = {"Runtime": PYTHON, "Role": ROLE, "Handler": "app.handler"}
        status, code, message = refusal(lambdas.create_function, **broken, **members)
        assert (status, code) == (400, "InvalidParameterValueException")
        assert message.startswith("Could not unzip")
        assert kept() == [1, 1]
        lambdas.update_function_code(**other)
        assert kept() == [2, 2]
        app.restart()
        assert kept() == [1, 1]

    @pytest.mark.parametrize(
        ("members", "code", "message"),
        [
            (
                {"Runtime": "java21"},
                "InvalidParameterValueException",
                "Value java21 at 'runtime' failed to satisfy constraint",
            ),
            ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException", "Could not unzip"),
            ({"Code": {}}, "InvalidParameterValueException", "Please provide a source"),
            ({"Timeout": 901}, "ValidationException", "less than or equal to 900"),
            ({"Role": "me"}, "ValidationException", "at 'role' failed to satisfy constraint"),
            (
                {"Environment": {"Variables": {"AWS_REGION": "x"}}},
                "InvalidParameterValueException",
                "reserved keys",
            ),
            (
                {"Code": {"ZipFile": package("x", "../out.py")}},
                "InvalidParameterValueException",
                "Could not unzip",
            ),
        ],
    )
    def test_what_cannot_run_is_refused(self, lambdas, members, code, message):
        made = {
            "FunctionName": "made",
            "Runtime": PYTHON,
            "Role": ROLE,
            "Handler": "app.handler",
            "Code": {"ZipFile": package("x = 1")},
        }
        status, found, text = refusal(lambdas.create_function, **made | members)
        assert (status, found) == (400, code)
        assert message in text
        assert refusal(lambdas.get_function, FunctionName="made")[0] == 404

    def test_the_templates_functions_are_the_templates(self, lambdas, app):
        name = app.function("Main")
        for call, members in [
            (lambdas.delete_function, {}),
            (lambdas.update_function_configuration, {"Timeout": 5}),
            (lambdas.publish_version, {}),
            (lambdas.put_function_concurrency, {"ReservedConcurrentExecutions": 1}),
        ]:
            status, code, message = refusal(call, FunctionName=name, **members)
            assert (status, code) == (400, "InvalidParameterValueException")
            assert message == (
                f"{name} is the function Main of the template: change the template, and it is served"
            )
        policy = json.loads(lambdas.get_policy(FunctionName=name)["Policy"])
        assert policy["Statement"][0]["Principal"] == {"Service": "apigateway.amazonaws.com"}


class TestVersionsAndAliases:
    def test_a_version_keeps_code_and_configuration(self, lambdas):
        def variables(what):
            return {"Variables": {"WHAT": what}}

        create(lambdas, VERSION, Environment=variables("first"), Publish=True)
        lambdas.update_function_configuration(FunctionName="made", Environment=variables("second"))
        version = lambdas.publish_version(FunctionName="made", Description="the second")
        assert (version["Version"], version["Description"]) == ("2", "the second")
        assert version["FunctionArn"] == f"{ARN}:2"
        lambdas.update_function_configuration(FunctionName="made", Environment=variables("third"))
        lambdas.create_alias(FunctionName="made", Name="live", FunctionVersion="1")

        def runs(what, version):
            return {"is": what, "version": version, "environment": version}

        assert invoke(lambdas) == runs("third", "$LATEST")
        assert invoke(lambdas, Qualifier="1") == runs("first", "1")
        assert invoke(lambdas, f"{ARN}:2") == runs("second", "2")
        assert invoke(lambdas, Qualifier="live") == runs("first", "1")
        lambdas.update_alias(FunctionName="made", Name="live", FunctionVersion="2")
        response = lambdas.invoke(FunctionName="made", Qualifier="live")
        assert response["ExecutedVersion"] == "2"
        assert json.load(response["Payload"]) == runs("second", "2")
        versions = lambdas.list_versions_by_function(FunctionName="made")["Versions"]
        assert [each["Version"] for each in versions] == ["$LATEST", "1", "2"]
        assert [each["Environment"] for each in versions] == [
            variables(what) for what in ("third", "first", "second")
        ]

    def test_a_version_is_published_only_when_something_changed(self, lambdas):
        create(lambdas)
        assert lambdas.publish_version(FunctionName="made")["Version"] == "1"
        assert lambdas.publish_version(FunctionName="made")["Version"] == "1"
        status, code, message = refusal(
            lambdas.publish_version, FunctionName="made", CodeSha256="other"
        )
        assert (status, code) == (400, "InvalidParameterValueException")
        assert message.startswith("CodeSHA256 (other) is different from current CodeSHA256")

    def test_aliases_are_made_changed_listed_and_deleted(self, lambdas):
        create(lambdas, Publish=True)
        alias = {"FunctionName": "made", "Name": "live"}
        made = lambdas.create_alias(**alias, FunctionVersion="1", Description="d")
        assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
        assert made["AliasArn"] == f"{ARN}:live"
        assert (made["FunctionVersion"], made["Description"]) == ("1", "d")
        assert refusal(lambdas.create_alias, **alias, FunctionVersion="1") == (
            409,
            "ResourceConflictException",
            f"Alias already exists: {ARN}:live",
        )
        missing = refusal(lambdas.update_alias, **alias, FunctionVersion="9")
        assert missing == (404, "ResourceNotFoundException", f"Function not found: {ARN}:9")
        changed = lambdas.update_alias(**alias, FunctionVersion="$LATEST")
        assert changed["RevisionId"] != made["RevisionId"]
        listed = lambdas.list_aliases(FunctionName="made")["Aliases"]
        assert [each["FunctionVersion"] for each in listed] == ["$LATEST"]
        lambdas.delete_alias(**alias)
        assert refusal(lambdas.get_alias, **alias) == (
            404,
            "ResourceNotFoundException",
            f"Cannot find alias arn: {ARN}:live",
        )

    def test_a_version_that_an_alias_needs_is_not_deleted(self, lambdas):
        create(lambdas, Publish=True)
        lambdas.create_alias(FunctionName="made", Name="live", FunctionVersion="1")
        assert refusal(lambdas.delete_function, FunctionName="made", Qualifier="1") == (
            409,
            "ResourceConflictException",
            "Unable to delete version because the following aliases reference it: [live]",
        )
        lambdas.delete_alias(FunctionName="made", Name="live")
        lambdas.delete_function(FunctionName="made", Qualifier="1")
        assert refusal(lambdas.invoke, FunctionName="made", Qualifier="1")[0] == 404


class TestPolicy:
    STATEMENT = {
        "FunctionName": "made",
        "StatementId": "api",
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
    }

    def test_statements_are_added_shown_and_removed(self, lambdas):
        create(lambdas)
        source = "arn:aws:execute-api:us-east-1:000000000000:a1/*/$connect"
        added = lambdas.add_permission(**self.STATEMENT, SourceArn=source)
        statement = {
            "Sid": "api",
            "Effect": "Allow",
            "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": ARN,
            "Condition": {"ArnLike": {"AWS:SourceArn": source}},
        }
        assert json.loads(added["Statement"]) == statement
        read = lambdas.get_policy(FunctionName="made")
        assert json.loads(read["Policy"]) == {
            "Version": "2012-10-17",
            "Id": "default",
            "Statement": [statement],
        }
        status, code, message = refusal(lambdas.add_permission, **self.STATEMENT)
        assert (status, code) == (409, "ResourceConflictException")
        assert message.startswith("The statement id (api) provided already exists.")
        lambdas.remove_permission(FunctionName="made", StatementId="api")
        assert refusal(lambdas.remove_permission, FunctionName="made", StatementId="api") == (
            404,
            "ResourceNotFoundException",
            "Statement api is not found in resource policy.",
        )
        assert refusal(lambdas.get_policy, FunctionName="made") == (
            404,
            "ResourceNotFoundException",
            "The resource you requested does not exist.",
        )

    def test_what_is_for_a_function_url_is_for_nothing_else(self, lambdas):
        create(lambdas)
        of_url = {"FunctionUrlAuthType": "NONE", "InvokedViaFunctionUrl": True}
        added = lambdas.add_permission(**self.STATEMENT | {"Principal": "*"}, **of_url)
        assert json.loads(added["Statement"])["Condition"] == {
            "StringEquals": {"lambda:FunctionUrlAuthType": "NONE"},
            "Bool": {"lambda:InvokedViaFunctionUrl": "true"},
        }

    def test_it_decides_whether_an_api_may_invoke(self, dev, connect):
        """A route of the template calls a function that is made by calls."""
        uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{ARN}/invocations"
        route = Function("unused", two_way=True, integration={"IntegrationUri": uri})
        app = dev(websocket_app({"say": route}))
        lambdas = app.aws("lambda")
        create(lambdas, "def handler(event, context):\n    return {'statusCode': 200, 'body': 'ran'}")
        client = connect(app.url())

        def said():
            client.send('{"action":"say"}')
            return client.recv(timeout=10)

        assert json.loads(said())["message"] == "Internal server error"
        of_url = {"StatementId": "url", "Principal": "*", "InvokedViaFunctionUrl": True}
        lambdas.add_permission(**self.STATEMENT | of_url)
        assert json.loads(said())["message"] == "Internal server error"
        lambdas.add_permission(**self.STATEMENT)
        assert said() == "ran"
        lambdas.remove_permission(FunctionName="made", StatementId="api")
        assert json.loads(said())["message"] == "Internal server error"


    def test_a_policy_of_calls_is_not_that_of_the_templates_function(self, dev, connect, change):
        """The template declares a function of the name that calls made one under."""
        ran = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'ran'}"
        declaring = websocket_app({"say": Function("Main", two_way=True)}, {"Main": ran})
        declaring["Resources"]["Main"]["Properties"]["FunctionName"] = "made"
        del declaring["Resources"]["MainApiPermission"]
        app = dev(websocket_app({"say": Mock()}))
        lambdas = app.aws("lambda")
        create(lambdas, ran)
        lambdas.add_permission(**self.STATEMENT)
        change(app, declaring)
        app.wait_event("reloaded")
        client = connect(app.url())
        client.send('{"action":"say"}')
        assert json.loads(client.recv(timeout=10))["message"] == "Internal server error"
        assert refusal(lambdas.get_policy, FunctionName="made")[0] == 404


class TestSettings:
    def test_reserved_concurrency(self, lambdas):
        create(lambdas)
        lambdas.put_function_concurrency(FunctionName="made", ReservedConcurrentExecutions=0)
        assert lambdas.get_function_concurrency(FunctionName="made")[
            "ReservedConcurrentExecutions"
        ] == 0
        assert refusal(lambdas.invoke, FunctionName="made")[:2] == (
            429,
            "TooManyRequestsException",
        )
        lambdas.delete_function_concurrency(FunctionName="made")
        assert invoke(lambdas) == "one"

    def test_asynchronous_invocation(self, lambdas):
        create(lambdas)
        missing = refusal(lambdas.get_function_event_invoke_config, FunctionName="made")
        assert missing == (
            404,
            "ResourceNotFoundException",
            f"The function {ARN}:$LATEST doesn't have an EventInvokeConfig",
        )
        lambdas.put_function_event_invoke_config(FunctionName="made", MaximumRetryAttempts=0)
        lambdas.update_function_event_invoke_config(
            FunctionName="made", MaximumEventAgeInSeconds=60
        )
        read = lambdas.get_function_event_invoke_config(FunctionName="made")
        assert (read["MaximumRetryAttempts"], read["MaximumEventAgeInSeconds"]) == (0, 60)
        assert read["FunctionArn"] == f"{ARN}:$LATEST"
        listed = lambdas.list_function_event_invoke_configs(FunctionName="made")
        assert len(listed["FunctionEventInvokeConfigs"]) == 1
        lambdas.delete_function_event_invoke_config(FunctionName="made")

    def test_tags(self, lambdas):
        create(lambdas, Tags={"a": "1"})
        lambdas.tag_resource(Resource=ARN, Tags={"b": "2"})
        lambdas.untag_resource(Resource=ARN, TagKeys=["a"])
        assert lambdas.list_tags(Resource=ARN)["Tags"] == {"b": "2"}


def test_what_was_answered_survives_a_kill(dev):
    app = dev(websocket_app({"say": Mock()}))
    lambdas = app.aws("lambda")
    create(lambdas, Publish=True, Tags={"a": "1"})
    lambdas.create_alias(FunctionName="made", Name="live", FunctionVersion="1")
    lambdas.add_permission(**TestPolicy.STATEMENT, Qualifier="live")
    changed = lambdas.update_function_code(
        FunctionName="made", ZipFile=package(REPLIES.format("two"))
    )
    create(lambdas, name="gone")
    lambdas.delete_function(FunctionName="gone")
    app.stop(kill=True)
    app.restart()
    lambdas = app.aws("lambda")
    assert lambdas.get_function_configuration(FunctionName="made")["RevisionId"] == (
        changed["RevisionId"]
    )
    assert invoke(lambdas) == "two"
    assert invoke(lambdas, Qualifier="live") == "one"
    policy = json.loads(lambdas.get_policy(FunctionName="made", Qualifier="live")["Policy"])
    assert policy["Statement"][0]["Resource"] == f"{ARN}:live"
    assert [f["FunctionName"] for f in lambdas.list_functions()["Functions"]] == ["made"]
