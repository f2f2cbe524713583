// @ts-check
/** The list of cases: pictures, status, search, filter, sort. */
import { by, el, redraw } from "../dom.js";
import { state, update } from "../store.js";
import { client } from "../transport.js";

/** @type {Record<string, (a:import("../store.js").Case, b:import("../store.js").Case) => number>} */
const ORDERS = {
  name: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }),
  status: (a, b) => a.status.localeCompare(b.status) || ORDERS.name(a, b),
  queue: (a, b) => (a.queue?.rank ?? 1e9) - (b.queue?.rank ?? 1e9) || ORDERS.name(a, b),
  dice: (a, b) => (a.predicted_dice ?? 2) - (b.predicted_dice ?? 2) || ORDERS.name(a, b),
  saved: (a, b) => (b.saved ?? "").localeCompare(a.saved ?? "") || ORDERS.name(a, b),
};

export function shownCases() {
  const words = state.search.toLowerCase();
  return state.cases.filter((c) => c.name.toLowerCase().includes(words) && (!state.only || c.status === state.only)).sort(ORDERS[state.sort]);
}

let pressed = "";
/** Who else edits a case. @param {import("../store.js").Case} c */
const others = (c) => (c.lease && c.lease.client !== client ? `✎ ${c.lease.author}` : "");

/** @param {(id:string) => void} open */
export function drawCases(open) {
  const shown = shownCases();
  const facts = shown.map((c) => [c.id, c.name, c.status, c.predicted_dice, c.counted, c.version, others(c), c.queue?.rank]);
  redraw(by("cases"), facts, () => shown.map((c) => row(c, open)));
  // Another case is marked without making the list anew: a movie that plays would ask for all pictures at each frame.
  for (const made of by("cases").children) made.setAttribute("aria-pressed", String(made.dataset.case === state.opened?.id));
  if (pressed !== state.opened?.id) { pressed = state.opened?.id ?? ""; by("cases").querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "nearest" }); }
  by("count").textContent = shown.length === state.cases.length ? `${shown.length}` : `${shown.length} of ${state.cases.length}`;
}

/** @param {import("../store.js").Case} c @param {(id:string) => void} open */
function row(c, open) {
  const picture = el("img", { src: `/api/cases/${c.id}/thumbnail?v=${c.version}${c.status}`, alt: "", loading: "lazy" });
  const facts = [c.movie ? `frame ${c.movie.frame + 1}` : "", c.counted || (c.predicted_dice === null ? "" : `Dice ${c.predicted_dice.toFixed(2)}`), c.queue ? `queue ${c.queue.rank}` : "", others(c)].filter(Boolean).join(" · ");
  const status = el("span", { className: "status", "data-status": c.status }, c.status);
  return el("button", { className: "case", title: c.queue?.reason ?? c.name, "data-case": c.id, onclick: () => open(c.id) }, picture, el("span", {}, el("b", {}, c.name), status, el("small", {}, facts)));
}

export function bindCases() {
  by("search").oninput = () => update({ search: by("search").value });
  by("only").onchange = () => update({ only: by("only").value });
  by("sort").onchange = () => update({ sort: by("sort").value });
}
