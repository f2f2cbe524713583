// @ts-check
/** Starts the page and joins its parts. */
import { listen } from "./keys.js";
import { mount, panelKeys } from "./loop/panels.js";
import { Stroke } from "./painting.js";
import { by, chosenOptions, drawCases, drawLabels, drawModes, drawOptions, drawRest } from "./panels.js";
import { state, subscribe, update } from "./store.js";
import { client, flush, get, queue, send, sequence, waiting } from "./transport.js";
import { Viewport } from "./viewport.js";

/** @type {Viewport[]} */
let ports = [];
let active = 0;
let stroke = /** @type {Stroke|null} */ (null);

/** Says what went wrong instead of failing in silence. @param {() => Promise<void>} work */
const attempt = (work) => void work().catch((error) => update({ message: error.message }));
const here = () => `/cases/${state.opened?.id}`;

/** @param {any} answer null when the stroke was refused @param {string} of */
function answered(answer, of) {
  if (of !== state.opened?.id) return;
  if (answer) {
    const { revision, epoch, undo, redo } = answer;
    Object.assign(state.opened, { revision, epoch, undo, redo });
    update({ saved: "Saved by the server", message: "" });
  }
  if (!waiting() && !stroke) for (const port of ports) void port.load(true);
}

/** @param {string} id */
async function open(id) {
  if (state.opened) await send(`${here()}/lease`, {}, "DELETE").catch(() => null);
  const opened = await get(`/cases/${id}`);
  if (opened.tiled) { update({ message: `${opened.name} is too large for this page` }); return; }
  by("planes").replaceChildren();
  by("planes").classList.toggle("single", opened.ndim < 3);
  const { low, high, window: [a, b] } = opened.channels[0];
  Object.assign(by("centre"), { min: low, max: high, step: "any" });
  Object.assign(by("width"), { min: (high - low) / 1000, max: high - low, step: "any" });
  update({ opened, position: opened.axes.map((/** @type {any} */ x) => Math.floor(x.size / 2)), centre: opened.rgb ? 127.5 : (a + b) / 2, width: b - a, points: [], preview: null, expected: "", message: "" });
  ports = (opened.ndim === 3 ? [0, 1, 2] : [0]).map((axis) => new Viewport(by("planes"), opened, axis));
  ports.forEach(watch);
  for (const port of ports) void port.load();
  await send(`/cases/${id}/lease`, { take: false });
}

/** @param {Viewport} port @param {number} at */
function watch(port, at) {
  const { canvas } = port;
  let held = /** @type {number[]|null} */ (null);
  canvas.oncontextmenu = (event) => event.preventDefault();
  canvas.onpointerdown = (event) => {
    active = at;
    canvas.focus();
    canvas.setPointerCapture(event.pointerId);
    const place = port.locate(event);
    if (event.button === 1 || event.shiftKey) held = [event.offsetX, event.offsetY];
    else if (state.mode === "look") move(port, place);
    else if (state.mode === "point") update({ points: [...state.points, port.voxel(place[0], place[1])] });
    else if (port.ready() && !state.preview) {
      port.hold();
      stroke = new Stroke(port, state.mode === "erase" || event.altKey || event.button === 2 ? 0 : state.label);
      stroke.to(place);
      update();
    }
  };
  canvas.onpointermove = (event) => {
    port.cursor = port.locate(event);
    if (held) { port.pan[0] += event.offsetX - held[0]; port.pan[1] += event.offsetY - held[1]; held = [event.offsetX, event.offsetY]; }
    else if (stroke?.port === port) for (const e of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event]) stroke.to(port.locate(e));
    else if (state.mode === "look" && event.buttons === 1) move(port, port.cursor);
    say(port);
    update();
  };
  canvas.onpointerup = canvas.onpointercancel = () => { held = null; finish(); };
  canvas.onpointerleave = () => { port.cursor = null; update(); };
  canvas.onwheel = (event) => {
    event.preventDefault();
    const turned = Math.sign(event.deltaY || event.deltaX);
    if (event.shiftKey) resize(turned < 0 ? 1.15 : 1 / 1.15);
    else if (event.ctrlKey) zoom(port, turned < 0 ? 1.2 : 1 / 1.2, event);
    else if (!stroke) step(port, turned);
  };
}

/** Steps from where the person is, loaded or not. @param {Viewport} port @param {number} by */
const step = (port, by) => port.go(state.position[port.axis] + by);

