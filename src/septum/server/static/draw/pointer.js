// @ts-check
/** Mouse, pen and touch on a plane: one finger draws only where no pen is known, two fingers pan and zoom, a palm is ignored. */
import { drag, hover, lift, press } from "./hand.js";
import { clamped } from "../look/geometry.js";
import { planes } from "../look/planes.js";
import { turnWindow } from "../look/window.js";
import { held } from "../keys.js";
import { state, update } from "../store.js";
import { say } from "../side/status.js";

/** @typedef {import("../look/plane.js").Plane} Plane */
const PALM_PX = 60, AFTER_PEN_MS = 600;
let penAt = -Infinity;

/** @param {PointerEvent} event Whether a touch is a hand that rests beside the pen. */
const isPalm = (event) => event.pointerType === "touch" && (Math.max(event.width, event.height) > PALM_PX || performance.now() - penAt < AFTER_PEN_MS);

/** Joins a plane to the pointers. @param {Plane} plane @param {number} at */
export function watch(plane, at) {
  const { canvas } = plane, fingers = /** @type {Map<number, number[]>} */ (new Map());
  let kind = /** @type {""|"pan"|"window"|"draw"|"pinch"|"point"} */ (""), from = [0, 0], erase = false, moved = false;
  const now = (/** @type {PointerEvent} */ event) => ({ plane, at: plane.locate(event), erase, moved, px: event.offsetX, py: event.offsetY });

  canvas.oncontextmenu = (event) => event.preventDefault();
  canvas.ondblclick = () => { if (["look", "window"].includes(state.tool)) plane.enlarge(); };
  canvas.onpointerdown = (event) => {
    if (event.pointerType === "pen") penAt = performance.now();
    if (isPalm(event)) return;
    planes.active = at;
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    from = [event.offsetX, event.offsetY]; moved = false;
    erase = event.altKey || event.button === 2 || event.button === 5;
    if (event.pointerType === "touch") {
      fingers.set(event.pointerId, from);
      if (fingers.size === 2) { if (kind === "draw") lift(now(event)); kind = "pinch"; return; }
      if (penAt > -Infinity) { kind = "pan"; return; }
    }
    if (event.button === 1 || held.has(" ")) kind = "pan";
    else if (event.shiftKey || state.tool === "window") kind = "window";
    else if (plane.of) { kind = "point"; point(plane, event); } // what stands beside is looked at
    else { kind = "draw"; press(now(event)); }
    plane.cursor = plane.locate(event);
  };
  canvas.onpointermove = (event) => {
    if (event.pointerType === "pen") penAt = performance.now();
    if (isPalm(event)) return;
    plane.cursor = event.pointerType === "touch" ? null : plane.locate(event);
    const step = [event.offsetX - from[0], event.offsetY - from[1]];
    if (kind === "pinch") pinch(plane, fingers, event);
    else if (kind === "pan") { plane.view.pan[0] += step[0]; plane.view.pan[1] += step[1]; }
    else if (kind === "window") turnWindow(step[0], step[1]);
    else if (kind === "point") point(plane, event);
    else if (kind === "draw") {
      moved ||= Math.hypot(step[0], step[1]) > 2;
      const all = event.getCoalescedEvents?.() ?? [];
      for (const one of all.length ? all : [event]) drag(now(one));
    } else if (!plane.of) hover(plane, plane.locate(event));
    if (kind !== "draw") from = [event.offsetX, event.offsetY];
    say(plane);
    update();
  };
  canvas.onpointerup = (event) => {
    fingers.delete(event.pointerId);
    if (kind === "draw") lift(now(event));
    if (!fingers.size) kind = "";
    update();
  };
  canvas.onpointercancel = canvas.onpointerup;
  canvas.onpointerleave = () => { plane.cursor = null; update(); };
  canvas.onwheel = (event) => {
    event.preventDefault();
    const turned = Math.sign(event.deltaY || event.deltaX);
    if (event.shiftKey) resize(turned < 0 ? 1.15 : 1 / 1.15);
    else if (event.ctrlKey || event.metaKey || !plane.grid.volume) plane.view.zoomAt(turned < 0 ? 1.2 : 1 / 1.2, event.offsetX, event.offsetY);
    else if (!state.painting) plane.go(state.position[plane.axis] + turned);
    planes.active = at;
    plane.cursor = plane.locate(event);
    say(plane);
    update();
  };
}

/** Moves the crosshair. @param {Plane} plane @param {PointerEvent} event */
function point(plane, event) { if (plane.grid.volume) update({ position: clamped(plane.voxel(plane.locate(event)), plane.grid) }); }

/** Two fingers: their middle pans, their distance zooms. @param {Plane} plane @param {Map<number, number[]>} fingers @param {PointerEvent} event */
function pinch(plane, fingers, event) {
  if (fingers.size !== 2 || !fingers.has(event.pointerId)) return;
  const span = () => { const [a, b] = [...fingers.values()]; return { apart: Math.hypot(a[0] - b[0], a[1] - b[1]), x: (a[0] + b[0]) / 2, y: (a[1] + b[1]) / 2 }; };
  const before = span();
  fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
  const after = span();
  plane.view.pan[0] += after.x - before.x; plane.view.pan[1] += after.y - before.y;
  if (before.apart > 10) plane.view.zoomAt(after.apart / before.apart, after.x, after.y);
}

/** @param {number} factor */
export const resize = (factor) => {
  const wanted = Math.max(0.2, Math.min(2000, state.radius * factor));
  update({ radius: Number(wanted.toPrecision(3)) });
};
