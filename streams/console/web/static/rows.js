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
  const focused = older.contains(document.activeElement) ? document.activeElement.className : null;
  row.classList.toggle("current", older.classList.contains("current"));
  older.replaceWith(row);
  if (focused !== null) (row.querySelector(`a.${focused}`) ?? row.querySelector("a.case")).focus({ preventScroll: true });
}
