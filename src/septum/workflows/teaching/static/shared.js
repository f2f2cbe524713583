"use strict";
// How the pages show numbers: editable tables, sliders, highlights.

const short = (value) => String(Math.round(value * 1000) / 1000);
const byId = (id) => document.getElementById(id);
const copy = (array) => array.map((row) => [...row]);

function element(tag, settings = {}, ...children) {
  const made = Object.assign(document.createElement(tag), settings);
  made.append(...children);
  return made;
}

// A table of numbers. `edit(y, x, value)` makes the cells inputs; `pick(y, x)` makes them buttons; `mark(y, x)` names
// the class of a cell.
function drawTable(caption, array, { edit, pick, mark = () => "" } = {}) {
  const table = element("table");
  array.forEach((row, y) => {
    const line = element("tr");
    row.forEach((value, x) => {
      const cell = element("td", { className: mark(y, x) });
      if (edit) {
        const input = element("input", { type: "number", value: short(value) });
        input.setAttribute("aria-label", `${caption}, row ${y}, column ${x}`);
        input.addEventListener("change", () => edit(y, x, Number(input.value) || 0));
        cell.append(input);
      } else cell.textContent = short(value);
      if (pick) {
        cell.classList.add("pick");
        cell.tabIndex = 0;
        cell.setAttribute("role", "button");
        cell.addEventListener("click", () => pick(y, x));
        cell.addEventListener("focus", () => pick(y, x));
      }
      line.append(cell);
    });
    table.append(line);
  });
  return element("figure", {}, element("figcaption", { textContent: caption }), table);
}

// A slider with its value; calls `change(value)` while it moves.
function slider(label, { min, max, step = 1, value, show = String }, change) {
  const input = element("input", { type: "range", min, max, step, value });
  const shown = element("output", { textContent: show(value) });
  input.addEventListener("input", () => { shown.textContent = show(Number(input.value)); change(Number(input.value)); });
  byId("controls").append(element("label", {}, label, input, shown));
}

function checkbox(label, value, change) {
  const input = element("input", { type: "checkbox", checked: value });
  input.addEventListener("change", () => change(input.checked));
  byId("controls").append(element("label", {}, input, label));
}

function choice(label, options, change) {
  const select = element("select");
  options.forEach(([value, text]) => select.append(element("option", { value, textContent: text })));
  select.addEventListener("change", () => change(select.value));
  byId("controls").append(element("label", {}, label, select));
}

function button(label, act) {
  const made = element("button", { type: "button", textContent: label });
  made.addEventListener("click", act);
  byId("controls").append(made);
  return made;
}

// Redraw without losing the keyboard's place: the cell that had the focus gets it again.
function show(...figures) {
  const focused = document.activeElement;
  const places = [...document.querySelectorAll("#stage td.pick, #stage td input")];
  const index = places.indexOf(focused);
  byId("stage").replaceChildren(...figures);
  if (index >= 0) {
    const again = [...document.querySelectorAll("#stage td.pick, #stage td input")][index];
    if (again) { quiet = true; again.focus(); quiet = false; }
  }
}
let quiet = false;
const holds = (places, y, x) => places.some(([r, c]) => r === y && c === x);
