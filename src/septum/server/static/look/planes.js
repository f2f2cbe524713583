// @ts-check
/** The planes of the open image, and the one that the keyboard acts on. */
import { by } from "../dom.js";
import { state } from "../store.js";
import { gridOf, inward } from "./geometry.js";
import { Plane } from "./plane.js";

/** @type {{all:Plane[],active:number}} */
export const planes = { all: [], active: 0 };

export const active = () => (planes.all[planes.active] ?? planes.all[0]);

/** @param {import("../store.js").Opened} opened */
export function openPlanes(opened) {
  const grid = gridOf(opened), host = by("planes");
  host.replaceChildren();
  planes.all = (grid.volume ? [0, 1, 2] : [0]).map((axis) => new Plane(host, opened, grid, axis));
  // The plane with the finest pixels is the one people draw on: the largest place is its own.
  planes.active = 0;
  return grid;
}

export function drawPlanes() {
  const host = by("planes"), alone = planes.all.length === 1 || state.single >= 0;
  host.classList.toggle("single", alone);
  planes.all.forEach((plane, at) => {
    plane.figure.hidden = planes.all.length > 1 && alone && state.single !== plane.axis;
    plane.figure.classList.toggle("active", at === planes.active && planes.all.length > 1);
    if (!plane.figure.hidden) plane.draw();
  });
}

/** Labels of a box as the server has them, put into every slice that is shown. @param {import("./geometry.js").Box} box @param {number[]} runs */
export function putRuns(box, runs) {
  const { start, stop } = inward(box), flat = new Uint32Array(stop.reduce((n, v, a) => n * (v - start[a]), 1));
  for (let i = 0; i < runs.length; i += 3) flat.fill(runs[i + 2], runs[i], runs[i] + runs[i + 1]);
  for (const plane of planes.all) plane.source.put({ start, stop }, flat);
}

export const reload = () => { for (const plane of planes.all) plane.source.load(true); };
