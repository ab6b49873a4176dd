// The form of a decision: shows what belongs to the chosen one, keeps what was chosen, and goes on to the next case.
import { onKey } from "./keys.js";
import { sayLater } from "./notices.js";
import { nextAddress } from "./view.js";

const DRAFT = "tocsin.draft";
const form = document.querySelector("form.decide");
const KEYS = { u: "upheld", x: "dismissed", m: "manifestly_unfounded" };

export function startDecide() {
  if (!form) return;
  form.addEventListener("input", show);
  form.addEventListener("submit", leave);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  for (const [key, decision] of Object.entries(KEYS)) onKey(key, () => choose(decision));
  restoreDraft();
  show();
  if (Object.values(KEYS).includes(location.hash.slice(1))) choose(location.hash.slice(1));
}

/** Keep what was chosen for when the same case is loaded again. */
export function keepDraft() {
  if (!form) return;
  const fields = [...new FormData(form)].filter(([name]) => !["token", "act_id", "version", "kind", "next"].includes(name));
  sessionStorage.setItem(DRAFT, JSON.stringify({ case: document.body.dataset.case, fields }));
}

function restoreDraft() {
  const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
  sessionStorage.removeItem(DRAFT);
  if (draft?.case !== document.body.dataset.case) return;
  for (const [name, value] of draft.fields) {
    const field = form.elements.namedItem(name);
    // A clock may be over by now, and a value not be offered any more.
    if (field) field.value = value;
  }
}

function choose(decision) {
  const radio = form.querySelector(`input[name=decision][value="${decision}"]`);
  if (!radio) return false;
  radio.checked = true;
  show();
  form.scrollIntoView({ block: "nearest" });
  form.querySelector(`[data-decision="${decision}"] select`).focus();
  return true;
}

function chosenRadio() {
  return form.querySelector("input[type=radio]:checked");
}

function chosen() {
  return chosenRadio()?.value ?? null;
}

function show() {
  for (const label of form.querySelectorAll("[data-decision]")) {
    label.hidden = label.dataset.decision !== chosen();
    label.querySelector("select").required = !label.hidden;
  }
  for (const part of form.querySelectorAll(".upheld-only")) part.hidden = chosen() !== "upheld";
  const { duty, rule } = form.elements;
  // The answer to an authority's request has no ground of its own.
  if (!rule) return;
  const both = Boolean(duty.value) === Boolean(rule.value);
  rule.setCustomValidity(both ? "Choose a law, or name a rule of the terms, and only one of them." : "");
}

function leave() {
  // If somebody else was faster, the page that comes instead still has it.
  keepDraft();
  const { case: caseId } = document.body.dataset;
  const next = nextAddress(caseId);
  const waits = "two" in chosenRadio().dataset;
  const done = waits ? "Proposed: a second person must sign" : `Done: ${chosen().replaceAll("_", " ")}`;
  sayLater(next ? `${done}. This is what comes next in your list.` : `${done}.`);
  if (!next) return;
  const field = form.elements.namedItem("next") ?? form.appendChild(Object.assign(document.createElement("input"), { type: "hidden", name: "next" }));
  field.value = next;
}
