// @ts-check
/** Controls of a method's options, made from the server's table: sliders where a range is known or can be guessed. */
import { el } from "../dom.js";

/** @typedef {import("../store.js").Option} Option */
/** Options whose automatic value stands for an intensity of the image. */
const INTENSITIES = ["low", "high"];

/** Ends and step of a slider. @param {Option} option @param {{low:number,high:number}} channel */
export function bounds(option, channel) {
  const whole = option.kind === "integer", usual = Math.abs(option.default ?? 0);
  if (option.default === null && INTENSITIES.includes(option.name)) return { low: channel.low, high: channel.high, step: (channel.high - channel.low) / 500 || 1 };
  const low = option.low ?? (usual ? -4 * usual : 0);
  const reach = usual ? 5 * usual : 20;
  const high = option.high === null ? low + reach : Math.min(option.high, Math.max(low + reach, usual));
  return { low, high, step: whole ? 1 : Number(((high - low) / 200).toPrecision(1)) };
}

/** A control; `changed` hears the new value, `undefined` for the automatic one.
 * @param {Option} option @param {any} value @param {{low:number,high:number}} channel @param {(value:any) => void} changed */
export function field(option, value, channel, changed) {
  const title = option.what, name = option.name.replaceAll("_", " ");
  if (option.kind === "flag") {
    const box = el("input", { type: "checkbox", checked: Boolean(value ?? option.default) });
    box.onchange = () => changed(box.checked);
    return el("label", { title }, box, " ", name);
  }
  if (option.kind === "choice") {
    const pick = el("select", {}, ...option.choices.map((one) => el("option", { value: one }, one)));
    pick.value = value ?? option.default ?? option.choices[0];
    pick.onchange = () => changed(pick.value);
    return el("label", { title }, name, " ", pick);
  }
  if (option.kind === "number" || option.kind === "integer") return slider(option, value, channel, changed);
  const text = el("input", { type: "text", value: value ?? (Array.isArray(option.default) ? option.default.join(", ") : option.default ?? "") });
  text.onchange = () => changed(option.kind === "numbers" ? (text.value.trim() ? text.value.split(",").map(Number) : undefined) : text.value);
  return el("label", { title }, name, " ", text);
}

/** @param {Option} option @param {any} value @param {{low:number,high:number}} channel @param {(value:any) => void} changed */
function slider(option, value, channel, changed) {
  const { low, high, step } = bounds(option, channel), automatic = value === undefined && option.default === null;
  const shown = (/** @type {number} */ v) => Number(v.toPrecision(4)).toString() + (option.unit ? ` ${option.unit}` : "");
  const range = el("input", { type: "range", min: low, max: high, step, "aria-label": option.name.replaceAll("_", " ") });
  range.value = value ?? option.default ?? (low + high) / 2;
  const said = el("output", {}, automatic ? "automatic" : shown(Number(value ?? option.default)));
  range.oninput = () => { said.textContent = shown(Number(range.value)); changed(Number(range.value)); };
  const back = option.default === null ? el("button", { title: "Automatic", onclick: () => { said.textContent = "automatic"; changed(undefined); } }, "auto") : null;
  return el("label", { title: option.what }, el("span", { className: "row" }, option.name.replaceAll("_", " "), el("span", { className: "grow" }), said, back), range);
}
