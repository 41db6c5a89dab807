const { ApiGatewayManagementApi, GoneException } = require("@aws-sdk/client-apigatewaymanagementapi");
const { DynamoDB } = require("@aws-sdk/client-dynamodb");
const { DynamoDBDocument } = require("@aws-sdk/lib-dynamodb");
const db = DynamoDBDocument.from(new DynamoDB({}));
const TableName = process.env.TABLE;
class Notifier {
  constructor(event) {
    const { domainName, stage } = event.requestContext;
    this.api = new ApiGatewayManagementApi({ endpoint: `https://${domainName}/${stage}` });
  }
  async post(id, data) {
    try {
      await this.api.postToConnection({ ConnectionId: id, Data: JSON.stringify(data) });
    } catch (e) {
      if (e instanceof GoneException) { await remove(id); return; }
      throw e;
    }
  }
}
const keep = (id) => db.put({ TableName, Item: { id, expires: Math.floor(Date.now() / 1000) + 7200 } });
const remove = (id) => db.delete({ TableName, Key: { id } });
const all = async () => (await db.scan({ TableName })).Items;
module.exports = { Notifier, keep, remove, all };
