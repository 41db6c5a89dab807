import { post } from "./rooms.mjs";

export async function handler({ requestContext }) {
  const { connectionId } = requestContext;
  await post(requestContext, connectionId, {
    type: "help",
    connectionId,
    text:
      'Send {"action": "joinroom", "room": "...", "name": "..."}, ' +
      'then {"action": "sendmessage", "text": "..."}.',
  });
  return { statusCode: 200 };
}
