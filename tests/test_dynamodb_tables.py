"""The template's tables in a local DynamoDB."""

import pytest
from support.app import aws_client
from support.poll import until
from support.template import Mock, code, python, websocket_app

HANDLER = """
import os, boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

def handler(event, context):
    here = event["requestContext"]
    if here["eventType"] == "CONNECT":
        table.put_item(Item={"connectionId": here["connectionId"]})
    if here["eventType"] == "DISCONNECT":
        table.delete_item(Key={"connectionId": here["connectionId"]})
    return {"statusCode": 200}
"""


def app_with_tables():
    """An app that keeps its connection ids in a table, in the usual way."""
    plain = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "AttributeDefinitions": [
                {"AttributeName": "connectionId", "AttributeType": "S"},
                {"AttributeName": "room", "AttributeType": "S"},
            ],
            "KeySchema": [{"AttributeName": "connectionId", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "byRoom",
                    "KeySchema": [{"AttributeName": "room", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
        },
    }
    simple = {
        "Type": "AWS::Serverless::SimpleTable",
        "Properties": {"PrimaryKey": {"Name": "day", "Type": "Number"}},
    }
    bare = {"Type": "AWS::Serverless::SimpleTable"}
    function = python(HANDLER, Environment={"Variables": {"TABLE": {"Ref": "Connections"}}})
    template = websocket_app(
        {"$connect": "Main", "$disconnect": "Main", "$default": Mock("hi")},
        {"Main": function},
        resources={"Connections": plain, "Days": simple, "Bare": bare},
    )
    template["Outputs"] = {
        name: {"Value": {"Ref": name}} for name in ("Connections", "Days", "Bare")
    }
    return template


@pytest.fixture
def app(dev, dynamodb):
    return dev(app_with_tables(), env={"AWS_ENDPOINT_URL_DYNAMODB": dynamodb})


@pytest.fixture
def tables(dynamodb):
    return aws_client("dynamodb", dynamodb)


def test_the_tables_are_there_when_the_app_is_ready(app, tables):
    described = tables.describe_table(TableName=app.ready["outputs"]["Connections"])["Table"]
    assert described["TableStatus"] == "ACTIVE"
    assert described["KeySchema"] == [{"AttributeName": "connectionId", "KeyType": "HASH"}]
    [index] = described["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "byRoom"


def test_simple_tables_of_sam_have_the_key_they_name_or_id(app, tables):
    def key(name):
        described = tables.describe_table(TableName=app.ready["outputs"][name])["Table"]
        return described["KeySchema"][0]["AttributeName"], described["AttributeDefinitions"]

    assert key("Days") == ("day", [{"AttributeName": "day", "AttributeType": "N"}])
    assert key("Bare") == ("id", [{"AttributeName": "id", "AttributeType": "S"}])


def test_the_usual_app_that_keeps_its_ids_in_a_table_just_runs(app, tables, connect):
    def ids():
        items = tables.scan(TableName=app.ready["outputs"]["Connections"])["Items"]
        return [item["connectionId"]["S"] for item in items]

    client = connect(app.url())
    assert len(ids()) == 1
    client.close()
    until(lambda: ids() == [], "empty table")


OLD_SDK = """
const AWS = require("aws-sdk");
const table = new AWS.DynamoDB.DocumentClient();
const TableName = process.env.TABLE;

exports.handler = async ({ requestContext: here, body }) => {
  const Key = { connectionId: here.connectionId };
  if (here.eventType === "CONNECT") await table.put({ TableName, Item: Key }).promise();
  if (here.eventType === "MESSAGE") {
    // This version takes an endpoint without a scheme, and then means https.
    const endpoint = `${here.domainName}/${here.stage}`;
    const connections = new AWS.ApiGatewayManagementApi({ endpoint });
    const { Items } = await table.scan({ TableName }).promise();
    for (const { connectionId: ConnectionId } of Items) {
      try {
        await connections.postToConnection({ ConnectionId, Data: body }).promise();
      } catch (error) {
        if (error.statusCode !== 410) throw error;
        await table.delete({ TableName, Key: { connectionId: ConnectionId } }).promise();
      }
    }
  }
  return { statusCode: 200 };
};
"""


def test_handlers_on_version_2_of_the_javascript_sdk_find_table_and_connections(
    dev, dynamodb, tables, connect, node_modules
):
    """That version, which `nodejs16.x` and older supplied, reads no `AWS_ENDPOINT_URL_*`."""
    table = {
        "Type": "AWS::Serverless::SimpleTable",
        "Properties": {"PrimaryKey": {"Name": "connectionId", "Type": "String"}},
    }
    variables = {"TABLE": {"Ref": "Connections"}}
    function = code("nodejs16.x", "app.handler", ".", Environment={"Variables": variables})
    template = websocket_app(
        {"$connect": "Main", "$default": "Main"},
        {"Main": function},
        resources={"Connections": table},
    )
    template["Outputs"] = {"Table": {"Value": {"Ref": "Connections"}}}
    app = dev(
        template,
        files={"app.js": OLD_SDK, "node_modules": node_modules},
        env={"AWS_ENDPOINT_URL_DYNAMODB": dynamodb},
    )
    gone, client = connect(app.url()), connect(app.url())
    gone.close()
    app.wait_event("closed")
    client.send("first")
    assert client.recv(timeout=10) == "first"
    name = app.ready["outputs"]["Table"]
    until(lambda: tables.scan(TableName=name)["Count"] == 1, "removal of the gone id")


def test_what_the_endpoint_cannot_do_is_a_warning(app):
    """dynalite has no UpdateTimeToLive."""
    assert app.wait_event("warning", lambda event: "TimeToLive" in event["text"])


def test_tables_that_are_there_already_are_kept_with_what_is_in_them(app, tables):
    name = app.ready["outputs"]["Days"]
    tables.put_item(TableName=name, Item={"day": {"N": "7"}})
    app.restart()
    assert tables.scan(TableName=name)["Count"] == 1


def test_without_an_endpoint_start_up_says_the_command_to_type(dev):
    app = dev(app_with_tables())
    said = app.stderr + "".join(event["text"] for event in app.events("warning"))
    assert "dynalite" in said
    assert "AWS_ENDPOINT_URL_DYNAMODB=" in said


def test_an_endpoint_that_is_not_there_is_named(dev):
    nowhere = "http://127.0.0.1:1"
    try:
        app = dev(app_with_tables(), env={"AWS_ENDPOINT_URL_DYNAMODB": nowhere})
        said = app.stderr + "".join(event["text"] for event in app.events("warning"))
    except AssertionError as refused:
        said = str(refused)
    assert nowhere in said
