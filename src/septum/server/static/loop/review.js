// @ts-check
/** The Review panel: the blinded reader study. One mask at a time, one key each, a comment where one is needed. */
import { by, el, redraw } from "../dom.js";
import { update } from "../store.js";
import { get, send } from "../transport.js";
import { hear } from "./events.js";

/** @typedef {{value:string, key:string, text:string}} Choice */
/** @typedef {{available:boolean, question:string, choices:Choice[], reader:string, rated:number, total:number, item:{code:string, pictures:string[]}|null}} Study */
let study = /** @type {Study|null} */ (null);
let sources = /** @type {string[]} */ ([]);
let outlined = true, busy = false, said = "";

/** @param {() => Promise<void>} work */
async function attempt(work) {
  if (busy) return;
  busy = true; said = "";
  try { await work(); } catch (error) { said = error instanceof Error ? error.message : String(error); }
  busy = false;
  update();
}
const fetchStudy = async () => { study = await get("/review"); sources = (await get("/measure")).models; };

/** @type {import("./panels.js").Panel} */
export const reviewPanel = {
  name: "Review",
  what: "A blinded reader study: is this mask good enough?",
  begin() {
    void attempt(fetchStudy);
    hear("queue", () => void attempt(fetchStudy));
    document.addEventListener("keydown", pressed, true);
  },
  draw(host) {
    redraw(host, [study, sources, busy, said], () => [el("h2", {}, "Review"), ...(study?.available ? rating(study) : making())]);
    drawStage();
  },
  leave: () => by("stage")?.remove(),
};

/** The picture over the planes, where there is something to rate. */
function drawStage() {
  const item = study?.available ? study.item : null;
  if (!item) { by("stage")?.remove(); return; }
  if (!by("stage")) by("planes").append(el("section", { id: "stage", "aria-label": "Mask to be rated" }));
  redraw(by("stage"), [item.code, outlined], () => [el("img", { src: `/api/review/pictures/${item.pictures[outlined ? 0 : 1]}`, alt: `Item ${item.code}, ${outlined ? "with" : "without"} the outline of the mask` })]);
}

/** @param {Study} now */
function rating(now) {
  const head = el("p", {}, `Reader ${now.reader}: ${now.rated} of ${now.total} rated`);
  const bar = el("progress", { max: now.total, value: now.rated, "aria-label": "Rated" });
  const undo = el("button", { disabled: !now.rated || busy, onclick: () => void attempt(async () => { study = await send("/review/undo", {}); }) }, "Take back ", el("kbd", {}, "U"));
  if (!now.item) return [head, bar, el("p", {}, "All are rated. The report names the sources."), el("div", { className: "row" }, el("button", { className: "main", onclick: () => void attempt(async () => { study = { ...now, ...(await send("/review/report", {})) }; open("/api/review/report/index.html", "_blank", "noopener"); }) }, "Report"), undo), el("p", { role: "alert" }, said)];
  const comment = el("input", { type: "text", id: "review-comment", placeholder: "comment (optional)", "aria-label": "Comment", maxLength: 2000 });
  const buttons = now.choices.map((one) => el("button", { className: "main", disabled: busy, onclick: () => rate(one) }, `${one.text} `, el("kbd", {}, one.key.toUpperCase())));
  return [head, bar, el("p", {}, el("b", {}, now.question)), el("div", { className: "row" }, ...buttons), comment,
    el("div", { className: "row" }, el("button", { onclick: hide }, "Outline on or off ", el("kbd", {}, "H")), undo), el("p", { role: "alert" }, said),
    el("p", { className: "hint" }, "You see neither who made the mask nor which case it is; every rating is kept, a later one supersedes it.")];
}

/** What a project without a study offers. */
function making() {
  if (!sources.length) return [el("p", { className: "hint" }, "Train and predict first: a study compares masks with each other.")];
  const pick = el("select", { "aria-label": "Masks to review" }, ...sources.map((name) => el("option", { value: name }, name)));
  pick.value = sources[sources.length - 1];
  const count = el("input", { type: "number", min: 1, max: 1000, value: "10", "aria-label": "Number of cases" });
  const make = el("button", { className: "main", disabled: busy, onclick: () => void attempt(async () => { study = await send("/review/create", { model: pick.value, cases: Number(count.value) }); }) }, "Make the study");
  return [el("p", {}, "Masks of a model are shown one by one, in random order and without names, and judged by one key each."),
    el("div", { className: "row" }, pick, count, el("span", {}, "cases")), el("div", { className: "row" }, make), el("p", { role: "alert" }, busy ? "Drawing the pictures…" : said)];
}

const hide = () => { outlined = !outlined; update(); };
/** @param {Choice} choice */
const rate = (choice) => void attempt(async () => {
  const field = by("review-comment");
  if (!study?.item) return;
  study = await send("/review/rate", { code: study.item.code, value: choice.value, comment: field?.value ?? "" });
  outlined = true;
});

/** Keys of the study while it is on the stage; they come before those of drawing. @param {KeyboardEvent} event */
function pressed(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (!by("stage") || event.ctrlKey || event.metaKey || event.altKey || target.matches("input,select,textarea")) return;
  const key = event.key.toLowerCase(), choice = study?.choices.find((one) => one.key.toLowerCase() === key);
  if (!choice && key !== "u" && key !== "h") return;
  event.preventDefault(); event.stopPropagation();
  if (choice) rate(choice);
  else if (key === "h") hide();
  else void attempt(async () => { study = await send("/review/undo", {}); });
}
