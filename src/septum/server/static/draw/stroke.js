// @ts-check
/** Strokes of brush and ball, and outlines that are filled: painted into every plane at once, kept as spans. */
import { colAxis, rowAxis } from "../look/geometry.js";
import { planes } from "../look/planes.js";
import { state } from "../store.js";
import { mayFor } from "./rules.js";
import { Spans } from "./spans.js";

/** @typedef {import("../look/plane.js").Plane} Plane */

export class Stroke {
  /** @param {Plane} plane @param {number} value */
  constructor(plane, value) {
    this.plane = plane; this.value = value; this.index = plane.source.index;
    this.spans = new Spans(plane.grid.size); this.may = mayFor(value);
    this.last = /** @type {number[]|null} */ (null);
    this.radii = plane.grid.mm.map((mm) => Math.max(state.radius, 1e-6) / mm);
    this.ball = state.ball && plane.grid.volume;
    /** The slice as it was, for "undo on this slice". */
    this.before = plane.source.copy([0, 0], [plane.source.rows, plane.source.cols]);
  }

  /** Sweeps the brush from the last place to this one. @param {number[]} place row and column, not rounded */
  to(place) {
    const from = this.last ?? place, { axis } = this.plane;
    const far = Math.hypot((place[0] - from[0]) / this.radii[rowAxis(axis)], (place[1] - from[1]) / this.radii[colAxis(axis)]);
    const steps = Math.max(1, Math.ceil(far * 4));
    for (let s = this.last ? 1 : steps; s <= steps; s++) this.stamp(from[0] + ((place[0] - from[0]) * s) / steps, from[1] + ((place[1] - from[1]) * s) / steps);
    this.last = place;
  }

  /** @param {number} row @param {number} col */
  stamp(row, col) {
    const { axis } = this.plane, centre = [0, 0, 0];
    centre[axis] = this.index + 0.5; centre[rowAxis(axis)] = row; centre[colAxis(axis)] = col;
    const [rz, ry, rx] = this.radii, flat = (/** @type {number} */ a) => !this.ball && a === axis;
    const low = centre.map((c, a) => (flat(a) ? this.index : Math.floor(c - this.radii[a])));
    const high = centre.map((c, a) => (flat(a) ? this.index + 1 : Math.floor(c + this.radii[a]) + 1));
    for (let z = low[0]; z < high[0]; z++) for (let y = low[1]; y < high[1]; y++) {
      const rest = 1 - (flat(0) ? 0 : ((z + 0.5 - centre[0]) / rz) ** 2) - (flat(1) ? 0 : ((y + 0.5 - centre[1]) / ry) ** 2);
      if (rest < 0) continue;
      const half = rx * Math.sqrt(rest);
      if (flat(2)) this.add(z, y, this.index, this.index + 1);
      else this.add(z, y, Math.ceil(centre[2] - half - 0.5), Math.floor(centre[2] + half - 0.5) + 1);
    }
    const [z, y, x] = centre.map(Math.floor);
    this.add(z, y, x, x + 1);
  }

  /** @param {number} z @param {number} y @param {number} x0 @param {number} x1 */
  add(z, y, x0, x1) {
    const fresh = this.spans.add(z, y, x0, x1);
    if (fresh) for (const plane of planes.all) if (!plane.figure.hidden) plane.source.write(z, y, fresh[0], fresh[1], this.value, this.may);
  }

  /** Fills an outline in the slice by the even-odd rule. @param {number[][]} path rows and columns, not rounded */
  outline(path) {
    const { axis, source } = this.plane, ra = rowAxis(axis), ca = colAxis(axis);
    const rows = path.map((p) => p[0]), first = Math.max(0, Math.floor(Math.min(...rows))), last = Math.min(source.rows, Math.ceil(Math.max(...rows)));
    for (let row = first; row < last; row++) {
      const crossings = [], y = row + 0.5;
      for (let i = 0, j = path.length - 1; i < path.length; j = i++) {
        const [a, b] = [path[i], path[j]];
        if ((a[0] > y) !== (b[0] > y)) crossings.push(a[1] + ((y - a[0]) * (b[1] - a[1])) / (b[0] - a[0]));
      }
      crossings.sort((a, b) => a - b);
      for (let k = 0; k + 1 < crossings.length; k += 2) this.row(ra, ca, row, Math.ceil(crossings[k] - 0.5), Math.floor(crossings[k + 1] - 0.5) + 1);
    }
  }

  /** @param {number} ra @param {number} ca @param {number} row @param {number} from @param {number} to */
  row(ra, ca, row, from, to) {
    const at = [this.index, this.index, this.index];
    at[ra] = row;
    if (ca === 2) { this.add(at[0], at[1], from, to); return; }
    for (let col = Math.max(0, from); col < to; col++) { at[ca] = col; this.add(at[0], at[1], at[2], at[2] + 1); }
  }
}
