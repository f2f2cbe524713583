// @ts-check
/** The Train panel: start, watch, stop; what waits for a person; when it is enough. */
import { el, redraw } from "../dom.js";
import { state, update } from "../store.js";
import { get } from "../transport.js";
import { lineChart } from "./chart.js";
import { hear } from "./events.js";
import { atWork, curveOf, follow, jobs, order, resumable, stop, waits } from "./jobs.js";
import { beginQueue, drawQueue, queueKeys } from "./queue.js";
import { countTime } from "./worktime.js";

/** @typedef {import("./panels.js").Desk} Desk */
/** @typedef {{model:string, cases:number, minutes:number, work_minutes:number, dice:number|null}} Round */
const ANNOTATED = ["drawn", "corrected", "reviewed"];
let rounds = /** @type {Round[]} */ ([]);
let against = /** @type {"cases"|"work_minutes"} */ ("cases");

/** @param {() => Promise<void>} work */
const attempt = (work) => void work().catch((error) => update({ message: error.message }));
const fetchRounds = async () => { rounds = (await get("/curve")).rounds; update(); };

/** @type {import("./panels.js").Panel} */
export const trainPanel = {
  name: "Train",
  what: "Train a network on what is annotated, see its masks, correct them",
  begin(desk) {
    attempt(follow);
    attempt(fetchRounds);
    hear("queue", () => attempt(fetchRounds));
    beginQueue(desk);
    countTime();
  },
  keys: queueKeys,
  draw(host, desk) {
    if (!host.firstChild) host.append(...skeleton());
    const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (host.querySelector(`[data-part=${name}]`));
    drawCounts(part("counts"));
    drawWork(part("work"));
    drawCurve(part("curve"));
    drawQueue(part("queue"), desk);
    drawRounds(part("rounds"));
    drawTime(part("time"));
  },
};

/** What stands still: headings, the form, places for what changes. */
function skeleton() {
  const minutes = el("input", { type: "number", min: 0.1, max: 600, step: 0.5, value: "1", "aria-label": "Minutes of training" });
  const network = el("select", { "aria-label": "Network" }, ...["auto", "encoder", "lecture", "paper", "window"].map((name) => el("option", { value: name }, name)));
  const prompts = el("input", { type: "checkbox" }), maps = el("input", { type: "checkbox" });
  const start = el("button", { className: "main", onclick: () => attempt(() => order({ kind: "train", minutes: Number(minutes.value), network: network.value, prompts: prompts.checked, probabilities: maps.checked })) }, "Start training");
  const place = (/** @type {string} */ name) => el("div", { "data-part": name });
  const form = el("div", { className: "row" }, el("label", {}, "Minutes ", minutes), el("label", {}, "Network ", network));
  return [el("h2", {}, "Train"), place("counts"), form, el("label", {}, prompts, " also learn from clicks, scribbles and boxes"), el("label", { title: "How probable each class is to the network, four bytes a voxel: to be seen as heat maps" }, maps, " keep probabilities, to see where it doubts"), el("div", { className: "row" }, start),
    place("work"), place("curve"), el("h2", {}, "Queue"), place("queue"), el("h2", {}, "Is it enough?"), place("rounds"), el("h2", {}, "Time"), place("time")];
}

/** @param {HTMLElement} host */
function drawCounts(host) {
  const done = state.cases.filter((one) => ANNOTATED.includes(one.status)).length, total = state.cases.length;
  const advice = done === 0 ? "Annotate a case first: two or more are needed to hold one out." : done < 3 ? "With three or more, one case in five is held out and the Dice is measured on it." : "";
  redraw(host, [done, total], () => [el("p", {}, `${done} of ${total} cases annotated. `, el("span", { className: "hint" }, advice))]);
}

/** Jobs at work and those that ended last. @param {HTMLElement} host */
function drawWork(host) {
  const shown = jobs().filter((job, at) => waits(job) || at < 3 || resumable(job));
  redraw(host, shown.map((job) => [job.id, job.state, resumable(job), job.progress, job.message, job.status?.seconds_left, job.status?.step]), () => shown.map((job) => {
    const name = { train: "Training", predict: "Predicting with", evaluate: "Measuring" }[job.kind] ?? job.kind;
    const bar = job.state === "running" || job.state === "stopping" ? el("progress", { max: 1, value: job.progress, "aria-label": `${name} ${job.model ?? ""}` }) : null;
    const again = resumable(job) ? el("button", { className: "main", title: "Train on from what it had learnt, on the cases and with the time that it began with", onclick: () => attempt(() => order({ kind: "train", model: job.model })) }, "Go on") : null;
    const button = waits(job) && job.state !== "stopping" ? el("button", { onclick: () => attempt(() => stop(job.id)) }, job.kind === "train" && job.state === "running" ? "Stop and use it" : "Stop") : null;
    return el("div", { className: `job ${job.state}`, "data-state": job.state, "data-kind": job.kind },
      el("div", { className: "row" }, el("b", {}, `${name} ${job.model ?? ""}`), el("span", { className: "grow" }, stateOf(job)), again ?? button), bar, el("small", { role: "status" }, detailOf(job)));
  }));
}

