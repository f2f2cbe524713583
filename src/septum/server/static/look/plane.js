// @ts-check
/** One plane of the open image: two canvases, pixels below and marks above, so that a moving cursor costs nothing. */
import { el } from "../dom.js";
import { state, update } from "../store.js";
import { clamped, colAxis, rowAxis, voxel } from "./geometry.js";
import { drawMarks } from "./overlay.js";
import { Slices } from "./slices.js";
import { Tiles } from "./tiles.js";
import { View } from "./view.js";

/** Whether an axis is shown mirrored: superior and anterior are above, the patient's right is at the left of a radiologist and at the right of a neurologist. @param {string[]} letters of its ends @param {string} sides */
const mirrored = ([low], sides) => (low === "L" || low === "R" ? low === (sides === "neurological" ? "R" : "L") : low === "I" || low === "P");

const NAMES = ["Axial", "Coronal", "Sagittal"];
const LETTERS = /** @type {Record<string,string>} */ ({ d: "#009e73", c: "#0072b2", i: "#e69f00", p: "#cc79a7" });

export class Plane {
  /** @param {HTMLElement} parent @param {import("../store.js").Opened} opened @param {import("./geometry.js").Grid} grid @param {number} axis
   * @param {{of:Plane,only:string,name:string}} [twin] a plane beside another one, that shows something else of the same slice */
  constructor(parent, opened, grid, axis, twin) {
    this.grid = grid; this.axis = axis;
    this.of = /** @type {Plane|null} */ (twin?.of ?? null);
    this.name = twin?.name ?? (grid.volume ? NAMES[axis] : "Image");
    this.cursor = /** @type {number[]|null} */ (null);
    this.below = el("canvas", { className: "pixels", "aria-hidden": "true" });
    this.canvas = /** @type {HTMLCanvasElement} */ (el("canvas", { tabIndex: 0, "aria-label": `${this.name} plane`, "data-axis": axis, role: twin ? "img" : "application" }));
    this.slider = /** @type {HTMLInputElement} */ (el("input", { type: "range", min: 0, max: grid.size[axis] - 1, "aria-label": `${this.name} slice`, oninput: () => this.go(Number(this.slider.value)) }));
    this.strip = /** @type {HTMLCanvasElement} */ (el("canvas", { className: "strip", title: "Slices: green drawn, blue corrected, orange interpolated, pink predicted" }));
    this.large = el("button", { className: "large", title: "Show this plane alone, or all three (double click)", "aria-label": `Enlarge ${this.name}`, onclick: () => this.enlarge() }, "⤢");
    this.figure = el("figure", {}, this.below, this.canvas, el("div", { className: "scrub" }, this.strip, this.slider), this.large);
    this.slider.parentElement?.toggleAttribute("hidden", !grid.volume);
    this.large.hidden = !grid.volume;
    if (twin) this.closes();
    parent.append(this.figure);
    const ra = rowAxis(axis), ca = colAxis(axis);
    this.view = new View(this.canvas, {
      rows: grid.size[ra], cols: grid.size[ca], mmRow: grid.mm[ra], mmCol: grid.mm[ca],
      flipRows: mirrored(grid.letters[ra], state.sides), flipCols: mirrored(grid.letters[ca], state.sides),
    }, twin?.of.view);
    this.view.foot = grid.volume ? 32 : 0;
    this.source = this.sourceOf(opened, twin?.only);
    this.painted = ""; this.marked = "";
    this.version = -1;
  }

  /** @param {import("../store.js").Opened} opened @param {string} [only] */
  sourceOf(opened, only) { return opened.tiled ? new Tiles(opened, this.grid, this.view, only) : new Slices(opened, this.grid, this.axis, only); }

  /** Shows another frame of the movie in its place; the picture that is seen stays until that of the frame has come.
   * @param {import("../store.js").Opened} opened @param {Slices} [source] that was fetched ahead */
  turn(opened, source) {
    this.source = source ?? this.sourceOf(opened);
    this.version = -1; this.marked = "";
  }

  /** A plane that stands beside another has no slider of its own, and a button that takes it away. */
  closes() {
    /** @type {HTMLElement} */ (this.slider.parentElement).style.visibility = "hidden";
    Object.assign(this.large, { hidden: false, title: "Take it away", textContent: "✕", onclick: () => update({ beside: "" }) });
    this.large.setAttribute("aria-label", `Close ${this.name}`);
  }

  enlarge() { if (this.grid.volume) update({ single: state.single === this.axis ? -1 : this.axis }); }
  ready() { return this.source.ready(); }