/** @param {Viewport} port @param {number[]} place */
function move(port, place) {
  if (!state.opened || state.opened.ndim < 3) return;
  const position = port.voxel(place[0], place[1]).map((v, a) => Math.max(0, Math.min(ports[a].opened.axes[a].size - 1, v)));
  update({ position });
}
/** Zooms and leaves the voxel under the pointer where it is. @param {Viewport} port @param {number} by @param {{offsetX:number,offsetY:number}} at */
function zoom(port, by, at) {
  const before = port.frame();
  port.zoom = Math.max(0.2, Math.min(40, port.zoom * by));
  const after = port.frame(), ratio = after.sx / before.sx;
  port.pan[0] += at.offsetX - (at.offsetX - before.x) * ratio - after.x;
  port.pan[1] += at.offsetY - (at.offsetY - before.y) * ratio - after.y;
  update();
}
/** @param {number} factor */
const resize = (factor) => update({ radius: Math.round(Math.max(0.5, Math.min(40, state.radius * factor)) * 10) / 10 });

function finish() {
  const done = stroke;
  stroke = null;
  const delta = done?.delta();
  if (done && !delta) void done.port.load(true);
  if (!done || !delta || !state.opened) return;
  const { id, epoch, revision } = state.opened;
  update({ saved: "Sending…" });
  queue({ case: id, body: { client, sequence: sequence(), epoch, revision, what: done.value ? "brush" : "eraser", rules: null, ...delta } }, answered);
}

/** @param {Viewport} port */
function say(port) {
  const { cursor, image, labels } = port;
  if (!cursor || !image || !state.opened) return;
  const [row, col] = cursor.map(Math.floor);
  if (row < 0 || col < 0 || row >= image.rows || col >= image.cols) return;
  const i = row * image.cols + col, value = labels?.values[i] ?? 0;
  const name = state.labels.find((l) => l.value === value)?.name ?? "background";
  const grey = state.opened.rgb ? Array.from(image.values.slice(3 * i, 3 * i + 3)).join(" ") : image.values[i].toPrecision(5).replace(/\.?0+$/, "");
  by("where").textContent = `[${port.voxel(row, col).join(", ")}]  intensity ${grey}  ${name}`;
}

/** @param {"undo"|"redo"} which */
const history = (which) => attempt(async () => {
  if (!state.opened || stroke) return;
  if (waiting()) { update({ message: "Strokes are still being sent; try again in a moment" }); return; }
  const { id, epoch, revision } = state.opened;
  const answer = await send(`${here()}/${which}`, { client, epoch, revision });
  if (answer.box && state.opened.ndim === 3) {
    const { start, stop } = answer.box;
    update({ position: state.position.map((v, a) => v >= start[a] && v < stop[a] ? v : Math.floor((start[a] + stop[a]) / 2)) });
  }
  answered(answer, id);
});
const save = () => attempt(async () => {
  const { version } = await send(`${here()}/save`, { client, note: "" });
  update({ saved: `Version ${version} kept` });
  await refresh();
});

/** @param {string} [name] */
const preview = (name) => attempt(async () => {
  if (name) { by("tool").value = name; drawOptions(); }
  update({ message: "", expected: "Computing…" });
  try {
    const made = await send(`${here()}/tools/${by("tool").value}`, { client, options: chosenOptions(), points: state.points.length ? state.points : null, apply: false, axis: ports[active].axis });
    const dice = made.expected?.dice;
    update({ preview: made.preview, expected: `${made.changed} voxels would change${dice ? `; Dice to expect ${dice.toFixed(2)}` : ""}` });
    ghost(made);
  } catch (error) { update({ expected: "" }); throw error; }
});
/** Shows the proposed voxels on each plane. @param {{box:{start:number[],stop:number[]}|null,runs:number[]|null}} made */
function ghost(made) {
  if (!made.box || !made.runs) return;
  const { start, stop } = made.box, size = stop.map((v, a) => v - start[a]);
  const flat = new Uint32Array(size.reduce((a, b) => a * b, 1));
  const set = new Uint8Array(flat.length);
  for (let i = 0; i < made.runs.length; i += 3) {
    const [offset, length, value] = made.runs.slice(i, i + 3);
    flat.fill(value, offset, offset + length); set.fill(1, offset, offset + length);
  }
  proposal = { start, stop, size, flat, set };
  update();
}
let proposal = /** @type {{start:number[],stop:number[],size:number[],flat:Uint32Array,set:Uint8Array}|null} */ (null);
/** @param {Viewport} port */
function haunt(port) {
  port.ghost = null;
  if (!proposal || !port.labels) return;
  const { start, stop, size, flat, set } = proposal, { rows, cols, values } = port.labels, shown = Uint32Array.from(values);
  if (state.opened?.ndim === 3 && (port.index < start[port.axis] || port.index >= stop[port.axis])) return;
  for (let r = start[port.rowAxis]; r < stop[port.rowAxis]; r++) for (let c = start[port.colAxis]; c < stop[port.colAxis]; c++) {
    const place = port.voxel(r, c);
    if (port.opened.ndim === 3) place[port.axis] = port.index;
    const k = place.reduce((sum, v, a) => sum * size[a] + v - start[a], 0);
    if (set[k]) shown[r * cols + c] = flat[k];
  }
  port.ghost = { rows, cols, values: shown };
}
/** @param {boolean} accept */
const decide = (accept) => attempt(async () => {
  if (!state.preview || !state.opened) return;
  const path = `${here()}/previews/${state.preview}`, { id } = state.opened;
  const answer = accept ? await send(`${path}/accept`, { client, sequence: sequence() }) : await send(path, {}, "DELETE").then(() => null);
  proposal = null;
  update({ preview: null, expected: "", points: [] });
  answered(answer, id);
});

