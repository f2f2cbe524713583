// @ts-check
/** What is in hand: the path of a lasso, corners of a polygon, anchors of a live-wire, a ruler. Drawn by `cursor.js`. */

export const gesture = {
  plane: /** @type {import("../look/plane.js").Plane|null} */ (null),
  index: 0,
  path: /** @type {number[][]} */ ([]),
  closed: false,
  /** Voxels of the live-wire: of the parts that are fixed, and of the one that follows the cursor. */
  wire: /** @type {number[][]} */ ([]), tail: /** @type {number[][]} */ ([]),
  ruler: /** @type {number[][]} */ ([]),
  box: /** @type {number[][]} */ ([]),
  mark: /** @type {number[][]} */ ([]),
};

/** @param {import("../look/plane.js").Plane|null} plane */
export function begin(plane) {
  Object.assign(gesture, { plane, index: plane?.source.index ?? 0, path: [], closed: false, wire: [], tail: [], box: [], mark: [] });
}
/** Whether the path in hand lies on this slice. @param {import("../look/plane.js").Plane} plane */
export const isHere = (plane) => gesture.plane === plane && gesture.index === plane.source.index;
