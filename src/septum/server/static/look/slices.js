// @ts-check
/** The slices of one plane: fetched as raw values, kept for a while, and turned into pictures only when they changed. */
import { state, update } from "../store.js";
import { slice, waiting } from "../transport.js";
import { colourKey, lookUp, packed } from "./colours.js";
import * as compose from "./compose.js";
import { colAxis, rowAxis } from "./geometry.js";
import { heatShown, labelsOf, lay, layersShown } from "./layers.js";
import { proposed } from "./proposal.js";
import { Picture } from "./pictures.js";

/** @typedef {import("../transport.js").Slice} Slice */
/** @typedef {import("./geometry.js").Box} Box */
const KEPT = 96, AHEAD = 2;
/** Counts what is painted in any plane of a case: labels that were asked for before are older than it.
 * @type {WeakMap<import("../store.js").Opened, {edits:number}>} */
const clocks = new WeakMap();
/** @param {import("../store.js").Opened} opened */
const clockOf = (opened) => { const found = clocks.get(opened) ?? { edits: 0 }; clocks.set(opened, found); return found; };

export class Slices {
  /** @param {import("../store.js").Opened} opened @param {import("./geometry.js").Grid} grid @param {number} axis @param {string} [only] what is shown in place of the labels that are drawn: "image", "layer:NAME", "map:NAME" */
  constructor(opened, grid, axis, only) {
    this.clock = clockOf(opened);
    this.opened = opened; this.grid = grid; this.axis = axis; this.only = only ?? "";
    this.rows = grid.size[rowAxis(axis)]; this.cols = grid.size[colAxis(axis)];
    this.shown = -1; this.version = 0; this.asked = ""; this.stale = false; this.loading = false;
    this.labels = /** @type {Uint32Array|null} */ (null);
    this.heat = /** @type {Slice|null} */ (null);
    this.parts = /** @type {Map<number, Slice>} */ (new Map());
    this.layers = /** @type {Map<string, Slice>} */ (new Map());
    this.cache = /** @type {Map<string, Slice>} */ (new Map());
    this.image = new Picture(); this.tints = new Picture(); this.ghosts = new Picture(); this.range = new Picture(); this.glow = new Picture();
    this.overlays = /** @type {Map<string, Picture>} */ (new Map());
    this.dirty = /** @type {import("./compose.js").Rect|null} */ (null);
    this.whole = { x: 0, y: 0, w: this.cols, h: this.rows };
  }

  get index() { return this.grid.volume ? state.position[this.axis] : 0; }
  /** True when the slice that is asked for is the one that is seen: only then may it be painted. */
  ready() { return this.labels !== null && this.shown === this.index; }

  wanted() {
    const channels = this.opened.rgb ? ["all"] : state.channels.flatMap((c, k) => (c.on || k === state.channel ? [String(k)] : []));
    const open = this.opened === state.opened, layers = layersShown().filter((name) => open || this.opened.layers.includes(name));
    return { index: this.index, channels, labels: labelsOf(this.only), layers: this.only ? [] : layers, heat: heatShown(this.only, open ? state.maps : this.opened.maps) };
  }

  /** Image, labels, layers and heat map of a wish. @param {ReturnType<Slices["wanted"]>} wish */
  gather(wish) {
    return Promise.all([
      Promise.all(wish.channels.map((c) => this.picture(wish.index, c))), this.layer(wish.index, wish.labels),
      Promise.all(wish.layers.map((name) => this.layer(wish.index, name))), wish.heat ? this.map(wish.index, wish.heat) : null,
    ]);
  }

  /** Fetches what the position asks for; while one answer is on its way only the newest wish is remembered. @param {boolean} [again] */
  load(again = false) {
    this.stale ||= again;
    if (again) for (const key of this.cache.keys()) if (!key.startsWith("slices/")) this.cache.delete(key);
    if (state.painting || this.loading || (!this.stale && JSON.stringify(this.wanted()) === this.asked)) return;
    this.loading = true;
    void this.run().finally(() => { this.loading = false; });
  }

  async run() {
    while (this.stale || JSON.stringify(this.wanted()) !== this.asked) {
      const wish = this.wanted(), before = this.clock.edits;
      this.stale = false;
      try {
        const [images, labels, layers, heat] = await this.gather(wish);
        // What was painted or answered meanwhile is newer than what arrived, and stays.
        if (state.painting || this.clock.edits !== before) { this.stale = true; if (state.painting) return; continue; }
        if (this.shown === wish.index && waiting()) { this.asked = JSON.stringify(wish); return; }
        this.parts = new Map(wish.channels.map((c, k) => [c === "all" ? 0 : Number(c), images[k]]));
        this.layers = new Map(wish.layers.map((name, k) => [name, layers[k]]));
        this.labels = new Uint32Array(labels.values);
        this.heat = heat;
        this.shown = wish.index; this.asked = JSON.stringify(wish);
        this.touch(null);
        update();
      } catch (error) {
        update({ message: error instanceof TypeError ? "No connection; trying again" : String(error), lost: error instanceof TypeError });
        await new Promise((wake) => setTimeout(wake, 1000));
        if (this.opened.id !== state.opened?.id) return;
        this.stale = true;
      }
    }
    void this.ahead();
  }

