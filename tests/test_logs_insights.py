"""CloudWatch Logs Insights: queries, their results and their ends, against what AWS documents."""

import json
import time

import pytest
from botocore.exceptions import ClientError
from support.cloudwatch import LogGroup, now_ms, refused
from support.poll import until
from support.template import Function, Mock, python, websocket_app

SPEAKER = "def handler(event, context):\n    return {'statusCode': 200}\n"
ENDED = ("Complete", "Failed", "Cancelled", "Timeout")
#: A whole minute, an hour ago or less.
MINUTE = (now_ms() - 50 * 60_000) // 60_000 * 60_000


def stamp(ms):
    seconds, ms = divmod(ms, 1000)
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) + f".{ms:03}"


def start(logs, groups, query, **options):
    now = int(time.time())
    groups = [groups] if isinstance(groups, str) else groups
    named = {"logGroupNames": groups, "startTime": now - 24 * 3600, "endTime": now + 60}
    return logs.start_query(queryString=query, **named | options)["queryId"]


def end(logs, query_id):
    def ended():
        answer = logs.get_query_results(queryId=query_id)
        return answer if answer["status"] in ENDED else None

    return until(ended, "end of the query", timeout=20)


def ask(logs, groups, query, **options):
    """The rows of a query, each a dict, without `@ptr`."""
    answer = end(logs, start(logs, groups, query, **options))
    assert answer["status"] == "Complete"
    return [
        {f["field"]: f["value"] for f in row if f["field"] != "@ptr"} for row in answer["results"]
    ]


@pytest.fixture(scope="module")
def app(module_dev):
    return module_dev(
        websocket_app(
            {"echo": Mock("ok"), "$connect": Function("Speaker")},
            {"Speaker": python(SPEAKER, MemorySize=128)},
        )
    )


@pytest.fixture(scope="module")
def logs(app):
    return app.aws("logs")


@pytest.fixture(scope="module")
def lines(app):
    group = LogGroup(app)
    group.put(
        "25 May 2019 10:24:39,474 [ERROR] {foo=2, bar=data} The error was: DataIntegrityException",
        "Exception in thread main",
        "an exception in lower case",
        at=MINUTE,
    )
    return group


@pytest.fixture(scope="module")
def flows(app):
    """Events in the form of VPC flow logs, as JSON, a second apart."""
    group = LogGroup(app)
    flows = [
        ("10.0.0.1", "10.0.1.1", 6, 100, "ACCEPT"),
        ("10.0.0.1", "10.0.1.2", 6, 50, "ACCEPT"),
        ("10.0.0.2", "10.0.1.1", 17, 25, "REJECT"),
        ("192.0.2.7", "10.0.1.1", 17, 5, "ACCEPT"),
    ]
    for second, flow in enumerate(flows):
        names = ("srcAddr", "dstAddr", "protocol", "bytes", "action")
        group.put(json.dumps(dict(zip(names, flow))), at=MINUTE + 40_000 * second)
    return group


def test_fields_filter_sort_and_limit(logs, lines):
    found = ask(logs, lines.name, "fields @timestamp, @message | sort @timestamp desc | limit 2")
    assert found == [
        {"@timestamp": stamp(MINUTE + 2), "@message": "an exception in lower case"},
        {"@timestamp": stamp(MINUTE + 1), "@message": "Exception in thread main"},
    ]
    first = ask(logs, lines.name, "fields @message | sort @timestamp asc | limit 1")
    assert first[0]["@message"].startswith("25 May 2019")


@pytest.mark.parametrize(
    "condition, found",
    [
        ("@message like /Exception/", 2),
        ("@message =~ /Exception/", 2),
        ('@message like "Exception"', 2),
        ("@message like /(?i)Exception/", 3),
        ("@message not like /Exception/", 1),
        ("@message =~ /^(?i)an exception/", 1),
        ('@message in ["Exception in thread main", "x"]', 1),
        ("strlen(@message) > 30", 1),
        ("@logStream = 's' and (not @message like 'main' or 1 = 2)", 2),
    ],
)
def test_conditions(logs, lines, condition, found):
    assert len(ask(logs, lines.name, f"fields @message | filter {condition}")) == found


