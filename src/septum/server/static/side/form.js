// @ts-check
/** The form of a tool's options: controls from the server's table, and what a person set in them. */
import { by, el } from "../dom.js";
import { PROMPTERS } from "../draw/kinds.js";
import { state } from "../store.js";

/** @param {string} name */
const worded = (name) => { const word = name.replaceAll("_", " ").replace(/ mm$/, ""); return word[0].toUpperCase() + word.slice(1); };

/** A control for an option of a tool. @param {import("../store.js").Option} option @param {() => void} onchange */
export function field(option, onchange) {
  const word = option.name === "only" ? "Only the label in hand" : option.name === "axis" ? "Within this slice only" : worded(option.name);
  const onkeydown = (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter") /** @type {HTMLElement} */ (event.target).blur(); };
  const attributes = { "data-option": option.name, "data-kind": option.kind, onchange, onkeydown };
  if (option.kind === "flag" || option.name === "only" || option.name === "axis") return el("label", { className: "check", title: option.what }, el("input", { ...attributes, type: "checkbox", checked: option.default === true }), word);
  if (option.kind === "choice" || option.name === "model") {
    const choices = option.name === "model" ? [...state.models.filter((m) => m.prompts).map((m) => m.name), ...PROMPTERS] : option.choices;
    const select = el("select", attributes, ...choices.map((value) => el("option", { value }, PROMPTERS.includes(value) ? `${value} (no training)` : value)));
    if (option.default !== null) select.value = option.default;
    return el("label", { title: option.what }, word, select);
  }
  const text = option.default === null ? "" : Array.isArray(option.default) ? option.default.join(", ") : String(option.default);
  const plain = option.kind === "number" || option.kind === "integer";
  const input = el("input", { ...attributes, type: plain ? "number" : "text", step: option.kind === "integer" ? 1 : "any", value: text, "data-start": text, placeholder: option.default === null ? "automatic" : "" });
  if (plain && option.low !== null) input.min = option.low;
  if (plain && option.high !== null) input.max = option.high;
  return el("label", { title: option.what }, word, option.unit ? el("small", {}, ` ${option.unit}`) : null, input);
}

/** Whether the model that is set needs no training. */
export const prompterChosen = () => PROMPTERS.includes(by("options").querySelector("[data-option=model]")?.value);

/** Options of a tool that the person set; what was left alone keeps the server's default. @param {string} name */
export function chosenOptions(name) {
  /** @type {Record<string, any>} */
  const options = {};
  if (by("options").dataset.form !== name) return options; // its form is not drawn yet
  for (const input of by("options").querySelectorAll("[data-option]")) {
    const { option, kind, start } = input.dataset;
    if (option === "only") { if (input.checked) options.only = [state.label]; }
    else if (option === "axis") { if (input.checked) options.axis = "slice"; }
    else if (kind === "flag") options[option] = input.checked;
    else if (input.tagName === "SELECT") options[option] = input.value;
    else if (input.value === start || input.value === "") continue;
    else if (kind === "number" || kind === "integer") options[option] = Number(input.value);
    else if (kind === "numbers") options[option] = input.value.split(",").map(Number);
    else options[option] = input.value;
  }
  return options;
}
