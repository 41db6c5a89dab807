import json
import os
import time

import boto3

from connections import forget, keep

lambda_client = boto3.client("lambda")


def handler(event, context):
    connection_id = event["requestContext"]["connectionId"]
    keep(connection_id)
    payload = {"connectionId": connection_id, "stage": event["requestContext"]["stage"]}
    lambda_client.invoke(
        FunctionName=os.environ["GREET"],
        InvocationType="Event",
        Payload=json.dumps(payload),
    )
    return {"statusCode": 200}