@pytest.mark.parametrize(
    "parse",
    [
        'parse @message "[*] * The error was: *" as level, config, exception',
        r"parse @message /\[(?<level>\S+)\]\s+(?<config>\{.*\})\s+The error was: (?<exception>\S+)/",
    ],
)
def test_parse_by_glob_and_by_named_groups_makes_fields_that_are_shown(logs, lines, parse):
    assert ask(logs, lines.name, f"{parse} | filter level = 'ERROR'") == [
        {
            "level": "ERROR",
            "config": "{foo=2, bar=data}",
            "exception": "DataIntegrityException",
        }
    ]
    display = "fields @message | " + parse + " | filter ispresent(level) | display exception"
    assert ask(logs, lines.name, display) == [{"exception": "DataIntegrityException"}]


@pytest.mark.parametrize(
    "query, rows",
    [
        (
            "stats sum(bytes) as transferred by srcAddr, dstAddr"
            " | sort transferred desc | limit 2",
            [
                {"srcAddr": "10.0.0.1", "dstAddr": "10.0.1.1", "transferred": "100"},
                {"srcAddr": "10.0.0.1", "dstAddr": "10.0.1.2", "transferred": "50"},
            ],
        ),
        (
            "filter isIpv4InSubnet(srcAddr, '192.0.2.0/24') | stats sum(bytes) by dstAddr",
            [{"dstAddr": "10.0.1.1", "sum(bytes)": "5"}],
        ),
        (
            "filter protocol=17 | stats count(*) by srcAddr | sort srcAddr",
            [
                {"srcAddr": "10.0.0.2", "count(*)": "1"},
                {"srcAddr": "192.0.2.7", "count(*)": "1"},
            ],
        ),
        (
            "stats count(*) by bin(1m) as t | sort t",
            [
                {"t": stamp(MINUTE), "count(*)": "2"},
                {"t": stamp(MINUTE + 60_000), "count(*)": "1"},
                {"t": stamp(MINUTE + 120_000), "count(*)": "1"},
            ],
        ),
        (
            "stats count(*), count_distinct(srcAddr), avg(bytes), min(bytes), max(bytes),"
            " pct(bytes, 50), earliest(action), latest(bytes)",
            [
                {
                    "count(*)": "4",
                    "count_distinct(srcAddr)": "3",
                    "avg(bytes)": "45",
                    "min(bytes)": "5",
                    "max(bytes)": "100",
                    "pct(bytes, 50)": "25",
                    "earliest(action)": "ACCEPT",
                    "latest(bytes)": "5",
                }
            ],
        ),
        (
            "fields concat(action, '-', protocol) as opStatus, abs(bytes - 60) / 3 as off"
            " | filter bytes = 100",
            [{"opStatus": "ACCEPT-6", "off": "13.3333"}],
        ),
        (
            "fields srcAddr, bytes | sort bytes desc | dedup srcAddr",
            [
                {"srcAddr": "10.0.0.1", "bytes": "100"},
                {"srcAddr": "10.0.0.2", "bytes": "25"},
                {"srcAddr": "192.0.2.7", "bytes": "5"},
            ],
        ),
        ("stats latest(@timestamp) as last", [{"last": str(MINUTE + 120_000)}]),
    ],
)
def test_discovered_fields_are_aggregated(logs, flows, query, rows):
    assert ask(logs, flows.name, query) == rows


def test_what_lambda_prints_of_an_invocation_is_discovered(app, logs):
    answer = app.aws("lambda").invoke(FunctionName=app.function("Speaker"))
    request_id = answer["ResponseMetadata"]["RequestId"]
    group = "/aws/lambda/" + app.function("Speaker")

    def report():
        return ask(
            logs,
            group,
            f"filter @type = 'REPORT' and @requestId = '{request_id}' | fields @duration,"
            " @billedDuration, @memorySize, @maxMemoryUsed, @initDuration, @message",
        )

    (fields,) = until(report, "REPORT line")
    message = fields.pop("@message")
    # Lambda's MB are millions here, as numbers of Java print them.
    assert fields.pop("@memorySize") == "1.28E8"
    used = int(message.split("Max Memory Used: ")[1].split()[0])
    assert float(fields.pop("@maxMemoryUsed")) == used * 1e6
    billed = message.split("Billed Duration: ")[1].split()[0]
    assert fields.pop("@billedDuration") == billed + ".0"
    assert float(fields.pop("@duration")) == float(message.split("Duration: ")[1].split()[0])
    assert set(fields) == {"@initDuration"}
    types = ask(logs, group, f"filter @requestId = '{request_id}' | stats count(*) by @type | sort @type")
    assert [row.get("@type") for row in types] == ["END", "REPORT", "START"]
    provisioned = ask(
        logs, group, "filter @type = 'REPORT' | stats max(@memorySize / 1024 / 1024) as mb"
    )
    assert provisioned == [{"mb": "122.0703"}]


