// @ts-check
/** Doubtful objects over the pixels: a dashed outline around each, the reason under the cursor. */
import { state } from "../store.js";
import { colAxis, rowAxis } from "./geometry.js";
import { note } from "./text.js";

/** @typedef {import("../store.js").Doubt} Doubt */
/** Yellow on black is seen on any ground, by people who are colour-blind too; dashes are what nothing else has. */
const INK = "#f0e442", DASH = [5, 4];

/** Whether an object lies in the slice that a plane shows. @param {Doubt} one @param {import("./plane.js").Plane} plane */
const isHere = (one, { axis, source }) => one.start[axis] <= source.index && source.index < one.stop[axis];

/** The corners of an object in a plane: its outline where it has one, else those of its box. @param {Doubt} one @param {number} axis @returns {number[][]} */
function ringOf(one, axis) {
  if (one.outline.length) return one.outline;
  const ra = rowAxis(axis), ca = colAxis(axis), { start, stop } = one;
  return [[start[ra], start[ca]], [start[ra], stop[ca]], [stop[ra], stop[ca]], [stop[ra], start[ca]]];
}

/** @param {number[][]} ring @param {number[]} at row and column */
function holds(ring, [row, col]) {
  let inside = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [ay, ax] = ring[i], [by, bx] = ring[j];
    if (ay > row !== by > row && col < ((bx - ax) * (row - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

/** Why an object should be looked at, in words. @param {Doubt} one */
export function wordsOf({ why, likely_right: likely }) {
  return `${why}${likely === null ? "" : ` (${Math.round(100 * likely)} % likely right)`}`;
}

/** The doubtful object under a place of a plane. @param {import("./plane.js").Plane} plane @param {number[]} at row and column */
export const doubtAt = (plane, at) => (state.doubting ? state.doubts.find((one) => isHere(one, plane) && holds(ringOf(one, plane.axis), at)) : undefined);

/** @param {CanvasRenderingContext2D} ctx @param {import("./plane.js").Plane} plane */
export function drawDoubtful(ctx, plane) {
  if (!state.doubting || state.veiled || !state.doubts.length) return;
  ctx.lineJoin = "round";
  state.doubts.forEach((one, at) => {
    if (!isHere(one, plane)) return;
    const chosen = at === state.doubt;
    ctx.beginPath();
    for (const [row, col] of ringOf(one, plane.axis)) { const [x, y] = plane.view.screen(row, col); ctx.lineTo(x, y); }
    ctx.closePath();
    ctx.setLineDash([]); ctx.lineWidth = chosen ? 7 : 4; ctx.strokeStyle = "#000b"; ctx.stroke();
    ctx.setLineDash(chosen ? [] : DASH); ctx.lineWidth = chosen ? 3.5 : 2; ctx.strokeStyle = INK; ctx.stroke();
  });
  ctx.setLineDash([]);
  const under = plane.cursor && !state.painting ? doubtAt(plane, plane.cursor) : undefined;
  if (!under || !plane.cursor) return;
  const [x, y] = plane.view.screen(plane.cursor[0], plane.cursor[1]);
  note(ctx, wordsOf(under), x, y);
}
