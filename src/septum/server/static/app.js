// @ts-check
/** Starts the page and joins its parts. */
import { commandTable } from "./commands.js";
import { by } from "./dom.js";
import { answered, forget, here, settle } from "./draw/edits.js";
import { begin } from "./draw/gesture.js";
import { watch } from "./draw/pointer.js";
import { show as showProposal } from "./draw/smart.js";
import { listen } from "./keys.js";
import { forgetAhead, isAlike, isSister, takeFrame } from "./look/frames.js";
import { drawPlanes, openPlanes, planes, reload, turnPlanes } from "./look/planes.js";
import { propose } from "./look/proposal.js";
import { channelsAsShown, channelsOf } from "./look/window.js";
import { hear } from "./loop/events.js";
import { mount, panelKeys } from "./loop/panels.js";
import { showKeys, showPalette } from "./palette.js";
import { bindCases, drawCases } from "./side/cases.js";
import { bindDoubts, drawDoubts } from "./side/doubts.js";
import { bindHistory, drawHistory } from "./side/history.js";
import { bindImage, drawImage, drawRules } from "./side/image.js";
import { bindLayers, drawLayers, fetchLayers, layersAsShown } from "./side/layers.js";
import { bindLabels, drawLabels } from "./side/labels.js";
import { bindMovie, drawMovie, playing } from "./side/movie.js";
import { bindOptions, drawOptions } from "./side/options.js";
import { drawStatus } from "./side/status.js";
import { drawToolbar } from "./side/toolbar.js";
import { attempt, state, subscribe, update } from "./store.js";
import { client, flush, get, idle, Refused, send, waiting } from "./transport.js";

/** A case that somebody else has, or a server that is gone, is asked for at every tick; a lease is renewed each few. */
const TICK_MS = 5000, RENEW_TICKS = 4;

/** A frame that is stayed at for so long is leased; those that are passed on the way are looked at. */
const REST_MS = 350;
/** The case whose lease was asked for, the revision that the open one came with, requests about leases in their order. */
let holding = "", entered = 0, resting = 0, leasing = /** @type {Promise<any>} */ (Promise.resolve());
/** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
const inOrder = (work) => { const next = leasing.catch(() => null).then(work); leasing = next.catch(() => null); return next; };

/** Gives the open case back, once its strokes are there; what changed becomes a version. */
function leave() {
  const path = `${here()}/lease`;
  holding = "";
  return inOrder(async () => { if (!state.lost) await idle(); await send(path, {}, "DELETE").catch(() => null); });
}

/** Opens a case. @param {string} id */
async function open(id) {
  if (!state.lost) await idle();
  if (isSister(id)) { await turn(id); return; }
  if (state.opened && state.opened.id !== id) await leave();
  show(await get(`/cases/${id}`));
  await rest();
}

/** Shows a case as one opens it. @param {import("./store.js").Opened} opened */
function show(opened) {
  propose(null); begin(null); forget();
  const grid = openPlanes(opened), spacing = Math.min(...grid.mm.slice(grid.volume ? 0 : 1));
  const size = Math.max(...grid.size) * spacing;
  entered = opened.revision;
  update({
    opened, position: grid.size.map((n) => Math.floor(n / 2)), channels: channelsOf(opened), channel: 0, layers: [], maps: opened.maps, base: "current", beside: "", heat: heatOf(opened), points: [], marks: [], boxes: [], preview: null, expected: "", message: "", locked: "", ranged: false,
    radius: Number(Math.max(spacing, Math.min(state.radius, size / 8), size / 100).toPrecision(2)),
  });
  planes.all.forEach(watch);
}

/** The heat map that stays. @param {import("./store.js").Opened} opened */
const heatOf = (opened) => (opened.maps.some((one) => one.name === state.heat) ? state.heat : "");

/** Goes to another frame of the movie: zoom, window, layers, tool and label stay as they are. @param {string} id */
async function turn(id) {
  const { opened, sources } = await takeFrame(id), left = state.opened;
  if (state.painting || !left) return;
  if (holding === left.id || left.revision !== entered) void leave();
  if (!isAlike(left, opened)) { show(opened); await rest(); return; }
  propose(null); begin(null); forget();
  turnPlanes(opened, sources);
  entered = opened.revision;
  const other = opened.lease && opened.lease.client !== client ? opened.lease.author : "";
  const has = (/** @type {string} */ name) => name === "current" || opened.layers.includes(name), [kind] = state.beside.split(":"), what = state.beside.slice(kind.length + 1);
  const stays = kind === "layer" ? has(what) : kind !== "map" || opened.maps.some((one) => one.name === what);
  update({
    opened, channels: channelsAsShown(opened), layers: layersAsShown(opened), maps: opened.maps, base: has(state.base) ? state.base : "current", beside: stays ? state.beside : "", heat: heatOf(opened),
    points: [], marks: [], boxes: [], preview: null, expected: "", message: "", locked: other ? `${other} is editing this frame; you can look at it` : "",
  });
  clearTimeout(resting);
  resting = setTimeout(() => attempt(rest), REST_MS);
}

/** What is asked of the server about a case that is stayed at. */
async function rest() {
  clearTimeout(resting);
  if (playing()) { resting = setTimeout(() => attempt(rest), REST_MS); return; }
  const { opened } = state;
  if (!opened) return;
  history.replaceState(null, "", `#${opened.id}`);
  await hold();
  if (state.opened === opened) fetchLayers(opened);
}

/** Asks for the right to edit, again and again; says who has it where somebody else does. @param {boolean} [take] from somebody who went away */
async function hold(take = false) {
  const of = state.opened;
  if (!of) return;
  holding = of.id;
  try {
    const { revision, epoch, undo, redo } = await inOrder(() => send(`/cases/${of.id}/lease`, { take }));
    if (state.opened !== of) return;
    const restarted = epoch !== of.epoch, newer = revision > of.revision && !waiting() && !state.painting;
    if (restarted || newer) { Object.assign(of, { revision, epoch, undo, redo }); reload(); update(); }
    if (state.locked) reload();
    if (state.locked || restarted) update({ locked: "", message: state.locked ? "The case is free: you can draw" : "" });
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== "leased") throw error;
    if (state.opened !== of) return;
    holding = "";
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
  propose: showProposal,
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
  bindCases(); bindHistory(); bindImage(); bindLayers(); bindLabels(); bindOptions(); bindMovie(open); bindDoubts();
  hear("labels", (data) => forgetAhead(data.case));
  for (const kind of ["reload", "predicted"]) hear(kind, () => forgetAhead());
  new ResizeObserver(() => update()).observe(by("planes"));
  for (const dialog of [by("keys"), by("palette")]) dialog.addEventListener("click", (/** @type {MouseEvent} */ event) => { if (event.target === dialog) dialog.close(); });
}

function draw() {
  // In mid-stroke nothing but the picture changes, and a frame has sixteen milliseconds.
  if (state.painting) { drawPlanes(watch); drawStatus(); return; }
  drawCases((id) => attempt(() => open(id)));
  drawToolbar(); drawOptions(); drawLabels(); drawImage(); drawLayers(); drawRules(); drawHistory(); drawStatus(); drawMovie(); drawDoubts();
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
