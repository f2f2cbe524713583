// @ts-check
/** The few words in which views are written: find, make, redraw when a key changed. */
/** @param {string} id @returns {any} */
export const by = (id) => document.getElementById(id);

/** Makes an element; `aria-…`, `data-…` and `role` become attributes, the rest properties.
 * @param {string} tag @param {Record<string, any>} props @param {(Node|string|null)[]} children @returns {any} */
export function el(tag, props, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, String(value));
    else Object.assign(made, { [name]: value });
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Draws a host anew only when what it shows has changed, so that focus and scroll stay.
 * @param {HTMLElement} host @param {any} what @param {() => HTMLElement[]} make */
export function redraw(host, what, make) {
  const key = JSON.stringify(what);
  if (host.dataset.key === key) return;
  host.dataset.key = key;
  host.replaceChildren(...make());
}
