// The bench's handler in JavaScript: answers a message with its body.
exports.handler = async (event) => ({ statusCode: 200, body: event.body });
