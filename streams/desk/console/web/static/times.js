// Times in the reader's zone, with UTC at hand, and the time left to each deadline.
const ZONE = "tocsin.zone";
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TICK_MS = 30_000;

// How far this machine's clock is from the console's, by which deadlines are judged.
const ahead = Date.now() - Number(document.body.dataset.now || Date.now());

export function startTimes() {
  const button = document.querySelector("#zone");
  button.hidden = false;
  button.addEventListener("click", () => {
    localStorage.setItem(ZONE, isUtc() ? "local" : "UTC");
    showTimes(document);
  });
  showTimes(document);
  setInterval(() => showTimes(document), TICK_MS);
  document.addEventListener("visibilitychange", () => showTimes(document));
}

/** Write the times below an element as the reader wants them. */
export function showTimes(root) {
  document.querySelector("#zone").textContent = isUtc() ? "Times in UTC" : `Times in ${zone()}`;
  for (const time of root.querySelectorAll("time[datetime]")) {
    if ("left" in time.dataset) showLeft(time);
    else if ("ago" in time.dataset) showAgo(time);
    else showMoment(time, time.dateTime);
  }
  // Drawings have no element for times.
  for (const time of root.querySelectorAll("[data-moment]")) showMoment(time, time.dataset.moment);
}

function showMoment(time, moment) {
  // As the server wrote it: in UTC, to the minute or to the second.
  time.dataset.utc ??= time.textContent;
  time.setAttribute("title", time.dataset.utc);
  time.textContent = isUtc() ? time.dataset.utc : local(moment, time.dataset.utc.length);
}

function showLeft(time) {
  time.dataset.title ??= time.title;
  const written = isUtc() ? "" : `due ${local(time.dateTime, "2026-01-01 00:00 UTC".length)} here, `;
  time.title = written + time.dataset.title;
  const left = Date.parse(time.dateTime) - (Date.now() - ahead);
  time.textContent = span(Math.abs(left)) + (left < 0 ? " late" : "");
  const coloured = time.closest("[class*=clock-]");
  if (coloured) coloured.className = `clock-${word(left)}`;
}

function showAgo(time) {
  time.dataset.utc ??= time.title;
  time.title = isUtc() ? time.dataset.utc : local(time.dateTime, time.dataset.utc.length);
  const passed = Date.now() - ahead - Date.parse(time.dateTime);
  time.textContent = passed < MINUTE ? "just now" : `${span(passed)} ago`;
}

function local(moment, length) {
  // Swedish writes dates as ISO 8601 does.
  const text = new Date(moment).toLocaleString("sv-SE");
  return text.slice(0, length - " UTC".length);
}

// As `span` and `clock_word` of the server.
function span(milliseconds) {
  const days = Math.floor(milliseconds / DAY);
  const hours = Math.floor((milliseconds % DAY) / HOUR);
  const minutes = Math.floor((milliseconds % HOUR) / MINUTE);
  if (days) return hours ? `${days} d ${hours} h` : `${days} d`;
  return hours ? `${hours} h ${minutes} min` : `${minutes} min`;
}

function word(left) {
  if (left <= 0) return "overdue";
  if (left <= HOUR) return "within-the-hour";
  return left <= DAY ? "today" : "later";
}

function isUtc() {
  return localStorage.getItem(ZONE) === "UTC" || zone() === "UTC";
}

function zone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
