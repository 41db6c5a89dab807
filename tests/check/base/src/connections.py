"""What the handlers share: the table of the connections, and posts to them."""

import os
import time

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def keep(connection_id):
    table.put_item(Item={"connectionId": connection_id, "expires": int(time.time()) + 7200})


def forget(connection_id):
    table.delete_item(Key={"connectionId": connection_id})


def everybody():
    return [item["connectionId"] for item in table.scan()["Items"]]


def client(event):
    context = event["requestContext"]
    endpoint = f"https://{context['domainName']}/{context['stage']}"
    return boto3.client("apigatewaymanagementapi", endpoint_url=endpoint)


def post(api, connection_id, data):
    try:
        api.post_to_connection(ConnectionId=connection_id, Data=data)
    except api.exceptions.GoneException:
        forget(connection_id)
