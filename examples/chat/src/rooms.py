"""Who is connected, in which room, and how to reach them."""

import json
import os
from functools import cache

import boto3
from boto3.dynamodb.conditions import Key

connections = boto3.resource("dynamodb").Table(os.environ["CONNECTIONS_TABLE"])


@cache
def management_api(domain_name, stage):
    return boto3.client(
        "apigatewaymanagementapi", endpoint_url=f"https://{domain_name}/{stage}"
    )


def post(request_context, connection_id, message):
    """Posts to a connection, and forgets it when it is gone."""
    api = management_api(request_context["domainName"], request_context["stage"])
    try:
        api.post_to_connection(
            ConnectionId=connection_id, Data=json.dumps(message).encode()
        )
    except api.exceptions.GoneException:
        connections.delete_item(Key={"connectionId": connection_id})


def post_to_room(request_context, room, message):
    """Posts to every connection in a room."""
    query = {"IndexName": "room", "KeyConditionExpression": Key("room").eq(room)}
    while True:
        page = connections.query(**query)
        for connection in page["Items"]:
            post(request_context, connection["connectionId"], message)
        if "LastEvaluatedKey" not in page:
            return
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
