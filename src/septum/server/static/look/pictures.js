// @ts-check
/** A small off-screen canvas whose pixels are written as whole numbers. */

export class Picture {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.key = "";
    this.data = /** @type {ImageData|null} */ (null);
    this.pixels = new Uint32Array(0);
  }

  /** @param {number} rows @param {number} cols */
  sized(rows, cols) {
    if (this.data?.width !== cols || this.data?.height !== rows) {
      this.canvas.width = cols; this.canvas.height = rows;
      this.data = new ImageData(cols, rows);
      this.pixels = new Uint32Array(this.data.data.buffer);
    }
    return this.pixels;
  }

  /** Shows what was written, of a part where one is given. @param {import("./compose.js").Rect} [rect] */
  show(rect) {
    if (!this.data) return;
    const ctx = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    if (rect) ctx.putImageData(this.data, 0, 0, rect.x, rect.y, rect.w, rect.h);
    else ctx.putImageData(this.data, 0, 0);
  }
}
