// @ts-check
/** Marks of tools over a plane: footprint of the brush, outlines in hand, clicks, scribbles, boxes, the ruler. */
import { cssOf } from "../look/colours.js";
import { colAxis, rowAxis } from "../look/geometry.js";
import { label, words } from "../look/text.js";
import { state } from "../store.js";
import { gesture, isHere } from "./gesture.js";
import { gestureOf, usesRadius } from "./kinds.js";

/** @typedef {import("../look/plane.js").Plane} Plane */

/** @param {CanvasRenderingContext2D} ctx @param {Plane} plane */
export function drawTool(ctx, plane) {
  marks(ctx, plane);
  if (isHere(plane)) inHand(ctx, plane);
  if (plane.cursor) footprint(ctx, plane, plane.cursor);
}

/** @param {CanvasRenderingContext2D} ctx @param {Plane} plane */
function marks(ctx, plane) {
  const { axis } = plane, at = plane.source.index, ra = rowAxis(axis), ca = colAxis(axis), f = plane.view.frame();
  const spot = (/** @type {number[]} */ p) => plane.view.screen(p[ra] + 0.5, p[ca] + 0.5);
  for (const { points, label: value, radius_mm } of state.marks) {
    const near = points.filter((p) => p[axis] === at).map(spot);
    if (!near.length) continue;
    if (near.length === 1 && !radius_mm) { pin(ctx, near[0], value); continue; }
    ctx.strokeStyle = ctx.fillStyle = value ? cssOf(value) : "#ffffff";
    ctx.lineCap = ctx.lineJoin = "round";
    ctx.lineWidth = Math.max(3, 2 * radius_mm * f.scale);
    ctx.globalAlpha = 0.85;
    ctx.beginPath(); near.forEach(([x, y], k) => (k ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
    if (near.length === 1) { const [x, y] = near[0]; ctx.arc(x, y, ctx.lineWidth / 2, 0, 7); ctx.fill(); } else ctx.stroke();
    ctx.globalAlpha = 1;
  }
  for (const p of state.points) if (p[axis] === at) dot(ctx, spot(p), cssOf(state.label));
  ctx.lineWidth = 2; ctx.strokeStyle = cssOf(state.label);
  for (const [a, b] of state.boxes) if (a[axis] <= at && b[axis] > at) corners(ctx, plane.view.screen(a[ra], a[ca]), plane.view.screen(b[ra], b[ca]));
}

/** A click: a plus into something of the label, a minus for the background; seen on the stripes of a proposal, too. @param {CanvasRenderingContext2D} ctx @param {number[]} at @param {number} value */
function pin(ctx, [x, y], value) {
  ctx.fillStyle = value ? cssOf(value) : "#202020"; ctx.strokeStyle = "#fff"; ctx.lineWidth = 2; ctx.lineCap = "butt";
  ctx.beginPath(); ctx.arc(x, y, 7, 0, 7); ctx.fill(); ctx.stroke();
  ctx.beginPath(); ctx.moveTo(x - 4, y); ctx.lineTo(x + 4, y);
  if (value) { ctx.moveTo(x, y - 4); ctx.lineTo(x, y + 4); }
  ctx.stroke();
}
/** @param {CanvasRenderingContext2D} ctx @param {number[]} at @param {string} colour */
function dot(ctx, [x, y], colour) {
  ctx.fillStyle = colour; ctx.strokeStyle = "#fff"; ctx.lineWidth = 1.5;
  ctx.beginPath(); ctx.arc(x, y, 4, 0, 7); ctx.fill(); ctx.stroke();
}
/** @param {CanvasRenderingContext2D} ctx @param {number[]} a @param {number[]} b */
const corners = (ctx, a, b) => ctx.strokeRect(Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1]));

