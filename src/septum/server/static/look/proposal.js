// @ts-check
/** What a tool proposes: kept dense within its box, cut along any plane, never part of the labels until accepted. */
import { colAxis, inward, rowAxis } from "./geometry.js";

/** @type {{start:number[],stop:number[],size:number[],flat:Int32Array}|null} */
let held = null;

/** @param {{box:{start:number[],stop:number[]}|null,runs:number[]|null}|null} made null forgets it */
export function propose(made) {
  held = null;
  if (!made?.box || !made.runs) return;
  const { start, stop } = inward(made.box), size = stop.map((v, a) => v - start[a]);
  const flat = new Int32Array(size.reduce((a, b) => a * b, 1)).fill(-1);
  for (let i = 0; i < made.runs.length; i += 3) flat.fill(made.runs[i + 2], made.runs[i], made.runs[i] + made.runs[i + 1]);
  held = { start, stop, size, flat };
}

/** The proposal of one slice, -1 where nothing would change. @param {number} axis @param {number} index @param {number} rows @param {number} cols */
export function proposed(axis, index, rows, cols) {
  const out = new Int32Array(rows * cols).fill(-1);
  if (!held || index < held.start[axis] || index >= held.stop[axis]) return out;
  const { start, stop, size, flat } = held, ra = rowAxis(axis), ca = colAxis(axis), pace = [size[1] * size[2], size[2], 1];
  for (let r = start[ra]; r < stop[ra]; r++) {
    let from = (index - start[axis]) * pace[axis] + (r - start[ra]) * pace[ra];
    for (let c = start[ca]; c < stop[ca]; c++, from += pace[ca]) out[r * cols + c] = flat[from];
  }
  return out;
}

/** The slice across an axis that would change most, or -1. @param {number} axis */
export function busiest(axis) {
  if (!held) return -1;
  const counts = new Array(held.size[axis]).fill(0), { size, flat, start } = held;
  for (let i = 0; i < flat.length; i++) if (flat[i] >= 0) counts[axis === 0 ? Math.floor(i / (size[1] * size[2])) : axis === 1 ? Math.floor(i / size[2]) % size[1] : i % size[2]]++;
  return start[axis] + counts.indexOf(Math.max(...counts));
}

/** The proposal as it is kept, for an image of one slice. */
export const whole = () => held;
