// @ts-check
/** A plane too large for one picture: tiles of the level that fits the zoom, coarser ones beneath while they come. */
import { state, update } from "../store.js";
import { slice } from "../transport.js";
import { colourKey, lookUp } from "./colours.js";
import * as compose from "./compose.js";
import { heatShown, labelsOf, lay, layersShown } from "./layers.js";
import { Picture } from "./pictures.js";
import { whole } from "./proposal.js";

const SIDE = 512, KEPT = 160;
/** @typedef {import("../transport.js").Slice} Slice */
/** @typedef {{image:Picture,tints:Picture,glow:Picture,overlays:Map<string,Picture>,values:Slice|null,labels:Uint32Array|null,layers:Map<string,Slice>,heat:Slice|null,wish:string,rows:number,cols:number,asking:boolean,stale:boolean,dirty:boolean,painted:number}} Tile */

export class Tiles {
  /** @param {import("../store.js").Opened} opened @param {import("./geometry.js").Grid} grid @param {import("./view.js").View} view @param {string} [only] as of `Slices` */
  constructor(opened, grid, view, only) {
    this.opened = opened; this.grid = grid; this.view = view; this.axis = 0; this.only = only ?? "";
    this.rows = grid.size[1]; this.cols = grid.size[2]; this.shown = 0; this.version = 0;
    this.tiles = /** @type {Map<string, Tile>} */ (new Map());
    this.queue = /** @type {string[]} */ ([]);
    this.busy = 0;
    this.dirty = /** @type {import("./compose.js").Rect|null} */ (null); // a tile that changed is painted with all that is seen
    this.ghost = new Picture();
  }

  get index() { return 0; }

  level() {
    const { sx } = this.view.frame(), dpr = devicePixelRatio;
    return Math.max(0, Math.min(this.opened.levels.length - 1, Math.floor(Math.log2(1 / (sx * dpr)) + 0.2)));
  }

  /** Rows and columns of the tiles that are seen at a level. @param {number} level */
  seen(level) {
    const { w, h } = this.view.frame(), [a, b] = this.view.locate(0, 0), [c, d] = this.view.locate(w, h), step = SIDE * 2 ** level;
    const [rows, cols] = this.opened.levels[level].shape, found = [];
    const last = (/** @type {number} */ n) => Math.ceil(n / SIDE) - 1;
    for (let r = Math.max(0, Math.floor(Math.min(a, c) / step)); r <= Math.min(last(rows), Math.floor(Math.max(a, c) / step)); r++) {
      for (let k = Math.max(0, Math.floor(Math.min(b, d) / step)); k <= Math.min(last(cols), Math.floor(Math.max(b, d) / step)); k++) found.push(`${level}/${r}/${k}`);
    }
    return found;
  }

  ready() { return this.seen(this.level()).every((key) => this.tiles.get(key)?.labels); }

  /** @param {boolean} [again] */
  load(again = false) {
    if (again) for (const tile of this.tiles.values()) tile.stale = true;
    const coarse = this.seen(this.opened.levels.length - 1), wish = JSON.stringify(this.wanted());
    this.queue = [...coarse, ...this.seen(this.level())].filter((key) => { const t = this.tiles.get(key); return !t || ((t.stale || t.wish !== wish) && !t.asking); });
    this.pump();
  }

  wanted() { return { labels: labelsOf(this.only), layers: this.only ? [] : layersShown(), heat: heatShown(this.only) }; }

  pump() {
    while (this.busy < 6 && this.queue.length) {
      const key = /** @type {string} */ (this.queue.shift());
      if (this.tiles.get(key)?.asking) continue;
      this.busy++;
      void this.fetch(key).finally(() => { this.busy--; this.pump(); });
    }
  }

