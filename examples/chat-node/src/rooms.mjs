// Who is connected, in which room, and how to reach them.

import {
  ApiGatewayManagementApiClient,
  GoneException,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DeleteCommand, DynamoDBDocumentClient, paginateQuery } from "@aws-sdk/lib-dynamodb";

export const TableName = process.env.CONNECTIONS_TABLE;
export const dynamodb = DynamoDBDocumentClient.from(new DynamoDBClient({}));

const clients = new Map();

function managementApi({ domainName, stage }) {
  const endpoint = `https://${domainName}/${stage}`;
  if (!clients.has(endpoint)) {
    clients.set(endpoint, new ApiGatewayManagementApiClient({ endpoint }));
  }
  return clients.get(endpoint);
}

/** Posts to a connection, and forgets it when it is gone. */
export async function post(requestContext, connectionId, message) {
  try {
    await managementApi(requestContext).send(
      new PostToConnectionCommand({ ConnectionId: connectionId, Data: JSON.stringify(message) }),
    );
  } catch (error) {
    if (!(error instanceof GoneException)) throw error;
    await dynamodb.send(new DeleteCommand({ TableName, Key: { connectionId } }));
  }
}

/** Posts to every connection in a room. */
export async function postToRoom(requestContext, room, message) {
  const pages = paginateQuery(
    { client: dynamodb },
    {
      TableName,
      IndexName: "room",
      KeyConditionExpression: "#room = :room",
      ExpressionAttributeNames: { "#room": "room" },
      ExpressionAttributeValues: { ":room": room },
    },
  );
  for await (const { Items } of pages) {
    await Promise.all(
      Items.map(({ connectionId }) => post(requestContext, connectionId, message)),
    );
  }
}
