import { PutCommand } from "@aws-sdk/lib-dynamodb";
import { dynamodb, TableName } from "./rooms.mjs";

export async function handler({ requestContext: { connectionId, connectedAt } }) {
  await dynamodb.send(new PutCommand({ TableName, Item: { connectionId, connectedAt } }));
  return { statusCode: 200 };
}
