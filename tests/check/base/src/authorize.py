import hmac
import os


def policy(effect, arn):
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": arn}
    return {"Version": "2012-10-17", "Statement": [statement]}


def handler(event, context):
    token = (event.get("queryStringParameters") or {}).get("token", "")
    if not token:
        raise Exception("Unauthorized")
    known = hmac.compare_digest(token, os.environ.get("TOKEN", ""))
    return {
        "principalId": "somebody",
        "policyDocument": policy("Allow" if known else "Deny", event["methodArn"]),
        "context": {"role": "member"},
    }
