from rooms import connections, post_to_room


def handler(event, context):
    request_context = event["requestContext"]
    deleted = connections.delete_item(
        Key={"connectionId": request_context["connectionId"]}, ReturnValues="ALL_OLD"
    )
    person = deleted.get("Attributes", {})
    if "room" in person:
        left = {"type": "left", "room": person["room"], "name": person["name"]}
        post_to_room(request_context, person["room"], left)
    return {"statusCode": 200}
