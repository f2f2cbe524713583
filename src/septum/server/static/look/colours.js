// @ts-check
/** Colours of labels: the table's where a label has a row, else one that its number gives. */
import { state } from "../store.js";

const KNOWN = 4096;
const spread = Array.from({ length: 251 }, (_, k) => fromHue((k * 137.508) % 360));

/** Packed as a canvas keeps pixels in memory, without alpha. @param {string} hex */
export const packed = (hex) => parseInt(hex.slice(1, 3), 16) | (parseInt(hex.slice(3, 5), 16) << 8) | (parseInt(hex.slice(5, 7), 16) << 16);

/** @param {number} hue */
function fromHue(hue) {
  const channel = (/** @type {number} */ n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (0.6 - 0.3 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return channel(0) | (channel(8) << 8) | (channel(4) << 16);
}

/** Colour of every label below 4096, -1 for what is not shown. @returns {Int32Array} */
export function lookUp() {
  const table = new Int32Array(KNOWN);
  for (let value = 1; value < KNOWN; value++) table[value] = spread[value % 251];
  for (const label of state.labels) if (label.value < KNOWN) table[label.value] = packed(label.color);
  for (const value of state.hidden) if (value < KNOWN) table[value] = -1;
  table[0] = -1;
  return table;
}
/** @param {Int32Array} table @param {number} value */
export const colourIn = (table, value) => (value < KNOWN ? table[value] : spread[value % 251]);
/** @param {number} value */
export function cssOf(value) {
  const label = state.labels.find((one) => one.value === value);
  if (label) return label.color;
  const c = spread[value % 251];
  return value ? `rgb(${c & 255} ${(c >> 8) & 255} ${(c >> 16) & 255})` : "#8a93a0";
}
/** What a change of colours depends on. */
export const colourKey = () => JSON.stringify([state.labels, state.hidden]);
