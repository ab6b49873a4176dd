// The form of a decision: shows what belongs to the chosen one, keeps what was chosen, and goes on to the next case.
import { onKey } from "./keys.js";
import { say } from "./notices.js";
import { complete, showNext, startQuestions } from "./questions.js";
import { nextAddress } from "./view.js";

const DRAFT = "tocsin.draft";
// The law or the rule of the terms by which the last case was judged, kept per tab.
const GROUND = "tocsin.ground";
const form = document.querySelector("form.decide");
const KEYS = { u: "upheld", x: "dismissed", m: "manifestly_unfounded" };

export function startDecide() {
  if (!form) return;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => (complete() ? leave() : event.preventDefault()));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  for (const [key, decision] of Object.entries(KEYS)) {
    const radio = form.querySelector(`input[name=decision][value="${decision}"]`);
    if (radio) radio.closest("label").dataset.key = key;
    onKey(key, () => choose(decision));
  }
  onKey("l", repeatGround);
  restoreDraft();
  show();
  startQuestions(form, show);
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
  showNext();
  return true;
}

/** Judge by the law or the rule of the last decision. */
function repeatGround() {
  const { duty, country, rule } = form.elements;
  if (!rule || form.closest("details:not([open])")) return false;
  const last = JSON.parse(sessionStorage.getItem(GROUND) ?? "null");
  const offered = (select, value) => [...select.options].some((each) => each.value === value);
  if (!last || !offered(duty, last.duty) || !offered(rule, last.rule) || (last.duty && !offered(country, last.country))) {
    say(last ? "This case does not offer what the last one was judged by." : "Nothing was judged in this tab yet.");
    return true;
  }
  duty.value = last.duty;
  rule.value = last.rule;
  if (last.duty) country.value = last.country;
  show();
  showNext();
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
  const { duty, country, rule } = form.elements;
  if (rule) sessionStorage.setItem(GROUND, JSON.stringify({ duty: duty.value, country: country.value, rule: rule.value }));
  const next = nextAddress(document.body.dataset.case);
  if (!next) return;
  const field = form.elements.namedItem("next") ?? form.appendChild(Object.assign(document.createElement("input"), { type: "hidden", name: "next" }));
  field.value = next;
}
