import { verify } from "./token.mjs";

const members = {
  ann: { fullName: "Ann Adams", admin: true },
  ben: { fullName: "Ben Brown", admin: false },
};

export async function handler(event) {
  const name = verify(event.queryStringParameters.token, process.env.TOKEN_SECRET);
  // API Gateway answers 401 to this very message, and 500 to any other.
  if (!name) throw new Error("Unauthorized");

  const member = members[name];
  return {
    principalId: name,
    policyDocument: {
      Version: "2012-10-17",
      Statement: [
        {
          Action: "execute-api:Invoke",
          Effect: member ? "Allow" : "Deny",
          Resource: event.methodArn,
        },
      ],
    },
    // Every later event of the connection carries these, as strings.
    context: member,
  };
}
