// @ts-check
/** What is drawn over the pixels of a plane: crosshair, letters, scale bar, the marks of a tool, the cursor. */
import { drawTool } from "../draw/cursor.js";
import { state } from "../store.js";
import { drawDoubtful } from "./doubtful.js";
import { colAxis, rowAxis } from "./geometry.js";
import { planes } from "./planes.js";
import { label, words } from "./text.js";

/** @param {CanvasRenderingContext2D} ctx @param {import("./plane.js").Plane} plane */
export function drawMarks(ctx, plane) {
  const f = plane.view.frame();
  if (plane.grid.volume && state.crosshair) crosshair(ctx, plane, f);
  if (plane.of) partner(ctx, plane, plane.of.cursor);
  else { drawTool(ctx, plane); if (planes.twin?.of === plane) partner(ctx, plane, planes.twin.cursor); }
  letters(ctx, plane, f);
  scaleBar(ctx, plane, f);
  drawDoubtful(ctx, plane);
}

/** @param {CanvasRenderingContext2D} ctx @param {import("./plane.js").Plane} plane @param {{w:number,h:number}} f */
function crosshair(ctx, plane, f) {
  const ra = rowAxis(plane.axis), ca = colAxis(plane.axis), gap = 14;
  const [x, y] = plane.view.screen(state.position[ra] + 0.5, state.position[ca] + 0.5);
  ctx.lineWidth = 1; ctx.strokeStyle = "#56b4e9a0";
  ctx.beginPath();
  ctx.moveTo(0, y); ctx.lineTo(x - gap, y); ctx.moveTo(x + gap, y); ctx.lineTo(f.w, y);
  ctx.moveTo(x, 0); ctx.lineTo(x, y - gap); ctx.moveTo(x, y + gap); ctx.lineTo(x, f.h);
  ctx.stroke();
}

/** Where the cursor of the plane beside this one is. @param {CanvasRenderingContext2D} ctx @param {import("./plane.js").Plane} plane @param {number[]|null} cursor */
function partner(ctx, plane, cursor) {
  if (!cursor) return;
  const [x, y] = plane.view.screen(cursor[0], cursor[1]);
  for (const [colour, width] of /** @type {[string, number][]} */ ([["#000a", 4], ["#f0e442", 1.5]])) {
    ctx.strokeStyle = colour; ctx.lineWidth = width;
    ctx.beginPath(); ctx.moveTo(x - 8, y); ctx.lineTo(x + 8, y); ctx.moveTo(x, y - 8); ctx.lineTo(x, y + 8); ctx.stroke();
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {import("./plane.js").Plane} plane @param {{w:number,h:number}} f */
function letters(ctx, plane, f) {
  const { grid, view, axis } = plane;
  const ends = (/** @type {number} */ a, /** @type {boolean} */ flip) => (flip ? [...grid.letters[a]].reverse() : grid.letters[a]);
  const [top, bottom] = ends(rowAxis(axis), view.flipRows), [left, right] = ends(colAxis(axis), view.flipCols);
  label(ctx, top ?? "", f.w / 2, 15); label(ctx, bottom ?? "", f.w / 2, f.h - view.foot - 6);
  label(ctx, left ?? "", 10, f.h / 2); label(ctx, right ?? "", f.w - 10, f.h / 2);
  if (plane.of) { label(ctx, plane.name, 10, 17, "left"); return; }
  if (!grid.volume) return;
  const name = `${plane.name} ${plane.source.index + 1} / ${grid.size[axis]}`, meets = 10 + ctx.measureText(name).width > f.w / 2 - 12;
  label(ctx, name, 10, meets ? 34 : 17, "left");
}

/** @param {CanvasRenderingContext2D} ctx @param {import("./plane.js").Plane} plane @param {{w:number,h:number,scale:number}} f */
function scaleBar(ctx, plane, f) {
  const most = Math.min(160, f.w / 4) / f.scale, power = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].map((k) => k * power).find((v) => v <= most) ?? power;
  const x = 12, y = f.h - plane.view.foot - 12, wide = length * f.scale;
  ctx.lineWidth = 4; ctx.strokeStyle = "#000a"; ctx.beginPath(); ctx.moveTo(x - 1, y); ctx.lineTo(x + wide + 1, y); ctx.stroke();
  ctx.lineWidth = 2; ctx.strokeStyle = "#fff"; ctx.beginPath(); ctx.moveTo(x, y); ctx.lineTo(x + wide, y); ctx.stroke();
  label(ctx, words(length), x, y - 6, "left");
}
