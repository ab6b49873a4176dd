// The numbers in the navigation follow what changes, and time: a clock that ends tells nobody.
import { listen } from "./live.js";

// A busy desk changes many times a second, and nobody reads a number that fast.
const PAUSE_MS = 2000;
const MINUTE_MS = 60_000;
let due = 0;
let next = 0;

export function startWork() {
  if (!document.querySelector("[data-work]")) return;
  listen({ changed: soon, reload: soon });
  plan(MINUTE_MS);
}

function soon() {
  if (due && due <= Date.now() + PAUSE_MS) return;
  plan(PAUSE_MS);
}

function plan(after) {
  clearTimeout(next);
  due = Date.now() + after;
  next = setTimeout(() => void count(), after);
}

async function count() {
  plan(MINUTE_MS);
  if (document.visibilityState !== "visible") return;
  const answer = await fetch("/work").catch(() => null);
  // The numbers of before stay: the line about the connection says that nothing follows.
  if (!answer?.ok) return;
  for (const [name, waits] of Object.entries(await answer.json())) {
    const link = document.querySelector(`[data-work="${CSS.escape(name)}"]`);
    if (!link) continue;
    link.querySelector("b").textContent = waits;
    link.classList.toggle("some", waits > 0);
  }
}
