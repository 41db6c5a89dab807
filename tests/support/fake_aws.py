"""What AWS has where credentials come from, and Lambda behind them, on one port: STS, a container's
agent, instance metadata. Every signature is computed again by botocore."""

import json
import re
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qs, quote, unquote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ROLE = "arn:aws:iam::123456789012:role/app"
#: What the metadata service calls its role, and the token of its answers.
INSTANCE_ROLE = "instance-role"
METADATA_TOKEN = "token-of-the-metadata-service"
INVOCATIONS = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)


def unsigned(message):
    """Lambda's answer to a signature that is wrong."""
    return 403, {"message": message}, {"x-amzn-ErrorType": "InvalidSignatureException"}


class FakeAws:
    """`url` to call; `keys` are the access keys that are good: id to secret and token."""

    def __init__(self):
        self.keys = {}
        #: Everything secret that was given out.
        self.secrets = []
        #: What was asked for credentials, in order: `sts`, `web-identity`, `container`, `metadata`.
        self.asked = []
        #: The forms that STS got.
        self.forms = []
        #: The invocations that were signed well, and the requests of other services.
        self.invocations = []
        self.requests = []
        #: Who connected.
        self.peers = set()
        #: How long credentials live, seconds, and how long giving them takes.
        self.life = 3600
        self.delay = 0
        #: What credentials are refused with: a status.
        self.refuse = None
        #: What the container's agent and STS want to see.
        self.container_token = None
        self.web_identity_token = None
        #: What Lambda answers: `(status, document, headers)` of an invocation.
        self.answer = lambda call: (200, {"statusCode": 200, "body": call.key}, {})
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _handle(self):
                fake.peers.add(self.client_address)
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                answer = fake._route(self, body)
                if answer is None:
                    self.close_connection = True
                    return
                status, payload, headers = answer
                if not isinstance(payload, bytes):
                    payload = json.dumps(payload).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_PUT = _handle

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def new_key(self, name):
        """A key that is good here: id, secret and token."""
        key = f"{name}{len(self.keys)}", secrets.token_hex(20), secrets.token_hex(30)
        self.keys[key[0]] = key[1:]
        self.secrets += key[1:]
        return key

    def document(self, name):
        """New credentials as they are given out."""
        key_id, secret, token = self.new_key(name)
        expiry = datetime.now(UTC) + timedelta(seconds=self.life)
        return {
            "Code": "Success",
            "AccessKeyId": key_id,
            "SecretAccessKey": secret,
            "Token": token,
            "Expiration": expiry.isoformat().replace("+00:00", "Z"),
        }

    def _route(self, request, body):
        path = urlsplit(request.path).path
        invocation = INVOCATIONS.fullmatch(path)
        if invocation:
            return self._invoke(request, unquote(invocation[1]), body)
        if path.startswith("/latest/"):
            return self._metadata(request, path)
        if path == "/container":
            return self._container(request)
        if b"Action=AssumeRole" in body:
            return self._sts(request, body)
        signed = self._verify(request, body)
        self.requests.append(signed)
        return 200, {}, {}

    def _give(self, what):
        self.asked.append(what)
        time.sleep(self.delay)
        return self.refuse

    def _metadata(self, request, path):
        if request.command == "PUT" and path == "/latest/api/token":
            refused = self._give("metadata")
            if refused:
                return refused, {}, {}
            assert request.headers["x-aws-ec2-metadata-token-ttl-seconds"]
            return 200, METADATA_TOKEN.encode(), {}
        if request.headers.get("x-aws-ec2-metadata-token") != METADATA_TOKEN:
            return 401, b"Unauthorized", {}
        roles = "/latest/meta-data/iam/security-credentials/"
        if path == roles:
            return 200, INSTANCE_ROLE.encode(), {}
        if path == roles + INSTANCE_ROLE:
            return 200, self.document("INSTANCE"), {}
        return 404, b"Not Found", {}

    def _container(self, request):
        refused = self._give("container")
        if refused:
            return refused, {"message": "no"}, {}
        if request.headers.get("authorization") != self.container_token:
            return 401, {"message": "Unauthorized"}, {}
        return 200, self.document("CONTAINER"), {}

    def _sts(self, request, body):
        form = {name: value for name, [value] in parse_qs(body.decode()).items()}
        operation = form["Action"]
        by_token = operation == "AssumeRoleWithWebIdentity"
        refused = self._give("web-identity" if by_token else "sts")
        self.forms.append(form)
        if by_token:
            is_good = form["WebIdentityToken"] == self.web_identity_token
        else:
            is_good = self._verify(request, body).error is None
        if refused or not is_good:
            text = (
                "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
                f"<Message>may not assume {form['RoleArn']}</Message></Error></ErrorResponse>"
            )
            return refused or 403, text.encode(), {"Content-Type": "text/xml"}
        given = self.document("WEBIDENTITY" if by_token else "ROLE")
        text = (
            f'<{operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<{operation}Result><Credentials>"
            f"<AccessKeyId>{given['AccessKeyId']}</AccessKeyId>"
            f"<SecretAccessKey>{given['SecretAccessKey']}</SecretAccessKey>"
            f"<SessionToken>{given['Token']}</SessionToken>"
            f"<Expiration>{given['Expiration']}</Expiration>"
            f"</Credentials></{operation}Result></{operation}Response>"
        )
        return 200, text.encode(), {"Content-Type": "text/xml"}

    def _invoke(self, request, function, body):
        call = self._verify(request, body)
        if call.error:
            return unsigned(call.error)
        call.function, call.at = function, time.monotonic()
        self.invocations.append(call)
        return self.answer(call)

    def _verify(self, request, body):
        """Who signed a request, and for what; `error` says what is wrong with the signature."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        signed = SimpleNamespace(
            error=None,
            key=None,
            region=None,
            service=None,
            headers=headers,
            body=body.decode(),
            query=parse_qs(urlsplit(request.path).query),
        )
        parts = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if not parts:
            signed.error = f"no signature: {headers.get('authorization')}"
            return signed
        signed.key, _, signed.region, signed.service, names, signature = parts.groups()
        if signed.key not in self.keys:
            signed.error = f"nobody has the key {signed.key}"
            return signed
        secret, token = self.keys[signed.key]
        names = names.split(";")
        if token and (headers.get("x-amz-security-token"), "x-amz-security-token" in names) != (
            token,
            True,
        ):
            signed.error = "the security token is another, or not signed"
            return signed
        again = AWSRequest(
            request.command,
            f"http://{headers['host']}{request.path}",
            {name: headers[name] for name in names},
            body,
        )
        again.context["timestamp"] = headers["x-amz-date"]
        signer = SigV4Auth(Credentials(signed.key, secret), signed.service, signed.region)
        canonical = signer.canonical_request(again)
        if signer.signature(signer.string_to_sign(again, canonical), again) != signature:
            signed.error = f"another signature is right for {quote(canonical)}"
        return signed
