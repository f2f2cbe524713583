// @ts-check
/** The keyboard: commands with a name each; keys may be given anew, and are kept in this browser. */

/** @typedef {{name:string,key:string,group:string,act:() => void,release?:() => void,also?:string[]}} Command */
const KEPT = "septum-keys";
/** Keys that are down now. @type {Set<string>} */
export const held = new Set();
/** @type {Command[]} */
let commands = [];

/** @returns {Record<string,string>} */
const chosen = () => JSON.parse(localStorage.getItem(KEPT) ?? "{}");
/** @param {Command} command */
export const keyOf = (command) => chosen()[command.name] ?? command.key;
export const allCommands = () => commands;

/** Gives a command another key; a command that had it goes without. @param {Command} command @param {string} key */
export function remap(command, key) {
  const kept = chosen();
  for (const other of commands) if (other !== command && keyOf(other) === key) kept[other.name] = "";
  kept[command.name] = key;
  localStorage.setItem(KEPT, JSON.stringify(kept));
}
export const resetKeys = () => localStorage.removeItem(KEPT);

/** What was pressed, in words. @param {KeyboardEvent} event */
export function pressed(event) {
  const letter = /^[a-z]$/i.test(event.key), key = event.key === " " ? "Space" : letter ? event.key.toUpperCase() : event.key;
  const shift = event.shiftKey && (letter || event.key.length > 1 || event.code.startsWith("Digit")) ? "Shift+" : "";
  const digit = shift && event.code.startsWith("Digit") ? event.code.slice(5) : key;
  return `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${event.altKey ? "Alt+" : ""}${shift}${digit}`;
}

/** Whether the control in focus wants this key for itself. @param {HTMLElement} target @param {string} key */
function taken(target, key) {
  if (key.startsWith("Ctrl+") && !["Ctrl+Z", "Ctrl+Y"].includes(key)) return false;
  if (target.matches("textarea, select, input:not([type=range]):not([type=checkbox]):not([type=color])")) return true;
  if (target.matches("input[type=range]")) return key.startsWith("Arrow") || key.startsWith("Page") || key === "Home" || key === "End";
  return target.matches("button, input, summary, a") && ["Enter", "Space"].includes(key);
}

/** @param {Command[]} table */
export function listen(table) {
  commands = table;
  document.addEventListener("keydown", (event) => {
    const key = pressed(event), target = /** @type {HTMLElement} */ (event.target);
    if (document.querySelector("dialog[open]") || taken(target, key)) return;
    if (event.key === " ") { held.add(" "); event.preventDefault(); return; }
    const command = find(key) ?? find(key.replace("Shift+", ""));
    if (!command) return;
    event.preventDefault();
    if (event.repeat && command.release) return;
    held.add(command.name);
    command.act();
  });
  document.addEventListener("keyup", (event) => {
    if (event.key === " ") held.delete(" ");
    const key = pressed(event), command = find(key) ?? find(key.replace("Shift+", ""));
    if (command && held.delete(command.name)) command.release?.();
  });
  addEventListener("blur", () => {
    for (const command of commands) if (held.has(command.name)) command.release?.();
    held.clear();
  });
  // A button that was clicked gives the keyboard back to the image.
  document.addEventListener("click", (event) => { if (event.detail > 0) /** @type {HTMLElement} */ (event.target).closest?.("button")?.blur(); });
}
/** @param {string} key */
const find = (key) => (key ? commands.find((one) => keyOf(one) === key || one.also?.includes(key)) : undefined);
