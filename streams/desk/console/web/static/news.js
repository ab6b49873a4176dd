// What changes in a list while it is read: rows are replaced where they are, new cases are counted and wait to be shown.
import { listen } from "./live.js";
import { offer, say } from "./notices.js";
import { isUnderWay } from "./row_acts.js";
import { fetchRows, replaceRow } from "./rows.js";

export function startNews(table) {
  const fresh = new Set();
  // One after the other, so that an older answer never replaces a newer one.
  let queue = Promise.resolve();

  function change(ids) {
    queue = queue.then(() => show(ids)).catch(() => say("What changed could not be read. Load the page again."));
  }

  async function show(ids) {
    for (const { row, inView } of await fetchRows(ids)) {
      const older = table.querySelector(`tr[data-id="${CSS.escape(row.dataset.id)}"]`);
      if (older) {
        tellOfMarked(older, row);
        replaceRow(older, row);
      } else if (inView && isShown(table, row)) {
        fresh.add(row.dataset.id);
      } else {
        fresh.delete(row.dataset.id);
      }
    }
    if (fresh.size) offer(fresh.size === 1 ? "1 new case" : `${fresh.size} new cases`, "Show", () => location.reload());
  }

  // What was told meanwhile is not known any more: look at everything that is listed, and at what would be.
  async function compare() {
    const ids = [...table.querySelectorAll("tr[data-id]")].map((row) => row.dataset.id);
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const listed = [...page.querySelectorAll("tr[data-id]")].map((row) => row.dataset.id);
    change([...new Set([...ids, ...listed])]);
  }

  listen({ changed: change, reload: () => void compare() });
}

/** Whether a list made now would have the row among those that this page has. What comes later is reached by scrolling. */
function isShown(table, row) {
  if (!table.querySelector(".more a")) return true;
  const last = [...table.querySelectorAll("tr[data-place]")].at(-1);
  return !last || before(JSON.parse(row.dataset.place), JSON.parse(last.dataset.place));
}

function before(one, other) {
  const at = one.findIndex((part, index) => part !== other[index]);
  return at >= 0 && one[at] < other[at];
}

/** Only the marked case is worth a word: somebody else claimed or decided it. */
function tellOfMarked(older, row) {
  const said = (each) => {
    const cell = each.lastElementChild.cloneNode(true);
    // Neither when it was opened changes, nor that time passes.
    for (const time of cell.querySelectorAll("time")) time.remove();
    return cell.textContent.replace(/\s+/g, " ").trim();
  };
  if (!older.classList.contains("current") || isUnderWay(row.dataset.id)) return;
  if (said(older) !== said(row)) say(`The marked case changed: ${said(row)}.`);
}
