"""L. Re-deployment on change: live connections stay, and use what is new."""

import io
import json
import shutil
import subprocess
import time
import zipfile

import pytest
from support.app import aws_client
from support.environment import BINARY
from support.fixtures import write_app
from support.poll import until
from support.talk import connection_id, say, silent_app
from support.template import PYTHON, Function, Mock, code, together, websocket_app

HANDLER = "def handler(event, context):\n    return {{'statusCode': 200, 'body': '{}'}}\n"


def versioned(reply, **more):
    """An app with a two-way route `say` that replies with this."""
    return websocket_app({"say": Mock(reply), "whoami": Mock('"$context.connectionId"'), **more})


def reloads(app):
    return len(app.events("reloaded"))


def await_reload(app, before):
    until(lambda: reloads(app) > before, "reload")


def heard(client, action="say"):
    say(client, action)
    return client.recv(timeout=10)


@pytest.mark.checklist(197, 198)
def test_an_open_connection_survives_a_template_change_and_uses_it(dev, connect, change):
    app = dev(versioned("one"))
    client = connect(app.url())
    own = heard(client, "whoami")
    assert heard(client) == "one"
    change(app, versioned("two", extra=Mock("new route")))
    await_reload(app, 0)
    assert heard(client) == "two"
    assert heard(client, "extra") == "new route"
    assert heard(client, "whoami") == own


def test_other_files_beside_the_template_are_nobody_s_code(dev):
    app = dev(versioned("one"))
    (app.folder / "connections.json").write_text("{}")
    with pytest.raises(AssertionError):
        app.wait_event("reloaded", timeout=0.5)


def test_what_gatepost_prints_into_the_code_folder_is_no_change(tmp_path):
    """`gatepost dev > out.txt` in the folder of the app: it would reload for ever."""
    template = websocket_app(
        {"say": Function("Main")}, functions={"Main": code(PYTHON, "app.handler", ".")}
    )
    write_app(tmp_path, template, {"app.py": HANDLER.format("one")})
    output = tmp_path / "out.txt"
    with output.open("w") as file:
        process = subprocess.Popen(
            [BINARY, "dev", "--port", "0"], cwd=tmp_path, stdout=file, stderr=file
        )
    try:
        until(lambda: "Ready." in output.read_text(), "start")
        (tmp_path / "app.py").write_text(HANDLER.format("two"))
        until(lambda: "Reloaded." in output.read_text(), "reload")
        time.sleep(1)  # Nothing may happen, so there is nothing to wait for.
        assert output.read_text().count("Reloaded.") == 1
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.checklist(85)
def test_a_route_that_is_not_there_yet_is_forbidden_until_it_is_deployed(dev, connect, change):
    app = dev(versioned("one"))
    client = connect(app.url())
    assert '"Forbidden"' in heard(client, "extra")
    change(app, versioned("one", extra=Mock("new route")))
    await_reload(app, 0)
    assert heard(client, "extra") == "new route"


def test_a_route_that_is_removed_is_forbidden(dev, connect, change):
    app = dev(versioned("one", extra=Mock("old route")))
    client = connect(app.url())
    assert heard(client, "extra") == "old route"
    change(app, versioned("one"))
    await_reload(app, 0)
    assert '"Forbidden"' in heard(client, "extra")


@pytest.mark.checklist(199)
def test_a_changed_stage_variable_is_seen_by_the_next_message(dev, connect, change):
    def with_table(name):
        return websocket_app(
            {"say": Mock("$stageVariables.table")},
            stage_properties={"StageVariables": {"table": name}},
        )

    app = dev(with_table("rooms"))
    client = connect(app.url())
    assert heard(client) == "rooms"
    change(app, with_table("halls"))
    await_reload(app, 0)
    assert heard(client) == "halls"


def with_code():
    main = code(PYTHON, "app.handler", "src/")
    return websocket_app({"say": Function("Main", two_way=True)}, {"Main": main})


def test_changed_code_answers_the_next_message(dev, connect):
    app = dev(with_code(), files={"src/app.py": HANDLER.format("one")})
    client = connect(app.url())
    assert heard(client) == "one"
    (app.folder / "src/app.py").write_text(HANDLER.format("two"))
    await_reload(app, 0)
    assert heard(client) == "two"


def test_an_invocation_that_runs_during_a_change_ends_on_the_old_code(dev, connect):
    slow = """
        import os, time
        GO = os.environ["EVENTS"] + ".go"
        def handler(event, context):
            print("started", flush=True)
            while not os.path.exists(GO):
                time.sleep(0.02)
            return {"statusCode": 200, "body": "old"}
        """
    app = dev(with_code(), files={"src/app.py": slow})
    client = connect(app.url())
    say(client, "say")
    app.wait_event("log", lambda event: "started" in event["message"])
    (app.folder / "src/app.py").write_text(HANDLER.format("new"))
    await_reload(app, 0)
    app.events_file.with_name(app.events_file.name + ".go").touch()
    assert client.recv(timeout=10) == "old"
    assert heard(client) == "new"


