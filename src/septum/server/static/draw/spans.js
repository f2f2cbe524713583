// @ts-check
/** A set of voxels as runs along x, one sorted list for each row: a stroke of any size stays small. */
import { outward } from "../look/geometry.js";

export class Spans {
  /** @param {number[]} size z, y, x */
  constructor(size) { this.size = size; this.rows = /** @type {Map<number, number[]>} */ (new Map()); }

  /** Adds a run, cut to the image; the part that was new, or null. @param {number} z @param {number} y @param {number} x0 @param {number} x1 */
  add(z, y, x0, x1) {
    const [nz, ny, nx] = this.size, from = Math.max(0, x0), to = Math.min(nx, x1);
    if (z < 0 || y < 0 || z >= nz || y >= ny || from >= to) return null;
    const key = z * ny + y, held = this.rows.get(key);
    if (!held) { this.rows.set(key, [from, to]); return [from, to]; }
    let a = from, b = to, at = 0;
    while (at < held.length && held[at + 1] < a) at += 2;
    let end = at;
    while (end < held.length && held[end] <= b) { a = Math.min(a, held[end]); b = Math.max(b, held[end + 1]); end += 2; }
    if (end - at === 2 && held[at] === a && held[at + 1] === b) return null;
    held.splice(at, end - at, a, b);
    return [from, to];
  }

  get empty() { return !this.rows.size; }

  box() {
    const ny = this.size[1], start = [Infinity, Infinity, Infinity], stop = [0, 0, 0];
    for (const [key, runs] of this.rows) {
      const low = [Math.floor(key / ny), key % ny, runs[0]], high = [low[0] + 1, low[1] + 1, runs[runs.length - 1]];
      for (let a = 0; a < 3; a++) { start[a] = Math.min(start[a], low[a]); stop[a] = Math.max(stop[a], high[a]); }
    }
    return { start, stop };
  }

  /** Box and runs as the server takes them. @param {number} value */
  delta(value) {
    const { start, stop } = this.box(), ny = this.size[1], wide = stop[2] - start[2], high = stop[1] - start[1];
    /** @type {number[]} */
    const runs = [];
    for (const key of [...this.rows.keys()].sort((a, b) => a - b)) {
      const row = (Math.floor(key / ny) - start[0]) * high + (key % ny) - start[1], held = /** @type {number[]} */ (this.rows.get(key));
      for (let i = 0; i < held.length; i += 2) {
        const offset = row * wide + held[i] - start[2], length = held[i + 1] - held[i], n = runs.length;
        if (n && runs[n - 3] + runs[n - 2] === offset) runs[n - 2] += length;
        else runs.push(offset, length, value);
      }
    }
    return { box: { start: outward(start), stop: outward(stop) }, runs };
  }
}
