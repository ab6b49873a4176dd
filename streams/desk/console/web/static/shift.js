// How many hard cases a person opened in this shift, and when to rest. It is kept in this browser and told to nobody.
import { showTimes } from "./times.js";

const KEY = "tocsin.shift";
const MINUTE = 60_000;

// Who was away for so long begins a new shift: longer than any break, shorter than a night.
const NEW_SHIFT_MS = 5 * 60 * MINUTE;
// Away for so long has rested.
const REST_MS = 10 * MINUTE;
// Ten minutes after every ninety at a screen; rules for work at screens ask for breaks or other work of about this kind.
const WORK_MS = 90 * MINUTE;
// Half of what a desk opens in a busy shift. A number to discuss with the lead, not a target.
const MOST_HARD_CASES = 30;

export function startShift() {
  const { floor, case: caseId } = document.body.dataset;
  note(floor ? caseId : null);
  for (const event of ["keydown", "pointerdown"]) {
    document.addEventListener(event, () => Date.now() - load().seen > MINUTE && note(null), { passive: true });
  }
  setInterval(show, MINUTE);
}

function load() {
  const now = Date.now();
  const fresh = { began: now, rested: now, seen: now, cases: [] };
  try {
    return { ...fresh, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return fresh;
  }
}

function note(caseId) {
  const now = Date.now();
  const shift = load();
  const away = now - shift.seen;
  if (away > NEW_SHIFT_MS) Object.assign(shift, { began: now, cases: [] });
  if (away > REST_MS) shift.rested = now;
  if (caseId && !shift.cases.includes(caseId)) shift.cases.push(caseId);
  save({ ...shift, seen: now });
}

function save(shift) {
  localStorage.setItem(KEY, JSON.stringify(shift));
  show();
}

function show() {
  const shift = load();
  const place = document.querySelector("#shift");
  const hard = shift.cases.length;
  const tired = Date.now() - shift.rested > WORK_MS;
  const many = hard >= MOST_HARD_CASES;
  place.hidden = false;
  place.classList.toggle("over", tired || many);
  const said = [`${hard} hard case${hard === 1 ? "" : "s"}`, ...(many ? ["hand over"] : []), ...(tired ? ["rest"] : [])];
  const summary = place.querySelector("summary");
  if (summary.textContent !== said.join(" · ")) summary.textContent = said.join(" · ");
  const parts = [
    `${hard} different cases of the hardest categories opened in this shift, which began `,
    many ? `That is many. Ask your lead to hand the next ones to somebody else: e passes a case on.` : `From ${MOST_HARD_CASES} on, hand over.`,
    tired ? "You have worked for more than an hour and a half without a break. Ten minutes help." : "",
    "Only this browser knows it.",
  ];
  const details = place.querySelector("div");
  // Only if something changed: somebody may be about to press a button in it.
  const told = [...parts, shift.began].join();
  if (details.dataset.said === told) return;
  details.dataset.said = told;
  const rest = button("I had a break", () => save({ ...load(), rested: Date.now() }));
  const end = button("Begin a new shift", () => save({ ...load(), began: Date.now(), rested: Date.now(), cases: [] }));
  details.replaceChildren(
    ...parts.filter(Boolean).map((text) => Object.assign(document.createElement("p"), { textContent: text })),
    rest,
    " ",
    end,
  );
  details.firstChild.append(moment(shift.began), ".");
  showTimes(details);
}

function moment(milliseconds) {
  const dateTime = new Date(milliseconds).toISOString();
  return Object.assign(document.createElement("time"), { dateTime, textContent: `${dateTime.slice(0, 16).replace("T", " ")} UTC` });
}

function button(label, act) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: label });
  made.addEventListener("click", act);
  return made;
}
