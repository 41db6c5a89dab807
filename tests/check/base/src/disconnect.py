from connections import forget


def handler(event, context):
    print("gone", event["requestContext"]["disconnectReason"])
    forget(event["requestContext"]["connectionId"])
    return {}
