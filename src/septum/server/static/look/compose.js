// @ts-check
/** From values to pixels: windows of channels, tints of labels. Arrays in, pixels out; nothing here knows the page. */
import { colourIn } from "./colours.js";

/** @typedef {import("../transport.js").Values} Values */
/** @typedef {{x:number,y:number,w:number,h:number}} Rect */
/** @typedef {{values:Values,centre:number,width:number,colour:number}} Part */

/** One channel as grey. @param {Uint32Array} out @param {Part} part @param {boolean} invert */
export function grey(out, { values, centre, width }, invert) {
  const gain = (invert ? -255 : 255) / width, base = invert ? 255 + (centre - width / 2) * (255 / width) : -(centre - width / 2) * gain;
  for (let i = 0; i < out.length; i++) {
    let v = values[i] * gain + base;
    v = v > 255 ? 255 : v > 0 ? v | 0 : 0;
    out[i] = 0xff000000 | (v << 16) | (v << 8) | v;
  }
}

/** A photograph, three values a pixel. @param {Uint32Array} out @param {Part} part @param {boolean} invert */
export function colour(out, { values, centre, width }, invert) {
  const gain = 255 / width, low = centre - width / 2, flip = invert ? 255 : 0;
  const tone = Uint8Array.from({ length: 256 }, (_, v) => Math.abs(flip - Math.max(0, Math.min(255, (v - low) * gain))));
  for (let i = 0, k = 0; i < out.length; i++, k += 3) out[i] = 0xff000000 | (tone[values[k + 2]] << 16) | (tone[values[k + 1]] << 8) | tone[values[k]];
}

/** Several channels, each in its colour, added up. @param {Uint32Array} out @param {Part[]} parts @param {boolean} invert */
export function mixed(out, parts, invert) {
  for (let i = 0; i < out.length; i++) {
    let r = 0, g = 0, b = 0;
    for (const { values, centre, width, colour: tint } of parts) {
      const v = Math.max(0, Math.min(1, (values[i] - centre) / width + 0.5));
      r += v * (tint & 255); g += v * ((tint >> 8) & 255); b += v * ((tint >> 16) & 255);
    }
    r = Math.min(255, r); g = Math.min(255, g); b = Math.min(255, b);
    out[i] = 0xff000000 | ((invert ? 255 - b : b) << 16) | ((invert ? 255 - g : g) << 8) | (invert ? 255 - r : r);
  }
}

/** Labels as a tint, their borders stronger; the outline style leaves the inside clear.
 * @param {Uint32Array} out @param {Uint32Array} labels @param {{rows:number,cols:number}} shape @param {Rect} rect
 * @param {{table:Int32Array,opacity:number,outline:boolean}} style */
export function tint(out, labels, { rows, cols }, rect, { table, opacity, outline }) {
  const inside = (outline ? 0 : Math.round(255 * opacity)) << 24, edge = Math.round(255 * (outline ? Math.max(opacity, 0.6) : Math.min(1, opacity * 1.5))) << 24;
  for (let r = rect.y; r < rect.y + rect.h; r++) {
    for (let c = rect.x, i = r * cols + c; c < rect.x + rect.w; c++, i++) {
      const value = labels[i], shown = value ? colourIn(table, value) : -1;
      if (shown < 0) { out[i] = 0; continue; }
      const border = (c > 0 && labels[i - 1] !== value) || (c + 1 < cols && labels[i + 1] !== value) || (r > 0 && labels[i - cols] !== value) || (r + 1 < rows && labels[i + cols] !== value);
      out[i] = shown | (border ? edge : inside);
    }
  }
}

/** The borders of labels in one colour, so that several layers can be told apart. @param {Uint32Array} out @param {Uint32Array} labels @param {{rows:number,cols:number}} shape @param {{colour:number,opacity:number}} style */
export function contour(out, labels, { rows, cols }, { colour, opacity }) {
  const ink = colour | (Math.round(255 * Math.max(opacity, 0.3)) << 24);
  for (let r = 0, i = 0; r < rows; r++) for (let c = 0; c < cols; c++, i++) {
    const value = labels[i];
    out[i] = value && ((c > 0 && labels[i - 1] !== value) || (c + 1 < cols && labels[i + 1] !== value) || (r > 0 && labels[i - cols] !== value) || (r + 1 < rows && labels[i + cols] !== value)) ? ink : 0;
  }
}

/** Black over violet and orange to yellow: its lightness rises evenly, so that people with any colour vision read it. */
const GLOW = /** @type {[number,number,number][]} */ ([[0, 0, 4], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]]);
/** The colour of each byte of a heat map, without alpha. */
export const GLOWS = Uint32Array.from({ length: 256 }, (_, v) => {
  const at = (v / 255) * (GLOW.length - 1), k = Math.min(GLOW.length - 2, Math.floor(at)), part = at - k;
  const [r, g, b] = GLOW[k].map((from, n) => Math.round(from + part * (GLOW[k + 1][n] - from)));
  return r | (g << 8) | (b << 16);
});

/** A heat map; what is near 0 stays clear. @param {Uint32Array} out @param {Values} values bytes @param {number} opacity */
export function heat(out, values, opacity) {
  for (let i = 0; i < out.length; i++) {
    const v = values[i];
    out[i] = v < 5 ? 0 : GLOWS[v] | (Math.round(255 * opacity * Math.min(1, v / 77)) << 24);
  }
}

const [ADDED, LACKING, OTHER] = [0x009fe6, 0xe9b456, 0xa779cc];
/** Where two label slices differ: only here, only there, or another label. @param {Uint32Array} out @param {Uint32Array} here @param {Uint32Array} there @param {number} opacity */
export function difference(out, here, there, opacity) {
  const alpha = Math.round(255 * opacity) << 24;
  for (let i = 0; i < out.length; i++) out[i] = here[i] === there[i] ? 0 : (there[i] === 0 ? ADDED : here[i] === 0 ? LACKING : OTHER) | alpha;
}

/** A proposal, striped: what would be set in its colour, what would be cleared in red.
 * @param {Uint32Array} out @param {Int32Array} wanted -1 where nothing would change @param {number} cols @param {Int32Array} table */
export function ghost(out, wanted, cols, table) {
  for (let i = 0; i < out.length; i++) {
    if (wanted[i] < 0) { out[i] = 0; continue; }
    const odd = ((i % cols) + Math.floor(i / cols)) & 2;
    const shown = wanted[i] ? colourIn(table, wanted[i]) : 0x2020ff;
    out[i] = (shown < 0 ? 0xffffff : shown) | ((odd ? 0xf0 : 0x58) << 24);
  }
}

/** Pixels within an editable range. @param {Uint32Array} out @param {Values} values @param {number} low @param {number} high */
export function inRange(out, values, low, high) {
  for (let i = 0; i < out.length; i++) out[i] = values[i] >= low && values[i] <= high ? 0x60a779cc : 0;
}
