from rooms import post


def handler(event, context):
    request_context = event["requestContext"]
    connection_id = request_context["connectionId"]
    message = {
        "type": "help",
        "connectionId": connection_id,
        "text": 'Send {"action": "joinroom", "room": "...", "name": "..."}, '
        'then {"action": "sendmessage", "text": "..."}.',
    }
    post(request_context, connection_id, message)
    return {"statusCode": 200}
