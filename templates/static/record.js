// One line of the list of downloads: what is known of it, and what can be done with it.

import { call } from "./api.js";

const template = document.getElementById("record");
const ACTIVE = ["queued", "in progress"];

export class Line {
  // act(work) runs what a button does and shows what went wrong.
  constructor(record, act, onGone) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.part = (selector) => this.element.querySelector(selector);
    const path = `/api/v1/downloads/${record.id}`;
    const on = (selector, work) =>
      this.part(selector).addEventListener("click", (event) => act(work, event.currentTarget));
    on(".cancel", async () => this.update(await call("POST", `${path}/cancel`)));
    on(".repeat", async () => this.update(await call("POST", `${path}/repeat`)));
    on(".delete", async () => onGone(await call("DELETE", path)));
    this.part(".play").addEventListener("click", () => this.toggle());
    this.update(record);
  }

  update(changes) {
    const record = (this.record = { ...this.record, ...changes });
    const isActive = ACTIVE.includes(record.status);
    this.part(".name").textContent = record.name;
    this.part(".badge").textContent = record.status;
    this.part(".badge").className = `badge ${record.status.replace(" ", "-")}`;
    this.part(".detail").textContent = describe(record);
    const bar = this.part("progress");
    bar.hidden = !isActive;
    bar.value = record.progress;
    this.part(".download").hidden = !record.is_file_exists;
    if (record.is_file_exists) this.part(".download").href = record.url;
    this.part(".play").hidden = !record.is_file_exists;
    if (!record.is_file_exists) this.stop();
    this.part(".cancel").hidden = !isActive;
    this.part(".repeat").hidden = isActive;
    this.part(".actions").setAttribute("aria-label", record.name);
  }

  // A percentage may still be on its way when the work has ended.
  progress(percent) {
    if (ACTIVE.includes(this.record.status)) this.update({ status: "in progress", progress: percent });
  }

  toggle() {
    const video = this.part("video");
    if (!video.hidden) return this.stop();
    video.src = `${this.record.url}?inline=1`;
    video.hidden = false;
    this.label("Close", true);
    video.play().catch(() => {}); // a browser may want a click on the player itself
  }

  stop() {
    const video = this.part("video");
    if (video.hidden) return;
    video.pause();
    video.removeAttribute("src");
    video.load();
    video.hidden = true;
    this.label("Play", false);
  }

  label(text, isOpen) {
    this.part(".play").textContent = text;
    this.part(".play").setAttribute("aria-expanded", String(isOpen));
  }
}

function describe(record) {
  const isOneDay = record.from.slice(0, 10) === record.to.slice(0, 10);
  const parts = [`${record.from} to ${isOneDay ? record.to.slice(11) : record.to} UTC`];
  if (record.is_file_exists) {
    parts.push(`${(record.size / 2 ** 20).toFixed(1)} MiB`, `${record.duration.toFixed(1)} s`);
    parts.push(`kept until ${record.expires_at.slice(11, 16)} UTC`);
    const gaps = record.coverage?.gaps.length;
    if (gaps) parts.push(`${gaps} gap${gaps > 1 ? "s" : ""} in the recording`);
  }
  if (record.error) parts.push(record.error.message);
  return parts.join(" · ");
}
