// The handler that every subject with Lambda functions runs: it answers a message with the message,
// and the message `id` with the connection's id.
exports.handler = async (event) => {
  const { eventType, connectionId } = event.requestContext;
  if (eventType !== "MESSAGE") return { statusCode: 200 };
  return { statusCode: 200, body: event.body === "id" ? connectionId : event.body };
};