@pytest.mark.parametrize(
    "broken",
    ["{", '{"Resources": {"Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Nmae": 1}}}}'],
    ids=["no JSON", "no such property"],
)
def test_a_broken_template_keeps_the_old_app_and_says_where(dev, connect, change, broken):
    app = dev(versioned("one"))
    client = connect(app.url())
    change(app, broken)
    failed = app.wait_event("reload-failed")
    assert failed["errors"]
    assert all(error.startswith("template.json:") for error in failed["errors"])
    assert heard(client) == "one"
    assert heard(connect(app.url())) == "one"
    change(app, versioned("two"))
    await_reload(app, 0)
    assert heard(client) == "two"


def test_a_change_that_is_refused_at_start_is_refused_on_reload_too(dev, connect, change):
    """A route that becomes protected must not stay open unnoticed."""
    app = dev(versioned("one"))
    template = versioned("two")
    template["Resources"]["Api0Route"]["Properties"]["RouteKey"] = "$connect"
    template["Resources"]["Api0Route"]["Properties"]["AuthorizationType"] = "JWT"
    change(app, template)
    failed = app.wait_event("reload-failed")
    assert any("JWT" in error for error in failed["errors"])
    assert heard(connect(app.url())) == "one"


def test_a_removed_stage_closes_its_connections_with_1001(dev, connect, change):
    both = versioned("one")
    both["Resources"]["SecondStage"] = {
        "Type": "AWS::ApiGatewayV2::Stage",
        "Properties": {
            "ApiId": {"Ref": "Api"},
            "StageName": "second",
            "DeploymentId": {"Ref": "ApiDeployment"},
        },
    }
    app = dev(both)
    stays, goes = connect(app.url("prod")), connect(app.url("second"))
    own = heard(goes, "whoami").strip('"')
    change(app, versioned("one"))
    with pytest.raises(Exception) as ended:
        goes.recv(timeout=10)
    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1001, "Going away")
    assert heard(stays) == "one"
    poster = app.client("prod")
    with pytest.raises(poster.exceptions.GoneException) as gone:
        poster.post_to_connection(ConnectionId=own, Data=b"x")
    headers = gone.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-gatepost-gone-reason"] == "stage-deleted"


def test_posts_go_on_through_change_after_change(dev, connect, change):
    """No message is lost and no connection dropped."""
    app = dev(silent_app())
    client = connect(app.url())
    own = connection_id(client)
    poster = app.client()
    posted = []
    for number in range(5):
        change(app, silent_app(stage_properties={"Description": f"change {number}"}))
        while reloads(app) <= number:
            posted.append(f"{number} {len(posted)}")
            poster.post_to_connection(ConnectionId=own, Data=posted[-1].encode())
    assert [client.recv(timeout=10) for _ in posted] == posted


def with_layer():
    template = with_code()
    template["Resources"]["Layer"] = {
        "Type": "AWS::Serverless::LayerVersion",
        "Properties": {"ContentUri": "layer/"},
    }
    template["Resources"]["Main"]["Properties"]["Layers"] = [{"Ref": "Layer"}]
    return template


def test_a_changed_layer_answers_the_next_message(dev, connect):
    files = {
        "src/app.py": """
            import words
            def handler(event, context):
                return {"statusCode": 200, "body": words.WORD}
            """,
        "layer/python/words.py": "WORD = 'one'\n",
    }
    app = dev(with_layer(), files=files)
    client = connect(app.url())
    assert heard(client) == "one"
    (app.folder / "layer/python/words.py").write_text("WORD = 'another'\n")
    await_reload(app, 0)
    assert heard(client) == "another"


def zipped(reply):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", HANDLER.format(reply))
    return archive.getvalue()


def test_a_changed_zip_answers_the_next_message(dev, connect):
    template = with_code()
    template["Resources"]["Main"]["Properties"]["CodeUri"] = "built/code.zip"
    app = dev(template, files={"built/code.zip": zipped("one")})
    client = connect(app.url())
    assert heard(client) == "one"
    (app.folder / "built/code.zip").write_bytes(zipped("another"))
    await_reload(app, 0)
    assert heard(client) == "another"


def test_a_code_folder_that_a_build_makes_anew_stays_watched(dev, connect):
    template = with_code()
    template["Resources"]["Main"]["Properties"]["CodeUri"] = "out/build/main/"
    app = dev(template, files={"out/build/main/app.py": HANDLER.format("one")})
    client = connect(app.url())
    assert heard(client) == "one"
    shutil.rmtree(app.folder / "out/build")
    app.wait_event("reload-failed")
    assert heard(client) == "one"
    for reply in ("two", "three"):
        before = reloads(app)
        (app.folder / "out/build/main").mkdir(parents=True, exist_ok=True)
        (app.folder / "out/build/main/app.py").write_text(HANDLER.format(reply))
        await_reload(app, before)
        until(lambda reply=reply: heard(client) == reply, reply)