  /** @param {number} index @param {string} channel */
  picture(index, channel) { return this.kept(`slices/${this.axis}/${index}?channel=${channel}`); }
  /** The labels that are drawn are kept for as long as nobody draws. @param {number} index @param {string} name */
  layer(index, name) {
    if (!name) return Promise.resolve({ rows: this.rows, cols: this.cols, values: new Uint8Array(this.rows * this.cols) });
    const path = `labels/${this.axis}/${index}?layer=${encodeURIComponent(name)}`;
    return this.kept(path, name === "current" ? `labels/${this.axis}/${index}@${this.clock.edits}/${this.opened.revision}/${this.opened.epoch}` : path);
  }
  /** @param {number} index @param {import("../store.js").HeatMap} map */
  map(index, { name, version }) { return this.kept(`maps/${this.axis}/${index}?name=${encodeURIComponent(name)}&version=${version}`); }

  /** A slice that is fetched once; of those that are kept the one that was not looked at for longest goes first. @param {string} path @param {string} [key] */
  async kept(path, key = path) {
    const found = this.cache.get(key) ?? await slice(`/cases/${this.opened.id}/${path}`);
    this.cache.delete(key);
    this.cache.set(key, found);
    if (this.cache.size > KEPT) this.cache.delete(/** @type {string} */ (this.cache.keys().next().value));
    return found;
  }

  /** Fetches the neighbours, so that the next turn of the wheel finds them here. */
  async ahead() {
    const { index, channels, labels, layers, heat } = this.wanted();
    for (let step = 1; step <= AHEAD; step++) for (const near of [index + step, index - step]) {
      if (near < 0 || near >= this.grid.size[this.axis] || this.index !== index || this.loading || state.painting) continue;
      await Promise.all([...channels.map((c) => this.picture(near, c)), ...[labels, ...layers].map((name) => this.layer(near, name)), ...(heat ? [this.map(near, heat)] : [])]).catch(() => null);
    }
  }

  /** @param {import("./compose.js").Rect|null} rect null is all */
  touch(rect) {
    this.version++;
    if (!rect || this.dirty === this.whole) { this.dirty = this.whole; return; }
    const x = Math.max(0, rect.x - 1), y = Math.max(0, rect.y - 1);
    const right = Math.min(this.cols, rect.x + rect.w + 1), bottom = Math.min(this.rows, rect.y + rect.h + 1), d = this.dirty;
    if (!d) { this.dirty = { x, y, w: right - x, h: bottom - y }; return; }
    const left = Math.min(d.x, x), top = Math.min(d.y, y);
    this.dirty = { x: left, y: top, w: Math.max(d.x + d.w, right) - left, h: Math.max(d.y + d.h, bottom) - top };
  }

  /** Value and label under a row and column, or null. @param {number} row @param {number} col */
  at(row, col) {
    const r = Math.floor(row), c = Math.floor(col);
    if (r < 0 || c < 0 || r >= this.rows || c >= this.cols || !this.labels) return null;
    const i = r * this.cols + c, part = this.parts.get(this.opened.rgb ? 0 : state.channel);
    const values = !part ? [] : this.opened.rgb ? Array.from(part.values.slice(3 * i, 3 * i + 3)) : [part.values[i]];
    return { values, label: this.labels[i], heat: this.heat ? this.heat.values[i] / 255 : null };
  }

  /** Sets a run along x of the volume where it lies in this slice and the rules allow it.
   * @param {number} z @param {number} y @param {number} x0 @param {number} x1 @param {number} value @param {import("../draw/rules.js").May} may */
  write(z, y, x0, x1, value, may) {
    const { labels, shown, axis, cols } = this;
    if (!labels) return;
    if (axis === 2) { if (x0 <= shown && shown < x1) this.set(z, y, y + 1, value, may); return; }
    if ((axis === 0 ? z : y) === shown) this.set(axis === 0 ? y : z, x0, x1, value, may);
  }

  /** @param {number} row @param {number} c0 @param {number} c1 @param {number} value @param {import("../draw/rules.js").May} may */
  set(row, c0, c1, value, may) {
    this.clock.edits++;
    const labels = /** @type {Uint32Array} */ (this.labels), part = this.parts.get(state.channel);
    for (let i = row * this.cols + c0; i < row * this.cols + c1; i++) {
      if (labels[i] !== value && may(labels[i], value, part?.values[i])) labels[i] = value;
    }
    this.touch({ x: c0, y: row, w: c1 - c0, h: 1 });
  }

  /** Takes the labels of a box as the server has them. @param {Box} box @param {Uint32Array} flat */
  put(box, flat) {
    const { axis, shown, labels } = this, { start, stop } = box;
    if (!labels || shown < start[axis] || shown >= stop[axis]) return;
    this.clock.edits++;
    const size = stop.map((v, a) => v - start[a]), ra = rowAxis(axis), ca = colAxis(axis), pace = [size[1] * size[2], size[2], 1];
    for (let r = start[ra]; r < stop[ra]; r++) {
      let from = (shown - start[axis]) * pace[axis] + (r - start[ra]) * pace[ra];
      for (let c = start[ca]; c < stop[ca]; c++, from += pace[ca]) labels[r * this.cols + c] = flat[from];
    }
    this.touch({ x: start[ca], y: start[ra], w: size[ca], h: size[ra] });
  }

