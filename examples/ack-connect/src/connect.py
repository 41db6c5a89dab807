import json
import os

import boto3

functions = boto3.client("lambda")


def handler(event, context):
    request_context = event["requestContext"]
    # The connection exists only once this handler has returned: somebody else must greet.
    functions.invoke(
        FunctionName=os.environ["GREET_FUNCTION"],
        InvocationType="Event",
        Payload=json.dumps(
            {
                "url": f"https://{request_context['domainName']}/{request_context['stage']}",
                "connectionId": request_context["connectionId"],
            }
        ),
    )
    return {"statusCode": 200}
