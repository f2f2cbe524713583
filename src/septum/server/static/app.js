// @ts-check
/** Starts the page and joins its parts. */
import { commandTable } from "./commands.js";
import { by } from "./dom.js";
import { answered, forget, here, settle } from "./draw/edits.js";
import { begin } from "./draw/gesture.js";
import { watch } from "./draw/pointer.js";
import { show } from "./draw/smart.js";
import { listen } from "./keys.js";
import { drawPlanes, openPlanes, planes, reload } from "./look/planes.js";
import { propose } from "./look/proposal.js";
import { channelsOf } from "./look/window.js";
import { mount, panelKeys } from "./loop/panels.js";
import { showKeys, showPalette } from "./palette.js";
import { bindCases, drawCases } from "./side/cases.js";
import { bindHistory, drawHistory } from "./side/history.js";
import { bindImage, drawImage, drawRules } from "./side/image.js";
import { bindLayers, drawLayers, fetchLayers } from "./side/layers.js";
import { bindLabels, drawLabels } from "./side/labels.js";
import { bindOptions, drawOptions } from "./side/options.js";
import { drawStatus } from "./side/status.js";
import { drawToolbar } from "./side/toolbar.js";
import { attempt, state, subscribe, update } from "./store.js";
import { client, flush, get, idle, Refused, send } from "./transport.js";

/** A case that somebody else has, or a server that is gone, is asked for at every tick; a lease is renewed each few. */
const TICK_MS = 5000, RENEW_TICKS = 4;

/** @param {string} id */
async function open(id) {
  if (!state.lost) await idle();
  if (state.opened && state.opened.id !== id) await send(`${here()}/lease`, {}, "DELETE").catch(() => null);
  const opened = await get(`/cases/${id}`);
  propose(null); begin(null); forget();
  const grid = openPlanes(opened), spacing = Math.min(...grid.mm.slice(grid.volume ? 0 : 1));
  const size = Math.max(...grid.size) * spacing;
  update({
    opened, position: grid.size.map((n) => Math.floor(n / 2)), channels: channelsOf(opened), channel: 0, layers: [], maps: opened.maps, base: "current", beside: "", heat: opened.maps.some((/** @type {{name:string}} */ one) => one.name === state.heat) ? state.heat : "", points: [], marks: [], boxes: [], preview: null, expected: "", message: "", locked: "", ranged: false,
    radius: Number(Math.max(spacing, Math.min(state.radius, size / 8), size / 100).toPrecision(2)),
  });
  planes.all.forEach(watch);
  history.replaceState(null, "", `#${id}`);
  await hold();
  fetchLayers(opened);
}

/** Asks for the right to edit, again and again; says who has it where somebody else does. @param {boolean} [take] from somebody who went away */
async function hold(take = false) {
  if (!state.opened) return;
  try {
    const { revision, epoch } = await send(`${here()}/lease`, { take });
    const restarted = epoch !== state.opened.epoch;
    if (restarted) { Object.assign(state.opened, { revision, epoch }); reload(); }
    if (state.locked) reload();
    if (state.locked || restarted) update({ locked: "", message: state.locked ? "The case is free: you can draw" : "" });
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== "leased") throw error;
    const who = error.said.lease?.author ?? "Somebody else";
    const why = `${who} is editing this case; you can look at it${take ? ", and take it over a minute after they went away" : ""}`;
    update({ locked: why, message: why });
  }
}

const save = () => attempt(async () => {
  const { version } = await send(`${here()}/save`, { client, note: "" });
  update({ saved: `Version ${version} kept` });
  update({ cases: (await get("/cases")).cases });
  if (state.opened) fetchLayers(state.opened);
});

/** What panels may ask of the images. @type {import("./loop/panels.js").Desk} */
const desk = {
  open: async (id, at) => {
    await open(id);
    if (at && state.opened?.ndim === 3) update({ position: state.position.map((v, a) => (a === at.axis ? at.index : v)) });
  },
  propose: show,
  refresh: () => attempt(async () => {
    if (!state.opened) return;
    const facts = await get(here());
    if (facts.id !== state.opened?.id) return;
    Object.assign(state.opened, facts);
    state.maps = facts.maps;
    reload(); settle();
    fetchLayers(facts);
    update();
  }),
};

function bind() {
  by("save").onclick = save; by("help").onclick = showKeys; by("find").onclick = showPalette;
  by("drawer").onclick = () => { document.body.classList.toggle("no-cases"); update(); };
  const light = (/** @type {boolean} */ on) => { document.documentElement.classList.toggle("light", on); localStorage.setItem("septum-theme", on ? "light" : "dark"); };
  by("theme").onclick = () => light(!document.documentElement.classList.contains("light"));
  light(localStorage.getItem("septum-theme") === "light");
  if (innerWidth < 1100) document.body.classList.add("no-cases");
  bindCases(); bindHistory(); bindImage(); bindLayers(); bindLabels(); bindOptions();
  new ResizeObserver(() => update()).observe(by("planes"));
  for (const dialog of [by("keys"), by("palette")]) dialog.addEventListener("click", (/** @type {MouseEvent} */ event) => { if (event.target === dialog) dialog.close(); });
}

function draw() {
  // In mid-stroke nothing but the picture changes, and a frame has sixteen milliseconds.
  if (state.painting) { drawPlanes(watch); drawStatus(); return; }
  drawCases((id) => attempt(() => open(id)));
  drawToolbar(); drawOptions(); drawLabels(); drawImage(); drawLayers(); drawRules(); drawHistory(); drawStatus();
  drawPlanes(watch);
}

/** Keeps the lease while the page is open, and gives it back when it is left. */
function keepLease() {
  let ticks = 0;
  setInterval(() => { if (state.opened && (state.locked || state.lost || ++ticks % RENEW_TICKS === 0)) void hold().catch(() => update({ lost: true, message: "No connection; what you draw is kept and sent again" })); }, TICK_MS);
  addEventListener("pagehide", () => { if (state.opened) navigator.sendBeacon(`/api${here()}/lease/release`, new Blob([JSON.stringify({ client })], { type: "application/json" })); });
}

async function start() {
  bind();
  const [project, cases, tools, models] = await Promise.all([get("/project"), get("/cases"), get("/tools"), get("/models").catch(() => ({ models: [] }))]);
  update({ project: project.name, notice: project.notice, instances: project.instances, labels: project.labels, label: project.labels[0]?.value ?? 1, cases: cases.cases, tools: tools.tools, models: models.models });
  listen(commandTable({ open: (id) => attempt(() => open(id)), save, takeOver: () => attempt(() => hold(true)) }, panelKeys(desk)));
  subscribe(draw);
  mount({ tabs: by("rooms"), side: by("side"), desk });
  void flush(answered);
  const wanted = cases.cases.find((/** @type {{id:string}} */ c) => c.id === location.hash.slice(1)) ?? cases.cases[0];
  if (wanted) await open(wanted.id);
  keepLease();
}
attempt(start);
