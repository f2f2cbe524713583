// @ts-check
/** Lists and controls at the sides; each function draws one of them from the state. */
import { state, update } from "./store.js";

/** @param {string} id @returns {any} */
export const by = (id) => document.getElementById(id);
/** @param {HTMLElement} host @param {string} key @param {() => HTMLElement[]} make */
function redraw(host, key, make) {
  if (host.dataset.key === key) return;
  host.dataset.key = key;
  host.replaceChildren(...make());
}
/** @param {string} tag @param {Record<string, any>} props @param {(Node|string)[]} children */
function el(tag, props, ...children) {
  const made = Object.assign(document.createElement(tag), props);
  made.append(...children);
  return made;
}

/** @param {(id:string) => void} open */
export function drawCases(open) {
  const shown = state.cases.filter((c) => c.name.toLowerCase().includes(state.search.toLowerCase()));
  redraw(by("cases"), JSON.stringify([shown.map((c) => [c.id, c.status, c.predicted_dice]), state.opened?.id]), () => shown.map((c) => {
    const picture = el("img", { src: `/api/cases/${c.id}/thumbnail`, alt: "", loading: "lazy" });
    const dice = c.predicted_dice === null ? "" : ` · Dice ${c.predicted_dice.toFixed(2)} expected`;
    const button = el("button", { className: "case", onclick: () => open(c.id) }, picture, el("span", {}, c.name, el("small", {}, c.status + dice)));
    button.setAttribute("aria-pressed", String(c.id === state.opened?.id));
    return button;
  }));
}

export function drawLabels() {
  redraw(by("labels"), JSON.stringify([state.labels, state.label]), () => state.labels.map((l) => {
    const swatch = el("span", { className: "swatch" });
    swatch.style.background = l.color;
    const button = el("button", { className: "label", onclick: () => update({ label: l.value }) }, swatch, `${l.value}  ${l.name}`);
    button.setAttribute("aria-pressed", String(l.value === state.label));
    return button;
  }));
}

const modes = /** @type {[import("./store.js").Mode,string,string][]} */ ([["brush", "Brush", "B"], ["erase", "Eraser", "E"], ["point", "Point", "P"], ["look", "Look", "L"]]);
export function drawModes() {
  redraw(by("modes"), state.mode, () => modes.map(([mode, name, key]) => {
    const button = el("button", { title: `${name} (${key})`, onclick: () => update({ mode }) }, name);
    button.setAttribute("aria-pressed", String(mode === state.mode));
    return button;
  }));
}

/** Controls made from the server's table of tools, so that a new tool appears by itself. */
export function drawOptions() {
  const tool = state.tools.find((t) => t.name === by("tool").value);
  redraw(by("options"), tool?.name ?? "", () => (tool?.options ?? []).map((o) => {
    const choice = o.kind === "choice";
    const field = choice ? el("select", {}, ...o.choices.map((v) => el("option", { value: v }, v))) : el("input", { type: o.kind === "flag" ? "checkbox" : "text" });
    const input = /** @type {any} */ (field);
    input.dataset.option = o.name; input.dataset.kind = o.kind;
    if (o.kind === "flag") input.checked = Boolean(o.default);
    else input.value = o.default === null ? "" : Array.isArray(o.default) ? o.default.join(", ") : String(o.default);
    input.dataset.start = input.value;
    return el("label", { title: o.what }, o.name.replaceAll("_", " "), field);
  }));
  by("what").textContent = tool?.what ?? "";
}

/** Options that the person set; what was left alone keeps the server's default. */
export function chosenOptions() {
  /** @type {Record<string, any>} */
  const options = {};
  for (const input of by("options").querySelectorAll("[data-option]")) {
    const { option, kind, start } = input.dataset;
    if (kind === "flag") options[option] = input.checked;
    else if (input.value === start) continue;
    else if (kind === "number" || kind === "integer") options[option] = Number(input.value);
    else if (kind === "numbers") options[option] = input.value.split(",").map(Number);
    else options[option] = input.value;
  }
  return options;
}

export function drawRest() {
  by("project").textContent = state.project; by("notice").textContent = state.notice;
  by("message").textContent = state.message; by("saved").textContent = state.saved;
  by("radius-mm").textContent = `${state.radius} mm`; by("radius").value = state.radius;
  by("opacity").value = state.opacity; by("centre").value = state.centre; by("width").value = state.width;
  by("expected").textContent = state.expected;
  by("accept").disabled = by("drop").disabled = !state.preview;
  by("undo").disabled = !state.opened?.undo.length; by("redo").disabled = !state.opened?.redo.length;
}
