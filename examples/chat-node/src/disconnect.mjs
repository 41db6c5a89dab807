import { DeleteCommand } from "@aws-sdk/lib-dynamodb";
import { dynamodb, postToRoom, TableName } from "./rooms.mjs";

export async function handler({ requestContext }) {
  const { connectionId } = requestContext;
  const { Attributes: person } = await dynamodb.send(
    new DeleteCommand({ TableName, Key: { connectionId }, ReturnValues: "ALL_OLD" }),
  );
  if (person?.room) {
    const { room, name } = person;
    await postToRoom(requestContext, room, { type: "left", room, name });
  }
  return { statusCode: 200 };
}
