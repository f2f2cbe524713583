// @ts-check
/** Tools of the server: what was shown to them, their proposals, and whether those are accepted or dropped. */
import { chosenOptions } from "../side/form.js";
import { inward, outward } from "../look/geometry.js";
import { active } from "../look/planes.js";
import { propose } from "../look/proposal.js";
import { Tiles } from "../look/tiles.js";
import { attempt, state, update } from "../store.js";
import { client, send } from "../transport.js";
import { apply, change, here } from "./edits.js";
import { begin, gesture, isHere } from "./gesture.js";
import { gestureOf } from "./kinds.js";
import { rulesFor } from "./rules.js";
import { inTurn } from "./turn.js";

/** @typedef {{preview:string,what:string,box:{start:number[],stop:number[]}|null,runs:number[]|null,changed:number,seconds:number,expected:{dice:number|null,next:{axis:number,index:number}|null}|null,said?:string,maps?:import("../store.js").HeatMap[],done?:boolean,error?:string}} Made */
/** Pixels of an image in tiles that a tool is shown at most. */
const LARGEST_SEEN = 6e6;
let asking = false, again = /** @type {string|null} */ (null);
let stop = new AbortController();

/** The tool of the server that a name stands for. @param {string} name */
export const toolOf = (name) => state.tools.find((one) => one.name === name);

/** Options of a tool as the page knows them: the label in hand, the plane, the brush; the rest as set in its form. @param {string} name */
export function optionsFor(name) {
  const tool = toolOf(name), known = (/** @type {string} */ option) => tool?.options.find((one) => one.name === option);
  /** @type {Record<string, any>} */
  const options = chosenOptions(name);
  if (known("label") && !("label" in options)) options.label = state.label;
  if (known("radius_mm")) options.radius_mm = state.radius;
  if (known("axis") && name !== "fill-between-slices" && state.opened?.ndim === 3 && (known("axis")?.default !== null || options.axis === "slice")) options.axis = markedAxis(name);
  if (options.axis === "slice") delete options.axis;
  return options;
}

/** The axis across the slices that are meant: of prompts that of the plane they stand in, whichever plane was looked at since. @param {string} name */
const markedAxis = (name) => (gestureOf(name) === "prompt" ? state.across : active().axis);

/** @param {number} label @param {number[][]} points @param {number} radius_mm */
const mark = (label, points, radius_mm) => ({ label, points: points.map(outward), radius_mm });

/** Of an image in tiles a tool looks at what is seen; of another one at all of it. */
function regionSeen() {
  const { source } = active();
  if (!(source instanceof Tiles)) return null;
  const [start, stop] = source.visible();
  if ((stop[0] - start[0]) * (stop[1] - start[1]) > LARGEST_SEEN) throw new Error("The part that is seen is too large for a tool; zoom in first");
  return [start, stop];
}

/** What the tool is shown. @param {string} name */
export function bodyFor(name) {
  const shown = state.marks.map((m) => mark(m.label, m.points, m.radius_mm));
  return {
    region: regionSeen(),
    client, options: optionsFor(name), axis: markedAxis(name), rules: rulesFor(state.label),
    channel: state.channels.length > 1 && !state.opened?.rgb ? state.channel : null,
    points: state.points.length ? state.points.map(outward) : null,
    strokes: shown.length ? shown : null,
    boxes: state.boxes.length ? state.boxes.map((region) => ({ region: region.map(outward), label: state.label })) : null,
  };
}

/** Asks for a proposal; what is asked meanwhile waits, and only the newest of it is asked. @param {string} [named] */
export const ask = (named) => attempt(async () => {
  const name = named ?? state.tool;
  if (!state.opened || !toolOf(name)) return;
  if (state.locked) { update({ message: state.locked }); return; }
  if (asking) { again = name; return; }
  asking = true; again = null;
  stop = new AbortController();
  update({ message: "", busy: `${name} is at work… Esc stops it`, expected: "Computing…" });
  try {
    const steps = toolOf(name)?.options.some((option) => option.name === "every");
    if (steps) await inTurn(() => stream(name));
    else show(await inTurn(() => send(`${here()}/tools/${name}`, bodyFor(name), "POST", stop.signal)));
  } catch (error) {
    propose(null);
    const stopped = error instanceof DOMException;
    update({ expected: stopped || !(error instanceof Error) ? "" : error.message, preview: null });
    if (!stopped) throw error;
  } finally {
    asking = false;
    update({ busy: "" });
  }
  if (again) ask(again);
});

/** A tool that works in steps shows each of them. @param {string} name */
async function stream(name) {
  const answer = await fetch(`/api${here()}/tools/${name}`, { method: "POST", signal: stop.signal, headers: { "Content-Type": "application/json", "X-Septum-Client": client }, body: JSON.stringify({ ...bodyFor(name), stream: true }) });
  if (!answer.ok || !answer.body) throw new Error((await answer.json()).error);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let held = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (held + value).split("\n");
    held = lines.pop() ?? "";
    for (const line of lines.filter(Boolean)) {
      const made = JSON.parse(line);
      if (made.error) throw new Error(made.error);
      show(made);
    }
  }
}