/** @param {import("./jobs.js").Job} job */
const stateOf = (job) => ({ queued: "waits for its turn", running: "", stopping: "stopping…", done: "done", failed: "failed", stopped: "stopped" })[job.state] ?? job.state;

/** @param {import("./jobs.js").Job} job */
function detailOf(job) {
  if (job.error) return job.error;
  if (job.state === "running" && job.status) {
    const left = Math.max(0, Math.round(job.status.seconds_left ?? 0));
    const dice = job.status.val_dice == null ? "" : `, validation Dice ${job.status.val_dice.toFixed(3)}`;
    return `step ${job.status.step}, ${left > 90 ? `${Math.round(left / 60)} min` : `${left} s`} left${dice}`;
  }
  if (waits(job)) return job.message;
  if (job.kind === "train" && job.result) return job.result.dice == null ? `learnt from ${job.result.cases} cases; none was held out` : `learnt from ${job.result.cases} cases; Dice ${job.result.dice.toFixed(3)} on held-out cases`;
  if (job.kind === "predict" && job.result) return `${job.result.predicted} masks${job.result.failures.length ? `; ${job.result.failures.length} failed` : ""}`;
  return job.kind === "evaluate" && job.result?.dice != null ? `mean Dice ${job.result.dice.toFixed(3)}` : "";
}

/** Loss and validation Dice of the newest training, while it runs and after. @param {HTMLElement} host */
function drawCurve(host) {
  const newest = jobs().find((job) => job.kind === "train");
  const all = newest ? curveOf(newest.id) : [], points = all.filter((p) => p.fold === all[all.length - 1].fold); // each network counts its steps anew
  redraw(host, [newest?.id, points.length], () => {
    if (!newest || (!points.length && newest !== atWork())) return [];
    const losses = points.filter((p) => p.loss != null), most = Math.max(1e-9, ...losses.map((p) => p.loss ?? 0));
    return [lineChart({ title: `Learning curve of ${newest.model}`, x: "steps", y: "", range: [0, 1], empty: "The curve begins in a moment", series: [
      { name: "validation Dice", className: "one", points: points.filter((p) => p.val_dice != null).map((p) => ({ x: p.step, y: p.val_dice ?? 0 })) },
      { name: "loss (of its highest)", className: "two", points: losses.map((p) => ({ x: p.step, y: (p.loss ?? 0) / most })) }] })];
  });
}

/** Dice on held-out cases after each round. @param {HTMLElement} host */
function drawRounds(host) {
  redraw(host, [rounds, against], () => {
    const measured = rounds.filter((one) => one.dice !== null);
    const pick = (/** @type {"cases"|"work_minutes"} */ key, /** @type {string} */ name) => el("button", { "aria-pressed": against === key, onclick: () => { against = key; update(); } }, name);
    const x = against === "cases" ? "annotated images" : "minutes of work";
    const chart = lineChart({ title: `Dice on held-out cases against ${x}`, x, y: "Dice", range: [0, 1], empty: "After a training with a held-out case",
      series: [{ name: "Dice", className: "one", dots: true, points: measured.map((one) => ({ x: one[against], y: one.dice ?? 0 })).sort((a, b) => a.x - b.x) }] });
    return [el("div", { className: "row" }, pick("cases", "by images"), pick("work_minutes", "by minutes of work")), chart, el("p", { className: "hint" }, verdict(measured))];
  });
}

/** Says what the last two rounds say, and no more. @param {Round[]} measured */
function verdict(measured) {
  if (measured.length < 2) return "Train after each few corrections: when the curve is flat, more of the same will not help.";
  const [before, last] = measured.slice(-2), gain = (last.dice ?? 0) - (before.dice ?? 0);
  return `The last round changed the Dice by ${gain >= 0 ? "+" : ""}${gain.toFixed(3)}; each round may hold out other cases, so small changes say little.`;
}

/** @param {HTMLElement} host */
function drawTime(host) {
  const worked = state.cases.map((one) => ({ name: one.name, seconds: /** @type {any} */ (one).seconds ?? 0 })).filter((one) => one.seconds > 0).sort((a, b) => b.seconds - a.seconds);
  const total = worked.reduce((sum, one) => sum + one.seconds, 0);
  redraw(host, [worked.length, Math.round(total)], () => [
    el("p", {}, `${spell(total)} of work on ${worked.length} cases`),
    el("table", {}, ...worked.slice(0, 8).map((one) => el("tr", {}, el("td", {}, one.name), el("td", {}, spell(one.seconds)))))]);
}

/** @param {number} seconds */
const spell = (seconds) => seconds < 90 ? `${Math.round(seconds)} s` : `${(seconds / 60).toFixed(1)} min`;
