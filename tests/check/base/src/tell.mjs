import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DeleteCommand, DynamoDBDocumentClient, ScanCommand } from "@aws-sdk/lib-dynamodb";

const documents = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const api = new ApiGatewayManagementApiClient({ endpoint: process.env.CALLBACK });
const TableName = process.env.TABLE;

async function post(connectionId, data) {
  try {
    await api.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: data }));
  } catch (error) {
    if (error.name !== "GoneException") throw error;
    await documents.send(new DeleteCommand({ TableName, Key: { connectionId } }));
  }
}

export const handler = async (event) => {
  const { text } = JSON.parse(event.body);
  const { Items } = await documents.send(new ScanCommand({ TableName }));
  await Promise.all(Items.map(({ connectionId }) => post(connectionId, text)));
  return { statusCode: 200, body: "told" };
};
