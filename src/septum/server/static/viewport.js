// @ts-check
/** One plane of the open image: fetches its slices, shows them at true proportions, maps pointer to voxel. */
import { state, update } from "./store.js";
import { slice } from "./transport.js";

/** @typedef {import("./transport.js").Slice} Slice */
export class Viewport {
  /** @param {HTMLElement} parent @param {import("./store.js").Opened} opened @param {number} axis */
  constructor(parent, opened, axis) {
    this.opened = opened; this.axis = axis;
    const volume = opened.ndim === 3;
    this.rowAxis = volume ? (axis === 0 ? 1 : 0) : 0;
    this.colAxis = volume ? (axis === 2 ? 1 : 2) : 1;
    this.zoom = 1; this.pan = [0, 0]; this.cursor = /** @type {number[]|null} */ (null);
    this.image = /** @type {Slice|null} */ (null);
    this.labels = /** @type {Slice|null} */ (null);
    this.ghost = /** @type {Slice|null} */ (null);
    this.index = -1; this.shown = -1; this.wanted = 0;
    const name = volume ? ["Axial", "Coronal", "Sagittal"][axis] : "Image";
    this.figure = document.createElement("figure");
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("aria-label", `${name} plane`);
    this.canvas.dataset.axis = String(axis);
    this.slider = Object.assign(document.createElement("input"), { type: "range", min: "0", max: String(volume ? opened.axes[axis].size - 1 : 0) });
    this.slider.setAttribute("aria-label", `${name} slice`);
    this.slider.hidden = !volume;
    this.slider.oninput = () => this.go(Number(this.slider.value));
    this.figure.append(this.canvas, this.slider);
    parent.append(this.figure);
    this.bitmap = document.createElement("canvas");
    const letters = (/** @type {number} */ a) => opened.axes[a].letters;
    this.flipRows = ["I", "P"].includes(letters(this.rowAxis)[0]);
    this.flipCols = ["L", "P"].includes(letters(this.colAxis)[0]);
  }

  /** @param {number} index */
  go(index) {
    if (this.opened.ndim < 3) return;
    const position = [...state.position];
    position[this.axis] = Math.max(0, Math.min(this.opened.axes[this.axis].size - 1, index));
    update({ position });
  }

  /** Fetches what the position asks for; an answer that comes late is dropped. @param {boolean} [again] */
  async load(again = false) {
    const index = this.opened.ndim === 3 ? state.position[this.axis] : 0;
    if (index === this.index && !again) return;
    const fresh = index !== this.index;
    this.index = index;
    const asked = ++this.wanted, base = `/cases/${this.opened.id}`, end = `${this.axis}/${index}`;
    try {
      const image = fresh || !this.image ? slice(`${base}/slices/${end}?channel=${this.opened.rgb ? "all" : 0}`) : this.image;
      const [pixels, labels] = await Promise.all([image, slice(`${base}/labels/${end}`)]);
      if (asked !== this.wanted) return;
      this.image = pixels; this.labels = labels; this.shown = index;
      update();
    } catch (error) { this.index = -1; update({ message: String(error) }); }
  }

  /** True when the slice that is asked for is the one that is seen: only then may it be painted. */
  ready() { return this.labels !== null && this.shown === this.index && (this.opened.ndim < 3 || this.index === state.position[this.axis]); }

  /** Drops an answer that is on its way, so that it cannot wipe a stroke in hand. */
  hold() { this.wanted++; }

  /** Scale and corner of the picture in CSS pixels. */
  frame() {
    const { clientWidth: w, clientHeight: h } = this.canvas;
    const { axes } = this.opened, r = axes[this.rowAxis], c = axes[this.colAxis];
    const fit = 0.94 * Math.min(w / (c.size * c.mm), h / (r.size * r.mm)) * this.zoom;
    const sx = fit * c.mm, sy = fit * r.mm;
    return { sx, sy, x: (w - sx * c.size) / 2 + this.pan[0], y: (h - sy * r.size) / 2 + this.pan[1], rows: r.size, cols: c.size };
  }

  /** Row and column (not rounded) under a pointer. @param {{offsetX:number,offsetY:number}} at */
  locate(at) {
    const f = this.frame();
    const row = (at.offsetY - f.y) / f.sy, col = (at.offsetX - f.x) / f.sx;
    return [this.flipRows ? f.rows - row : row, this.flipCols ? f.cols - col : col];
  }

