// @ts-check
/** Jobs of the server as this page knows them: ordered, heard of live, stopped. */
import { update } from "../store.js";
import { get, send } from "../transport.js";
import { hear } from "./events.js";

/** @typedef {{fold:number, step:number, loss:number|null, val_dice:number|null, seconds_left:number|null}} Point */
/** @typedef {{id:number, kind:string, state:string, progress:number, message:string, status:any, model:string|null, error:string|null, result:any, resumable?:boolean, curve?:Point[]}} Job */

/** @type {Map<number, Job>} */
const known = new Map();
/** @type {Map<number, Point[]>} */
const curves = new Map();

const AT_WORK = ["queued", "running", "stopping"];
/** The newest first. */
export const jobs = () => [...known.values()].sort((a, b) => b.id - a.id);
/** The job that runs, else the first that waits. */
export const atWork = () => [...known.values()].find((job) => job.state === "running" || job.state === "stopping") ?? [...known.values()].find((job) => AT_WORK.includes(job.state));
export const waits = (/** @type {Job} */ job) => AT_WORK.includes(job.state);
/** @param {number} id */
export const curveOf = (id) => curves.get(id) ?? [];

/** @param {Record<string, any>} what */
export async function order(what) {
  const job = await send("/jobs", what);
  if (!known.has(job.id)) known.set(job.id, job); // the stream may have told of its start before this answer came
  update();
}

/** A training that was cut off, and that no later one went on with. @param {Job} job */
export const resumable = (job) => Boolean(job.resumable) && !jobs().some((one) => one.id > job.id && one.model === job.model && one.kind === "train");

/** @param {number} id */
export async function stop(id) {
  const job = await send(`/jobs/${id}/stop`, {}), now = known.get(id);
  if (!now || waits(now)) known.set(job.id, job);
  update();
}

/** Hears of jobs from now on; asks for what happened before. */
export async function follow() {
  hear("job", ({ point, ...job }) => {
    known.set(job.id, job);
    if (point) curves.set(job.id, [...curveOf(job.id), point]);
    update();
  });
  hear("reload", () => void fetchJobs().catch((error) => update({ message: error.message })));
  await fetchJobs();
}

async function fetchJobs() {
  for (const job of (await get("/jobs")).jobs) known.set(job.id, job);
  const newest = jobs().find((job) => job.kind === "train");
  if (newest) curves.set(newest.id, (await get(`/jobs/${newest.id}`)).curve);
  update();
}
