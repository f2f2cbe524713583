// @ts-check
/** Edits on their way: strokes to the server, answers into the planes, undo and redo, and what is done to one slice. */
import { colAxis, inward, outward, rowAxis } from "../look/geometry.js";
import { active, putRuns, reload } from "../look/planes.js";
import { attempt, state, update } from "../store.js";
import { client, idle, queue, Refused, send, sequence, waiting } from "../transport.js";
import { rulesFor } from "./rules.js";
import { inTurn } from "./turn.js";

/** @typedef {{from:number[],to:number[],values:Uint32Array}} Snapshot */
/** @type {Map<string, Snapshot[]>} */
const snapshots = new Map();
/** Edits of one slice that can be taken back on it alone, and pixels up to which a whole slice is kept for that. */
const MOST = 50, LARGEST_KEPT = 1 << 22;
let late = false;

export const here = () => `/cases/${state.opened?.id}`;
export const forget = () => { snapshots.clear(); late = false; };
const where = (/** @type {import("../look/plane.js").Plane} */ plane) => `${plane.axis}/${plane.source.index}`;

/** @param {any} answer null when the edit was refused @param {string} of */
export function answered(answer, of) {
  if (of !== state.opened?.id) return;
  if (answer) {
    const { revision, epoch, undo, redo, provenance } = answer, restarted = epoch !== state.opened.epoch;
    Object.assign(state.opened, { revision, epoch, undo, redo, provenance });
    update({ saved: waiting() ? "Sending…" : "Saved by the server", message: restarted ? "The server was started again; what was drawn is there" : "" });
    late ||= restarted || (answer.box !== null && answer.runs === null);
    if (answer.box && answer.runs && !waiting() && !state.painting && !restarted) putRuns(answer.box, answer.runs);
    else late = true;
  } else late = true;
  settle();
}

/** Looks at the labels anew when what came meanwhile could not be used. */
export function settle() {
  if (!late || waiting() || state.painting) return;
  late = false;
  reload();
  update();
}

/** Sends a stroke that is painted already. @param {import("./stroke.js").Stroke} stroke @param {string} what */
export function commit(stroke, what) {
  const { opened } = state;
  if (!opened || stroke.spans.empty) { settle(); return; }
  if (stroke.before) remember(stroke);
  const { id, epoch, revision } = opened;
  const body = { client, sequence: sequence(), epoch, revision, what, axis: stroke.plane.axis, ...stroke.spans.delta(stroke.value), rules: rulesFor(stroke.value) };
  update({ saved: "Sending…" });
  queue({ case: id, path: "edits", body }, answered);
}

/** Lets a tool of the server work at once, in order with the strokes. @param {string} tool @param {object} body @param {number} [value] */
export function apply(tool, body, value = state.label) {
  const { opened } = state;
  if (!opened) return;
  rememberSlice();
  const whole = { axis: active().axis, rules: rulesFor(value), ...body, apply: true };
  void inTurn(async () => {
    update({ saved: "Sending…" });
    queue({ case: opened.id, path: `tools/${tool}`, body: { client, sequence: sequence(), ...whole } }, answered);
    await idle();
  });
}

/** Sends another change, in order with the strokes. @param {string} path @param {object} body */
export function change(path, body) {
  if (!state.opened) return;
  rememberSlice();
  update({ saved: "Sending…" });
  queue({ case: state.opened.id, path, body: { client, sequence: sequence(), ...body } }, answered);
}

