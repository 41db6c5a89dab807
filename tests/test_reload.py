"""L. Re-deployment on change: live connections stay, and use what is new."""

import json

import pytest
from support.poll import until
from support.talk import connection_id, say, silent_app
from support.template import PYTHON, Function, Mock, code, websocket_app

HANDLER = "def handler(event, context):\n    return {{'statusCode': 200, 'body': '{}'}}\n"


def versioned(reply, **more):
    """An app with a two-way route `say` that replies with this."""
    return websocket_app({"say": Mock(reply), "whoami": Mock('"$context.connectionId"'), **more})


@pytest.fixture
def change():
    """Writes a new template of a running app as an editor does."""

    def write(app, template):
        text = template if isinstance(template, str) else json.dumps(template, indent=2)
        new = app.template.with_suffix(".new")
        new.write_text(text)
        new.replace(app.template)

    return write


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
    template = websocket_app({"say": Function("Main", two_way=True)})
    template["Resources"]["Main"] = code(PYTHON, "app.handler", "src/")
    return template


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
    template["Resources"]["Api0Route"]["Properties"]["AuthorizationType"] = "AWS_IAM"
    change(app, template)
    failed = app.wait_event("reload-failed")
    assert any("AWS_IAM" in error for error in failed["errors"])
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