  /** @param {number} index */
  go(index) {
    const position = [...state.position];
    position[this.axis] = index;
    update({ position: clamped(position, this.grid) });
    this.source.load(); // at once: the next frame would ask a frame later
  }

  /** Row and column, not rounded, under a pointer. @param {{offsetX:number,offsetY:number}} at */
  locate(at) { return this.view.locate(at.offsetX, at.offsetY); }
  /** Row and column of a place with three numbers. @param {number[]} place */
  place(place) { return [place[rowAxis(this.axis)], place[colAxis(this.axis)]]; }
  /** @param {number[]} place row and column */
  voxel(place) { return voxel(this.axis, this.source.index, place[0], place[1]); }

  /** Bounds what is painted to a rectangle of the slice and the pixels around it that smoothing mixes in.
   * @param {CanvasRenderingContext2D} ctx @param {import("./compose.js").Rect} rect */
  clip(ctx, { x, y, w, h }) {
    const [ax, ay] = this.view.screen(y - 2, x - 2), [bx, by] = this.view.screen(y + h + 2, x + w + 2);
    ctx.beginPath();
    ctx.rect(Math.floor(Math.min(ax, bx)) - 1, Math.floor(Math.min(ay, by)) - 1, Math.ceil(Math.abs(bx - ax)) + 3, Math.ceil(Math.abs(by - ay)) + 3);
    ctx.clip();
  }

  draw() {
    const { canvas, below } = this, dpr = devicePixelRatio, w = Math.round(canvas.clientWidth * dpr), h = Math.round(canvas.clientHeight * dpr);
    if (!w || !h) return;
    for (const one of [canvas, below]) if (one.width !== w || one.height !== h) { one.width = w; one.height = h; this.painted = ""; }
    this.source.load();
    this.view.flipCols = mirrored(this.grid.letters[colAxis(this.axis)], state.sides);
    const f = this.view.frame(), s = this.source;
    const looks = JSON.stringify([f, s.shown, this.view.flipCols, state.channels, state.opacity, state.style, state.veiled, state.smooth, state.invert, state.layers, state.labels, state.hidden, state.preview, state.heatOpacity, state.base, state.ranged && [state.rangeLow, state.rangeHigh, state.channel]]);
    const comes = s instanceof Slices && !s.labels && this.painted !== "";
    if (!comes && (looks !== this.painted || s.version !== this.version)) {
      const ctx = /** @type {CanvasRenderingContext2D} */ (below.getContext("2d", { alpha: false }));
      ctx.save();
      ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
      // Where nothing but some labels changed, only that part is painted: it is what a stroke costs per move.
      if (looks === this.painted && s.dirty) this.clip(ctx, s.dirty);
      ctx.fillStyle = "#000"; ctx.fillRect(0, 0, w, h);
      this.view.enter(ctx);
      s.paint(ctx, f.sx);
      ctx.restore();
      this.painted = looks; this.version = s.version;
    }
    if (state.painting && !this.cursor) return; // the marks of the other planes stay as they are in mid-stroke
    const over = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    over.setTransform(dpr, 0, 0, dpr, 0, 0);
    over.clearRect(0, 0, w, h);
    drawMarks(over, this);
    if (this.grid.volume) this.drawStrip();
  }

  /** Where the slices come from, along the slider. */
  drawStrip() {
    const at = String(state.position[this.axis]);
    if (this.slider.value !== at || !this.slider.ariaValueText) {
      this.slider.value = at;
      this.slider.setAttribute("aria-valuetext", `slice ${state.position[this.axis] + 1} of ${this.grid.size[this.axis]}`);
    }
    // Asking for the strip's own width after the slider moved would lay the page out anew for each plane.
    const text = state.opened?.provenance[this.axis] ?? "", key = `${text}/${this.canvas.width}`;
    if (key === this.marked) return;
    this.marked = key;
    const { strip } = this, n = this.grid.size[this.axis], wide = strip.width = Math.max(1, strip.clientWidth);
    strip.height = 6;
    const ctx = /** @type {CanvasRenderingContext2D} */ (strip.getContext("2d")), thumb = 8, room = wide - 2 * thumb;
    for (let k = 0; k < text.length; k++) {
      if (!LETTERS[text[k]]) continue;
      ctx.fillStyle = LETTERS[text[k]];
      ctx.fillRect(thumb + (n > 1 ? (k / (n - 1)) * room : 0) - Math.max(1, room / n / 2), 0, Math.max(2, room / n), 6);
    }
  }
}