/** Shows a proposal as a ghost. @param {Made} made */
export function show(made) {
  propose(made);
  const dice = made.expected?.dice, next = made.expected?.next;
  if (made.maps?.length) takeMaps(made.maps);
  const text = made.changed ? `${made.changed.toLocaleString("en")} voxels would change${made.runs ? "" : ", too many to show"}${dice ? `; Dice to expect ${dice.toFixed(2)}` : ""}${next ? `; draw slice ${next.index + 1} next` : ""}${made.said ? `; ${made.said}` : ""}` : "Nothing would change";
  update({ preview: { id: made.preview, what: made.what, changed: made.changed, text }, expected: text });
}

/** What the pixel classifier thinks: shown in place of what it thought before. @param {import("../store.js").HeatMap[]} maps */
const takeMaps = (maps) => update({ maps: [...maps, ...state.maps.filter((one) => one.model !== "pixels")] });

export function accept() {
  const { preview } = state;
  if (!preview) return;
  propose(null);
  change(`previews/${preview.id}/accept`, {});
  update({ preview: null, expected: "", points: [], marks: gestureOf(state.tool) === "scribble" ? state.marks : [], boxes: [] });
}

export function drop() {
  stop.abort();
  again = null;
  const { preview } = state;
  propose(null);
  update({ preview: null, expected: "" });
  if (preview) attempt(() => send(`${here()}/previews/${preview.id}`, {}, "DELETE"));
}

/** Takes the last mark back. */
export function unmark() {
  if (state.marks.length) update({ marks: state.marks.slice(0, -1) });
  else if (state.boxes.length) update({ boxes: state.boxes.slice(0, -1) });
  else if (state.points.length) update({ points: state.points.slice(0, -1) });
  else return;
  if (state.live && (state.marks.length || state.points.length || state.boxes.length)) ask(); else drop();
}
export function clearMarks() { update({ marks: [], points: [], boxes: [] }); drop(); }

let hovering = false, place = /** @type {number[]|null} */ (null);
/** The path of the live-wire from the last anchor to the cursor. @param {import("../look/plane.js").Plane} plane @param {number[]} at */
export function hoverWire(plane, at) {
  if (!isHere(plane) || !gesture.path.length) return;
  place = at;
  if (hovering) return;
  hovering = true;
  attempt(async () => {
    try {
      while (place) {
        const to = place;
        place = null;
        gesture.tail = await path(plane, [gesture.path[gesture.path.length - 1], to]);
        update();
      }
    } finally { hovering = false; }
  });
}

/** @param {import("../look/plane.js").Plane} plane @param {number[][]} ends */
async function path(plane, ends) {
  const points = ends.map((end) => outward(plane.voxel(end)));
  if (points[0].every((v, a) => v === points[1][a])) return []; // two places in one voxel have no path
  const { filled: _, ...options } = optionsFor("live-wire");
  const made = await inTurn(() => send(`${here()}/tools/live-wire`, { client, options: { ...options, filled: false }, points, axis: plane.axis, channel: bodyFor("live-wire").channel, region: regionSeen() }));
  return voxelsOf(made);
}

/** @param {Made} made */
function voxelsOf(made) {
  if (!made.box || !made.runs) return [];
  const { start, stop: end } = inward(made.box), [, ny, nx] = end.map((v, a) => v - start[a]), found = [];
  for (let i = 0; i < made.runs.length; i += 3) for (let k = made.runs[i]; k < made.runs[i] + made.runs[i + 1]; k++) {
    found.push([start[0] + Math.floor(k / (ny * nx)), start[1] + (Math.floor(k / nx) % ny), start[2] + (k % nx)]);
  }
  return found;
}

/** @param {import("../look/plane.js").Plane} plane @param {number[]} at */
export function anchor(plane, at) {
  if (!isHere(plane)) begin(plane);
  const last = gesture.path.at(-1);
  gesture.path.push(at);
  update();
  if (!last) return;
  attempt(async () => { gesture.wire.push(...await path(plane, [last, at])); gesture.tail = []; update(); });
}

/** Closes the live-wire and fills it. */
export function closeWire() {
  const { plane, path: anchors } = gesture;
  if (!plane || anchors.length < 3) { update({ message: "A live-wire needs three clicks or more before it is closed" }); return; }
  const { filled: _, ...options } = optionsFor("live-wire");
  apply("live-wire", { options, points: anchors.map((p) => outward(plane.voxel(p))), channel: bodyFor("live-wire").channel, region: regionSeen() });
  begin(null);
  update();
}
