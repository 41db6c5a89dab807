// Pushpin's backend, which does what echo.js does: WebSocket events come as HTTP requests and go back
// in their answers. Every connection is subscribed to a channel of its own, named by its id.
const http = require("node:http");

function event(type, content) {
  if (content === undefined) return Buffer.from(`${type}\r\n`);
  const bytes = Buffer.from(content);
  return Buffer.concat([
    Buffer.from(`${type} ${bytes.length.toString(16)}\r\n`),
    bytes,
    Buffer.from("\r\n"),
  ]);
}

function* eventsOf(body) {
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf("\r\n", at);
    const [type, length] = body.toString("latin1", at, end).split(" ");
    at = end + 2;
    if (length === undefined) {
      yield { type };
      continue;
    }
    const size = parseInt(length, 16);
    yield { type, content: body.subarray(at, at + size) };
    at += size + 2;
  }
}

function answer(id, { type, content }) {
  if (type === "OPEN")
    return [event("OPEN"), event("TEXT", `c:${JSON.stringify({ type: "subscribe", channel: id })}`)];
  // The prefix tells messages from control messages.
  if (type === "TEXT") return [event("TEXT", `m:${content.toString() === "id" ? id : content}`)];
  if (type === "CLOSE") return [event("CLOSE", content)];
  return [];
}

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const id = request.headers["connection-id"];
    const answers = [...eventsOf(Buffer.concat(parts))].flatMap((each) => answer(id, each));
    const body = Buffer.concat(answers);
    response.writeHead(200, {
      "Content-Type": "application/websocket-events",
      "Content-Length": body.length,
      "Sec-WebSocket-Extensions": "grip",
    });
    response.end(body);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2]), "127.0.0.1");
