import os

import boto3


def handler(event, context):
    api = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["CALLBACK"])
    api.post_to_connection(ConnectionId=event["connectionId"], Data="welcome")
