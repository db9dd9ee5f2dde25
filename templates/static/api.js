// Talks to the API with the tokens of this tab; a tab that is closed forgets them.

const TOKENS = "vms.tokens";

export class Refused extends Error {
  constructor(status, body) {
    super(body.message || `The server answered ${status}.`);
    this.status = status;
    this.errors = body.errors || {};
  }

  // One line for each wrong key, or the message alone.
  get text() {
    const lines = Object.entries(this.errors).map(([key, texts]) => `${key}: ${texts.join(" ")}`);
    return lines.length ? lines.join("\n") : this.message;
  }
}

export function isSignedIn() {
  return sessionStorage.getItem(TOKENS) !== null;
}

export async function signIn(login, password) {
  keep(await send("POST", "/api/v1/token", { login, password }));
}

export async function signOut(sessionId) {
  try {
    await call("DELETE", `/api/v1/sessions/${sessionId}`);
  } finally {
    forget();
  }
}

export function forget() {
  sessionStorage.removeItem(TOKENS);
}

// Sends one request; an access token that has run out is renewed once.
export async function call(method, path, body) {
  const used = tokens().access;
  try {
    return await send(method, path, body, used);
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 401 || !isSignedIn()) throw error;
  }
  await renew(used);
  return send(method, path, body, tokens().access);
}

let renewing = null;

// Two requests may find the token too old at once; a refresh token is good for one use only.
async function renew(used) {
  if (tokens().access !== used) return;
  renewing ??= send("POST", "/api/v1/token/refresh", { refresh_token: tokens().refresh }).then(keep);
  try {
    await renewing;
  } catch (error) {
    if (error.status === 401) forget();
    throw error;
  } finally {
    renewing = null;
  }
}

async function send(method, path, body, token) {
  const headers = { Accept: "application/json", "X-Client": "web" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, data);
  return data;
}

function tokens() {
  return JSON.parse(sessionStorage.getItem(TOKENS) || "{}");
}

function keep(pair) {
  const kept = { access: pair.access_token, refresh: pair.refresh_token };
  sessionStorage.setItem(TOKENS, JSON.stringify(kept));
}
