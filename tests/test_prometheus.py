"""What Prometheus reads at `/_gatepost/metrics`."""

import json
import re
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.environment import ROOT
from support.poll import until
from support.talk import connection_id, say
from support.template import Function, Mock, python, websocket_app

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


def test_the_dashboard_asks_for_metrics_that_are_there(app, connect):
    client = connect(app.url())
    say(client, "two")
    client.recv(timeout=10)
    dashboard = json.loads((ROOT / "dashboards" / "gatepost.json").read_text())
    queries = [t["expr"] for panel in dashboard["panels"] for t in panel.get("targets", ())]
    asked = {name for query in queries for name in re.findall(r"gatepost_\w+", query)}
    there = set(re.findall(r"^# TYPE (\w+)", page(app), re.MULTILINE))
    suffixes = re.compile("_(bucket|sum|count)$")
    assert asked
    assert {n for n in asked if n not in there and suffixes.sub("", n) not in there} == set()
