// The socket on which the server tells what happens; comes back by itself and asks what it missed.

import { call } from "./api.js";

const LONGEST_WAIT = 30000;

export class Live {
  // onEvent(body) hears each push, onState(isOpen) when the line comes and goes.
  constructor(onEvent, onState) {
    this.onEvent = onEvent;
    this.onState = onState;
    this.lastId = null;
    this.failures = 0;
    this.isWanted = false;
  }

  async open() {
    this.isWanted = true;
    try {
      this.address ??= `${(await call("GET", "/api/v1/wsurl")).ws_url}/notifications`;
      const { ticket } = await call("POST", "/api/v1/ws-ticket");
      if (!this.isWanted) return;
      const after = this.lastId === null ? "" : `&after=${this.lastId}`;
      this.socket = new WebSocket(`${this.address}?token=${encodeURIComponent(ticket)}${after}`);
      this.socket.onmessage = (message) => this.hear(JSON.parse(message.data));
      this.socket.onclose = () => this.lose();
    } catch {
      this.lose();
    }
  }

  close() {
    this.isWanted = false;
    this.socket?.close();
  }

  hear(message) {
    if (message.type === "authenticated") {
      this.failures = 0;
      this.lastId ??= message.last_id;
      this.onState(true);
    } else if (message.type === "event") {
      if (message.id) this.lastId = Math.max(this.lastId ?? 0, message.id);
      this.onEvent(message.data);
    }
  }

  lose() {
    this.onState(false);
    if (!this.isWanted) return;
    setTimeout(() => this.isWanted && this.open(), Math.min(1000 * 2 ** this.failures, LONGEST_WAIT));
    this.failures += 1;
  }
}
