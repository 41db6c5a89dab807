const { Notifier, keep, remove, all } = require("./lib/notify");
module.exports.connect = async (event) => { await keep(event.requestContext.connectionId); return { statusCode: 200 }; };
module.exports.disconnect = async (event) => { await remove(event.requestContext.connectionId); return { statusCode: 200 }; };
module.exports.send = async (event) => {
  const { text } = JSON.parse(event.body);
  const notifier = new Notifier(event);
  await Promise.all((await all()).map(({ id }) => notifier.post(id, { text })));
  return { statusCode: 200, body: "sent" };
};
module.exports.ask = async (event) => ({ statusCode: 200, body: JSON.stringify({ echo: event.body }) });
module.exports.auth = async (event) => ({
  principalId: "me",
  policyDocument: { Version: "2012-10-17", Statement: [{ Action: "execute-api:Invoke", Effect: "Allow", Resource: event.methodArn }] },
});
