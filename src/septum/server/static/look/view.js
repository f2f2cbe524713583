// @ts-check
/** Zoom and pan of one plane: from rows and columns to CSS pixels of its canvas, and back. Two planes may share them. */

export class View {
  /** @param {HTMLCanvasElement} canvas @param {{rows:number,cols:number,mmRow:number,mmCol:number,flipRows:boolean,flipCols:boolean}} shape @param {View} [of] whose zoom and pan it follows */
  constructor(canvas, shape, of) {
    this.canvas = canvas;
    this.rows = shape.rows; this.cols = shape.cols; this.mmRow = shape.mmRow; this.mmCol = shape.mmCol;
    this.flipRows = shape.flipRows; this.flipCols = shape.flipCols;
    /** @type {{zoom:number,pan:number[]}} */
    this.look = of?.look ?? { zoom: 1, pan: [0, 0] };
    /** CSS pixels at the foot that the slider covers. */
    this.foot = 0;
  }

  get zoom() { return this.look.zoom; }
  set zoom(to) { this.look.zoom = to; }
  get pan() { return this.look.pan; }
  set pan(to) { this.look.pan = to; }

  /** CSS pixels per column and row, and the corner of the picture. */
  frame() {
    const w = this.canvas.clientWidth, h = this.canvas.clientHeight, room = 22, foot = this.foot;
    const fit = Math.min((w - 2 * room) / (this.cols * this.mmCol), (h - 2 * room - foot) / (this.rows * this.mmRow));
    const scale = Math.max(1e-6, fit) * this.zoom, sx = scale * this.mmCol, sy = scale * this.mmRow;
    return { w, h, sx, sy, scale, x: (w - sx * this.cols) / 2 + this.pan[0], y: (h - foot - sy * this.rows) / 2 + this.pan[1] };
  }

  /** Row and column, not rounded, under a pixel. @param {number} px @param {number} py */
  locate(px, py) {
    const f = this.frame(), row = (py - f.y) / f.sy, col = (px - f.x) / f.sx;
    return [this.flipRows ? this.rows - row : row, this.flipCols ? this.cols - col : col];
  }

  /** Pixel of a row and a column. @param {number} row @param {number} col */
  screen(row, col) {
    const f = this.frame();
    return [f.x + f.sx * (this.flipCols ? this.cols - col : col), f.y + f.sy * (this.flipRows ? this.rows - row : row)];
  }

  /** Lets one unit of a context be one voxel. @param {CanvasRenderingContext2D} ctx */
  enter(ctx) {
    const f = this.frame();
    ctx.translate(f.x + (this.flipCols ? f.sx * this.cols : 0), f.y + (this.flipRows ? f.sy * this.rows : 0));
    ctx.scale(this.flipCols ? -f.sx : f.sx, this.flipRows ? -f.sy : f.sy);
  }

  /** Zooms and leaves the voxel under the pixel where it is. @param {number} factor @param {number} px @param {number} py */
  zoomAt(factor, px, py) {
    const before = this.frame();
    const most = Math.max(40, Math.max(this.rows, this.cols) / 20);
    this.zoom = Math.max(0.2, Math.min(most, this.zoom * factor));
    const after = this.frame(), ratio = after.scale / before.scale;
    this.pan[0] += px - (px - before.x) * ratio - after.x;
    this.pan[1] += py - (py - before.y) * ratio - after.y;
  }

  /** Puts a place into the middle, and zooms in where an object of this size would be small; never out. @param {number[]} place row and column @param {number} size in voxels */
  centre([row, col], size) {
    const f = this.frame(), wish = Math.min(f.w, f.h) / 5 / (Math.max(1, size) * this.mmRow);
    if (wish > f.scale) this.zoomAt(Math.min(wish / f.scale, 4 / this.zoom), f.w / 2, f.h / 2);
    const [x, y] = this.screen(row, col);
    this.pan[0] += f.w / 2 - x;
    this.pan[1] += (f.h - this.foot) / 2 - y;
  }

  fit() { this.zoom = 1; this.pan = [0, 0]; }
}
