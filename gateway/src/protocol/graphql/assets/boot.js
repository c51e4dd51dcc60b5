// Starts GraphiQL over the door that served the page. Sends what its reader types to that door and nowhere else, and
// keeps no headers: a token lives as long as the page does.

const DOOR = window.location.pathname;
const ANSWER = 'application/graphql-response+json, application/json;q=0.9';
const EVENTS = 'text/event-stream';
const HEADERS = '{\n  "Authorization": "Bearer "\n}\n';
const TYPING_PAUSE_MS = 500;

const QUERY = `# You see what your role may see: paste your
# token after "Bearer" in the tab Headers below.
# The book on the left then describes your tables.
# This is an example over the demo.

query Late {
  flights(
    where: {dep_delay: {gt: 300}}
    orderBy: [
      {column: dep_delay, descending: true}
      {column: flight_id}
    ]
    first: 5
  ) {
    totalCount
    nodes {
      flight_id
      carrier
      origin
      dest
      dep_delay
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`;

/** Without the token that is still to be pasted. */
function filledIn(headers = {}) {
  return new Headers(Object.entries(headers).filter(([, value]) => String(value).trim() !== 'Bearer'));
}

function post(parameters, headers, accept, signal) {
  const sent = filledIn(headers);
  sent.set('Accept', accept);
  sent.set('Content-Type', 'application/json');
  return fetch(DOOR, { method: 'POST', headers: sent, body: JSON.stringify(parameters), signal });
}

async function answer(response) {
  try {
    return await response.json();
  } catch {
    throw new Error(`status ${response.status}, and no JSON`);
  }
}

/** Calls `event` with the kind and the data of each event, until the stream ends. */
async function readEvents(response, event) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let unread = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const messages = (unread + value).split('\n\n');
    unread = messages.pop();
    for (const message of messages) {
      // Lines that start with a colon only keep the connection open.
      const fields = message.split('\n').map((line) => /^(\w+): ?(.*)$/.exec(line)).filter(Boolean);
      const all = (name) => fields.filter((field) => field[1] === name).map((field) => field[2]).join('\n');
      event(all('event'), all('data'));
    }
  }
}

async function watch(parameters, headers, observer, signal) {
  const response = await post(parameters, headers, EVENTS, signal);
  if (!response.headers.get('Content-Type')?.startsWith(EVENTS)) {
    observer.next(await answer(response));
    return observer.complete();
  }
  let ended = false;
  await readEvents(response, (kind, data) => {
    if (kind === 'next') observer.next(JSON.parse(data));
    ended ||= kind === 'complete';
  });
  if (!ended) throw new Error('the connection ended before the subscription did');
  observer.complete();
}

/** What GraphiQL takes for a subscription: leaving it ends the call. */
function subscription(parameters, headers) {
  const subscribe = (observer) => {
    const call = new AbortController();
    watch(parameters, headers, observer, call.signal).catch((error) => {
      if (!call.signal.aborted) observer.error(error);
    });
    return { unsubscribe: () => call.abort() };
  };
  return { subscribe };
}

function subscribes(document, name) {
  const operations = (document?.definitions ?? []).filter((part) => part.kind === 'OperationDefinition');
  return operations.find((part) => !name || part.name?.value === name)?.operation === 'subscription';
}

function newFetcher() {
  return (parameters, { headers, documentAST } = {}) =>
    subscribes(documentAST, parameters.operationName)
      ? subscription(parameters, headers)
      : post(parameters, headers, ANSWER).then(answer);
}

/** What GraphiQL keeps in the browser, but for the headers: its history would keep the token. */
const storage = {
  getItem: (key) => localStorage.getItem(key),
  setItem: (key, value) => localStorage.setItem(key, withoutHeaders(key, value)),
  removeItem: (key) => localStorage.removeItem(key),
  clear: () => ours().forEach((key) => localStorage.removeItem(key)),
  get length() {
    return ours().length;
  },
};

function ours() {
  return Object.keys(localStorage).filter((key) => key.startsWith('graphiql:'));
}

function withoutHeaders(key, text) {
  if (!/:(tabState|queries|favorites)$/.test(key)) return text;
  return JSON.stringify(JSON.parse(text), (name, value) => (name === 'headers' ? null : value));
}

function isJson(text) {
  try {
    return Boolean(JSON.parse(text));
  } catch {
    return false;
  }
}

/** GraphiQL asks for the schema again whenever its fetcher is a new one: here, whenever the headers are. */
function Page() {
  const [{ headers, fetcher }, set] = React.useState(() => ({ headers: HEADERS, fetcher: newFetcher() }));
  const typing = React.useRef();
  const onEditHeaders = React.useCallback((text) => {
    clearTimeout(typing.current);
    typing.current = setTimeout(() => {
      if (isJson(text)) set((last) => (last.headers === text ? last : { headers: text, fetcher: newFetcher() }));
    }, TYPING_PAUSE_MS);
  }, []);
  const options = {
    fetcher,
    storage,
    defaultQuery: QUERY,
    // What a new tab starts with.
    defaultHeaders: headers,
    defaultEditorToolsVisibility: 'headers',
    shouldPersistHeaders: false,
    onEditHeaders,
  };
  return React.createElement(GraphiQL, options, React.createElement(GraphiQL.Logo, null, 'Sluice'));
}

ReactDOM.createRoot(document.getElementById('page')).render(React.createElement(Page));
