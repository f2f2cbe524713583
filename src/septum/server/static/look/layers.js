// @ts-check
/** Which layers and heat maps are shown, and how a layer of labels is laid over a picture. */
import { state } from "../store.js";
import { packed } from "./colours.js";
import * as compose from "./compose.js";

/** Colours of outlines, which people who are colour-blind tell apart, for layers in their order. */
const INKS = ["#ffffff", "#56b4e9", "#f0e442", "#cc79a7", "#009e73", "#d55e00"];
/** @param {number} at */
export const inkOf = (at) => INKS[at % INKS.length];

/** The labels that a plane shows as its own. @param {string} only */
export const labelsOf = (only) => (only === "" ? "current" : only.startsWith("layer:") ? only.slice(6) : "");

/** Layers that must be fetched: those that are seen, and the one that they are compared with. */
export function layersShown() {
  const names = state.layers.filter((layer) => layer.style !== "off").map((layer) => layer.name);
  const compared = state.base !== "current" && state.layers.some((layer) => layer.style === "difference");
  return compared && !names.includes(state.base) ? [...names, state.base] : names;
}

/** The heat map that a plane shows. @param {string} only @param {import("../store.js").HeatMap[]} [maps] of the case */
export const heatShown = (only, maps = state.maps) => {
  const name = only === "" ? state.heat : only.startsWith("map:") ? only.slice(4) : "";
  return maps.find((one) => one.name === name) ?? null;
};

/** Lays a layer over a picture as its style says.
 * @param {Uint32Array} out @param {import("../store.js").Layer} layer
 * @param {{values:import("../transport.js").Values,base:import("../transport.js").Values,table:Int32Array,rows:number,cols:number}} found */
export function lay(out, { style, opacity, colour }, { values, base, table, rows, cols }) {
  const labels = values instanceof Uint32Array ? values : new Uint32Array(values), shape = { rows, cols };
  if (style === "difference") compose.difference(out, base instanceof Uint32Array ? base : new Uint32Array(base), labels, opacity);
  else if (style === "outline") compose.contour(out, labels, shape, { colour: packed(colour), opacity });
  else compose.tint(out, labels, shape, { x: 0, y: 0, w: cols, h: rows }, { table, opacity, outline: false });
}

/** How a layer or a heat map is called. @param {string} name */
export function wordOfLayer(name) {
  const layer = state.layers.find((one) => one.name === name), [kind, which] = name.split(":");
  if (name === "current") return "what is drawn";
  if (kind === "prediction") return `prediction, ${which}`;
  return kind === "version" ? `version ${which}${layer?.by ? `, ${layer.by}` : ""}` : name;
}
/** @param {import("../store.js").HeatMap} map */
export function wordOfMap({ kind, model, value }) {
  const by = model === "pixels" ? "pixel classifier" : model;
  if (kind === "uncertainty") return `uncertainty, ${by}`;
  const name = value ? state.labels.find((one) => one.value === value)?.name ?? `label ${value}` : "background";
  return `probability of ${name}, ${by}`;
}
