"""CloudWatch's metrics: what AWS counts, and how it is read (control-and-observability spec C)."""

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from support.cloudwatch import refused
from support.poll import until
from support.talk import connection_id, say
from support.template import Function, Http, Mock, python, websocket_app

CONNECTIONS = "POST /@connections/{connectionId}"
REFUSES = python('def handler(event, context):\n    return {"statusCode": 403}')
FAILS = python('def handler(event, context):\n    return {"statusCode": 503, "body": "busy"}')
ANSWERS = python('def handler(event, context):\n    return {"statusCode": 200, "body": "hi"}')
DETAILED = {"DefaultRouteSettings": {"DetailedMetricsEnabled": True}}
WHOAMI = Mock('{"connectionId":"$context.connectionId"}')


def functions_app(**options):
    routes = {
        "one": "Answers",
        "two": Function("Answers", two_way=True),
        "busy": Function("Fails", two_way=True),
        "whoami": WHOAMI,
    }
    return websocket_app(routes, {"Answers": ANSWERS, "Fails": FAILS}, **options)


class Counted:
    """What CloudWatch says of a stage from the start of this minute on."""

    def __init__(self, app):
        self.app = app
        self.cloudwatch = app.aws("cloudwatch")
        self.start = datetime.now(UTC).replace(second=0, microsecond=0)

    def dimensions(self, route=None):
        values = {"ApiId": self.app.api()["apiId"], "Stage": self.app.stage()["stage"]}
        values |= {"Route": route} if route else {}
        return [{"Name": name, "Value": value} for name, value in values.items()]

    def statistics(self, metric, *statistics, dimensions=None, **options):
        """The only point since the start, as one period of an hour."""
        points = self.cloudwatch.get_metric_statistics(
            Namespace="AWS/ApiGateway",
            MetricName=metric,
            Dimensions=dimensions or self.dimensions(),
            StartTime=self.start,
            EndTime=self.start + timedelta(hours=1),
            Period=3600,
            **({"Statistics": list(statistics)} if statistics else {}),
            **options,
        )["Datapoints"]
        assert len(points) <= 1
        return points[0] if points else None

    def sum(self, metric, route=None):
        point = self.statistics(metric, "Sum", dimensions=self.dimensions(route))
        return point and point["Sum"]

    def reaches(self, metric, value, route=None):
        until(lambda: self.sum(metric, route) == value, f"{metric} {value} of {route}")

    def data(self, *queries, **options):
        return self.cloudwatch.get_metric_data(
            MetricDataQueries=list(queries),
            StartTime=self.start,
            EndTime=self.start + timedelta(hours=1),
            **options,
        )

    def query(self, metric, stat="Sum", period=3600, name="q", **more):
        metric = {
            "Namespace": "AWS/ApiGateway",
            "MetricName": metric,
            "Dimensions": self.dimensions(),
        }
        return {"Id": name, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}, **more}


@pytest.mark.checklist(202)
def test_a_one_way_message_counts_once_and_a_two_way_message_twice(dev, connect):
    app = dev(functions_app(stage_properties=DETAILED))
    counted = Counted(app)
    client = connect(app.url())
    for _ in range(2):
        say(client, "two")
        assert client.recv(timeout=10) == "hi"
        say(client, "one")
    counted.reaches("MessageCount", 4, "two")
    counted.reaches("MessageCount", 2, "one")
    # The handshake counts as one too.
    counted.reaches("MessageCount", 7)
    assert counted.sum("ConnectCount") == 1

    def latencies():
        point = counted.statistics("IntegrationLatency", "SampleCount")
        return point and point["SampleCount"] == 4

    until(latencies, "four latencies")


