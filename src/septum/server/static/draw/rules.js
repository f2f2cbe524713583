// @ts-check
/** What an edit may change, as the server will judge it; here so that the page never paints what will be refused. */
import { state } from "../store.js";

/** @typedef {(before:number, wanted:number, value:number|undefined) => boolean} May */

const guarded = () => [...new Set([...state.hidden, ...state.protected])];

/** The rules as the server takes them. @param {number} value that is set; 0 erases, which is no overwriting */
export function rulesFor(value) {
  const hidden = guarded();
  const overwrite = value && state.overwrite === "none" ? "none" : hidden.length ? "visible" : "all";
  return {
    overwrite, hidden, area: state.area, area_labels: state.area === "everywhere" || !state.areaLabel ? null : [state.areaLabel],
    low: state.ranged ? state.rangeLow : null, high: state.ranged ? state.rangeHigh : null, range_channel: state.channel,
  };
}

/** The same rules for one voxel at a time. @param {number} value @returns {May} */
export function mayFor(value) {
  const keep = new Set(guarded()), { area, areaLabel, ranged, rangeLow, rangeHigh } = state;
  const fresh = value !== 0 && state.overwrite === "none";
  return (before, _wanted, grey) => {
    if (fresh ? before !== 0 : keep.has(before)) return false;
    if (area !== "everywhere" && (areaLabel ? before === areaLabel : before !== 0) !== (area === "inside")) return false;
    return !ranged || grey === undefined || (grey >= rangeLow && grey <= rangeHigh);
  };
}

/** Why a label cannot be drawn with, or nothing. @param {number} value */
export function refusal(value) {
  if (state.locked) return state.locked;
  if (!state.protected.includes(value) && !state.hidden.includes(value)) return "";
  return `${nameOf(value)} is ${state.hidden.includes(value) ? "hidden" : "locked"}; ${state.hidden.includes(value) ? "show" : "unlock"} it to draw with it`;
}

/** @param {number} value */
export const nameOf = (value) => (value === 0 ? "background" : state.labels.find((one) => one.value === value)?.name ?? `label ${value}`);
