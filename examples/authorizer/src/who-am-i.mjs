export async function handler({ requestContext: { authorizer } }) {
  const { principalId, fullName, admin } = authorizer;
  return {
    statusCode: 200,
    // Strings, whatever they were in the authorizer: "false" would be true.
    body: JSON.stringify({ principalId, fullName, admin: admin === "true" }),
  };
}