@pytest.mark.checklist(203)
def test_no_route_is_a_client_error_and_a_503_of_a_proxy_an_execution_error(dev, connect):
    app = dev(functions_app(stage_properties=DETAILED))
    counted = Counted(app)
    client = connect(app.url())
    say(client, "none")
    assert json.loads(client.recv(timeout=10))["message"] == "Forbidden"
    say(client, "busy")
    assert client.recv(timeout=10) == "busy"
    counted.reaches("ClientError", 1)
    counted.reaches("ExecutionError", 1)
    assert counted.sum("IntegrationError") == 0
    # A sample of each request, so that the average is a rate: the handshake, and two messages.
    point = counted.statistics("ExecutionError", "SampleCount", "Average", "Minimum", "Maximum")
    assert (point["SampleCount"], point["Minimum"], point["Maximum"]) == (3, 0, 1)
    assert point["Average"] == pytest.approx(1 / 3)
    assert point["Unit"] == "Count"
    # What selects no route has no series of a route.
    assert counted.sum("ClientError", "none") is None


def test_a_connection_that_its_function_refuses_counts_as_connect_message_and_client_error(
    dev, connect
):
    app = dev(websocket_app({"$connect": "Refuses"}, {"Refuses": REFUSES}))
    counted = Counted(app)
    with pytest.raises(Exception, match="403"):
        connect(app.url())
    sums = {m: counted.sum(m) for m in ("ConnectCount", "MessageCount", "ClientError")}
    assert sums == {"ConnectCount": 1, "MessageCount": 1, "ClientError": 1}


def test_an_error_of_an_http_backend_is_an_integration_error(dev, connect, http_backend):
    http_backend.answer("/busy", 503, "busy")
    app = dev(websocket_app({"http": Http(f"{http_backend.url}/busy", two_way=True)}))
    counted = Counted(app)
    client = connect(app.url())
    say(client, "http")
    counted.reaches("IntegrationError", 1)
    assert counted.sum("ExecutionError") == 0


def test_a_post_counts_under_its_own_route_without_latency(dev, connect):
    app = dev(functions_app(stage_properties=DETAILED))
    counted = Counted(app)
    client = connect(app.url())
    own = connection_id(client)
    app.client().post_to_connection(ConnectionId=own, Data=b"x")
    assert client.recv(timeout=10) == "x"
    counted.reaches("MessageCount", 1, CONNECTIONS)
    dimensions = counted.dimensions(CONNECTIONS)
    assert counted.statistics("IntegrationLatency", "Sum", dimensions=dimensions) is None


def test_the_end_of_a_connection_counts_as_a_message_even_without_its_route(dev, connect):
    app = dev(functions_app())
    counted = Counted(app)
    connect(app.url()).close()
    counted.reaches("MessageCount", 2)


def test_routes_are_a_dimension_only_with_detailed_metrics(dev, connect):
    settings = {"RouteSettings": {"one": {"DetailedMetricsEnabled": True}}}
    app = dev(functions_app(stage_properties=settings))
    counted = Counted(app)
    client = connect(app.url())
    say(client, "one")
    say(client, "two")
    client.recv(timeout=10)
    counted.reaches("MessageCount", 4)
    assert (counted.sum("MessageCount", "one"), counted.sum("MessageCount", "two")) == (1, None)
    listed = counted.cloudwatch.list_metrics(Namespace="AWS/ApiGateway", MetricName="MessageCount")
    sets = [{d["Name"]: d["Value"] for d in metric["Dimensions"]} for metric in listed["Metrics"]]
    api = {"ApiId": app.api()["apiId"]}
    stage = api | {"Stage": "prod"}
    assert sorted(sets, key=len) == [api, stage, stage | {"Route": "one"}]


def test_metrics_survive_a_restart(dev, connect):
    app = dev(functions_app())
    counted = Counted(app)
    connect(app.url()).close()
    counted.reaches("MessageCount", 2)
    app.restart()
    restarted = Counted(app)
    restarted.start = counted.start
    assert restarted.sum("MessageCount") == 2


