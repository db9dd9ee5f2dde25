// The web page: signing in, ordering, and a list of downloads that keeps itself up to date.

import { Refused, call, forget, isSignedIn, signIn, signOut } from "./api.js";
import { Live } from "./live.js";
import { Line } from "./record.js";

const at = (id) => document.getElementById(id);
const lines = new Map(); // id of a download -> its line
let live = null;
let user = null;
let nextPage = null;

async function start() {
  const isIn = isSignedIn();
  at("sign-in").hidden = isIn;
  for (const id of ["session", "order", "downloads"]) at(id).hidden = !isIn;
  if (!isIn) return at("sign-in").elements.login.focus();
  user = await call("GET", "/api/v1/user");
  at("who").textContent = user.name || user.login;
  suggestInterval();
  live = new Live(hear, showLine);
  await live.open();
}

function stop() {
  live?.close();
  live = null;
  for (const line of lines.values()) line.stop();
  lines.clear();
  at("list").replaceChildren();
  return start();
}

// Runs what a form or button asks for: disabled meanwhile, and what is refused is shown.
async function act(work, button) {
  at("problem").hidden = true;
  if (button) button.disabled = true;
  try {
    await work();
  } catch (error) {
    complain(error);
  } finally {
    if (button) button.disabled = false;
  }
}

function complain(error) {
  const isRefused = error instanceof Refused;
  if (isRefused && error.status === 401) {
    forget();
    stop();
  }
  at("problem").textContent = isRefused ? error.text : "The server cannot be reached.";
  at("problem").hidden = false;
  if (!isRefused) console.error(error);
}

function hear(body) {
  const { type, data } = body;
  if (type === "archive_generated") take(data.download);
  if (type === "archive_progress") lines.get(data.download_id)?.progress(data.percent);
  if (type === "archive_deleted") drop(data.download_id);
}

// Whenever the line is (back) up, the list is the truth.
function showLine(isOpen) {
  at("live").textContent = isOpen ? "live" : "connecting";
  at("live").classList.toggle("on", isOpen);
  if (isOpen) act(() => load("/api/v1/downloads"));
  else if (!isSignedIn()) stop();
}

async function load(path) {
  const page = await call("GET", path);
  page.data.forEach(take);
  arrange();
  const next = page.links.next && new URL(page.links.next);
  nextPage = next ? next.pathname + next.search : null;
  at("older").hidden = nextPage === null;
}

function take(record) {
  const known = lines.get(record.id);
  if (known) return known.update(record);
  const line = new Line(record, act, () => drop(record.id));
  lines.set(record.id, line);
  arrange();
}

// Deleted here or elsewhere; here it is heard twice.
function drop(id) {
  const line = lines.get(id);
  if (!line) return;
  line.stop();
  line.element.remove();
  lines.delete(id);
  arrange();
}

// Newest first, as the API sorts. Lines that stay in their place are not touched: one may play.
function arrange() {
  const sorted = [...lines.values()].sort(
    (a, b) => b.record.created_at.localeCompare(a.record.created_at) || a.record.id - b.record.id,
  );
  sorted.forEach(({ element }, index) => {
    const there = at("list").children[index];
    if (there !== element) at("list").insertBefore(element, there ?? null);
  });
  at("empty").hidden = sorted.length > 0;
}

function suggestInterval() {
  const text = (minutesAgo) => new Date(Date.now() - minutesAgo * 60000).toISOString().slice(0, 19);
  at("order").elements.from.value = text(2);
  at("order").elements.to.value = text(1);
}

// A field without seconds leaves them out; the API wants them, and a zone.
function instant(field) {
  return `${field.value.length === 16 ? `${field.value}:00` : field.value}Z`;
}

at("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const { login, password } = event.target.elements;
  act(async () => {
    await signIn(login.value, password.value);
    password.value = "";
    await start();
  }, event.submitter);
});

at("order").addEventListener("submit", (event) => {
  event.preventDefault();
  const { ids, from, to } = event.target.elements;
  const order = {
    from: instant(from),
    to: instant(to),
    ids: ids.value.trim().split(/[\s,]+/).map(Number),
  };
  act(async () => (await call("POST", "/api/v1/downloads", order)).forEach(take), event.submitter);
});

at("sign-out").addEventListener("click", (event) =>
  act(async () => {
    await signOut(user.access_token_id);
    await stop();
  }, event.currentTarget),
);

at("older").addEventListener("click", (event) => act(() => load(nextPage), event.currentTarget));

act(start);