  /** @param {string} key */
  async fetch(key) {
    const held = this.tiles.get(key) ?? { image: new Picture(), tints: new Picture(), glow: new Picture(), overlays: new Map(), values: null, labels: null, layers: new Map(), heat: null, wish: "", rows: 0, cols: 0, asking: false, stale: true, dirty: true, painted: 0 };
    this.tiles.delete(key);
    this.tiles.set(key, held);
    held.asking = true; held.stale = false;
    const base = `/cases/${this.opened.id}`, painted = held.painted, wish = this.wanted();
    const ask = (/** @type {string} */ name) => slice(`${base}/labeltiles/${key}?layer=${encodeURIComponent(name)}`);
    try {
      const [values, labels, layers, heat] = await Promise.all([
        held.values ?? slice(`${base}/tiles/${key}?channel=${this.opened.rgb ? "all" : state.channel}`), wish.labels ? ask(wish.labels) : null,
        Promise.all(wish.layers.map(ask)), wish.heat ? slice(`${base}/maptiles/${key}?name=${encodeURIComponent(wish.heat.name)}&version=${wish.heat.version}`) : null,
      ]);
      Object.assign(held, { values, rows: values.rows, cols: values.cols, heat, layers: new Map(wish.layers.map((name, k) => [name, layers[k]])), wish: JSON.stringify(wish) });
      if (state.painting || held.painted !== painted) held.stale = true;
      if (!held.labels || !held.stale) held.labels = labels ? new Uint32Array(labels.values) : new Uint32Array(values.rows * values.cols);
      held.dirty = true; this.version++;
      update();
    } catch (error) {
      held.stale = true;
      update({ message: error instanceof TypeError ? "No connection; trying again" : String(error), lost: error instanceof TypeError });
      setTimeout(() => update(), 1000);
    }
    held.asking = false;
    if (this.tiles.size > KEPT) this.tiles.delete(/** @type {string} */ (this.tiles.keys().next().value));
  }

  /** @param {string} key */
  place(key) {
    const [level, row, col] = key.split("/").map(Number), step = 2 ** level;
    return { level, step, y: row * SIDE * step, x: col * SIDE * step };
  }

  /** @param {number} row @param {number} col */
  at(row, col) {
    const r = Math.floor(row), c = Math.floor(col), level = this.level(), step = 2 ** level, wide = SIDE * step;
    if (r < 0 || c < 0 || r >= this.rows || c >= this.cols) return null;
    const tile = this.tiles.get(`${level}/${Math.floor(r / wide)}/${Math.floor(c / wide)}`);
    if (!tile?.values || !tile.labels) return null;
    const i = Math.floor((r % wide) / step) * tile.cols + Math.floor((c % wide) / step), n = this.opened.rgb ? 3 : 1;
    return { values: Array.from(tile.values.values.slice(n * i, n * i + n)), label: tile.labels[i], heat: tile.heat ? tile.heat.values[i] / 255 : null };
  }

  /** @param {number} _z @param {number} y @param {number} x0 @param {number} x1 @param {number} value @param {import("../draw/rules.js").May} may */
  write(_z, y, x0, x1, value, may) {
    for (const [key, tile] of this.tiles) {
      const { step, y: top, x: left } = this.place(key), r = Math.floor((y - top) / step);
      if (!tile.labels || r < 0 || r >= tile.rows) continue;
      const from = Math.max(0, Math.floor((x0 - left) / step)), to = Math.min(tile.cols, Math.ceil((x1 - left) / step));
      for (let i = r * tile.cols + from; i < r * tile.cols + to; i++) {
        const grey = this.opened.rgb ? undefined : tile.values?.values[i];
        if (tile.labels[i] !== value && may(tile.labels[i], value, grey)) { tile.labels[i] = value; tile.dirty = true; tile.painted++; }
      }
    }
    this.version++;
  }

  /** What the server changed is fetched anew: a box may be larger than what is shown. @param {import("./geometry.js").Box} box */
  put(box) {
    for (const [key, tile] of this.tiles) {
      const { step, y, x } = this.place(key);
      if (y < box.stop[1] && y + tile.rows * step > box.start[1] && x < box.stop[2] && x + tile.cols * step > box.start[2]) tile.stale = true;
    }
    this.load();
  }

  copy() { return null; }

