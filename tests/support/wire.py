"""Bytes by hand: HTTP and WebSocket as they travel, with nothing done for the test."""

import base64
import hashlib
import json
import os
import socket
import ssl
import struct
from dataclasses import dataclass

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
#: RFC 6455 §1.3 gives this answer to that key.
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


class Ended(Exception):
    """The peer closed the socket, or reset it."""


@dataclass
class Response:
    """An HTTP response as it arrived."""

    status: int
    reason: str
    #: Names as sent, in order.
    headers: list
    body: bytes

    def header(self, name):
        """The one value of a header; `None` when it is absent."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} is there {len(values)} times"
        return values[0] if values else None

    def names(self):
        """The header names in lower case."""
        return {key.lower() for key, _ in self.headers}

    def json(self):
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Frame:
    """A WebSocket frame as it arrived."""

    fin: bool
    opcode: int
    payload: bytes

    def close(self):
        """Code and reason of a close frame; `(None, "")` when it is empty."""
        assert self.opcode == CLOSE, self
        if not self.payload:
            return None, ""
        return struct.unpack("!H", self.payload[:2])[0], self.payload[2:].decode()


def frame(opcode, payload=b"", *, fin=True, rsv=0, mask=b"\x12\x34\x56\x78"):
    """The bytes of a frame; masked as a client must, unless `mask` is `None`."""
    payload = payload.encode() if isinstance(payload, str) else payload
    first = (0x80 if fin else 0) | (rsv << 4) | opcode
    masked = 0x80 if mask is not None else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, masked | len(payload))
    elif len(payload) < 65536:
        head = struct.pack("!BBH", first, masked | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, masked | 127, len(payload))
    if mask is None:
        return head + payload
    repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
    scrambled = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + mask + scrambled.to_bytes(len(payload), "big")


def close_frame(code=None, reason=""):
    """A client's close frame."""
    payload = b"" if code is None else struct.pack("!H", code) + reason.encode()
    return frame(CLOSE, payload)


def upgrade(path, host, headers=(), *, key=KEY, version="13"):
    """The bytes of a handshake; `headers` are added as they are."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        f"Sec-WebSocket-Key: {key}",
        f"Sec-WebSocket-Version: {version}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def accept_of(key):
    """`Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2)."""
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return base64.b64encode(digest).decode()


class RawSocket:
    """A TCP or TLS socket to Gatepost with a buffer for what arrives."""

    def __init__(self, port, *, host="127.0.0.1", timeout=10.0, tls=None, receive_buffer=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            # Before connecting, or the kernel has promised more already.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect((host, port))
        if isinstance(tls, ssl.SSLContext):
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self._arrived = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def close(self):
        """Ends the socket without a close frame."""
        self.socket.close()

    def reset(self):
        """Ends the socket with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data):
        """Sends bytes as they are."""
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def is_ended(self, timeout=5.0):
        """Whether the peer ends the socket within `timeout`; what arrives is dropped."""
        self.socket.settimeout(timeout)
        try:
            while self.socket.recv(65536):
                pass
            return True
        except TimeoutError:
            return False
        except OSError:
            return True

    def read(self, size):
        """Exactly `size` bytes."""
        while len(self._arrived) < size:
            self._more()
        data, self._arrived = self._arrived[:size], self._arrived[size:]
        return data

    def _more(self):
        try:
            arrived = self.socket.recv(65536)
        except ConnectionError:
            arrived = b""
        if not arrived:
            raise Ended(f"the socket ended; left over: {self._arrived!r}")
        self._arrived += arrived

    def read_response(self):
        """One HTTP response, its body by Content-Length."""
        while b"\r\n\r\n" not in self._arrived:
            self._more()
        head, self._arrived = self._arrived.split(b"\r\n\r\n", 1)
        start, *lines = head.decode("latin-1").split("\r\n")
        version, status, *reason = start.split(" ", 2)
        assert version == "HTTP/1.1", start
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        response = Response(int(status), reason[0] if reason else "", headers, b"")
        length = int(response.header("content-length") or 0)
        response.body = self.read(length)
        return response

    def upgrade(self, path, host=None, headers=(), **options):
        """Shakes hands; the response, whatever it is."""
        host = host or "localhost:%d" % self.socket.getpeername()[1]
        self.send(upgrade(path, host, headers, **options))
        return self.read_response()

    def read_frame(self):
        """One frame; a server's is never masked."""
        first, second = self.read(2)
        assert not second & 0x80, "a server must not mask"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.read(8))
        assert not first & 0x70, "reserved bits are set"
        return Frame(bool(first & 0x80), first & 0x0F, self.read(length))

    def read_until(self, opcode):
        """The first frame with this opcode; others are dropped."""
        while (part := self.read_frame()).opcode != opcode:
            pass
        return part

    def read_message(self):
        """One text message, put together from its frames."""
        part = self.read_frame()
        assert part.opcode == TEXT, part
        payload = part.payload
        while not part.fin:
            part = self.read_frame()
            assert part.opcode == CONTINUATION, part
            payload += part.payload
        return payload.decode()


def request(port, method, path, body=b"", headers=(), *, host=None):
    """One HTTP exchange on a socket of its own."""
    with RawSocket(port) as raw:
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {host or f'localhost:{port}'}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in headers),
        ]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        raw.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        try:
            raw.send(body)
        except ConnectionError:
            # A server may refuse a body before it has all of it.
            pass
        return raw.read_response()


def random_key():
    """A fresh `Sec-WebSocket-Key`."""
    return base64.b64encode(os.urandom(16)).decode()
