import json

from connections import client, everybody, post


def handler(event, context):
    message = json.loads(event["body"])
    data = json.dumps({"from": event["requestContext"]["connectionId"], "text": message["text"]})
    api = client(event)
    for connection_id in everybody():
        post(api, connection_id, data.encode())
    return {"statusCode": 200, "body": "sent"}