  /** @param {number} row @param {number} col */
  voxel(row, col) {
    if (this.opened.ndim < 3) return [Math.floor(row), Math.floor(col)];
    const place = [...state.position];
    place[this.rowAxis] = Math.floor(row); place[this.colAxis] = Math.floor(col);
    return place;
  }

  draw() {
    const { canvas } = this, dpr = devicePixelRatio;
    const w = Math.round(canvas.clientWidth * dpr), h = Math.round(canvas.clientHeight * dpr);
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
    const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
    ctx.clearRect(0, 0, w, h);
    this.slider.value = String(this.index);
    if (!this.image) return;
    this.compose(this.image);
    const f = this.frame();
    ctx.save();
    ctx.translate(f.x + (this.flipCols ? f.sx * f.cols : 0), f.y + (this.flipRows ? f.sy * f.rows : 0));
    ctx.scale(this.flipCols ? -f.sx : f.sx, this.flipRows ? -f.sy : f.sy);
    ctx.imageSmoothingEnabled = f.sx < 2;
    ctx.drawImage(this.bitmap, 0, 0);
    this.marks(ctx, f);
    ctx.restore();
    this.letters(ctx);
  }

  /** Grey values through the window, labels over them. @param {Slice} image */
  compose(image) {
    const { rows, cols, values } = image, { bitmap } = this;
    bitmap.width = cols; bitmap.height = rows;
    const ctx = /** @type {CanvasRenderingContext2D} */ (bitmap.getContext("2d"));
    const out = ctx.createImageData(cols, rows), data = out.data;
    const low = state.centre - state.width / 2, gain = 255 / state.width;
    const colours = new Map(state.labels.map((l) => [l.value, [1, 3, 5].map((i) => parseInt(l.color.slice(i, i + 2), 16))]));
    const labels = this.labels?.values, ghost = this.ghost?.values;
    for (let i = 0; i < rows * cols; i++) {
      const label = ghost && ghost[i] !== labels?.[i] ? ghost[i] : labels?.[i] ?? 0;
      const tint = label && !state.hidden ? colours.get(label) ?? [204, 121, 167] : null;
      const a = tint ? state.opacity : 0;
      for (let k = 0; k < 3; k++) {
        const v = this.opened.rgb ? values[3 * i + k] : Math.max(0, Math.min(255, (values[i] - low) * gain));
        data[4 * i + k] = v * (1 - a) + (tint ? tint[k] * a : 0);
      }
      data[4 * i + 3] = 255;
    }
    ctx.putImageData(out, 0, 0);
  }

  /** Crosshair, clicked points and the true footprint of the brush. @param {CanvasRenderingContext2D} ctx @param {{rows:number,cols:number,sx:number}} f */
  marks(ctx, f) {
    ctx.lineWidth = 1 / f.sx;
    if (this.opened.ndim === 3) {
      const row = state.position[this.rowAxis] + 0.5, col = state.position[this.colAxis] + 0.5;
      ctx.strokeStyle = "#56b4e988";
      ctx.beginPath(); ctx.moveTo(0, row); ctx.lineTo(f.cols, row); ctx.moveTo(col, 0); ctx.lineTo(col, f.rows); ctx.stroke();
    }
    ctx.fillStyle = "#f0e442";
    for (const p of state.points) if (this.opened.ndim < 3 || p[this.axis] === this.index) ctx.fillRect(p[this.colAxis], p[this.rowAxis], 1, 1);
    if (!this.cursor || state.mode === "look" || state.mode === "point") return;
    const { axes } = this.opened;
    ctx.strokeStyle = "#fff";
    ctx.beginPath();
    ctx.ellipse(this.cursor[1], this.cursor[0], state.radius / axes[this.colAxis].mm, state.radius / axes[this.rowAxis].mm, 0, 0, 7);
    ctx.stroke();
  }

  /** @param {CanvasRenderingContext2D} ctx */
  letters(ctx) {
    const { clientWidth: w, clientHeight: h } = this.canvas, { axes } = this.opened;
    const ends = (/** @type {number} */ a, /** @type {boolean} */ flip) => flip ? [...axes[a].letters].reverse() : axes[a].letters;
    const [top, bottom] = ends(this.rowAxis, this.flipRows), [left, right] = ends(this.colAxis, this.flipCols);
    ctx.fillStyle = "#cfd6df"; ctx.font = "12px system-ui"; ctx.textAlign = "center";
    ctx.fillText(top ?? "", w / 2, 14); ctx.fillText(bottom ?? "", w / 2, h - 30);
    ctx.fillText(left ?? "", 10, h / 2); ctx.fillText(right ?? "", w - 10, h / 2);
  }
}
