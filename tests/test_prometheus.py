"""What Prometheus reads at `/_gatepost/metrics`."""

import json
import re
import threading
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.environment import ROOT
from support.poll import until
from support.talk import connection_id, say
from support.template import Function, Http, Mock, python, websocket_app

ANSWERS = python('def handler(event, context):\n    return {"statusCode": 200, "body": "hi"}')


def page(app):
    url = app.ready["httpUrl"] + "/_gatepost/metrics"
    return urllib.request.urlopen(url, timeout=10).read().decode()


def families(app):
    return {family.name: family for family in text_string_to_metric_families(page(app))}


def value(app, name, **labels):
    """The only sample of a name with these labels, among others."""
    samples = [s for family in families(app).values() for s in family.samples if s.name == name]
    found = [s.value for s in samples if labels.items() <= s.labels.items()]
    return found[0] if found else None


def two_way_app():
    whoami = Mock('{"connectionId":"$context.connectionId"}')
    two = Function("Answers", two_way=True)
    return websocket_app({"whoami": whoami, "two": two}, {"Answers": ANSWERS})


@pytest.fixture
def app(dev):
    return dev(two_way_app())


def test_the_six_metrics_have_api_stage_and_route(app, connect):
    client = connect(app.url())
    say(client, "two")
    client.recv(timeout=10)
    say(client, "none")
    client.recv(timeout=10)
    two = {"api_id": app.api()["apiId"], "stage": "prod", "route": "two"}
    assert value(app, "gatepost_message_count_total", **two) == 2
    assert value(app, "gatepost_connect_count_total", api_id=two["api_id"], route="") == 1
    assert value(app, "gatepost_client_error_total", route="") == 1
    assert value(app, "gatepost_execution_error_total", **two) == 0
    assert value(app, "gatepost_integration_error_total", **two) == 0
    assert value(app, "gatepost_integration_latency_seconds_count", **two) == 1
    buckets = [
        value(app, "gatepost_integration_latency_seconds_bucket", le=le, **two)
        for le in ("0.001", "0.032", "1.024", "32.768", "+Inf")
    ]
    assert buckets == sorted(buckets)
    assert buckets[-2:] == [1, 1]
    assert value(app, "gatepost_faults_total", error="forbidden", request="message") == 1


def test_connections_closes_posts_and_the_reason_of_each_410_are_counted(app, connect):
    client = connect(app.url())
    own = connection_id(client)
    posts = app.client()
    posts.post_to_connection(ConnectionId=own, Data=b"x")
    assert value(app, "gatepost_connections") == 1
    assert value(app, "gatepost_connects_total") == 1
    client.close()
    until(
        lambda: value(app, "gatepost_closes_total", cause="closed-by-client") == 1, "the close"
    )
    until(lambda: value(app, "gatepost_connections") == 0, "no connection")
    with pytest.raises(posts.exceptions.GoneException):
        posts.post_to_connection(ConnectionId=own, Data=b"x")
    calls = "gatepost_connections_calls_total"
    assert value(app, calls, operation="PostToConnection", outcome="ok") == 1
    assert value(app, calls, operation="PostToConnection", outcome="closed-by-client") == 1
    gone = {"reason": "closed-by-client", "operation": "PostToConnection"}
    assert value(app, "gatepost_gone_total", **gone) == 1


def test_at_most_a_thousand_routes_have_labels_and_the_rest_are_other(dev, connect):
    template = websocket_app({f"r{n}": Mock("x") for n in range(20)})
    resources = template["Resources"]
    name, stage = next((n, r) for n, r in resources.items() if r["Type"].endswith("V2::Stage"))
    for n in range(55):
        properties = {**stage["Properties"], "StageName": f"s{n}"}
        resources[f"{name}{n}"] = {**stage, "Properties": properties}
    app = dev(template)
    stages = [s["stage"] for s in app.api()["stages"]]
    assert len(stages) == 56
    for name in stages:
        client = connect(app.url(name))
        for n in range(20):
            say(client, f"r{n}")
            client.recv(timeout=10)
    samples = families(app)["gatepost_message_count"].samples
    assert len(samples) == 1000
    assert sum(sample.value for sample in samples) == 56 * (1 + 2 * 20)
    other = {"api_id": "other", "stage": "other", "route": "other"}
    assert value(app, "gatepost_message_count_total", **other) > 100


