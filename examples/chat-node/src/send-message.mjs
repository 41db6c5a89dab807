import { GetCommand } from "@aws-sdk/lib-dynamodb";
import { dynamodb, post, postToRoom, TableName } from "./rooms.mjs";

export async function handler({ requestContext, body }) {
  const { connectionId } = requestContext;
  const { Item: sender } = await dynamodb.send(
    new GetCommand({ TableName, Key: { connectionId } }),
  );
  if (!sender?.room) {
    await post(requestContext, connectionId, { type: "error", text: "Join a room first." });
    return { statusCode: 400 };
  }

  const { room, name } = sender;
  const { text = "" } = JSON.parse(body);
  await postToRoom(requestContext, room, { type: "message", room, name, text });
  return { statusCode: 200 };
}
