// Calls one @connections operation with the AWS SDK for JavaScript and prints what came of it as
// JSON: node connections.mjs ENDPOINT CONNECTION_ID post|get|delete [DATA]
import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GetConnectionCommand,
  GoneException,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";

const [endpoint, ConnectionId, operation, data = ""] = process.argv.slice(2);

const commands = {
  post: () => new PostToConnectionCommand({ ConnectionId, Data: data }),
  get: () => new GetConnectionCommand({ ConnectionId }),
  delete: () => new DeleteConnectionCommand({ ConnectionId }),
};

const client = new ApiGatewayManagementApiClient({
  endpoint,
  region: "us-east-1",
  credentials: {
    accessKeyId: process.env.AWS_ACCESS_KEY_ID ?? "test",
    secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY ?? "test",
  },
  maxAttempts: Number(process.env.MAX_ATTEMPTS ?? 1),
});

try {
  const result = await client.send(commands[operation]());
  const sourceIp = result.Identity?.SourceIp;
  console.log(JSON.stringify(sourceIp ? { sourceIp } : {}));
} catch (error) {
  console.log(
    JSON.stringify({
      // `GoneException` only when the SDK raised that very class.
      error: error instanceof GoneException ? "GoneException" : null,
      code: error.name,
      status: error.$metadata?.httpStatusCode ?? null,
      reason: error.$response?.headers?.["x-gatepost-gone-reason"] ?? null,
    }),
  );
}
