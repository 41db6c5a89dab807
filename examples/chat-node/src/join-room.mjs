import { UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { dynamodb, post, postToRoom, TableName } from "./rooms.mjs";

export async function handler({ requestContext, body }) {
  const { connectionId } = requestContext;
  const { room, name } = JSON.parse(body);
  if (!room || !name) {
    const error = { type: "error", text: "joinroom needs a room and a name." };
    await post(requestContext, connectionId, error);
    return { statusCode: 400 };
  }

  await dynamodb.send(
    new UpdateCommand({
      TableName,
      Key: { connectionId },
      UpdateExpression: "SET #room = :room, #name = :name",
      ExpressionAttributeNames: { "#room": "room", "#name": "name" },
      ExpressionAttributeValues: { ":room": room, ":name": name },
    }),
  );
  await postToRoom(requestContext, room, { type: "joined", room, name });
  return { statusCode: 200 };
}
