// @ts-check
/** The one state of the page. Views subscribe; at most one rendering happens per frame. */
/** @typedef {{value:number,name:string,color:string}} Label */
/** @typedef {{author:string,client:string,until:string|number}} Lease */
/** @typedef {{id:string,name:string,status:string,shape:number[]|null,ndim:number|null,predicted_dice:number|null,counted:string,version:number,saved:string|null,author:string|null,lease:Lease|null,seconds:number,split:string|null,queue:{rank:number,reason:string}|null,movie:{movie:string,frame:number,frames:number}|null}} Case */
/** @typedef {{letters:string[],mm:number,size:number}} Axis */
/** @typedef {{name:string,low:number,high:number,window:number[]}} ChannelFacts */
/** @typedef {Omit<Case,"ndim"> & {ndim:number,axes:Axis[],rgb:boolean,tiled:boolean,modality:string,levels:{scale:number,shape:number[]}[],channels:ChannelFacts[],layers:string[],maps:HeatMap[],provenance:Record<string,string>,affine:number[][],revision:number,epoch:string,undo:string[],redo:string[]}} Opened */
/** @typedef {{name:string,kind:string,default:any,what:string,low:number|null,high:number|null,unit:string|null,choices:string[]}} Option */
/** @typedef {{name:string,stage:string,what:string,needs:string[],given:string[],options:Option[],dimensions:number[]}} Tool */
/** @typedef {{name:string,low:number,high:number,auto:number[],centre:number,width:number,colour:string,on:boolean}} Channel */
/** @typedef {"off"|"fill"|"outline"|"difference"} LayerStyle */
/** @typedef {{name:string,style:LayerStyle,opacity:number,colour:string,said:string,by:string}} Layer */
/** @typedef {{name:string,kind:string,model:string,value:number|null,version:number}} HeatMap */
/** @typedef {{points:number[][],label:number,radius_mm:number}} Mark */
/** @typedef {{id:number,likely_right:number|null,why:string,start:number[],stop:number[],outline:number[][]}} Doubt */
/** @typedef {{id:string,what:string,changed:number,text:string}} Preview */

export const state = {
  project: "", notice: "", instances: false,
  labels: /** @type {Label[]} */ ([]),
  cases: /** @type {Case[]} */ ([]),
  models: /** @type {{name:string,prompts:boolean}[]} */ ([]),
  search: "", only: "", sort: "name",
  opened: /** @type {Opened|null} */ (null),
  /** Why the open case cannot be edited; empty when it can. */
  locked: "",
  tools: /** @type {Tool[]} */ ([]),
  /** Always z, y, x; a plane is slice 0 of a volume of one slice. */
  position: [0, 0, 0],
  tool: "brush",
  label: 1, labelBefore: 0, radius: 4, ball: false,
  hidden: /** @type {number[]} */ ([]), protected: /** @type {number[]} */ ([]),
  opacity: 0.5, style: /** @type {"fill"|"outline"|"off"} */ ("fill"), veiled: false,
  sides: localStorage.getItem("septum-sides") ?? "radiological",
  smooth: false, invert: false, crosshair: true, single: -1,
  channels: /** @type {Channel[]} */ ([]), channel: 0,
  layers: /** @type {Layer[]} */ ([]),
  /** The layer that differences are differences to. */
  base: "current",
  /** The heat map that is shown, by name; and the one that was shown last. */
  maps: /** @type {HeatMap[]} */ ([]), heat: "", heatBefore: "", heatOpacity: 0.6,
  /** What is shown beside the plane in hand: "", "image", "layer:NAME" or "map:NAME". */
  beside: "",
  /** Whether labels are shown in 3-D. */
  solid: false,
  overwrite: /** @type {"all"|"none"} */ ("all"),
  area: /** @type {"everywhere"|"inside"|"outside"} */ ("everywhere"), areaLabel: 0,
  ranged: false, rangeLow: 0, rangeHigh: 1,
  points: /** @type {number[][]} */ ([]), marks: /** @type {Mark[]} */ ([]), boxes: /** @type {number[][][]} */ ([]), across: 0,
  live: true,
  preview: /** @type {Preview|null} */ (null), busy: "",
  /** Objects of the prediction that should be looked at, the worst first; which one was gone to, and whether they are marked. */
  doubts: /** @type {Doubt[]} */ ([]), doubt: -1, doubting: true,
  painting: false, lost: false,
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

/** Does work and says what went wrong instead of failing in silence. @param {() => Promise<any>} work */
export const attempt = (work) => void work().catch((error) => update({ message: error.message, busy: "" }));
