// @ts-check
/** Two sheets over the page: all keys, which can be changed there, and the palette that finds a command by its name. */
import { by, el } from "./dom.js";
import { allCommands, keyOf, pressed, remap, resetKeys } from "./keys.js";

/** Shows all commands with their keys; a click on a key waits for another one. */
export function showKeys() {
  const sheet = by("keys");
  const groups = [...new Set(allCommands().map((one) => one.group))];
  sheet.replaceChildren(
    el("header", {}, el("h1", {}, "Keys"), el("small", {}, "Click a key to give the command another one"), el("button", { onclick: () => { resetKeys(); showKeys(); } }, "Reset"), el("button", { "aria-label": "Close", onclick: () => sheet.close() }, "✕")),
    el("div", { className: "groups" }, ...groups.map((group) => el("section", {}, el("h2", {}, group), ...allCommands().filter((one) => one.group === group).map(row)))),
  );
  if (!sheet.open) sheet.showModal();
}

/** @param {import("./keys.js").Command} command */
function row(command) {
  const key = el("button", { className: "key", title: "Give it another key", "aria-label": `Key of ${command.name}`, onclick: () => wait(key, command) }, keyOf(command) || "none");
  return el("div", { className: "pair" }, el("span", {}, command.name), key);
}

/** @param {HTMLElement} button @param {import("./keys.js").Command} command */
function wait(button, command) {
  button.textContent = "press…";
  const take = (/** @type {KeyboardEvent} */ event) => {
    if (["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
    event.preventDefault(); event.stopPropagation();
    document.removeEventListener("keydown", take, true);
    if (event.key !== "Escape") remap(command, pressed(event));
    showKeys();
  };
  document.addEventListener("keydown", take, true);
}

/** Finds a command by parts of its name. */
export function showPalette() {
  const dialog = by("palette");
  const list = el("div", { role: "listbox", "aria-label": "Commands" });
  const input = el("input", { type: "text", placeholder: "Type a command", "aria-label": "Command" });
  let at = 0, found = /** @type {import("./keys.js").Command[]} */ ([]);
  const run = (/** @type {import("./keys.js").Command|undefined} */ command) => { dialog.close(); command?.act(); };
  const draw = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    found = allCommands().filter((one) => words.every((/** @type {string} */ w) => `${one.name} ${one.group}`.toLowerCase().includes(w))).slice(0, 12);
    at = Math.max(0, Math.min(at, found.length - 1));
    list.replaceChildren(...found.map((one, k) => el("div", { role: "option", "aria-selected": k === at, className: "pair", onclick: () => run(one) }, el("span", {}, one.name), el("kbd", {}, keyOf(one)))));
  };
  input.oninput = () => { at = 0; draw(); };
  input.onkeydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") { event.preventDefault(); run(found[at]); }
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); at += event.key === "ArrowDown" ? 1 : -1; draw(); }
  };
  dialog.replaceChildren(input, list);
  draw();
  dialog.showModal();
  input.focus();
}
