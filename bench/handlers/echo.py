"""The bench's handler in Python: answers a message with its body."""


def handler(event, context):
    return {"statusCode": 200, "body": event.get("body")}
