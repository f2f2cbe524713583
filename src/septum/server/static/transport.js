// @ts-check
/** Requests to the server, and the strokes that it has not answered yet. */
import { state, update } from "./store.js";

/** @param {string} key */
const kept = (key) => sessionStorage.getItem(key);
export const client = kept("client") ?? crypto.randomUUID();
sessionStorage.setItem("client", client);
/** @typedef {{case:string,path:string,body:any}} Stroke */
/** @type {Stroke[]} */
const pending = JSON.parse(kept("pending") ?? "[]");
let sending = false;

export class Refused extends Error {
  /** @param {string} text @param {string} code @param {number} status @param {any} said */
  constructor(text, code, status, said) { super(text); this.code = code; this.status = status; this.said = said; }
}

/** @param {string} path @param {RequestInit} [init] */
async function request(path, init = {}) {
  const answer = await fetch("/api" + path, { ...init, headers: { "Content-Type": "application/json", "X-Septum-Client": client } });
  if (answer.ok) { if (state.lost) update({ lost: false, message: "" }); return answer; }
  const said = await answer.json().catch(() => ({ error: answer.statusText, code: "" }));
  throw new Refused(said.error, said.code, answer.status, said);
}
/** @param {string} path @returns {Promise<any>} */
export const get = async (path) => (await request(path)).json();
/** @param {string} path @param {object} body @param {string} [method] @param {AbortSignal} [signal] @returns {Promise<any>} */
export const send = async (path, body, method = "POST", signal) => (await request(path, { method, body: JSON.stringify(body), signal })).json();

const kinds = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, int16: Int16Array, float32: Float32Array };
/** @typedef {Uint8Array|Uint16Array|Uint32Array|Int16Array|Float32Array} Values */
/** @typedef {{rows:number,cols:number,values:Values}} Slice */
/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<Slice>} */
export async function slice(path, signal) {
  const answer = await request(path, { signal });
  const [rows, cols] = (answer.headers.get("X-Septum-Shape") ?? "").split(",").map(Number);
  const Kind = kinds[/** @type {keyof kinds} */ (answer.headers.get("X-Septum-Dtype"))];
  return { rows, cols, values: new Kind(await answer.arrayBuffer()) };
}

/** @param {string} path */
export const bytes = async (path) => (await request(path)).arrayBuffer();

export const waiting = () => pending.length;
/** @type {(() => void)[]} */
const sleepers = [];
/** Resolves when no stroke waits. @returns {Promise<void>} */
export const idle = () => (pending.length ? new Promise((wake) => sleepers.push(wake)) : Promise.resolve());
/** Rises over reloads of this tab, as the server asks. */
export function sequence() {
  const next = Number(kept("sequence") ?? 0) + 1;
  sessionStorage.setItem("sequence", String(next));
  return next;
}
/** @param {Stroke} stroke @param {(answer:any, of:string) => void} done */
export function queue(stroke, done) {
  pending.push(stroke);
  keep();
  void flush(done);
}
/** What waits survives a reload; where the browser's store is full it lives as long as the page. */
function keep() {
  try { sessionStorage.setItem("pending", JSON.stringify(pending)); } catch { sessionStorage.removeItem("pending"); }
}
/** Sends what waits, in order; a lost connection is tried again each second. @param {(answer:any, of:string) => void} done */
export async function flush(done) {
  if (sending) return;
  sending = true;
  while (pending.length) {
    const { case: of, path, body } = pending[0];
    try {
      const answer = await send(`/cases/${of}/${path ?? "edits"}`, body);
      pending.shift();
      keep();
      done(answer, of);
    } catch (error) {
      if (error instanceof Refused && error.status < 500 && error.status !== 429) {
        pending.shift();
        keep();
        update({ message: `Not done: ${error.message}` });
        done(null, of);
      } else {
        const why = error instanceof Refused && error.message ? error.message : "No connection";
        update({ lost: true, message: `${why}: ${pending.length} ${pending.length > 1 ? "strokes are" : "stroke is"} kept and sent again` });
        await new Promise((wake) => setTimeout(wake, 1000));
      }
    }
  }
  sending = false;
  for (const wake of sleepers.splice(0)) wake();
}