/** What panels may ask of the images. @type {import("./loop/panels.js").Desk} */
const desk = {
  open: async (id, at) => {
    await open(id);
    if (at && state.opened?.ndim === 3) update({ position: state.position.map((v, a) => a === at.axis ? at.index : v) });
  },
  propose: (made) => {
    update({ preview: made.preview, expected: `${made.changed} voxels would change` });
    ghost(made);
  },
  refresh: () => attempt(async () => {
    if (!state.opened) return;
    const facts = await get(here());
    if (facts.id !== state.opened?.id) return;
    Object.assign(state.opened, facts);
    for (const port of ports) void port.load(true);
    update();
  }),
};

async function refresh() { update({ cases: (await get("/cases")).cases }); }
function bind() {
  const number = (/** @type {string} */ id, /** @type {"radius"|"opacity"|"centre"|"width"} */ key) => { by(id).oninput = () => update({ [key]: Number(by(id).value) }); };
  number("radius", "radius"); number("opacity", "opacity"); number("centre", "centre"); number("width", "width");
  by("search").oninput = () => update({ search: by("search").value });
  by("empty-only").onchange = () => update({ emptyOnly: by("empty-only").checked });
  by("undo").onclick = () => history("undo"); by("redo").onclick = () => history("redo");
  by("save").onclick = save; by("help").onclick = () => by("keys").showModal();
  by("theme").onclick = () => document.documentElement.classList.toggle("light");
  by("preview").onclick = () => preview(); by("accept").onclick = () => decide(true); by("drop").onclick = () => decide(false);
  by("tool").onchange = drawOptions;
  addEventListener("resize", () => update());
  const turn = (/** @type {number} */ by) => () => { if (ports[active] && !stroke) step(ports[active], by); };
  const fit = () => { for (const p of ports) { p.zoom = 1; p.pan = [0, 0]; } update(); };
  listen([
    ["B", "Brush", () => update({ mode: "brush" })], ["E", "Eraser (or Alt, right button)", () => update({ mode: "erase" })],
    ["P", "Point for a tool", () => update({ mode: "point" })], ["L", "Look: crosshair", () => update({ mode: "look" })],
    ["[", "Smaller brush (Shift+wheel)", () => resize(1 / 1.15)], ["]", "Larger brush", () => resize(1.15)],
    ["ArrowLeft", "Slice before (wheel)", turn(-1)], ["ArrowRight", "Slice after", turn(1)], ["PageUp", "Ten slices before", turn(-10)], ["PageDown", "Ten slices after", turn(10)],
    ["Ctrl+Z", "Undo", () => history("undo")], ["Ctrl+Y", "Redo", () => history("redo")], ["Ctrl+S", "Keep a version", save],
    ["V", "Fill between slices: preview", () => preview("fill-between-slices")], ["Enter", "Accept the preview", () => decide(true)], ["Escape", "Drop the preview", () => { by("keys").close(); decide(false); }],
    ["H", "Hide or show labels", () => update({ hidden: !state.hidden })], ["F", "Fit", fit], ["?", "This sheet", () => by("keys").showModal()],
    ...Array.from({ length: 9 }, (_, i) => /** @type {[string,string,() => void]} */ ([String(i + 1), `Label ${i + 1}`, () => update({ label: i + 1 })])),
    ...panelKeys(desk),
  ], by("keys"));
}

async function start() {
  bind();
  subscribe(() => {
    drawCases((id) => attempt(() => open(id))); drawLabels(); drawModes(); drawRest();
    for (const port of ports) { void port.load(); haunt(port); port.draw(); }
  });
  const [project, cases, tools] = await Promise.all([get("/project"), get("/cases"), get("/tools")]);
  // This page gives a tool points and no scribbles, so that tools that grow from seeds are not offered.
  const usable = tools.tools.filter((/** @type {any} */ t) => t.needs.every((/** @type {string} */ n) => n === "points"));
  update({ project: project.name, notice: project.notice, labels: project.labels, label: project.labels[0]?.value ?? 1, cases: cases.cases, tools: usable });
  by("tool").replaceChildren(...usable.map((/** @type {any} */ t) => new Option(t.name, t.name)));
  drawOptions();
  void flush(answered);
  setInterval(() => { if (state.opened) void send(`${here()}/lease`, { take: false }).catch((e) => update({ message: e.message })); }, 20000);
  mount({ tabs: by("rooms"), side: by("side"), desk });
  if (cases.cases.length) await open(cases.cases[0].id);
}
attempt(start);
