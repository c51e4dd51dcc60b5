// A subscription by server-sent events, by the package graphql-sse: one connection for it alone.
//
//     sse.mjs ADDRESS TOKEN DOCUMENT [EVENTS]
//
// Prints one JSON object a line: `next` for each event, `refused` with the status and the answer where there is no
// stream, and `complete` where it ends. Leaves after EVENTS events, where that is given; an empty TOKEN sends none.

import { createClient, NetworkError } from 'graphql-sse';

const [address, token, document, events] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));

const client = createClient({
  url: `http://${address}/graphql`,
  headers: token ? { Authorization: `Bearer ${token}` } : {},
  retryAttempts: 0,
});

let left = Number(events ?? Infinity);
try {
  for await (const next of client.iterate({ query: document })) {
    tell({ next });
    left -= 1;
    if (left === 0) break;
  }
  if (left > 0) tell({ complete: true });
} catch (failure) {
  if (!(failure instanceof NetworkError) || !failure.response) throw failure;
  tell({ refused: { status: failure.response.status, answer: await failure.response.json() } });
}
