// Acts on a row of the list, without leaving it.
import { say } from "./notices.js";
import { fetchRows, replaceRow } from "./rows.js";

const DONE = { claimed: "Claimed", released: "Released", escalated: "Escalated" };
// An act whose answer did not arrive is sent again with the same id, and has one effect.
const unanswered = new Map();
// Cases with an act under way: what the live feed says of them is what this person did.
const underWay = new Set();

export function isUnderWay(id) {
  return underWay.has(id);
}

export async function actOn(row, kind) {
  const { id } = row.dataset;
  if (underWay.has(id)) return;
  underWay.add(id);
  try {
    say(await send(row, kind));
    await refresh(id);
  } catch {
    say("The console did not answer. Press the key again: it has one effect.");
  } finally {
    underWay.delete(id);
  }
}

async function send(row, kind) {
  const { id, version } = row.dataset;
  const what = `${id} ${version} ${kind}`;
  if (!unanswered.has(what)) unanswered.set(what, newId());
  const form = new FormData(document.querySelector("#row-act"));
  form.set("act_id", unanswered.get(what));
  form.set("version", version);
  form.set("kind", kind);
  // A case, or a request of an authority.
  const answer = await fetch(`${row.querySelector("a.case").pathname}/acts`, {
    method: "POST",
    body: new URLSearchParams(form),
    redirect: "manual",
  });
  if (answer.type !== "opaqueredirect") return refusal(answer);
  unanswered.delete(what);
  return `${DONE[kind]}.`;
}

async function refusal(answer) {
  const text = await answer.text();
  const page = new DOMParser().parseFromString(text, "text/html");
  return page.querySelector("[role=alert]")?.textContent ?? page.querySelector("main")?.textContent.trim() ?? text;
}

async function refresh(id) {
  const [now] = await fetchRows([id]);
  const older = document.querySelector(`tr[data-id="${CSS.escape(id)}"]`);
  if (now && older) replaceRow(older, now.row);
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
