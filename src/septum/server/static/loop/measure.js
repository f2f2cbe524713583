// @ts-check
/** The Measure panel: the report on the spot, the distribution of Dice, and from each dot to the slice where it is worst. */
import { el, redraw } from "../dom.js";
import { state, update } from "../store.js";
import { get } from "../transport.js";
import { dotChart } from "./chart.js";
import { hear } from "./events.js";
import { order } from "./jobs.js";

/** @typedef {{case:string, label:string, name:string, dice:number|null, worst:{axis:number,index:number}}} Score */
/** @typedef {{available:boolean, scores:Score[], report:string|null, model:string|null, models:string[]}} Measured */
let found = /** @type {Measured} */ ({ available: false, scores: [], report: null, model: null, models: [] });
let chosen = "";

/** @param {() => Promise<void>} work */
const attempt = (work) => void work().catch((error) => update({ message: error.message }));
const fetchScores = async () => { found = await get("/measure"); update(); };

/** @type {import("./panels.js").Panel} */
export const measurePanel = {
  name: "Measure",
  what: "Dice of the predicted masks against what people annotated",
  begin() {
    attempt(fetchScores);
    hear("queue", () => attempt(fetchScores));
  },
  draw(host, desk) {
    const names = new Map(state.cases.map((one) => [one.id, one.name]));
    redraw(host, [found, names.size, state.opened?.id, chosen], () => [el("h2", {}, "Measure"), form(), ...results(names, desk)]);
  },
};

/** Who is measured. */
function form() {
  if (!found.models.length) return el("p", { className: "hint" }, "Train and predict first: there is no predicted mask to measure yet.");
  const pick = el("select", { "aria-label": "Whose masks" }, ...found.models.map((name) => el("option", { value: name }, name)));
  pick.value = found.models.includes(chosen) ? chosen : found.models[found.models.length - 1];
  pick.onchange = () => { chosen = pick.value; };
  const start = el("button", { className: "main", onclick: () => attempt(() => order({ kind: "evaluate", model: pick.value })) }, "Measure");
  return el("div", {}, el("div", { className: "row" }, pick, start),
    el("p", { className: "hint" }, "Its masks are compared with what people drew, corrected or accepted since. A mask that was accepted as it was agrees with itself."));
}

/** @param {Map<string,string>} names @param {import("./panels.js").Desk} desk */
function results(names, desk) {
  if (!found.available) return [el("p", { className: "hint" }, "Nothing measured yet.")];
  const scored = found.scores.filter((one) => one.dice !== null);
  const go = (/** @type {Score} */ one) => () => attempt(() => desk.open(one.case, one.worst));
  const title = (/** @type {Score} */ one) => `${names.get(one.case) ?? one.case}, ${one.name || `label ${one.label}`}: Dice ${one.dice?.toFixed(3) ?? "undefined"}, worst at slice ${one.worst.index}`;
  const chart = dotChart({ title: "Dice of each case", x: "Dice", dots: scored.map((one) => ({ x: one.dice ?? 0, group: one.name || `label ${one.label}`, name: title(one), act: go(one) })) });
  const mean = scored.reduce((sum, one) => sum + (one.dice ?? 0), 0) / Math.max(1, scored.length);
  const rows = found.scores.slice(0, 300).map((one) => el("tr", { className: "pick", tabindex: 0, title: title(one), onclick: go(one), onkeydown: (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter") go(one)(); } },
    el("td", {}, names.get(one.case) ?? one.case), el("td", {}, one.name || one.label), el("td", {}, one.dice === null ? "undefined" : one.dice.toFixed(3))));
  return [el("p", {}, `${found.model}: mean Dice ${scored.length ? mean.toFixed(3) : "undefined"} over ${scored.length} masks`), chart,
    el("p", {}, el("a", { href: found.report ?? "", target: "_blank", rel: "noopener" }, "Open the report")), el("h2", {}, "Worst first"),
    el("div", { className: "list" }, el("table", {}, ...rows))];
}
