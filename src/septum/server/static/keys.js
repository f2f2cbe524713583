// @ts-check
/** The keyboard: one table that acts and that the `?` sheet shows. */
/** @param {[string,string,() => void][]} table @param {HTMLDialogElement} sheet */
export function listen(table, sheet) {
  const rows = document.createElement("table");
  for (const [key, what] of table) rows.insertRow().append(...[key, what].map((t) => Object.assign(document.createElement("td"), { textContent: t })));
  sheet.replaceChildren(rows);
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const ctrl = event.ctrlKey || event.metaKey;
    if (!ctrl && (target.matches("input:not([type=range],[type=checkbox]),select") || (target.matches("input") && event.key.startsWith("Arrow")))) return;
    const pressed = ((ctrl ? "Ctrl+" : "") + event.key).toLowerCase();
    const act = table.find(([key]) => key.toLowerCase() === pressed);
    if (!act) return;
    event.preventDefault();
    act[2]();
  });
}
