import json

from rooms import connections, post, post_to_room


def handler(event, context):
    request_context = event["requestContext"]
    connection_id = request_context["connectionId"]
    body = json.loads(event["body"])
    room, name = str(body.get("room", "")), str(body.get("name", ""))
    if not room or not name:
        error = {"type": "error", "text": "joinroom needs a room and a name."}
        post(request_context, connection_id, error)
        return {"statusCode": 400}

    connections.update_item(
        Key={"connectionId": connection_id},
        UpdateExpression="SET #room = :room, #name = :name",
        ExpressionAttributeNames={"#room": "room", "#name": "name"},
        ExpressionAttributeValues={":room": room, ":name": name},
    )
    post_to_room(request_context, room, {"type": "joined", "room": room, "name": name})
    return {"statusCode": 200}