  /** @param {CanvasRenderingContext2D} ctx @param {number} scale */
  paint(ctx, scale) {
    const table = lookUp(), level = this.level(), keys = [...this.seen(this.opened.levels.length - 1)];
    for (let k = Math.min(level + 2, this.opened.levels.length - 2); k >= level; k--) keys.push(...this.seen(k));
    ctx.imageSmoothingEnabled = state.smooth || scale * 2 ** level < 1;
    const marked = /** @type {{tile:Tile,x:number,y:number,step:number}[]} */ ([]);
    for (const key of keys) {
      const tile = this.tiles.get(key);
      if (!tile?.labels) continue;
      this.develop(tile, table);
      const { step, x, y } = this.place(key);
      ctx.drawImage(tile.image.canvas, x, y, tile.cols * step, tile.rows * step);
      if (key.startsWith(`${level}/`)) marked.push({ tile, x, y, step });
    }
    const cover = (/** @type {(tile:Tile) => Iterable<Picture>} */ of) => { for (const { tile, x, y, step } of marked) for (const one of of(tile)) ctx.drawImage(one.canvas, x, y, tile.cols * step, tile.rows * step); };
    cover((tile) => (tile.heat ? [tile.glow] : []));
    if (state.veiled) return;
    if (state.style !== "off" || this.only) cover((tile) => [tile.tints]);
    cover((tile) => tile.overlays.values());
    if (!this.only) this.haunt(ctx, table);
  }

  /** The proposal of a tool, which looked at what is seen alone. @param {CanvasRenderingContext2D} ctx @param {Int32Array} table */
  haunt(ctx, table) {
    const found = whole(), key = `${state.preview?.id}${colourKey()}`;
    if (!found || !state.preview) return;
    const [, rows, cols] = found.size;
    if (this.ghost.key !== key) { compose.ghost(this.ghost.sized(rows, cols), found.flat, cols, table); this.ghost.show(); this.ghost.key = key; }
    ctx.drawImage(this.ghost.canvas, found.start[2], found.start[1]);
  }

  /** The part of the image that is seen: start and stop. */
  visible() {
    const { w, h } = this.view.frame(), [a, b] = this.view.locate(0, 0), [c, d] = this.view.locate(w, h);
    const cut = (/** @type {number} */ v, /** @type {number} */ n) => Math.max(0, Math.min(n, v));
    return [[cut(Math.floor(Math.min(a, c)), this.rows), cut(Math.floor(Math.min(b, d)), this.cols)], [cut(Math.ceil(Math.max(a, c)), this.rows), cut(Math.ceil(Math.max(b, d)), this.cols)]];
  }

  /** @param {Tile} tile @param {Int32Array} table */
  develop(tile, table) {
    const { values, labels, rows, cols } = tile, channel = state.channels[this.opened.rgb ? 0 : state.channel];
    if (!values || !labels) return;
    const looks = JSON.stringify([channel, state.invert]), style = `${colourKey()}${state.style}${state.opacity}`;
    if (tile.image.key !== looks) {
      const part = { values: values.values, centre: channel.centre, width: channel.width, colour: 0 };
      if (this.opened.rgb) compose.colour(tile.image.sized(rows, cols), part, state.invert);
      else compose.grey(tile.image.sized(rows, cols), part, state.invert);
      tile.image.show();
      tile.image.key = looks;
    }
    this.overlay(tile, labels, table);
    if (!tile.dirty && tile.tints.key === style) return;
    compose.tint(tile.tints.sized(rows, cols), labels, tile, { x: 0, y: 0, w: cols, h: rows }, { table, opacity: state.opacity, outline: state.style === "outline" });
    tile.tints.show();
    tile.tints.key = style; tile.dirty = false;
  }

  /** Heat map and layers of a tile. @param {Tile} tile @param {Uint32Array} labels @param {Int32Array} table */
  overlay(tile, labels, table) {
    const { rows, cols, heat } = tile, glow = `${tile.wish}${state.heatOpacity}`;
    if (heat && tile.glow.key !== glow) { compose.heat(tile.glow.sized(rows, cols), heat.values, state.heatOpacity); tile.glow.show(); tile.glow.key = glow; }
    for (const name of tile.overlays.keys()) if (!tile.layers.has(name)) tile.overlays.delete(name);
    for (const layer of state.layers) {
      const held = tile.layers.get(layer.name), key = JSON.stringify([layer, state.base, tile.painted, tile.wish, colourKey()]);
      if (!held || layer.style === "off") { tile.overlays.delete(layer.name); continue; }
      const picture = tile.overlays.get(layer.name) ?? new Picture();
      tile.overlays.set(layer.name, picture);
      if (picture.key === key) continue;
      const base = state.base === "current" ? labels : tile.layers.get(state.base)?.values;
      lay(picture.sized(rows, cols), layer, { values: held.values, base: base ?? labels, table, rows, cols });
      picture.show();
      picture.key = key;
    }
  }
}
