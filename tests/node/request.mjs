// An analyst's script over the demo, as one would be written with the package graphql-request.
//
//     request.mjs ADDRESS TOKEN
//
// Prints one JSON object of what it saw: rows by variables, relations to both sides, pages forward and back again,
// and what it was refused with.

import { ClientError, gql, GraphQLClient } from 'graphql-request';

const [address, token] = process.argv.slice(2);
const client = new GraphQLClient(`http://${address}/graphql`, { headers: { authorization: `Bearer ${token}` } });

const LATE = gql`
  query Late($over: Float!, $first: Int!) {
    flights(
      where: { dep_delay: { gt: $over } }
      orderBy: [{ column: dep_delay, descending: true }, { column: flight_id }]
      first: $first
    ) {
      totalCount
      nodes { flight_id carrier dep_delay }
    }
  }
`;

const RELATED = gql`
  query Related($carrier: String!) {
    airlines(where: { carrier: { eq: $carrier } }) {
      nodes {
        name
        flights(orderBy: [{ column: flight_id }], first: 2) { nodes { flight_id airline { name } } }
      }
    }
  }
`;

const PAGE = gql`
  query Page($first: Int, $after: String, $last: Int, $before: String) {
    flights(
      where: { dep_delay: { gt: 300 } }
      orderBy: [{ column: dep_delay, descending: true }, { column: flight_id }]
      first: $first, after: $after, last: $last, before: $before
    ) {
      nodes { carrier dep_delay }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
`;

async function page(variables) {
  const { flights } = await client.request(PAGE, variables);
  return { rows: flights.nodes.map((row) => [row.carrier, row.dep_delay]), ...flights.pageInfo };
}

/** Some pages from the start, then the way back from the last of them. */
async function walk(size, pages) {
  const [forward, back] = [[], []];
  let at = { endCursor: null };
  while (forward.length < pages) {
    at = await page({ first: size, after: at.endCursor });
    forward.push(at.rows);
  }
  while (at.hasPreviousPage) {
    at = await page({ last: size, before: at.startCursor });
    if (at.rows.length > 0) back.push(at.rows);
  }
  return { forward, back };
}

async function refused(query, caller = client) {
  try {
    await caller.request(query);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    const [{ message, extensions }] = error.response.errors;
    return { status: error.response.status, message, code: extensions.code, hint: extensions.hint };
  }
  throw new Error(`not refused: ${query}`);
}

console.log(JSON.stringify({
  late: (await client.request(LATE, { over: 300, first: 3 })).flights,
  related: (await client.request(RELATED, { carrier: 'UA' })).airlines.nodes,
  ...(await walk(2, 4)),
  unknown_column: await refused('{ flights { nodes { dep_dely } } }'),
  no_token: await refused('{ __typename }', new GraphQLClient(`http://${address}/graphql`)),
}));
