// @ts-check
/** The hand at work: what pressing, moving and lifting does for each gesture. */
import { active, reload } from "../look/planes.js";
import { clamped, outward, within } from "../look/geometry.js";
import { busiest } from "../look/proposal.js";
import { state, update } from "../store.js";
import { scribbleRadius } from "./cursor.js";
import { apply, commit, settle } from "./edits.js";
import { prompterChosen } from "../side/form.js";
import { begin, gesture, isHere } from "./gesture.js";
import { gestureOf } from "./kinds.js";
import { refusal } from "./rules.js";
import { anchor, ask, bodyFor, closeWire, drop, hoverWire, optionsFor, unmark } from "./smart.js";
import { Stroke } from "./stroke.js";

/** @typedef {import("../look/plane.js").Plane} Plane */
/** @typedef {{plane:Plane,at:number[],erase:boolean,moved:boolean,px:number,py:number}} Press */

let stroke = /** @type {Stroke|null} */ (null);
let track = /** @type {number[][]} */ ([]);

/** Pressing. @param {Press} press */
export function press(press) {
  const { plane, at } = press, kind = gestureOf(state.tool);
  if (kind === "look") { move(press); return; }
  if (kind === "ruler") { begin(plane); gesture.ruler = [at, at]; update(); return; }
  if (kind === "window" || kind === "none") return;
  if (kind === "once" && state.tool === "picker") { pick(plane, at); return; }
  if (!ready(press)) return;
  if (kind === "paint") startStroke(press);
  else if (kind === "lasso") { begin(plane); gesture.path = [at]; }
  else if (kind === "corners") corner(press);
  else if (kind === "once") fill(plane, at);
  else if (kind === "wire") anchor(plane, at);
  else startMarks(press, kind);
  update();
}

/** Whether a tool may begin here; says why not. @param {Press} press */
function ready({ plane, at, erase }) {
  const value = erase || state.tool === "eraser" ? 0 : state.label;
  const why = value ? refusal(value) : state.locked;
  if (why) { update({ message: why }); return false; }
  if (state.preview && ["paint", "lasso", "corners", "once"].includes(gestureOf(state.tool))) { update({ message: "A proposal is shown: Enter accepts it, Esc drops it" }); return false; }
  return plane.ready() && (within(plane.voxel(at), plane.grid) || !["once", "wire", "click"].includes(gestureOf(state.tool)));
}

/** Moving with the button down. @param {Press} now */
export function drag(now) {
  const { plane, at } = now, kind = gestureOf(state.tool);
  if (kind === "look") move(now);
  else if (stroke) stroke.to(at);
  else if (kind === "lasso" && isHere(plane)) gesture.path.push(at);
  else if (kind === "ruler" && gesture.ruler.length) gesture.ruler = [gesture.ruler[0], at];
  else if (gesture.box.length) gesture.box = [gesture.box[0], at];
  else if (track.length) follow(plane, at);
}

/** Lifting. @param {Press} now */
export function lift(now) {
  const kind = gestureOf(state.tool);
  if (stroke) endStroke();
  else if (kind === "lasso" && isHere(now.plane)) endLasso(now);
  else if (gesture.box.length || track.length) endMarks(now, kind);
  update();
}

/** Moving with no button down. @param {Plane} plane @param {number[]} at */
export function hover(plane, at) { if (state.tool === "live-wire") hoverWire(plane, at); }

/** What is in hand is let go, unfinished. */
export function cancel() {
  if (stroke) { stroke = null; state.painting = false; settle(); reload(); }
  track = [];
  begin(null);
  gesture.ruler = [];
  if (state.preview || state.busy) drop();
  update();
}

/** Enter: closes what is in hand. */
export function finish() {
  if (state.tool === "polygon" && gesture.path.length > 2) closePolygon(false);
  else if (state.tool === "live-wire" && gesture.path.length) closeWire();
  else return false;
  return true;
}

/** Backspace: takes the last corner or mark back. */
export function back() {
  if (gesture.path.length) {
    gesture.path.pop();
    gesture.tail = [];
    if (state.tool === "live-wire") { const kept = gesture.path.splice(0), { plane } = gesture; begin(plane); if (plane) for (const at of kept) anchor(plane, at); }
    update();
  } else unmark();
}

/** @param {Press} press */
function startStroke({ plane, at, erase }) {
  state.painting = true;
  stroke = new Stroke(plane, erase || state.tool === "eraser" ? 0 : state.label);
  stroke.to(at);
}
function endStroke() {
  const done = /** @type {Stroke} */ (stroke);
  stroke = null;
  state.painting = false;
  commit(done, done.value ? (done.ball ? "ball" : "brush") : "eraser");
}

