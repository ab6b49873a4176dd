// The page of one case, or of one request of an authority: its keys, who else looks at it, and whether it changed meanwhile.
import { keepDraft } from "./decide.js";
import { onKey } from "./keys.js";
import { listen } from "./live.js";
import { offer } from "./notices.js";
import { nextAddress, rememberCase } from "./view.js";

export function startCase() {
  const { case: caseId, person } = document.body.dataset;
  rememberCase(caseId);
  for (const [key, kind] of [["a", "claimed"], ["r", "released"], ["e", "escalated"]]) {
    onKey(key, () => send(kind));
  }
  onKey("s", () => focusSnooze());
  onKey("n", () => {
    const address = nextAddress(caseId);
    if (address) location.assign(address);
    return address !== null;
  });
  if (location.hash === "#snoozed") focusSnooze();

  listen({
    changed: (ids) => ids.includes(caseId) && offerToLoad(),
    reload: () => void compare(),
    viewers: (all) => showViewers(all.filter((each) => each !== person)),
  });
}

function send(kind) {
  const form = document.querySelector(`form[data-act="${kind}"]`);
  form?.requestSubmit();
  return form !== null;
}

function focusSnooze() {
  const field = document.querySelector('form[data-act="snoozed"] select');
  field?.focus();
  return field !== null;
}

/** What the page shows, as sentences call it: a case or a request. */
function shown() {
  return document.querySelector("#viewers").dataset.shows;
}

function showViewers(others) {
  const names = others.length > 1 ? `${others.slice(0, -1).join(", ")} and ${others.at(-1)}` : others[0];
  document.querySelector("#viewers").textContent = others.length
    ? `${names} ${others.length > 1 ? "look" : "looks"} at this ${shown()} too.`
    : "";
}

function offerToLoad() {
  offer(`This ${shown()} changed since you opened it`, "Load it again", () => {
    keepDraft();
    location.assign(ownAddress());
  });
}

/** A page that answers a form is at the form's address. */
function ownAddress() {
  return location.pathname.replace(/\/acts$/, "");
}

/** Everything that happens is in the timeline. */
async function compare() {
  const answer = await fetch(ownAddress());
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const happened = (root) => root.querySelectorAll(".timeline li").length;
  if (happened(page) !== happened(document)) offerToLoad();
}
