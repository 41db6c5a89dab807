"""`gatepost connections`: what is connected to a running Gatepost, and what `gatepost why` says of it."""

import json
import subprocess

import pytest
from support.environment import BINARY
from support.poll import until
from support.serve import OFF, token_of
from support.talk import connection_id, say, silent_app
from support.template import Mock, together, websocket_app
from support.wire import request


def run(folder, *arguments, env=None, command="connections"):
    return subprocess.run(
        [BINARY, command, *arguments],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def listed(folder, *arguments, **options):
    """What `--json` says."""
    done = run(folder, "--json", *arguments, **options)
    assert done.returncode == 0, done
    document = json.loads(done.stdout)
    assert document["version"] == 1
    return document


def ids(document):
    return {connection["connectionId"] for connection in document["connections"]}


def test_each_connection_is_listed_with_what_it_did(dev, connect):
    app = dev(silent_app())
    assert listed(app.folder) == {"version": 1, "connections": [], "hasMore": False}
    assert run(app.folder).stdout == "There are no connections.\n"
    client = connect(app.url(), user_agent_header="probe/1.0")
    own = connection_id(client)
    app.client().post_to_connection(ConnectionId=own, Data=b"x")
    [shown] = listed(app.folder)["connections"]
    assert shown["connectionId"] == own
    assert shown["apiId"] == app.api()["apiId"]
    assert shown["apiName"] == app.api()["name"]
    assert shown["stage"] == "prod"
    assert (shown["state"], shown["closing"]) == ("open", None)
    assert shown["sourceIp"] in ("127.0.0.1", "::1")
    assert shown["userAgent"] == "probe/1.0"
    assert (shown["messages"], shown["posts"]) == (1, 1)
    assert (shown["inFlight"], shown["unsentBytes"]) == (0, 0)
    assert shown["connectedAt"] <= shown["lastMessageAt"] <= shown["lastPostAt"]
    assert shown["lastActiveAt"] >= shown["lastPostAt"]
    assert shown["ageMs"] >= shown["idleMs"] >= 0
    text = run(app.folder).stdout
    assert text.splitlines()[0].split()[:3] == ["CONNECTION", "API", "STAGE"]
    assert own in text
    client.close()
    until(lambda: not ids(listed(app.folder)), "the end")


def test_one_api_or_stage_may_be_asked_for(dev, connect):
    app = dev(together(silent_app(api="One"), silent_app(api="Two")))
    urls = [stage["url"] for api in app.ready["apis"] for stage in api["stages"]]
    own = [connection_id(connect(url)) for url in urls]
    assert ids(listed(app.folder)) == set(own)
    for api, id in zip(app.ready["apis"], own, strict=True):
        assert ids(listed(app.folder, "--api", api["apiId"])) == {id}
    assert ids(listed(app.folder, "--stage", "prod")) == set(own)
    assert ids(listed(app.folder, "--stage", "other")) == set()
    unknown = run(app.folder, "--api", "nobody")
    assert (unknown.returncode, unknown.stderr) == (1, "gatepost: there is no such API\n")


def test_no_more_are_shown_than_are_asked_for(dev, connect):
    app = dev(silent_app())
    own = {connection_id(connect(app.url())) for _ in range(7)}
    some = listed(app.folder, "--limit", "3")
    assert len(ids(some)) == 3 and some["hasMore"] is True
    assert ids(some) < own
    assert "There are more: --limit N shows them." in run(app.folder, "--limit", "3").stdout
    everything = listed(app.folder, "--limit", "7")
    assert ids(everything) == own and everything["hasMore"] is False


def test_pages_hold_each_connection_once(dev, connect):
    app = dev(silent_app())
    own = {connection_id(connect(app.url())) for _ in range(7)}
    seen, after = [], ""
    while after is not None:
        query = f"?limit=2&after={after}" if after else "?limit=2"
        page = request(app.port, "GET", f"/_gatepost/connections{query}").json()
        assert len(page["connections"]) <= 2 and page["total"] == 7
        seen += [connection["connectionId"] for connection in page["connections"]]
        after = page["after"]
    assert sorted(seen) == sorted(own)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=x", "other=1"])
def test_a_wrong_question_is_refused(dev, query):
    app = dev(silent_app())
    answer = request(app.port, "GET", f"/_gatepost/connections?{query}")
    assert answer.status == 400


def test_in_production_the_admin_token_is_needed_and_found(serve, connect):
    server = serve({"app": silent_app()})
    own = connection_id(connect(server.url()))
    assert ids(listed(server.folder)) == {own}
    # What is public tells nothing.
    assert request(server.port, "GET", "/_gatepost/connections").status == 403
    (server.folder / ".gatepost" / "admin-token").write_text("wrong")
    refused = run(server.folder)
    assert refused.returncode == 1
    assert "wants its admin token" in refused.stderr and "wrong" not in refused.stderr.split()


def test_a_configured_token_is_read_from_the_configuration(serve, connect):
    env = {"GATEPOST_ADMIN__TOKEN": "of my own"}
    server = serve({"app": silent_app()}, env=env)
    own = connection_id(connect(server.url()))
    untold = run(server.folder)
    assert untold.returncode == 1 and "wants its admin token" in untold.stderr
    assert ids(listed(server.folder, env=env)) == {own}
    (server.folder / "other.toml").write_text('[admin]\ntoken = "of my own"\n')
    assert ids(listed(server.folder, "--config", "other.toml")) == {own}
    url = ("--url", server.ready["adminUrl"])
    assert ids(listed(server.folder.parent, *url, env=env)) == {own}


def test_a_token_that_was_made_before_one_was_configured_is_forgotten(serve, connect):
    server = serve({"app": silent_app()})
    left = server.folder / ".gatepost" / "admin-token"
    server.stop()
    assert left.exists()
    configuration = server.template
    token = '[admin]\ntoken = "of my own"'
    configuration.write_text(configuration.read_text().replace("[admin]", token))
    again = serve.again(configuration)
    assert not left.exists()
    own = connection_id(connect(again.url()))
    assert ids(listed(again.folder)) == {own}
    assert why(again.folder, own)["live"]["connectionId"] == own


def test_a_configured_token_may_lie_where_one_would_be_made(serve):
    server = serve({"app": silent_app()})
    server.stop()
    left = server.folder / ".gatepost" / "admin-token"
    left.write_text("of my own")
    configuration = server.template
    token = '[admin]\ntoken_file = ".gatepost/admin-token"'
    configuration.write_text(configuration.read_text().replace("[admin]", token))
    again = serve.again(configuration)
    assert left.read_text() == "of my own"
    assert listed(again.folder)["connections"] == []


def test_a_named_configuration_has_the_token_whatever_lies_in_the_state_folder(serve, connect):
    server = serve({"app": silent_app()}, env={"GATEPOST_ADMIN__TOKEN": "of my own"})
    own = connection_id(connect(server.url()))
    (server.folder / ".gatepost" / "admin-token").write_text("left by another")
    (server.folder / "other.toml").write_text('[admin]\ntoken = "of my own"\n')
    said = why(server.folder, own, "--config", "other.toml")
    assert said["live"]["connectionId"] == own


def test_dev_is_found_here_although_the_configuration_names_a_state_folder(dev, connect):
    """`[store] path` is that of `serve`; `dev` keeps its state beside the template."""
    app = dev(silent_app(), files={"gatepost.toml": '[store]\npath = "elsewhere"\n'})
    own = connection_id(connect(app.url()))
    elsewhere = app.folder / "elsewhere"
    assert ids(listed(app.folder)) == {own}
    # Who names a configuration means its Gatepost, and no other.
    named = run(app.folder, "--config", "gatepost.toml")
    assert named.returncode == 1
    assert named.stderr.startswith("gatepost: no gatepost runs with the state in elsewhere: ")
    app.stop()
    stopped = run(app.folder)
    assert stopped.stderr.startswith(
        f"gatepost: no gatepost runs with the state in {elsewhere} or in .gatepost: "
    )


def test_the_gatepost_of_the_configured_state_folder_comes_before_dev_here(serve, dev, connect):
    server = serve({"app": silent_app()}, OFF + '[store]\npath = "elsewhere"\n')
    template = server.folder / "app" / "template.json"
    beside = server.folder / "template.json"
    beside.write_text(template.read_text())
    app = dev(beside)
    connect(app.url())
    own = connection_id(connect(server.url()))
    assert ids(listed(server.folder)) == {own}


def test_without_a_running_gatepost_it_says_so(serve):
    server = serve({"app": silent_app()})
    server.stop()
    stopped = run(server.folder)
    assert stopped.returncode == 1
    assert stopped.stderr.startswith("gatepost: no gatepost runs with the state in .gatepost: ")
    unreachable = run(server.folder, "--url", "http://127.0.0.1:1")
    assert unreachable.stderr.startswith("gatepost: no gatepost answers at http://127.0.0.1:1: ")


def test_who_was_killed_is_not_asked_though_another_has_its_port(serve):
    server = serve({"app": silent_app()})
    token = token_of(server)
    server.stop(kill=True)
    assert (server.folder / ".gatepost" / "running.json").exists()
    stopped = run(server.folder)
    assert stopped.returncode == 1 and token not in stopped.stderr
    assert stopped.stderr.startswith("gatepost: no gatepost runs with the state in ")


def test_another_instance_than_the_announced_one_refuses(dev):
    app = dev(silent_app())
    headers = [("X-Gatepost-Instance", "another")]
    answer = request(app.port, "GET", "/_gatepost/connections", headers=headers)
    assert answer.status == 421


def why(folder, own, *arguments):
    """What is said of an id, once something is kept of it."""

    def said():
        done = run(folder, own, "--json", *arguments, command="why")
        assert done.returncode in (0, 1), done
        return done if done.returncode == 0 else None

    return json.loads(until(said, f"a row of {own}").stdout)


def test_why_tells_of_an_open_connection_what_it_does_now(dev, connect):
    app = dev(silent_app())
    own = connection_id(connect(app.url()))
    app.client().post_to_connection(ConnectionId=own, Data=b"x")
    said = why(app.folder, own)
    assert said["reason"] == "open"
    assert said["verdict"].startswith("the connection is open: 1 message and 1 post so far, idle")
    assert said["live"]["connectionId"] == own and said["live"]["messages"] == 1
    kinds = [event["event"] for event in said["timeline"]]
    assert kinds == ["handshake", "established", "last-message", "last-post"]


def test_why_tells_that_a_connection_was_open_when_its_gatepost_was_killed(dev, connect):
    app = dev(silent_app())
    own = connection_id(connect(app.url()))
    why(app.folder, own)
    app.stop(kill=True)
    said = why(app.folder, own)
    assert said["reason"] == "open" and said["live"] is None
    assert said["verdict"].startswith("the connection was open when its Gatepost ended without")


def test_why_says_when_a_running_gatepost_does_not_tell(serve, connect):
    server = serve({"app": silent_app()})
    own = connection_id(connect(server.url()))
    why(server.folder, own)
    (server.folder / ".gatepost" / "admin-token").write_text("wrong")
    done = run(server.folder, own, command="why")
    assert "Verdict (open): the connection is open." in done.stdout
    assert done.stderr.startswith("gatepost: only what is kept is told: ")


def test_a_connection_that_waits_for_its_client_to_read_shows_it(dev, raw_socket):
    app = dev(websocket_app({"whoami": Mock('{"connectionId":"$context.connectionId"}')}))
    raw = raw_socket(app, receive_buffer=4096)
    raw.upgrade(app.path())
    [shown] = listed(app.folder)["connections"]
    client = app.client()

    def is_full():
        try:
            client.post_to_connection(ConnectionId=shown["connectionId"], Data=b"x" * 100_000)
        except client.exceptions.LimitExceededException:
            return True
        return False

    until(is_full, "a full outbox")
    [shown] = listed(app.folder)["connections"]
    assert shown["unsentBytes"] > 0
