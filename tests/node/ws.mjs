// A subscription over a WebSocket, by the package graphql-ws.
//
//     ws.mjs ADDRESS TOKEN DOCUMENT [EVENTS]
//
// Prints one JSON object a line: `acknowledged` once the gateway knows the caller, `next` for each event, `refused`
// with the errors where it says no, `complete` where it ends, and `closed` with the code and the reason once the
// connection is closed. Leaves after EVENTS events, where that is given; an empty TOKEN sends none.

import { createClient } from 'graphql-ws';

const [address, token, document, events] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));

const client = createClient({
  url: `ws://${address}/graphql`,
  connectionParams: token ? { Authorization: `Bearer ${token}` } : {},
  lazyCloseTimeout: 0,
  retryAttempts: 0,
  on: {
    connected: () => tell({ acknowledged: true }),
    closed: ({ code, reason }) => tell({ closed: { code, reason } }),
  },
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
  // A connection that was closed has been told of; errors of the document come as a list.
  if (Array.isArray(failure)) tell({ refused: failure });
  else if (failure.code === undefined) throw failure;
}
