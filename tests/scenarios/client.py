"""A WebSocket client that may misbehave, for many at once."""

import asyncio
import json
import struct

from support.wire import CLOSE, TEXT, frame, upgrade

TIMEOUT = 30


class Answer:
    """An HTTP answer."""

    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = {
            name.lower(): value.strip() for name, _, value in (it.partition(":") for it in lines[1:])
        }
        self.body = body

    def json(self):
        return json.loads(self.body)


async def read_answer(reader):
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), TIMEOUT)
    answer = Answer(head[:-4], b"")
    if answer.status not in (101, 204):
        answer.body = await reader.readexactly(int(answer.headers.get("content-length", 0)))
    return answer


async def call(port, method, path, body=b""):
    """One request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    try:
        return await read_answer(reader)
    finally:
        writer.close()


class Client:
    """A connection, or a handshake that was refused."""

    @classmethod
    async def open(cls, port, path, headers=()):
        self = cls()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 18)
        self.writer.write(upgrade(path, f"localhost:{port}", headers))
        self.answer = await read_answer(self.reader)
        self.own = None
        return self

    def send(self, data):
        self.writer.write(data)

    def say(self, **message):
        self.send(frame(TEXT, json.dumps(message)))

    async def read_frame(self):
        """Opcode and payload of the next frame."""
        first, length = await asyncio.wait_for(self.reader.readexactly(2), TIMEOUT)
        if length == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
        return first & 15, await self.reader.readexactly(length)

    async def hear(self):
        """The next text as JSON."""
        opcode, payload = await self.read_frame()
        assert opcode == TEXT, (opcode, payload)
        return json.loads(payload)

    async def whoami(self):
        self.say(action="whoami")
        self.own = (await self.hear())["connectionId"]
        return self.own

    async def closed(self):
        """Code and reason of the close frame that comes next but for texts."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode == CLOSE:
                code = struct.unpack("!H", payload[:2])[0] if payload else None
                return code, payload[2:].decode()

    def vanish(self):
        """Ends the socket without a word."""
        self.writer.transport.abort()