/** @param {Press} press */
function endLasso({ plane, erase }) {
  const path = gesture.path, value = erase ? 0 : state.label;
  begin(null);
  if (path.length < 3) return;
  if (state.tool === "scissors") {
    apply("scissors", { options: optionsFor("scissors"), points: path.map((p) => corner3(plane, p)) }, 0);
    return;
  }
  fillOutline(plane, path, value, "lasso");
}
/** Corners of an outline as the server counts them: voxel centres are whole numbers. @param {Plane} plane @param {number[]} at */
function corner3(plane, at) {
  const whole = plane.voxel(at), index = whole[plane.axis], place = [index, index, index];
  const ra = plane.axis === 0 ? 1 : 0, ca = plane.axis === 2 ? 1 : 2;
  place[ra] = at[0] - 0.5; place[ca] = at[1] - 0.5;
  return outward(place);
}
/** @param {Plane} plane @param {number[][]} path @param {number} value @param {string} what */
function fillOutline(plane, path, value, what) {
  const filled = new Stroke(plane, value);
  filled.outline(path);
  commit(filled, value ? what : `${what} eraser`);
}

/** @param {Press} press */
function corner({ plane, at, erase }) {
  if (!isHere(plane)) begin(plane);
  const first = gesture.path[0], f = plane.view.frame();
  if (erase && gesture.path.length > 2) { closePolygon(true); return; }
  if (first && gesture.path.length > 2 && Math.hypot((first[0] - at[0]) * f.sy, (first[1] - at[1]) * f.sx) < 9) { closePolygon(false); return; }
  gesture.path.push(at);
}
/** @param {boolean} erase */
export function closePolygon(erase) {
  const { plane, path } = gesture;
  begin(null);
  if (plane && path.length > 2) fillOutline(plane, path, erase ? 0 : state.label, "polygon");
}

/** @param {Plane} plane @param {number[]} at */
function fill(plane, at) { apply("fill", { options: optionsFor("fill"), points: [outward(plane.voxel(at))] }); }

/** @param {Plane} plane @param {number[]} at */
function pick(plane, at) {
  const found = plane.source.at(at[0], at[1]);
  if (found?.label) update({ label: found.label, labelBefore: state.label, tool: "brush", message: "" });
  else update({ message: "There is no label here" });
}

/** @param {Press} press */
function move({ plane, at }) { if (plane.grid.volume) update({ position: clamped(plane.voxel(at), plane.grid) }); }

/** Scribbles, clicks, boxes and the brushes of the server. @param {Press} press @param {string} kind */
function startMarks({ plane, at, erase }, kind) {
  if (!within(plane.voxel(at), plane.grid)) return;
  if (kind === "prompt" && !mayPrompt(plane)) return;
  begin(plane);
  if (kind === "prompt" && boxing() && !erase) { gesture.box = [at, at]; return; }
  track = [plane.voxel(at)];
  gesture.mark = [at];
  if (kind === "click") { track = []; update({ points: [...state.points, plane.voxel(at)] }); if (state.live) ask(); }
  if (kind === "drag" && erase) update({ message: "The eraser is E; this tool only paints" });
}
const boxing = () => document.querySelector("#boxing:checked") !== null;

/** The first prompt says across which axis the slices lie; a prompter draws in no others before the marks are gone. @param {Plane} plane */
function mayPrompt(plane) {
  if (!state.marks.length && !state.boxes.length) update({ across: plane.axis });
  const may = plane.axis === state.across || !prompterChosen();
  if (!may) update({ message: "It draws in slices of one plane at a time: Enter accepts, Shift+Backspace clears the marks" });
  return may;
}

/** @param {Plane} plane @param {number[]} at */
function follow(plane, at) {
  const place = plane.voxel(at), last = track[track.length - 1];
  gesture.mark.push(at);
  if (!within(place, plane.grid) || place.every((v, a) => v === last[a])) return;
  const steps = Math.max(...place.map((v, a) => Math.abs(v - last[a])));
  for (let s = 1; s <= steps; s++) track.push(place.map((v, a) => Math.round(last[a] + ((v - last[a]) * s) / steps)));
}

/** @param {Press} press @param {string} kind */
function endMarks({ plane, erase, moved }, kind) {
  const { box } = gesture, points = box.length ? [plane.voxel(box[0])] : track; // a box that was not drawn out is a click
  track = [];
  begin(null);
  if (box.length === 2 && moved) update({ boxes: [...state.boxes, [low(plane, box), high(plane, box)]] });
  else if (kind === "drag") { apply(state.tool, { ...bodyFor(state.tool), points: points.map(outward), strokes: null, boxes: null }); return; }
  else update({ marks: [...state.marks, { points, label: erase ? 0 : state.label, radius_mm: kind === "prompt" ? 0 : scribbleRadius() }] });
  const enough = kind === "prompt" || new Set(state.marks.map((m) => m.label)).size > 1;
  if (state.live && enough) ask(); else update({ expected: enough ? "" : "Mark a second label, or the background (0 or right button)" });
}
/** @param {Plane} plane @param {number[][]} box */
const low = (plane, [a, b]) => clamped(plane.voxel([Math.min(a[0], b[0]), Math.min(a[1], b[1])]), plane.grid);
/** @param {Plane} plane @param {number[][]} box */
const high = (plane, [a, b]) => clamped(plane.voxel([Math.max(a[0], b[0]), Math.max(a[1], b[1])]), plane.grid).map((v) => v + 1);

/** Goes to the slice that a proposal would change most. */
export function goToProposal() {
  const plane = active(), index = busiest(plane.axis);
  if (index >= 0) plane.go(index);
}
