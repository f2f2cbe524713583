// @ts-check
/** The planes of the open image, and the one that the keyboard acts on. */
import { by } from "../dom.js";
import { state, update } from "../store.js";
import { gridOf, inward } from "./geometry.js";
import { wordOfLayer, wordOfMap } from "./layers.js";
import { Plane } from "./plane.js";
import { ALONE, drawSolid } from "./solid.js";

/** `twin` stands beside the plane in hand and shows something else of the same slice.
 * @type {{all:Plane[],active:number,twin:Plane|null,shown:string}} */
export const planes = { all: [], active: 0, twin: null, shown: "" };

export const active = () => (planes.all[planes.active] ?? planes.all[0]);

/** @param {import("../store.js").Opened} opened */
export function openPlanes(opened) {
  const grid = gridOf(opened), host = by("planes");
  host.replaceChildren();
  planes.twin = null; planes.shown = "";
  planes.all = (grid.volume ? [0, 1, 2] : [0]).map((axis) => new Plane(host, opened, grid, axis));
  // The plane with the finest pixels is the one people draw on: the largest place is its own.
  planes.active = 0;
  return grid;
}

/** Shows another frame of the movie in the planes as they are. @param {import("../store.js").Opened} opened @param {import("./slices.js").Slices[]} sources what was fetched ahead, by axis */
export const turnPlanes = (opened, sources) => planes.all.forEach((plane) => plane.turn(opened, sources[plane.axis]));

/** Makes or takes away the plane beside the one in hand. @param {(plane:Plane, at:number) => void} watch */
function beside(watch) {
  const of = active(), wish = state.beside && of && state.opened ? `${state.beside}/${of.axis}/${state.opened.id}` : "";
  if (wish === planes.shown) return;
  planes.twin?.figure.remove();
  planes.twin = null; planes.shown = wish;
  if (!wish || !state.opened) return;
  const kind = state.beside.split(":")[0], what = state.beside.slice(kind.length + 1), map = state.maps.find((one) => one.name === what);
  const name = kind === "image" ? "Image alone" : kind === "map" && map ? wordOfMap(map) : wordOfLayer(what);
  planes.twin = new Plane(by("planes"), state.opened, of.grid, of.axis, { of, only: state.beside, name });
  watch(planes.twin, planes.active);
}

/** @param {(plane:Plane, at:number) => void} watch joins a new plane to the pointers */
export function drawPlanes(watch) {
  beside(watch);
  const host = by("planes"), pair = planes.twin !== null, alone = !pair && (planes.all.length === 1 || (state.single >= 0 && (state.single < ALONE || state.solid)));
  const solid = state.solid && !pair && planes.all.length > 1 && (!alone || state.single === ALONE);
  host.classList.toggle("single", alone);
  host.classList.toggle("quad", solid && !alone);
  host.classList.toggle("twins", pair);
  planes.all.forEach((plane, at) => {
    plane.figure.hidden = pair ? plane !== planes.twin?.of : planes.all.length > 1 && alone && state.single !== plane.axis;
    plane.figure.classList.toggle("active", at === planes.active && planes.all.length > 1);
    if (!plane.figure.hidden) plane.draw();
  });
  drawSolid(solid);
  planes.twin?.draw(); // last: only now has it the room of those that are hidden
}

/** Labels of a box as the server has them, put into every slice that is shown. @param {import("./geometry.js").Box} box @param {number[]} runs */
export function putRuns(box, runs) {
  const { start, stop } = inward(box), flat = new Uint32Array(stop.reduce((n, v, a) => n * (v - start[a]), 1));
  for (let i = 0; i < runs.length; i += 3) flat.fill(runs[i + 2], runs[i], runs[i] + runs[i + 1]);
  for (const plane of planes.all) plane.source.put({ start, stop }, flat);
}

export const reload = () => { for (const plane of [...planes.all, ...(planes.twin ? [planes.twin] : [])]) plane.source.load(true); };

/** Shows the patient's right at the left, as a radiologist looks, or at the right. */
export function turnSides() {
  const sides = state.sides === "radiological" ? "neurological" : "radiological";
  localStorage.setItem("septum-sides", sides);
  update({ sides, message: `Sides: ${sides}, the patient's right is at the ${sides === "radiological" ? "left" : "right"}` });
}
