"""Signature Version 4 by hand, from AWS's documentation, so that every part of it can be wrong."""

import hashlib
import hmac
import json
import time
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"
#: What clients of the signed apps sign with: id and secret.
ADMIN = ("AKIDADMIN", "secret-of-admin/+=")


def access_key(key, user, *policies, session=()):
    """The section of `gatepost.toml` for an access key; policies are lists of statements."""
    lists = {"policies": policies, "session_policies": session}
    lines = [f"[auth.access_keys.{key[0]}]", f"secret = {key[1]!r}", f'user = "{user}"']
    for name, statements in lists.items():
        documents = (f"'{_document(each)}'" for each in statements)
        lines.append(f"{name} = [{', '.join(documents)}]")
    return "\n".join(lines) + "\n"


def _document(statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(action="*", resource="*", **more):
    """A statement that allows."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action="*", resource="*", **more):
    """A statement that denies."""
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def signed(
    method,
    host,
    path,
    query="",
    body=b"",
    headers=(),
    *,
    key=ADMIN,
    region="us-east-1",
    service="execute-api",
    at=None,
    day=None,
    token=None,
):
    """The headers of a signed request, those given included; `Host` goes without saying."""
    stamp = amz_date(at)
    scope = f"{day or stamp[:8]}/{region}/{service}/aws4_request"
    headers = [*headers, ("X-Amz-Date", stamp)]
    if token:
        headers.append(("X-Amz-Security-Token", token))
    names, canonical = _canonical(method, path, query, [("Host", host), *headers], body)
    signature = _signature(key, scope, stamp, canonical)
    authorization = (
        f"{ALGORITHM} Credential={key[0]}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return [*headers, ("Authorization", authorization)]


def presigned(
    method,
    host,
    path,
    query="",
    body=b"",
    *,
    key=ADMIN,
    expires=60,
    region="us-east-1",
    service="execute-api",
    at=None,
    token=None,
):
    """The query of a presigned request, the one given included."""
    stamp = amz_date(at)
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    parts = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{key[0]}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-SignedHeaders": "host",
    }
    if expires is not None:
        parts["X-Amz-Expires"] = str(expires)
    if token:
        parts["X-Amz-Security-Token"] = token
    added = "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items())
    query = f"{query}&{added}" if query else added
    _, canonical = _canonical(method, path, query, [("Host", host)], body)
    return f"{query}&X-Amz-Signature={_signature(key, scope, stamp, canonical)}"


def amz_date(at=None):
    """A time, seconds since the epoch, as signatures have it; now by default."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() if at is None else at))


def _canonical(method, path, query, headers, body):
    """The list of signed headers, and the canonical request."""
    lower = sorted((name.lower(), " ".join(value.split())) for name, value in headers)
    names = ";".join(name for name, _ in lower)
    lines = [
        method,
        "/".join(quote(segment, safe="~") for segment in path.split("/")),
        "&".join(sorted(query.split("&"))) if query else "",
        *(f"{name}:{value}" for name, value in lower),
        "",
        names,
        hashlib.sha256(body).hexdigest(),
    ]
    return names, "\n".join(lines)


def _signature(key, scope, stamp, canonical):
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signing_key = f"AWS4{key[1]}".encode()
    for part in scope.split("/"):
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    return hmac.digest(
        signing_key, "\n".join([ALGORITHM, stamp, scope, digest]).encode(), "sha256"
    ).hex()
