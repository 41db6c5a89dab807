import json

import boto3


def handler(event, context):
    api = boto3.client("apigatewaymanagementapi", endpoint_url=event["url"])
    connection_id = event["connectionId"]

    # Raises GoneException until the connection is established; Lambda then invokes this again.
    connection = api.get_connection(ConnectionId=connection_id)

    greeting = {
        "type": "welcome",
        "connectionId": connection_id,
        "connectedAt": connection["ConnectedAt"].isoformat(),
    }
    api.post_to_connection(ConnectionId=connection_id, Data=json.dumps(greeting))
