// What was done and is not sent yet: counts down, and says afterwards what became of it.
import { onKey } from "./keys.js";

const AGAIN_MS = 1000;

export function startUndo() {
  const forms = [...document.querySelectorAll("form.held")];
  onKey("z", () => {
    const buttons = document.querySelectorAll("form.held button");
    buttons[buttons.length - 1]?.click();
    return buttons.length > 0;
  });
  const ahead = Date.now() - Number(document.body.dataset.now);
  for (const form of forms) {
    const until = Number(form.dataset.until) + ahead;
    const left = form.querySelector("span");
    const tick = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      if (seconds > 0) {
        left.textContent = `It is sent in ${seconds} s.`;
        setTimeout(tick, 250);
      } else {
        form.querySelector("button")?.remove();
        left.textContent = "It is being sent.";
        setTimeout(() => void tell(form, left), AGAIN_MS);
      }
    };
    tick();
  }
}

async function tell(form, left) {
  try {
    const answer = await fetch(`/became?act=${encodeURIComponent(form.dataset.act)}`);
    const { said } = answer.ok ? await answer.json() : { said: null };
    if (said !== null) {
      left.textContent = said;
      return;
    }
  } catch {
    // Without a connection the page says so already.
  }
  setTimeout(() => void tell(form, left), AGAIN_MS);
}
