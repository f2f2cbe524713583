// @ts-check
/** The one state of the page. Views subscribe; at most one rendering happens per frame. */
/** @typedef {{value:number,name:string,color:string}} Label */
/** @typedef {{id:string,name:string,status:string,shape:number[]|null,ndim:number,predicted_dice:number|null}} Case */
/** @typedef {{letters:string[],mm:number,size:number}} Axis */
/** @typedef {Case & {axes:Axis[],rgb:boolean,tiled:boolean,channels:{low:number,high:number,window:number[]}[],revision:number,epoch:string,undo:string[],redo:string[]}} Opened */
/** @typedef {{name:string,kind:string,default:any,what:string,low:number|null,high:number|null,choices:string[]}} Option */
/** @typedef {{name:string,what:string,options:Option[],dimensions:number[]}} Tool */
/** @typedef {"brush"|"erase"|"point"|"look"} Mode */

export const state = {
  project: "", notice: "",
  labels: /** @type {Label[]} */ ([]),
  cases: /** @type {Case[]} */ ([]),
  search: "",
  opened: /** @type {Opened|null} */ (null),
  tools: /** @type {Tool[]} */ ([]),
  position: [0, 0, 0],
  mode: /** @type {Mode} */ ("brush"),
  label: 1, radius: 4, opacity: 0.5, hidden: false, emptyOnly: false,
  centre: 0, width: 1,
  points: /** @type {number[][]} */ ([]),
  preview: /** @type {string|null} */ (null),
  expected: "", message: "", saved: "",
};
/** @type {Set<() => void>} */
const views = new Set();
let asked = false;

/** @param {() => void} view */
export function subscribe(view) { views.add(view); }

/** @param {Partial<typeof state>} [change] */
export function update(change = {}) {
  Object.assign(state, change);
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; for (const view of views) view(); });
}
