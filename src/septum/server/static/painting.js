// @ts-check
/** A stroke: painted at once into the slice that is shown, handed over as runs when the pointer rises. */
import { state } from "./store.js";

/** @typedef {import("./viewport.js").Viewport} Viewport */
export class Stroke {
  /** @param {Viewport} port @param {number} value */
  constructor(port, value) {
    this.port = port; this.value = value;
    this.touched = /** @type {Set<number>} */ (new Set());
    this.last = /** @type {number[]|null} */ (null);
  }

  /** Sweeps the disc (radius in mm) from the last place to this one. @param {number[]} place */
  to(place) {
    const from = this.last ?? place, { axes } = this.port.opened;
    const ry = state.radius / axes[this.port.rowAxis].mm, rx = state.radius / axes[this.port.colAxis].mm;
    const far = Math.max(Math.abs(place[0] - from[0]) / ry, Math.abs(place[1] - from[1]) / rx);
    const steps = Math.max(1, Math.ceil(far * 3));
    for (let s = 1; s <= steps; s++) this.disc(from[0] + (place[0] - from[0]) * s / steps, from[1] + (place[1] - from[1]) * s / steps, ry, rx);
    this.last = place;
  }

  /** @param {number} row @param {number} col @param {number} ry @param {number} rx */
  disc(row, col, ry, rx) {
    const labels = this.port.labels;
    if (!labels) return;
    const { rows, cols, values } = labels;
    for (let r = Math.max(0, Math.floor(row - ry)); r < Math.min(rows, row + ry + 1); r++) {
      for (let c = Math.max(0, Math.floor(col - rx)); c < Math.min(cols, col + rx + 1); c++) {
        const i = r * cols + c;
        const inside = ((r + 0.5 - row) / ry) ** 2 + ((c + 0.5 - col) / rx) ** 2 <= 1 || (r === Math.floor(row) && c === Math.floor(col));
        if (!inside || this.touched.has(i) || (state.emptyOnly && this.value && values[i])) continue;
        values[i] = this.value;
        this.touched.add(i);
      }
    }
  }

  /** Box and runs as the server takes them, or null when nothing was touched. */
  delta() {
    const { labels, opened, rowAxis, colAxis } = this.port;
    if (!labels || !this.touched.size) return null;
    const { cols } = labels, at = [...this.touched].sort((a, b) => a - b);
    let left = cols, right = 0;
    for (const i of at) { left = Math.min(left, i % cols); right = Math.max(right, i % cols + 1); }
    const top = Math.floor(at[0] / cols), bottom = Math.floor(at[at.length - 1] / cols) + 1;
    const start = opened.ndim === 3 ? [...state.position] : [0, 0], stop = start.map((v) => v + 1);
    if (opened.ndim === 3) { start[this.port.axis] = this.port.index; stop[this.port.axis] = this.port.index + 1; }
    start[rowAxis] = top; stop[rowAxis] = bottom; start[colAxis] = left; stop[colAxis] = right;
    /** @type {number[]} */
    const runs = [];
    for (const i of at) {
      const offset = (Math.floor(i / cols) - top) * (right - left) + i % cols - left, n = runs.length;
      if (n && runs[n - 3] + runs[n - 2] === offset) runs[n - 2]++;
      else runs.push(offset, 1, this.value);
    }
    return { box: { start, stop }, runs, axis: this.port.axis };
  }
}