  /** A part of the slice as it is now. @param {number[]} from row and column @param {number[]} to */
  copy(from, to) {
    const out = new Uint32Array((to[0] - from[0]) * (to[1] - from[1])), wide = to[1] - from[1];
    for (let r = from[0]; r < to[0]; r++) out.set(/** @type {Uint32Array} */ (this.labels).subarray(r * this.cols + from[1], r * this.cols + to[1]), (r - from[0]) * wide);
    return out;
  }

  /** Draws all pictures; one unit of the context is one voxel. @param {CanvasRenderingContext2D} ctx @param {number} scale CSS pixels per voxel */
  paint(ctx, scale) {
    if (!this.labels) return;
    this.refresh(this.labels);
    ctx.imageSmoothingEnabled = state.smooth || scale < 1;
    ctx.drawImage(this.image.canvas, 0, 0);
    ctx.imageSmoothingEnabled = scale < 1;
    if (this.heat) ctx.drawImage(this.glow.canvas, 0, 0);
    if (state.ranged) ctx.drawImage(this.range.canvas, 0, 0);
    if (state.veiled) return;
    if (state.style !== "off" || this.only) ctx.drawImage(this.tints.canvas, 0, 0);
    for (const picture of this.overlays.values()) ctx.drawImage(picture.canvas, 0, 0);
    if (state.preview && !this.only) ctx.drawImage(this.ghosts.canvas, 0, 0);
  }

  /** @param {Uint32Array} labels */
  refresh(labels) {
    const colours = colourKey(), table = lookUp(), { rows, cols } = this;
    const looks = JSON.stringify([this.asked, this.shown, state.channels, state.invert]);
    if (this.image.key !== looks) { this.image.key = looks; this.develop(); }
    const style = `${colours}${state.style}${state.opacity}`, changed = this.tints.key !== style;
    if (changed || this.dirty) {
      const rect = changed || !this.dirty ? this.whole : this.dirty;
      compose.tint(this.tints.sized(rows, cols), labels, this, rect, { table, opacity: state.opacity, outline: state.style === "outline" });
      this.tints.show(rect);
      this.tints.key = style; this.dirty = null;
    }
    const { ranged, rangeLow, rangeHigh } = state, range = `${looks}${rangeLow}:${rangeHigh}`, part = this.parts.get(state.channel);
    if (ranged && part && this.range.key !== range) { compose.inRange(this.range.sized(rows, cols), part.values, rangeLow, rangeHigh); this.range.show(); this.range.key = range; }
    const glow = `${this.asked}${state.heatOpacity}`;
    if (this.heat && this.glow.key !== glow) { compose.heat(this.glow.sized(rows, cols), this.heat.values, state.heatOpacity); this.glow.show(); this.glow.key = glow; }
    this.overlay(labels, table, colours);
    const ghost = `${state.preview?.id}${state.preview?.changed}/${this.shown}${colours}`;
    if (state.preview && this.ghosts.key !== ghost) { compose.ghost(this.ghosts.sized(rows, cols), proposed(this.axis, this.shown, rows, cols), cols, table); this.ghosts.show(); this.ghosts.key = ghost; }
  }

  develop() {
    const out = this.image.sized(this.rows, this.cols);
    const parts = state.channels.flatMap((c, k) => { const held = this.parts.get(k); return held && c.on ? [{ values: held.values, centre: c.centre, width: c.width, colour: packed(c.colour) }] : []; });
    if (this.opened.rgb) compose.colour(out, { ...parts[0], values: /** @type {Slice} */ (this.parts.get(0)).values, centre: state.channels[0].centre, width: state.channels[0].width }, state.invert);
    else if (parts.length === 1) compose.grey(out, parts[0], state.invert);
    else compose.mixed(out, parts, state.invert);
    this.image.show();
  }

  /** @param {Uint32Array} labels @param {Int32Array} table @param {string} colours */
  overlay(labels, table, colours) {
    for (const name of this.overlays.keys()) if (!this.layers.has(name)) this.overlays.delete(name);
    for (const layer of state.layers) {
      const held = this.layers.get(layer.name);
      if (!held || layer.style === "off") { this.overlays.delete(layer.name); continue; }
      const picture = this.overlays.get(layer.name) ?? new Picture(), key = `${JSON.stringify(layer)}${this.version}${colours}${state.base}`;
      this.overlays.set(layer.name, picture);
      if (picture.key === key) continue;
      const base = state.base === "current" ? labels : this.layers.get(state.base)?.values;
      lay(picture.sized(this.rows, this.cols), layer, { values: held.values, base: base ?? labels, table, rows: this.rows, cols: this.cols });
      picture.show();
      picture.key = key;
    }
  }
}