/** @param {import("./stroke.js").Stroke} stroke */
function remember({ plane, before, spans }) {
  if (!before) return;
  const { start, stop } = spans.box(), ra = rowAxis(plane.axis), ca = colAxis(plane.axis);
  const from = [start[ra], start[ca]], to = [stop[ra], stop[ca]], wide = to[1] - from[1];
  const values = new Uint32Array((to[0] - from[0]) * wide), { cols } = plane.source;
  for (let r = from[0]; r < to[0]; r++) values.set(before.subarray(r * cols + from[1], r * cols + to[1]), (r - from[0]) * wide);
  push(where(plane), { from, to, values });
}
function rememberSlice() {
  const plane = active(), { source } = plane, values = plane.ready() && source.rows * source.cols < LARGEST_KEPT ? source.copy([0, 0], [source.rows, source.cols]) : null;
  if (values) push(where(plane), { from: [0, 0], to: [source.rows, source.cols], values });
}
/** @param {string} key @param {Snapshot} one */
function push(key, one) {
  const held = snapshots.get(key) ?? [];
  held.push(one);
  if (held.length > MOST) held.shift();
  snapshots.set(key, held);
}

/** Brings this slice back to what it was before the last edit on it; other slices stay. */
export function undoSlice() {
  const plane = active(), held = snapshots.get(where(plane))?.pop();
  if (!held || !state.opened) { update({ message: "Nothing was drawn on this slice since the case was opened" }); return; }
  replaceSlice(plane, held, "undo on this slice");
}

/** Empties the slice of the active plane; hidden and locked labels stay. */
export function clearSlice() {
  const plane = active(), to = [plane.source.rows, plane.source.cols];
  rememberSlice();
  replaceSlice(plane, { from: [0, 0], to, values: new Uint32Array(to[0] * to[1]) }, "clear slice");
}

/** @param {import("../look/plane.js").Plane} plane @param {Snapshot} part @param {string} what */
function replaceSlice(plane, { from, to, values }, what) {
  const { opened } = state, { axis, source } = plane;
  if (!opened) return;
  const start = [0, 0, 0], stop = [0, 0, 0], ra = rowAxis(axis), ca = colAxis(axis);
  start[axis] = source.index; stop[axis] = source.index + 1;
  start[ra] = from[0]; stop[ra] = to[0]; start[ca] = from[1]; stop[ca] = to[1];
  const runs = [];
  for (let i = 0; i < values.length; i++) {
    if (runs.length && runs[runs.length - 1] === values[i]) runs[runs.length - 2]++;
    else runs.push(i, 1, values[i]);
  }
  const { id, epoch, revision } = opened;
  queue({ case: id, path: "edits", body: { client, sequence: sequence(), epoch, revision, what, axis, box: { start: outward(start), stop: outward(stop) }, runs, rules: what === "clear slice" ? rulesFor(0) : null } }, answered);
}

/** Copies the labels of this slice to the next one, and goes there. @param {number} by */
export function copySlice(by) {
  const plane = active(), from = plane.source.index, to = from + by;
  if (!plane.grid.volume || to < 0 || to >= plane.grid.size[plane.axis]) return;
  plane.go(to);
  change("copy", { axis: plane.axis, from, to, rules: rulesFor(state.label) });
}

/** @param {"undo"|"redo"} which */
export const history = (which) => attempt(async () => {
  if (!state.opened || state.painting) return;
  if (waiting()) { update({ message: "Strokes are still being sent; try again in a moment" }); return; }
  const { id, epoch, revision } = state.opened, name = state.opened[which].at(-1);
  if (!name) { update({ message: `Nothing to ${which}` }); return; }
  try {
    const answer = await send(`${here()}/${which}`, { client, epoch, revision });
    if (answer.box && state.opened.ndim === 3) {
      const { start, stop } = inward(answer.box), flat = start.map((v, a) => stop[a] - v === 1);
      // What was drawn on one slice leads to that slice alone; the other planes stay where they are.
      const follows = (/** @type {number} */ a) => (flat.filter(Boolean).length === 1 ? flat[a] : true);
      update({ position: state.position.map((v, a) => ((v >= start[a] && v < stop[a]) || !follows(a) ? v : Math.floor((start[a] + stop[a]) / 2))) });
    }
    answered(answer, id);
    update({ message: `${which === "undo" ? "Undone" : "Done again"}: ${name}` });
  } catch (error) {
    if (!(error instanceof Refused) || error.code !== "stale") throw error;
    reload();
    update({ message: "The labels had changed; they are shown as they are now" });
  }
});

