// A page as somebody else would write it: signs in, listens with the library named in the first
// argument, and prints what happens as lines of JSON. Commands come in as lines of JSON.

const readline = require("node:readline");
const { default: Echo } = require("./vendor/laravel-echo/echo.cjs");
const Pusher = require("./vendor/pusher-js/pusher.js");

const [library, base, login, password] = process.argv.slice(2);
const tell = (what, more = {}) => console.log(JSON.stringify({ what, ...more }));
let lastId = null;

async function call(path, body, token) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const method = body ? "POST" : "GET";
  const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
  return answer.json();
}

function hear(channel, event, data) {
  if (data.id) lastId = Math.max(lastId ?? 0, data.id);
  tell("event", { channel, event, data });
}

// What the documents of the API say: wsurl holds the options of a Pusher client.
function optionsOf(address) {
  return {
    cluster: "none",
    wsHost: address.host,
    wsPort: address.port,
    wssPort: address.port,
    wsPath: address.path,
    forceTLS: address.is_encrypted,
    enabledTransports: ["ws", "wss"],
    disableStats: true,
  };
}

function listenWithPusher(address, token) {
  const pusher = new Pusher(address.app_key, {
    ...optionsOf(address),
    channelAuthorization: {
      transport: "ajax",
      endpoint: `${base}/broadcasting/auth`,
      headersProvider: () => ({ Authorization: `Bearer ${token}` }),
      paramsProvider: () => (lastId === null ? {} : { after: lastId }),
    },
  });
  const subscribe = (channel, event) => {
    const subscription = pusher.subscribe(`private-${channel}`);
    subscription.bind("pusher:subscription_succeeded", () => tell("subscribed", { channel }));
    subscription.bind("pusher:subscription_error", ({ status }) =>
      tell("refused", { channel, status }));
    subscription.bind(`App\\Events\\${event}`, (data) => hear(channel, event, data));
  };
  return { pusher, subscribe };
}

function listenWithEcho(address, token) {
  const echo = new Echo({
    broadcaster: "pusher",
    Pusher,
    key: address.app_key,
    ...optionsOf(address),
    authEndpoint: `${base}/broadcasting/auth`,
    bearerToken: token,
  });
  const subscribe = (channel, event) =>
    echo
      .private(channel)
      .subscribed(() => tell("subscribed", { channel }))
      .error(({ status }) => tell("refused", { channel, status }))
      .listen(event, (data) => hear(channel, event, data));
  return { pusher: echo.connector.pusher, subscribe };
}

async function start() {
  const { access_token: token, user } = await call("/api/v1/token", { login, password });
  const address = await call("/api/v1/wsurl");
  const listen = { "pusher-js": listenWithPusher, "laravel-echo": listenWithEcho }[library];
  const { pusher, subscribe } = listen(address, token);
  pusher.connection.bind("state_change", ({ current }) => tell("state", { current }));
  pusher.connection.bind("error", ({ data }) => tell("error", { code: data?.code ?? null }));
  tell("signed in", { token, session: user.access_token_id, user: user.id });
  readline.createInterface({ input: process.stdin }).on("line", (line) => {
    const { channel, event } = JSON.parse(line);
    subscribe(channel, event);
  }).on("close", () => process.exit(0));
}

start();
