// The form of a decision: shows what belongs to the chosen one, keeps what was chosen, and goes on to the next case.
import { onKey } from "./keys.js";
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

/** Keep what was chosen for when the same case is loaded again; if `sent`, only in case it does not arrive. */
export function keepDraft(sent = false) {
  // What nobody has unfolded is what the page proposes.
  if (!form || form.closest("details:not([open], [data-draft])")) return;
  const fields = [...new FormData(form)].filter(([name]) => !["token", "act_id", "version", "kind", "next"].includes(name));
  sessionStorage.setItem(DRAFT, JSON.stringify({ case: document.body.dataset.case, fields, ...(sent && { version: version() }) }));
}

function restoreDraft() {
  const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
  sessionStorage.removeItem(DRAFT);
  if (draft?.case !== document.body.dataset.case) return;
  // What was sent has arrived since: who opens the decision that it became does not want to decide the same again.
  if (draft.version && draft.version !== version()) return;
  for (const radio of form.querySelectorAll("input[type=radio]")) radio.checked = false;
  for (const [name, value] of draft.fields) {
    const field = form.elements.namedItem(name);
    // A clock may be over by now, and a value not be offered any more.
    if (field) field.value = value;
  }
}

function version() {
  return form.elements.namedItem("version").value;
}

function choose(decision) {
  // What is decided, or waits for a signature, is not decided otherwise by a key.
  if (form.closest("details:not([open])")) return false;

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
  showReasons();
  const { duty, rule } = form.elements;
  // The answer to an authority's request has no ground of its own.
  if (!rule) return;
  const both = Boolean(duty.value) === Boolean(rule.value);
  rule.setCustomValidity(both ? "Choose a law or a rule of the terms, and only one of them." : "");
}

/** The reasons of other areas, once they are asked for; and a warning if the reason does not fit the category found. */
function showReasons() {
  const { reason_upheld: first, reason_another: another, category } = form.elements;
  if (!another) return;
  const asked = chosen() === "upheld" && first.value === "another_area";
  another.closest("label").hidden = !asked;
  another.required = asked;
  if (!asked) another.value = "";
  const { fits } = (asked ? another : first).selectedOptions[0].dataset;
  form.querySelector("#mismatch").hidden =
    chosen() !== "upheld" || fits === undefined || fits.split(" ").includes(category.value);
}

function leave() {
  keepDraft(true);
  const next = nextAddress(document.body.dataset.case);
  if (!next) return;
  const field = form.elements.namedItem("next") ?? form.appendChild(Object.assign(document.createElement("input"), { type: "hidden", name: "next" }));
  field.value = next;
}
