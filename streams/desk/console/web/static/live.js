// The stream of server-sent events: what changed, from the moment at which the page was made.
const AGAIN_MS = 2000;
const EVENTS = ["changed", "reload", "viewers"];
const heard = new EventTarget();
let opened = false;

/** Listen. `changed` gets ids; `reload` is called if it is not known any more what changed; `viewers` gets pseudonyms. */
export function listen(acts) {
  for (const [name, act] of Object.entries(acts)) heard.addEventListener(name, (event) => act(event.detail));
  // All parts of a page hear one stream.
  if (!opened && document.body.dataset.position) start();
  opened = true;
}

function start() {
  const { position, case: caseId } = document.body.dataset;
  let last = position;
  let source = null;
  let waiting = 0;

  function open() {
    clearTimeout(waiting);
    const query = new URLSearchParams({ position: last, ...(caseId ? { case: caseId } : {}) });
    source = new EventSource(`/live?${query}`);
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => {
        if (event.lastEventId) last = event.lastEventId;
        heard.dispatchEvent(new CustomEvent(name, { detail: JSON.parse(event.data) }));
      });
    }
    source.addEventListener("open", () => tell(""));
    source.addEventListener("error", () => {
      tell("Connection lost: this page no longer changes by itself. Trying again.");
      // A browser gives up if a proxy answers with an error.
      if (source.readyState === EventSource.CLOSED) waiting = setTimeout(open, AGAIN_MS);
    });
  }

  // A browser allows six connections to a server, and a page that nobody sees needs none: it continues where it was.
  function follow() {
    clearTimeout(waiting);
    source?.close();
    if (document.visibilityState === "visible") open();
  }
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && follow());
  follow();
}

function tell(text) {
  const line = document.querySelector("#connection");
  if (line.textContent !== text) line.textContent = text;
}