def test_metric_data_comes_page_by_page_and_with_percentiles(dev, connect):
    app = dev(functions_app())
    counted = Counted(app)
    client = connect(app.url())
    say(client, "two")
    client.recv(timeout=10)
    counted.reaches("MessageCount", 3)
    latency = counted.statistics(
        "IntegrationLatency", "Minimum", "Maximum", "Average", ExtendedStatistics=["p99"]
    )
    assert latency["Unit"] == "Milliseconds"
    assert latency["Minimum"] == latency["Maximum"] == latency["Average"] > 0
    assert latency["ExtendedStatistics"]["p99"] == latency["Average"]
    queries = [
        counted.query("MessageCount", name="a"),
        counted.query("ConnectCount", name="b"),
        counted.query("ConnectCount", name="hidden", ReturnData=False),
    ]
    whole = counted.data(*queries)
    values = {r["Id"]: r["Values"] for r in whole["MetricDataResults"]}
    assert values == {"a": [3.0], "b": [1.0]}
    at = whole["MetricDataResults"][0]["Timestamps"]
    assert [t.astimezone(UTC) for t in at] == [counted.start]
    first = counted.data(*queries, MaxDatapoints=1)
    assert [r["StatusCode"] for r in first["MetricDataResults"]] == ["Complete", "PartialData"]
    second = counted.data(*queries, MaxDatapoints=1, NextToken=first["NextToken"])
    assert [r["Values"] for r in second["MetricDataResults"]] == [[], [1.0]]
    assert "NextToken" not in second


def test_what_is_not_there_is_refused_by_name(app):
    counted = Counted(app)
    put = {"MetricName": "m", "Value": 1.0}
    code, message = refused(
        counted.cloudwatch.put_metric_data, Namespace="mine", MetricData=[put]
    )
    assert code.startswith("NotImplemented")
    assert message == "PutMetricData of the service monitoring is not there yet in Gatepost"
    math = {"Id": "e", "Expression": "SUM(METRICS())"}
    code, message = refused(counted.data, math)
    assert code.startswith("NotImplemented")
    assert "metric math" in message


def test_what_aws_refuses_is_refused(app):
    counted = Counted(app)
    assert refused(counted.data, counted.query("MessageCount", period=61)) == (
        "InvalidParameterValue",
        "The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60.",
    )
    assert refused(counted.data, counted.query("MessageCount", stat="Median"))[0] == (
        "InvalidParameterValue"
    )
    assert refused(
        counted.cloudwatch.get_metric_statistics,
        Namespace="AWS/ApiGateway",
        MetricName="MessageCount",
        StartTime=counted.start,
        EndTime=counted.start + timedelta(minutes=1441),
        Period=60,
        Statistics=["Sum"],
    ) == (
        "InvalidParameterCombination",
        "You have requested up to 1441 datapoints, which exceeds the limit of 1,440. You may "
        "reduce the datapoints requested by increasing Period, or decreasing the time range.",
    )


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(functions_app())


def test_the_query_protocol_of_the_older_cli_is_understood(dev, connect):
    app = dev(functions_app())
    counted = Counted(app)
    connect(app.url()).close()
    counted.reaches("MessageCount", 2)
    form = {
        "Action": "GetMetricStatistics",
        "Version": "2010-08-01",
        "Namespace": "AWS/ApiGateway",
        "MetricName": "MessageCount",
        "Dimensions.member.1.Name": "ApiId",
        "Dimensions.member.1.Value": app.api()["apiId"],
        "StartTime": counted.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "EndTime": (counted.start + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Period": "3600",
        "Statistics.member.1": "Sum",
    }
    scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/monitoring/aws4_request"
    request = urllib.request.Request(
        app.ready["httpUrl"],
        urlencode(form).encode(),
        {"Authorization": f"{scope}, SignedHeaders=host, Signature=0"},
    )
    document = ElementTree.fromstring(urllib.request.urlopen(request, timeout=10).read())
    space = "{http://monitoring.amazonaws.com/doc/2010-08-01/}"
    assert document.tag == f"{space}GetMetricStatisticsResponse"
    point = document.find(f"{space}GetMetricStatisticsResult/{space}Datapoints/{space}member")
    shown = {member.tag.removeprefix(space): member.text for member in point}
    at = counted.start.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert shown == {"Timestamp": at, "Unit": "Count", "Sum": "2.0"}
