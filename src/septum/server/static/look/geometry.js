// @ts-check
/** Where things are. A plane is a volume of one slice here, so that every place has three numbers: z, y, x. */
import { state } from "../store.js";

/** @typedef {{start:number[],stop:number[]}} Box */
/** @typedef {{volume:boolean,size:number[],mm:number[],letters:string[][]}} Grid */

/** @param {number} axis */
export const rowAxis = (axis) => (axis === 0 ? 1 : 0);
/** @param {number} axis */
export const colAxis = (axis) => (axis === 2 ? 1 : 2);

/** @param {import("../store.js").Opened} opened @returns {Grid} */
export function gridOf(opened) {
  const volume = opened.ndim === 3;
  const axes = volume ? opened.axes : [{ size: 1, mm: 1, letters: ["", ""] }, ...opened.axes];
  return { volume, size: axes.map((a) => a.size), mm: axes.map((a) => a.mm), letters: axes.map((a) => a.letters) };
}

/** The voxel under a row and a column of a slice. @param {number} axis @param {number} index @param {number} row @param {number} col */
export function voxel(axis, index, row, col) {
  const place = [index, index, index];
  place[rowAxis(axis)] = Math.floor(row);
  place[colAxis(axis)] = Math.floor(col);
  return place;
}

/** A place as the server counts it. @param {number[]} place */
export const outward = (place) => (state.opened?.ndim === 3 ? place : place.slice(1));
/** A box of the server with three numbers a corner. @param {Box} box @returns {Box} */
export const inward = (box) => (box.start.length === 3 ? box : { start: [0, ...box.start], stop: [1, ...box.stop] });

/** Position in world millimetres. @param {number[]} place */
export function millimetres(place) {
  const { opened } = state;
  if (!opened) return [];
  const at = outward(place);
  return opened.affine.slice(0, at.length).map((row) => row.slice(0, at.length).reduce((sum, v, k) => sum + v * at[k], row[at.length]));
}

/** @param {number[]} place @param {Grid} grid */
export const within = (place, grid) => place.every((v, a) => v >= 0 && v < grid.size[a]);
/** @param {number[]} place @param {Grid} grid */
export const clamped = (place, grid) => place.map((v, a) => Math.max(0, Math.min(grid.size[a] - 1, v)));
