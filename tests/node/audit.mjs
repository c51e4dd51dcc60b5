// The audits of GraphQL over HTTP that the package graphql-http makes, run against the gateway.
//
//     audit.mjs ADDRESS TOKEN
//
// Prints one JSON object for each audit: its id, its name, its status, and with what was not met the reason and the
// answer. Ends with 1 when something was not met that a server must or should do.

import { serverAudits } from 'graphql-http';

const [address, token] = process.argv.slice(2);

function withToken(url, request = {}) {
  return fetch(url, { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } });
}

async function answered(response) {
  const body = response.bodyUsed ? null : await response.text();
  return { status: response.status, content_type: response.headers.get('content-type'), body };
}

for (const audit of serverAudits({ url: `http://${address}/graphql`, fetchFn: withToken })) {
  const { id, name, status, reason, response } = await audit.fn();
  const failing = status === 'ok' ? {} : { reason, answer: await answered(response) };
  console.log(JSON.stringify({ id, name, status, ...failing }));
  if (status === 'error' || status === 'warn') process.exitCode = 1;
}
