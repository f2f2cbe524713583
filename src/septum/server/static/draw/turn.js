// @ts-check
/** One tool of the server at a time: a second request of this page would stop the first. */
import { idle } from "../transport.js";

/** @type {Promise<any>} */
let last = Promise.resolve();

/** Does work after the work before it, and after the strokes that wait. @template T @param {() => Promise<T>} work @returns {Promise<T>} */
export function inTurn(work) {
  const next = last.catch(() => null).then(idle).then(work);
  last = next.catch(() => null);
  return next;
}
