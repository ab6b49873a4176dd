// Rows of cases as they are now, from the server.
import { showTimes } from "./times.js";

// As many as the server gives at once.
const MOST = 100;

/** The rows of these cases; each says by `inView` whether the view of this page lists it. */
export async function fetchRows(ids) {
  const found = [];
  for (let at = 0; at < ids.length; at += MOST) {
    const query = new URLSearchParams(location.search);
    query.delete("after");
    query.set("ids", ids.slice(at, at + MOST).join(" "));
    const answer = await fetch(`/desk/rows?${query}`);
    if (!answer.ok) throw new Error(`rows: ${answer.status}`);
    const page = document.createElement("template");
    page.innerHTML = await answer.text();
    showTimes(page.content);
    for (const row of page.content.querySelectorAll("tr[data-id]")) {
      found.push({ row, inView: row.parentElement.className === "in-view" });
    }
  }
  return found;
}

/** Put a row in place of the older one. It stays where it is, also if it would be elsewhere in a list made now. */
export function replaceRow(older, row) {
  const held = older.contains(document.activeElement) ? document.activeElement : null;
  row.classList.toggle("current", older.classList.contains("current"));
  // A choice holds for the version that was chosen.
  const [before, now] = [older, row].map((each) => each.querySelector("input[type=checkbox]"));
  if (before && now) now.checked = before.checked && before.value === now.value;
  older.replaceWith(row);
  if (held === null) return;
  const same = held.matches("input") ? "input" : `a.${held.className}`;
  (row.querySelector(same) ?? row.querySelector("a.case")).focus({ preventScroll: true });
}
