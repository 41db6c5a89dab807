export const handler = async (event) => {
  const { question } = JSON.parse(event.body);
  const answer = { question, answer: 42 };
  return { statusCode: 200, body: JSON.stringify(answer) };
};
