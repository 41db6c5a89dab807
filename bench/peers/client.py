"""Clients of a subject, many in one thread: WebSocket connections and HTTP connections that post."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

MASK = bytes([1, 2, 3, 4])
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def text_frame(text: str) -> bytes:
    """A client's frame of at most 125 bytes."""
    payload = text.encode()
    masked = bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))
    return bytes([0x81, 0x80 | len(payload)]) + MASK + masked


class WebSocket(asyncio.Protocol):
    """A connection that calls `on_text` with each text frame that comes."""

    def __init__(self, path: str, host: str) -> None:
        self.request = HANDSHAKE.format(path=path, host=host).encode()
        self.established = asyncio.get_running_loop().create_future()
        self.on_text: Callable[[bytes], None] = lambda _text: None
        self.read = bytearray()

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.read += data
        if not self.established.done():
            head, end, rest = self.read.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.fail(f"the handshake was refused: {head.decode(errors='replace')}")
                return
            self.read = rest
            self.established.set_result(None)
        while len(self.read) >= 2:
            length, start = self.read[1], 2
            if length == 126:
                length, start = int.from_bytes(self.read[2:4]), 4
            if len(self.read) < start + length:
                return
            if self.read[0] & 0x0F == 1:
                self.on_text(bytes(self.read[start : start + length]))
            del self.read[: start + length]

    def connection_lost(self, _error: Exception | None) -> None:
        self.fail("the connection was lost")

    def fail(self, why: str) -> None:
        if not self.established.done():
            self.established.set_exception(ConnectionError(why))

    async def ask(self, text: str) -> str:
        """Sends a message and waits for the answer."""
        answer = asyncio.get_running_loop().create_future()
        self.on_text = answer.set_result
        self.transport.write(text_frame(text))
        return (await asyncio.wait_for(answer, 30)).decode()


async def connect(url: str) -> WebSocket:
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    _, websocket = await asyncio.get_running_loop().create_connection(
        lambda: WebSocket(path or "/", parts.netloc), parts.hostname, parts.port
    )
    await asyncio.wait_for(websocket.established, 60)
    return websocket


class Poster:
    """An HTTP connection that posts, one request after the other."""

    def __init__(self, post: dict) -> None:
        self.post = post
        self.url = urlsplit(post["url"])

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(self.url.hostname, self.url.port)

    def request(self, connection_id: str, payload: str) -> bytes:
        def filled(text: str) -> str:
            return text.replace("{id}", connection_id).replace("{payload}", payload)

        url = urlsplit(filled(self.post["url"]))
        path = url.path + (f"?{url.query}" if url.query else "")
        body = filled(self.post["body"]).encode()
        headers = "".join(f"{name}: {value}\r\n" for name, value in self.post["headers"].items())
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(body)}\r\n{headers}"
        )
        return head.encode() + b"\r\n" + body

    async def send(self, request: bytes) -> None:
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        if not 200 <= status < 300:
            raise ConnectionError(f"the post was refused: {head.decode()}")
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            while size := int(await self.reader.readline(), 16):
                await self.reader.readexactly(size + 2)
            await self.reader.readline()
        elif b"content-length:" in lower:
            length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
            await self.reader.readexactly(length)
        if b"connection: close" in lower:
            self.writer.close()
            await self.open()


