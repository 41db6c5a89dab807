export async function handler({ requestContext: { authorizer } }) {
  console.log(`${authorizer.principalId} is here`);
  return { statusCode: 200 };
}