def test_a_page_of_another_site_reads_nothing(app):
    url = app.ready["httpUrl"] + "/_gatepost/metrics"
    request = urllib.request.Request(url, headers={"Origin": "https://elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=10)


def asked_for(text):
    return set(re.findall(r"gatepost_[a-z_]+", text))


def test_the_dashboard_and_the_page_about_metrics_name_those_that_are_there(app, connect):
    client = connect(app.url())
    say(client, "two")
    client.recv(timeout=10)
    dashboard = json.loads((ROOT / "dashboards" / "gatepost.json").read_text())
    queries = [t["expr"] for panel in dashboard["panels"] for t in panel.get("targets", ())]
    asked = asked_for(" ".join(queries))
    there = set(re.findall(r"^# TYPE (\w+)", page(app), re.MULTILINE))
    suffixes = re.compile("_(bucket|sum|count)$")
    assert asked
    assert {n for n in asked if n not in there and suffixes.sub("", n) not in there} == set()
    assert asked_for((ROOT / "docs" / "metrics.md").read_text()) == there


def test_each_metric_is_told_once_and_its_histograms_are_whole(app, connect):
    say(connect(app.url()), "two")
    text = page(app)
    types = re.findall(r"^# TYPE (\w+)", text, re.MULTILINE)
    assert len(types) == len(set(types))
    samples = re.findall(r"^(gatepost_\S+) ", text, re.MULTILINE)
    assert len(samples) == len(set(samples))


def test_cold_starts_durations_and_errors_of_functions_are_counted(dev, connect):
    slow = python(
        "import time\ndef handler(event, context):\n    time.sleep(0.3)\n    raise Exception()"
    )
    template = websocket_app(
        {"fast": Function("Fast", two_way=True), "slow": Function("Slow", two_way=True)},
        {"Fast": ANSWERS, "Slow": slow},
    )
    app = dev(template)
    client = connect(app.url())
    for route in ("fast", "fast", "slow"):
        say(client, route)
        client.recv(timeout=10)
    of_fast, of_slow = {"function": app.function("Fast")}, {"function": app.function("Slow")}
    duration = "gatepost_function_duration_seconds"
    assert value(app, f"{duration}_count", **of_fast) == 2
    assert value(app, "gatepost_function_init_duration_seconds_count", **of_fast) == 1
    assert value(app, "gatepost_function_errors_total", **of_fast) == 0
    assert value(app, "gatepost_function_errors_total", **of_slow) == 1
    assert value(app, f"{duration}_bucket", le="0.25", **of_slow) == 0
    assert value(app, f"{duration}_bucket", le="+Inf", **of_slow) == 1
    assert value(app, f"{duration}_sum", **of_slow) >= 0.3


def test_latencies_are_histograms(app, connect):
    client = connect(app.url())
    own = connection_id(client)
    app.client().post_to_connection(ConnectionId=own, Data=b"x")
    for name in ("handshake", "message", "connections_call"):
        name = f"gatepost_{name}_duration_seconds"
        assert value(app, f"{name}_count") == 1
        assert value(app, f"{name}_bucket", le="+Inf") == 1
        assert value(app, f"{name}_bucket", le="30") == 1
        assert 0 < value(app, f"{name}_sum") < 30


def test_what_waits_is_told(dev, connect, http_backend):
    release = threading.Event()
    http_backend.answer("/slow", delay=release)
    slow = Http(http_backend.url + "/slow")
    app = dev(
        websocket_app({"slow": slow}),
        config="[limits]\nin_flight_per_integration = 1",
    )
    client = connect(app.url())
    try:
        for _ in range(3):
            say(client, "slow")
        queue = {"queue": "integrations"}
        until(lambda: value(app, "gatepost_queue_entries", **queue) == 2, "two that wait")
        assert value(app, "gatepost_integrations_under_way") == 1
    finally:
        release.set()
    until(lambda: value(app, "gatepost_queue_entries", **queue) == 0, "none")


def test_what_is_forgotten_is_counted(dev, connect):
    app = dev(two_way_app(), config="[limits]\nmax_tombstones = 1\nmax_applied_posts = 1")
    for _ in range(3):
        client = connect(app.url())
        own = connection_id(client)
        app.client().post_to_connection(ConnectionId=own, Data=b"x")
        client.close()
    forgotten = "gatepost_evictions_total"
    until(lambda: value(app, forgotten, kind="applied-posts") == 2, "two posts")
    until(lambda: value(app, "gatepost_connections") == 0, "the last close")
    # The store is looked through at the start, and then every minute.
    app.restart()
    connect(app.url())
    until(lambda: (value(app, forgotten, kind="ended-connections") or 0) >= 2, "two connections")


