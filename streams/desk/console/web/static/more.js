// What follows in a list, fetched before its reader reaches the end. Without it there is a link to it.
import { showTimes } from "./times.js";

// Two screens ahead.
const AHEAD = "1600px";

export function startMore(table) {
  const watcher = new IntersectionObserver(
    (entries) => entries.forEach((entry) => entry.isIntersecting && void load(entry.target)),
    { rootMargin: AHEAD },
  );

  async function load(link) {
    watcher.unobserve(link);
    const answer = await fetch(link.href).catch(() => null);
    // The link stays, and can be clicked.
    if (!answer?.ok) return;
    const page = document.createElement("template");
    page.innerHTML = await answer.text();
    showTimes(page.content);
    joinGroups(table, page.content);
    const held = document.activeElement === link;
    const first = page.content.querySelector("a.case");
    link.closest("tbody").replaceWith(page.content);
    if (held) first?.focus();
    watch();
  }

  function watch() {
    const link = table.querySelector(".more a");
    if (link) watcher.observe(link);
  }
  watch();
}

/** A group that goes on after the end of a page needs no second heading. */
function joinGroups(table, page) {
  const last = [...table.querySelectorAll("tr.group")].at(-1);
  const first = page.querySelector("tr.group");
  if (last && first && last.textContent.trim() === first.textContent.trim()) first.remove();
}
