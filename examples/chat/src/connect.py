from rooms import connections


def handler(event, context):
    request_context = event["requestContext"]
    connections.put_item(
        Item={
            "connectionId": request_context["connectionId"],
            "connectedAt": request_context["connectedAt"],
        }
    )
    return {"statusCode": 200}
