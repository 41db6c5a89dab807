"""`gatepost why ID`: the reason, the order of time, the caller, and what to do; while Gatepost runs
and when it is stopped."""

import json
import subprocess
from urllib.parse import quote

import pytest
from support.environment import BINARY as GATEPOST
from support.poll import until
from support.talk import WHOAMI, asking, connection_id, recording_app, silent_app
from support.template import AUTHORIZER, Authorizer, Mock, together, websocket_app
from support.wire import BINARY, TEXT, frame, request

STORE = ".gatepost/store.sqlite"


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(recording_app())


def run(folder, *arguments):
    """`gatepost why` in the folder of a template."""
    return subprocess.run(
        [GATEPOST, "why", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def why(app, own):
    """What `why --json` says of an id that is found."""
    done = run(app.folder, own, "--json")
    assert done.returncode == 0, done
    said = json.loads(done.stdout)
    assert said["version"] == 1 and said["connectionId"] == own
    times = [event["time"] for event in said["timeline"]]
    assert times == sorted(times)
    return said


def explained(app, own, reason):
    """What is said of an id, once its end is written."""

    def ended():
        # A connection of this very moment may not be in the store yet.
        done = run(app.folder, own, "--json")
        return json.loads(done.stdout)["reason"] == reason

    until(ended, f"{reason} for {own}")
    return why(app, own)


def events(said):
    return [event["event"] for event in said["timeline"]]


def post(app, own, api=None, data=b""):
    """The raw answer to a post."""
    return request(app.port, "POST", f"{app.path(api=api)}/@connections/{quote(own, safe='')}", data)


def refused(app, own, api=None):
    """A refused post; its request id."""
    until(lambda: post(app, own, api).status != 200, f"the end of {own}")
    return post(app, own, api).header("x-amzn-requestid")


def by_client(app, raw_socket, connect):
    client = connect(app.url())
    own = connection_id(client)
    client.close(4001, "bye")
    return own


def by_delete(app, raw_socket, connect):
    own = connection_id(connect(app.url()))
    app.client().delete_connection(ConnectionId=own)
    return own


def by_frame(bytes_):
    def end(app, raw_socket, connect):
        raw = raw_socket(app)
        assert raw.upgrade(app.path()).status == 101
        raw.send(frame(TEXT, '{"action":"whoami"}'))
        own = json.loads(raw.read_message())["connectionId"]
        raw.send(bytes_) if bytes_ else raw.reset()
        return own

    return end


ENDS = {
    "closed-by-client": by_client,
    "client-vanished": by_frame(b""),
    "deleted": by_delete,
    "binary-refused": by_frame(frame(BINARY, b"x")),
    "message-too-big": by_frame(frame(TEXT, b"x" * 32_769)),
    "protocol-error": by_frame(frame(TEXT, b"x", mask=None)),
}


@pytest.mark.parametrize("reason", ENDS)
def test_an_end_is_told_with_the_refused_call_and_its_caller(app, raw_socket, connect, reason):
    own = ENDS[reason](app, raw_socket, connect)
    request_id = refused(app, own)
    said = explained(app, own, reason)
    until(lambda: request_id in run(app.folder, own).stdout, "the refused call")
    said = why(app, own)
    assert events(said)[:3] == ["handshake", "established", "last-message"]
    assert "ended" in events(said)
    call = next(e["text"] for e in said["timeline"] if request_id in e["text"])
    assert call.startswith("PostToConnection by ") and f"410 {reason}" in call
    assert said["mend"] and said["apiId"] == app.api()["apiId"] and said["stage"] == "prod"
    # The request id of the refused call leads to its connection.
    assert json.loads(run(app.folder, request_id, "--json").stdout)["connectionId"] == own
    text = run(app.folder, own).stdout
    assert f"\nVerdict ({reason}): " in text and "\nTo mend it: " in text


def test_the_clients_code_and_reason_are_in_the_verdict(app, raw_socket, connect):
    own = by_client(app, raw_socket, connect)
    said = explained(app, own, "closed-by-client")
    assert said["verdict"] == 'the connection was closed by the client (code 4001, "bye")'


def test_a_refused_handshake_is_told_by_connection_and_by_request(app, raw_socket):
    refusal = raw_socket(app).upgrade(asking("/prod", **{"raise": "no"})).json()
    said = explained(app, refusal["connectionId"], "integration-failure")
    assert events(said) == ["handshake", "ended"]
    assert said["verdict"].startswith("the handshake was refused with 502: Lambda execution failed")
    assert "gatepost why REQUEST_ID" in said["mend"]
    by_request = json.loads(run(app.folder, refusal["requestId"], "--json").stdout)
    assert by_request["connectionId"] == refusal["connectionId"]
    assert by_request["reason"] == "integration-failure"
    assert "customer function error: no" in by_request["verdict"]


def test_a_post_from_connect_is_told_although_the_connection_is_open(app, connect):
    own = connection_id(connect(asking(app.url(), post="early")))
    said = explained(app, own, "not-established")
    assert events(said)[:3] == ["handshake", "refused-call", "established"]


def test_the_request_id_of_a_connect_route_leads_to_its_connection(app, connect):
    own = connection_id(connect(app.url()))
    event = app.recorded("CONNECT", connectionId=own)[0]
    request_id = event["requestContext"]["requestId"]
    until(lambda: run(app.folder, request_id).returncode == 0, "its execution log")
    said = json.loads(run(app.folder, request_id, "--json").stdout)
    assert said["connectionId"] == own


def test_an_open_connection_is_open(app, connect):
    own = connection_id(connect(app.url()))
    said = explained(app, own, "open")
    assert said["mend"] is None and events(said)[:2] == ["handshake", "established"]


@pytest.mark.parametrize(
    "reason, limit",
    [("idle-timeout", "idle_timeout"), ("max-duration", "max_connection_duration")],
)
def test_a_timeout_is_told(dev, connect, reason, limit):
    app = dev(silent_app(), config=f'[limits]\n{limit} = "1s"')
    own = connection_id(connect(app.url()))
    said = explained(app, own, reason)
    assert 'the client was sent 1001 "Going away"' in json.dumps(said["timeline"]).replace("\\", "")


def test_a_client_that_read_too_slowly_is_told_with_the_posts_that_were_held_back(dev, raw_socket):
    app = dev(recording_app(), config='[limits]\nwrite_timeout = "3s"')
    raw = raw_socket(app, receive_buffer=4096)
    assert raw.upgrade("/prod").status == 101
    own = app.recorded("CONNECT")[0]["requestContext"]["connectionId"]
    until(lambda: post(app, own, data=b"x" * 131_072).status == 410, "eviction", timeout=30)
    said = explained(app, own, "slow-consumer")
    assert "429 limit-exceeded" in json.dumps(said["timeline"])


def test_a_client_that_came_back_is_told_with_its_new_id(dev, connect):
    app = dev(
        websocket_app(
            {"$connect": Mock(), "whoami": WHOAMI},
            {"Authorize": AUTHORIZER},
            authorizer=Authorizer("Authorize"),
        )
    )
    first = connect(asking(app.url(), principal="ann"))
    old = connection_id(first)
    first.close()
    new = connection_id(connect(asking(app.url(), principal="ann")))
    assert new in explained(app, old, "replaced")["verdict"]


def test_an_id_of_another_api_is_told_with_its_own(dev, connect):
    app = dev(together(silent_app(api="One"), silent_app(api="Two")))
    own = connection_id(connect(app.url(api="One")))
    refused(app, own, api="Two")
    said = explained(app, own, "other-api")
    assert said["apiId"] == app.api("One")["apiId"] and said["apiId"] in said["verdict"]


def test_a_stopped_gatepost_is_read_too_and_nothing_is_changed(dev, connect):
    app = dev(silent_app())
    own = connection_id(connect(app.url()))
    app.stop()
    before = (app.folder / STORE).read_bytes()
    assert why(app, own)["reason"] == "draining"
    assert (app.folder / STORE).read_bytes() == before


def test_after_a_kill_and_a_start_the_node_was_lost(dev, connect):
    app = dev(silent_app())
    own = connection_id(connect(app.url()))
    explained(app, own, "open")
    app.process.kill()
    app.process.wait()
    # Nobody has noted the end yet.
    assert why(app, own)["reason"] == "open"
    app._start()
    assert why(app, own)["reason"] == "node-lost"


INVALID = {
    "malformed": lambda own: "nope",
    "double-encoded": lambda own: own.replace("=", "%3D"),
    "cut": lambda own: own[:-1],
    "not-issued-here": lambda own: "gbgBH8-ydQAYKEjZQA==",
    "not-issued-here, with a sign as of an option": lambda own: "-hgBH8-ydQAYKEjZQA==",
}


@pytest.mark.parametrize("what", INVALID)
def test_an_id_that_never_was_is_told_how(app, connect, what):
    own = connection_id(connect(app.url()))
    done = run(app.folder, INVALID[what](own), "--json")
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert (said["found"], said["reason"]) == (False, what.split(",")[0])
    assert said["timeline"] == []


def test_a_wrong_id_that_was_posted_to_is_found_with_its_caller(app, connect):
    cut = connection_id(connect(app.url()))[:-2]
    assert post(app, cut).status == 400
    until(lambda: run(app.folder, cut).returncode == 0, "the refused call")
    assert events(why(app, cut)) == ["refused-call"]


def test_without_a_store_it_says_where_one_is(tmp_path):
    done = run(tmp_path, "nope")
    assert done.returncode == 2 and "--store" in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_is_no_store_is_left_alone(tmp_path):
    place = tmp_path / "x.sqlite"
    place.write_text("this is not a store")
    assert run(tmp_path, "nope", "--store", str(place)).returncode == 2
    assert place.read_text() == "this is not a store"


def test_a_page_is_printed_and_a_wrong_name_answered_with_the_nearest(tmp_path):
    page = run(tmp_path, "--about", "not-established")
    assert page.returncode == 0 and page.stdout.startswith("# `not-established`: ")
    as_json = json.loads(run(tmp_path, "--about", "not-established", "--json").stdout)
    assert as_json["page"] == page.stdout
    wrong = run(tmp_path, "--about", "not-establishd")
    assert wrong.returncode == 1 and "did you mean not-established?" in wrong.stderr
    assert run(tmp_path).returncode == 2


# Requests.


def asked(app, request_id, *arguments):
    """What is said of a request, once its log is written."""
    until(lambda: run(app.folder, request_id).returncode == 0, "its execution log")
    return json.loads(run(app.folder, request_id, "--json").stdout)


def test_a_request_that_failed_is_told_with_the_functions_own_lines(app, connect):
    client = connect(app.url())
    own = connection_id(client)
    client.send(json.dumps({"action": "one", "raise": "no good"}))
    error = json.loads(client.recv(timeout=10))

    def is_reported():
        function = asked(app, error["requestId"])["request"]["function"]
        return function and function["lines"][-1]["text"].startswith("REPORT")

    until(is_reported, "the function's report")
    said = asked(app, error["requestId"])
    assert (said["found"], said["connectionId"]) == (True, own)
    assert said["reason"] == "integration-failure"
    assert "customer function error: no good" in said["verdict"]
    assert "gatepost why REQUEST_ID" in said["mend"]
    lines = [line["text"] for line in said["request"]["lines"]]
    assert lines[0] == f"Extended Request Id: {error['requestId']}"
    assert lines[-1].endswith("with response status code [502].")
    function = said["request"]["function"]
    assert function["name"] == app.function("Main")
    texts = [line["text"] for line in function["lines"]]
    invocation = said["request"]["endpointRequestId"]
    assert texts[0] == f"START RequestId: {invocation} Version: $LATEST"
    assert any("[ERROR] Exception: no good" in text for text in texts)
    assert texts[-1].startswith(f"REPORT RequestId: {invocation}")
    # The id that the function has in its own log leads to the same.
    again = asked(app, invocation)
    # But for how long it has been idle meanwhile.
    assert {**again, "live": None} == {**said, "live": None}
    shown = run(app.folder, error["requestId"]).stdout
    assert f"Request {error['requestId']}\n" in shown
    assert f"Function {app.function('Main')}\n" in shown
    assert "Verdict (integration-failure): Lambda execution failed" in shown


def test_a_request_that_went_well_says_so(app, connect):
    own = connection_id(connect(app.url()))
    [event] = app.recorded("CONNECT", connectionId=own)
    said = asked(app, event["requestContext"]["requestId"])
    assert said["reason"] == "open"
    assert said["verdict"].startswith("nothing went wrong in this request; ")


def test_a_request_that_the_function_answered_with_an_error_is_not_one_that_went_well(app, connect):
    client = connect(app.url())
    connection_id(client)
    client.send(json.dumps({"action": "two", "answer": {"statusCode": 503, "body": "busy"}}))
    assert client.recv(timeout=10) == "busy"
    [event] = [e for e in app.recorded("MESSAGE") if "busy" in e["body"]]
    said = asked(app, event["requestContext"]["requestId"])
    assert said["reason"] == "integration-failure"
    assert said["verdict"] == "the integration answered 503"


def test_a_handshake_that_the_function_refused_is_not_one_that_went_well(app, raw_socket):
    raw_socket(app).upgrade(asking("/prod", answer={"statusCode": 403}))
    refusing = {"answer": '{"statusCode": 403}'}
    [event] = [e for e in app.recorded("CONNECT") if e.get("queryStringParameters") == refusing]
    said = asked(app, event["requestContext"]["requestId"])
    assert said["reason"] == "not-established"
    assert said["verdict"].startswith("the connection was never established")


def test_an_invocation_that_no_connection_asked_for_is_told(app):
    answer = app.aws("lambda").invoke(
        FunctionName=app.function("Main"),
        Payload=json.dumps({"requestContext": {"eventType": "X"}}),
    )
    said = asked(app, answer["ResponseMetadata"]["RequestId"])
    assert (said["connectionId"], said["reason"]) == (None, "no-connection")
    assert said["request"]["function"]["name"] == app.function("Main")


def test_the_request_of_a_post_is_told(app, connect):
    own = connection_id(connect(app.url()))
    posted = post(app, own, data=b"x").header("x-amzn-requestid")
    said = asked(app, posted)
    assert said["connectionId"] == own
    [_, line] = said["request"]["lines"]
    assert line["text"].startswith(f"PostToConnection for client [Connection Id: {own}] by ")


def test_a_refused_handshake_is_told_by_its_request_although_nothing_is_logged(dev, raw_socket):
    app = dev(recording_app(), config='[logs]\nlevel = "OFF"')
    refusal = raw_socket(app).upgrade(asking("/prod", **{"raise": "no"})).json()
    said = asked(app, refusal["requestId"])
    assert (said["connectionId"], said["request"]) == (refusal["connectionId"], None)
    assert said["reason"] == "integration-failure"


@pytest.mark.parametrize("what", ["d7b1a0f0-5f5c-4c0e-9b7e-1f2d3c4b5a69", "EP5yqFByIAMElXw="])
def test_a_request_of_which_nothing_is_kept_is_no_malformed_connection(app, what):
    done = run(app.folder, what, "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 1
    assert (said["found"], said["connectionId"], said["reason"]) == (False, None, "no-request")
    text = run(app.folder, what).stdout
    assert "Verdict (no-request): no request with this id is kept" in text
    assert "--about" not in text


def test_a_refused_post_is_told_by_its_request_with_its_line(app, raw_socket, connect):
    own = by_client(app, raw_socket, connect)
    said = asked(app, refused(app, own))
    assert (said["connectionId"], said["reason"]) == (own, "closed-by-client")
    assert "was answered with status code [410]. Gone" in said["request"]["lines"][-1]["text"]


# Patterns.


def test_a_post_that_came_too_early_is_no_call_of_what_is_gone(dev, connect):
    app = dev(recording_app())
    client = connect(asking(app.url(), post="early"))
    own = connection_id(client)
    client.close()
    explained(app, own, "closed-by-client")
    assert post(app, own).status == 410
    until(lambda: run(app.folder, "--stale").returncode == 0, "the call")
    [caller] = json.loads(run(app.folder, "--stale", "--json").stdout)["callers"]
    assert (caller["calls"], caller["ids"], caller["repeated"]) == (1, 1, 0)
    assert caller["missingStep"].startswith("posts come while or after clients leave")


def test_who_keeps_posting_to_what_is_gone_is_told_with_the_missing_step(dev, connect):
    app = dev(silent_app())
    assert run(app.folder, "--stale").returncode == 1
    for _ in range(3):
        own = connection_id(connect(app.url()))
        app.client().delete_connection(ConnectionId=own)
        for _ in range(2):
            refused(app, own)
    until(lambda: '"calls": 12' in run(app.folder, "--stale", "--json").stdout, "all calls")
    [caller] = json.loads(run(app.folder, "--stale", "--json").stdout)["callers"]
    assert (caller["caller"], caller["ids"], caller["repeated"]) == ("127.0.0.1", 3, 3)
    assert caller["since"] < caller["until"]
    assert caller["missingStep"].startswith("there is no $disconnect route")
    text = run(app.folder, "--stale").stdout
    assert "127.0.0.1 called 3 ids that are gone 12 times" in text