def test_execution_logs_can_be_asked(app, logs, connect):
    client = connect(app.url())
    client.send('{"action": "echo"}')
    assert client.recv() == "ok"
    group = f"/aws/apigateway/{app.api()['apiId']}/{app.stage()['stage']}"
    query = (
        r"parse @message /\((?<request>[^)]+)\)/ | stats count(*) as lines by request"
        " | filter lines > 1"
    )

    def found():
        try:
            return ask(logs, group, query)
        except ClientError:
            return None

    assert all(row["request"].endswith("=") for row in until(found, "requests"))


def test_several_groups_are_asked_at_once_in_one_order(app, logs):
    groups = [LogGroup(app), LogGroup(app)]
    for n in range(6):
        groups[n % 2].put(f"m{n}", at=MINUTE + n)
    found = ask(logs, [group.name for group in groups], "fields @message, @log, @logStream")
    assert [row["@message"] for row in found] == ["m5", "m4", "m3", "m2", "m1", "m0"]
    assert found[0]["@log"] == f"000000000000:{groups[1].name}"
    arns = [group.described()["logGroupArn"] for group in groups]
    answer = end(
        logs,
        logs.start_query(
            logGroupIdentifiers=arns,
            startTime=MINUTE // 1000,
            endTime=MINUTE // 1000,
            queryString="stats count(*)",
        )["queryId"],
    )
    # Both ends of the time are included, to the last millisecond of their second.
    assert answer["results"] == [[{"field": "count(*)", "value": "6"}]]
    assert answer["statistics"] == {
        "recordsMatched": 6.0,
        "recordsScanned": 6.0,
        "estimatedRecordsSkipped": 0.0,
        "bytesScanned": 12.0,
        "estimatedBytesSkipped": 0.0,
        "logGroupsScanned": 2.0,
    }


def test_a_pointer_leads_to_the_whole_record(app, logs, flows):
    answer = end(logs, start(logs, flows.name, "fields srcAddr | filter bytes = 100"))
    ((address, pointer),) = answer["results"]
    assert (address["value"], pointer["field"]) == ("10.0.0.1", "@ptr")
    record = logs.get_log_record(logRecordPointer=pointer["value"])["logRecord"]
    assert record["@timestamp"] == str(MINUTE)
    assert (record["dstAddr"], record["bytes"], record["@logStream"]) == ("10.0.1.1", "100", "s")
    code, _ = refused(logs.get_log_record, logRecordPointer="nonsense")
    assert code == "InvalidParameterException"


@pytest.mark.parametrize(
    "query, message, place",
    [
        (
            "fields @timestamp, custom_field | count()",
            "unexpected symbol found count at line 1 and position 35",
            (34, 39),
        ),
        (
            "fields a\n| pattern @message",
            "unexpected symbol found pattern at line 2 and position 3",
            (11, 18),
        ),
        (
            "stats count(*) as n by a | sort b",
            "Unknown symbols found in or after stats: b",
            (32, 33),
        ),
        ("fields a + 1 as x | fields 2 as x", "Ephemeral field is already defined: x", (27, 28)),
    ],
)
def test_what_is_no_query_is_refused_with_its_place(logs, lines, query, message, place):
    with pytest.raises(logs.exceptions.MalformedQueryException) as wrong:
        start(logs, lines.name, query)
    answer = wrong.value.response
    begin = f"{message} (Service: AWSLogs; Status Code: 400; Error Code: MalformedQueryException; "
    assert answer["Error"]["Message"].startswith(begin)
    assert answer["queryCompileError"] == {
        "location": {"startCharOffset": place[0], "endCharOffset": place[1]},
        "message": message,
    }