def test_a_changed_env_file_gives_functions_new_variables(dev, connect, tmp_path):
    env_file = tmp_path / "local.env"
    env_file.write_text("WORD=one\n")
    source = """
        import os
        def handler(event, context):
            return {"statusCode": 200, "body": os.environ["WORD"]}
        """
    app = dev(with_code(), files={"src/app.py": source}, env_file=env_file)
    client = connect(app.url())
    assert heard(client) == "one"
    env_file.write_text("WORD\n")
    failed = app.wait_event("reload-failed")
    assert failed["errors"] == [f"{env_file}:1: the line is not of the form KEY=VALUE"]
    assert heard(client) == "one"
    env_file.write_text("WORD=two\n")
    await_reload(app, 0)
    assert heard(client) == "two"


def test_a_changed_default_of_a_parameter_is_used_unless_it_is_given(dev, connect, change):
    def with_default(word, other):
        return versioned("") | {
            "Parameters": {
                "Word": {"Type": "String", "Default": word},
                "Other": {"Type": "String", "Default": other},
            },
            "Resources": websocket_app(
                {"say": Mock("$stageVariables.word"), "other": Mock("$stageVariables.other")},
                stage_properties={
                    "StageVariables": {"word": {"Ref": "Word"}, "other": {"Ref": "Other"}}
                },
            )["Resources"],
        }

    app = dev(with_default("one", "a"), parameter=["Other=given"])
    client = connect(app.url())
    assert heard(client) == "one"
    change(app, with_default("two", "b"))
    await_reload(app, 0)
    assert heard(client) == "two"
    assert heard(client, "other") == "given"


def test_a_function_and_its_route_come_and_go_under_load_without_an_error(dev, connect, change):
    """A route never meets a function that is not there yet, or no more."""
    answers = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'new'}\n"
    without = versioned("one")
    with_it = websocket_app(
        {
            "say": Mock("one"),
            "whoami": Mock('"$context.connectionId"'),
            "extra": Function("Extra", two_way=True),
        },
        {"Extra": answers},
    )
    app = dev(without)
    client = connect(app.url())
    for number in range(6):
        before = reloads(app)
        change(app, with_it if number % 2 == 0 else without)
        while reloads(app) == before:
            reply = heard(client, "extra")
            assert reply == "new" or '"Forbidden"' in reply
        if number % 2 == 0:
            assert heard(client, "extra") == "new"


def test_a_change_tells_the_urls_that_are_new(dev, connect, change):
    """With a second API the path `/prod` alone says no longer which one is meant."""
    app = dev(versioned("one"))
    other = websocket_app({"say": Mock("other")}, api="Other")
    change(app, together(versioned("one"), other))
    apis = app.wait_event("reloaded")["apis"]
    urls = {api["logicalId"]: api["stages"][0]["url"] for api in apis}
    assert heard(connect(urls["Api"])) == "one"
    assert heard(connect(urls["Other"])) == "other"
    assert len({api["port"] for api in apis} - {None, app.port}) == 2


def test_a_removed_api_closes_its_connections_and_leaves_the_other(dev, connect, change):
    one = websocket_app({"say": Mock("one")}, api="First")
    two = websocket_app({"say": Mock("two")}, api="Second")
    app = dev(together(one, two))
    stays, goes = connect(app.url(api="First")), connect(app.url(api="Second"))
    assert (heard(stays), heard(goes)) == ("one", "two")
    change(app, one)
    with pytest.raises(Exception) as ended:
        goes.recv(timeout=10)
    assert ended.value.rcvd.code == 1001
    assert heard(stays) == "one"


def test_a_warning_of_a_change_is_told(dev, change):
    app = dev(versioned("one"))
    assert "ThrottlingBurstLimit" not in app.stdout + app.stderr
    settings = {"DefaultRouteSettings": {"ThrottlingBurstLimit": 0}}
    template = websocket_app({"say": Mock("one")}, stage_properties=settings)
    change(app, template)
    app.wait_event("warning", lambda event: "ThrottlingBurstLimit" in json.dumps(event))


def test_a_table_that_is_new_is_made(dev, change, dynamodb):
    def with_table(**resources):
        return websocket_app({"say": Mock("one")}, resources=resources)

    app = dev(with_table(), env={"AWS_ENDPOINT_URL_DYNAMODB": dynamodb})
    table = {
        "Type": "AWS::Serverless::SimpleTable",
        "Properties": {"TableName": "made-by-a-reload"},
    }
    change(app, with_table(Ids=table))
    await_reload(app, 0)
    assert "made-by-a-reload" in aws_client("dynamodb", dynamodb).list_tables()["TableNames"]
