import json

from rooms import connections, post, post_to_room


def handler(event, context):
    request_context = event["requestContext"]
    connection_id = request_context["connectionId"]
    sender = connections.get_item(Key={"connectionId": connection_id}).get("Item", {})
    if "room" not in sender:
        error = {"type": "error", "text": "Join a room first."}
        post(request_context, connection_id, error)
        return {"statusCode": 400}

    message = {
        "type": "message",
        "room": sender["room"],
        "name": sender["name"],
        "text": json.loads(event["body"]).get("text", ""),
    }
    post_to_room(request_context, sender["room"], message)
    return {"statusCode": 200}