def test_what_is_wrong_with_a_call_is_said_in_awss_words(logs, lines):
    code, text = refused(start, logs, "/no", "fields @message")
    assert code == "ResourceNotFoundException"
    assert text.startswith(
        "Log group '/no' does not exist for account ID '000000000000' (Service: AWSLogs; "
        "Status Code: 400; Error Code: ResourceNotFoundException; Request ID: "
    )
    assert refused(start, logs, lines.name, "fields @message", limit=10001) == (
        "InvalidParameterException",
        "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: "
        "Member must have value less than or equal to 10000",
    )
    code, _ = refused(start, logs, lines.name, "fields @message", logGroupName=lines.name)
    assert code == "InvalidParameterException"
    code, _ = refused(start, logs, lines.name, "SELECT 1", queryLanguage="SQL")
    assert code == "NotImplementedException"
    for call in (logs.get_query_results, logs.stop_query):
        assert refused(call, queryId="8f1cd57f-0000-0000-0000-000000000000") == (
            "ResourceNotFoundException",
            "The specified query does not exist.",
        )


def test_queries_are_described_as_on_aws(app, logs):
    group = LogGroup(app)
    assert logs.describe_queries(logGroupName=group.name)["queries"] == []
    now = int(time.time())
    query_id = start(logs, group.name, "fields @message", startTime=now - 60, endTime=now)
    end(logs, query_id)
    (query,) = logs.describe_queries(logGroupName=group.name, status="Complete")["queries"]
    assert abs(query.pop("createTime") - now_ms()) < 60_000
    assert query == {
        "queryLanguage": "CWLI",
        "queryId": query_id,
        "queryString": f'SOURCE "{group.name}" START={now - 60}000 END={now}999 | fields @message',
        "status": "Complete",
        "logGroupName": group.name,
    }
    assert logs.describe_queries(logGroupName=group.name, status="Running")["queries"] == []
    newer = start(logs, group.name, "fields @logStream")
    first = logs.describe_queries(logGroupName=group.name, maxResults=1)
    assert [q["queryId"] for q in first["queries"]] == [newer]
    rest = logs.describe_queries(logGroupName=group.name, nextToken=first["nextToken"])
    assert [q["queryId"] for q in rest["queries"]] == [query_id]


#: So much for each line that 100,000 lines take seconds, whichever the machine.
SLOW = "filter " + " or ".join(f"@message like /(?=a)a.*{n}$/" for n in range(100))


def slow_lines(app):
    group = LogGroup(app)
    for batch in range(20):
        group.put(*["a" * 24 + "!"] * 5000, at=now_ms() - 20 * 6000 + batch * 6000)
    return group


def test_a_query_ends_when_it_is_stopped_and_only_so_many_run_at_once(dev):
    app = dev(websocket_app({"echo": Mock("ok")}, {}), config="[logs]\nmax_queries = 1\n")
    logs, group = app.aws("logs"), slow_lines(app)
    query_id = start(logs, group.name, SLOW)
    assert refused(start, logs, group.name, "limit 1") == (
        "LimitExceededException",
        "Account maximum query concurrency limit of [1] reached.",
    )
    assert logs.stop_query(queryId=query_id)["success"] is True
    answer = end(logs, query_id)
    assert (answer["status"], answer["results"]) == ("Cancelled", [])
    assert refused(logs.stop_query, queryId=query_id) == (
        "InvalidParameterException",
        "The specified query is not running.",
    )
    assert len(ask(logs, group.name, "limit 1")) == 1


def test_a_query_that_takes_too_long_or_too_much_is_given_up(dev):
    config = '[logs]\nquery_timeout = "1s"\nquery_memory = "1MiB"\n'
    app = dev(websocket_app({"echo": Mock("ok")}, {}), config=config)
    logs, group = app.aws("logs"), slow_lines(app)
    assert end(logs, start(logs, group.name, SLOW))["status"] == "Timeout"
    assert end(logs, start(logs, group.name, "sort @message"))["status"] == "Failed"
    # The server goes on.
    assert ask(logs, group.name, "limit 1")[0]["@message"] == "a" * 24 + "!"
