// Makes an API with the AWS SDK for JavaScript and prints the URL of its stage, and what is told of
// one that is not there: node deploy.mjs ENDPOINT
import {
  ApiGatewayV2Client,
  CreateApiCommand,
  CreateDeploymentCommand,
  CreateIntegrationCommand,
  CreateIntegrationResponseCommand,
  CreateRouteCommand,
  CreateRouteResponseCommand,
  CreateStageCommand,
  GetApiCommand,
  NotFoundException,
} from "@aws-sdk/client-apigatewayv2";

const client = new ApiGatewayV2Client({
  endpoint: process.argv[2],
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
  maxAttempts: 1,
});
const send = (Command, input) => client.send(new Command(input));

const { ApiId, ApiEndpoint } = await send(CreateApiCommand, {
  Name: "javascript",
  ProtocolType: "WEBSOCKET",
  RouteSelectionExpression: "$request.body.action",
});
const { IntegrationId } = await send(CreateIntegrationCommand, {
  ApiId,
  IntegrationType: "MOCK",
  RequestTemplates: { $default: '{"statusCode":200}' },
});
await send(CreateIntegrationResponseCommand, {
  ApiId,
  IntegrationId,
  IntegrationResponseKey: "$default",
  ResponseTemplates: { $default: "from JavaScript" },
});
const { RouteId } = await send(CreateRouteCommand, {
  ApiId,
  RouteKey: "say",
  RouteResponseSelectionExpression: "$default",
  Target: `integrations/${IntegrationId}`,
});
await send(CreateRouteResponseCommand, { ApiId, RouteId, RouteResponseKey: "$default" });
const { DeploymentId } = await send(CreateDeploymentCommand, { ApiId });
await send(CreateStageCommand, { ApiId, DeploymentId, StageName: "prod" });
const gone = await send(GetApiCommand, { ApiId: "nothing" }).catch((error) => ({
  name: error instanceof NotFoundException ? error.name : null,
  status: error.$metadata.httpStatusCode,
}));
console.log(JSON.stringify({ url: `${ApiEndpoint}/prod`, gone }));