/** @param {CanvasRenderingContext2D} ctx @param {Plane} plane */
function inHand(ctx, plane) {
  const { view } = plane, colour = cssOf(state.label);
  const spots = gesture.path.map(([r, c]) => view.screen(r, c));
  const follow = plane.cursor && state.tool === "polygon" ? [view.screen(plane.cursor[0], plane.cursor[1])] : [];
  if (state.tool !== "live-wire") line(ctx, [...spots, ...follow], colour, true);
  wire(ctx, plane, gesture.wire, "#f0e442"); wire(ctx, plane, gesture.tail, "#ffffff");
  if (["polygon", "live-wire"].includes(state.tool)) for (const spot of spots) dot(ctx, spot, colour);
  swept(ctx, gesture.mark.map(([r, c]) => view.screen(r, c)), colour, view.frame().scale);
  if (gesture.box.length === 2) { ctx.strokeStyle = colour; ctx.lineWidth = 2; corners(ctx, view.screen(gesture.box[0][0], gesture.box[0][1]), view.screen(gesture.box[1][0], gesture.box[1][1])); }
  if (gesture.ruler.length === 2) {
    const [a, b] = gesture.ruler, [p, q] = [view.screen(a[0], a[1]), view.screen(b[0], b[1])];
    line(ctx, [p, q], "#f0e442", false);
    for (const end of [p, q]) dot(ctx, end, "#f0e442");
    label(ctx, words(Math.hypot((a[0] - b[0]) * view.mmRow, (a[1] - b[1]) * view.mmCol)), (p[0] + q[0]) / 2, (p[1] + q[1]) / 2 - 8);
  }
}

/** A scribble, or the way of a brush that the server paints with. @param {CanvasRenderingContext2D} ctx @param {number[][]} spots @param {string} colour @param {number} scale */
function swept(ctx, spots, colour, scale) {
  if (!spots.length) return;
  const brush = gestureOf(state.tool) === "drag";
  ctx.lineCap = ctx.lineJoin = "round";
  ctx.lineWidth = Math.max(3, 2 * scale * (brush ? state.radius : scribbleRadius()));
  ctx.globalAlpha = brush ? 0.35 : 0.85; ctx.strokeStyle = colour;
  ctx.beginPath(); spots.forEach(([x, y], k) => (k ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  if (spots.length === 1) ctx.lineTo(spots[0][0] + 0.1, spots[0][1]);
  ctx.stroke();
  ctx.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} ctx @param {number[][]} spots @param {string} colour @param {boolean} closes */
function line(ctx, spots, colour, closes) {
  if (spots.length < 2) return;
  const trace = () => { ctx.beginPath(); spots.forEach(([x, y], k) => (k ? ctx.lineTo(x, y) : ctx.moveTo(x, y))); };
  ctx.lineJoin = "round";
  trace(); ctx.lineWidth = 4; ctx.strokeStyle = "#000a"; ctx.stroke();
  trace(); ctx.lineWidth = 2; ctx.strokeStyle = colour; ctx.stroke();
  if (!closes) return;
  ctx.setLineDash([4, 4]); ctx.beginPath();
  ctx.moveTo(spots[spots.length - 1][0], spots[spots.length - 1][1]); ctx.lineTo(spots[0][0], spots[0][1]); ctx.stroke();
  ctx.setLineDash([]);
}

/** @param {CanvasRenderingContext2D} ctx @param {Plane} plane @param {number[][]} voxels @param {string} colour */
function wire(ctx, plane, voxels, colour) {
  const { view, axis } = plane, f = view.frame(), ra = rowAxis(axis), ca = colAxis(axis);
  ctx.fillStyle = colour;
  for (const p of voxels) {
    const [x, y] = view.screen(p[ra] + 0.5, p[ca] + 0.5);
    ctx.fillRect(x - Math.max(f.sx, 2) / 2, y - Math.max(f.sy, 2) / 2, Math.max(f.sx, 2), Math.max(f.sy, 2));
  }
}

/** The true footprint of the brush: an ellipse of its radius in millimetres. @param {CanvasRenderingContext2D} ctx @param {Plane} plane @param {number[]} cursor */
function footprint(ctx, plane, cursor) {
  if (!usesRadius(state.tool)) return;
  const f = plane.view.frame(), [x, y] = plane.view.screen(cursor[0], cursor[1]);
  const reach = gestureOf(state.tool) === "scribble" ? Math.max(1.5, scribbleRadius() * f.scale) : state.radius * f.scale;
  const trace = (/** @type {string} */ colour, /** @type {number} */ width) => { ctx.strokeStyle = colour; ctx.lineWidth = width; ctx.beginPath(); ctx.arc(x, y, reach, 0, 7); ctx.stroke(); };
  trace("#000a", 3);
  trace(state.tool === "eraser" ? "#ffffff" : cssOf(state.label), 1.5);
  if (state.ball && ["brush", "eraser"].includes(state.tool)) label(ctx, "3-D", x, y - reach - 4);
}

/** Scribbles are thin: a fifth of the brush, so that they stay inside what they mark. */
export const scribbleRadius = () => state.radius / 5;
