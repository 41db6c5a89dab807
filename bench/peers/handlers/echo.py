"""The handler that every subject with Lambda functions runs: it answers a message with the message,
and the message `id` with the connection's id."""


def handler(event, _context):
    context = event["requestContext"]
    if context["eventType"] != "MESSAGE":
        return {"statusCode": 200}
    body = event["body"]
    return {"statusCode": 200, "body": context["connectionId"] if body == "id" else body}
